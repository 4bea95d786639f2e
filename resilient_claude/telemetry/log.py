"""Every log event: its name, its fields, and where it goes.

Event and field names are public API. Fields are scalars, units are in their names, and no field
can hold a key, a header, a prompt or a reply: root messages are redacted where they are made.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FAILURE_FIELDS

from .record import Scalar

LOGGER_NAME = "livekit.plugins.resilient_claude"
"""The stdlib logger used by default: below `livekit`, so a worker adds its job fields."""

logger = logging.getLogger(LOGGER_NAME)


def make_logger(chosen: Any = None) -> Any:
    """A structlog logger: *chosen*, or one that writes through stdlib's `LOGGER_NAME`.

    Args:
        chosen: a structlog logger, a stdlib logger to write through, or None.

    Raises:
        TypeError: *chosen* is neither.
    """
    if chosen is not None and not isinstance(chosen, logging.Logger):
        if not callable(getattr(chosen, "bind", None)):
            got = type(chosen).__name__
            raise TypeError(f"logger must be a structlog logger or a logging.Logger, got {got}")
        return chosen
    return structlog.wrap_logger(
        chosen or logger,
        processors=[
            structlog.stdlib.filter_by_level,
            _point_here,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _point_here(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Make stdlib name the line in this module, not the one in structlog, as the place."""
    return {**event, "stacklevel": 4}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One kind of line.

    Attributes:
        level: of structlog and stdlib.
        fields: their names, in the order of the line.
    """

    level: Literal["info", "warning", "error"]
    fields: tuple[str, ...]


_CALL = ("model", "provider")

EVENTS: Mapping[str, LogEvent] = {
    "claude.attempt_failed": LogEvent(
        "warning", ("attempt", *FAILURE_FIELDS, "elapsed_s", "wait_s", *_CALL)
    ),
    "claude.call_recovered": LogEvent(
        "info",
        (
            "attempts",
            "kind",
            "origin",
            "resumed",
            "elapsed_s",
            "silence_s",
            "wasted_tokens",
            *_CALL,
        ),
    ),
    "claude.call_failed": LogEvent(
        "error", ("attempts", *FAILURE_FIELDS, "elapsed_s", "wasted_tokens", *_CALL)
    ),
    "claude.call_interrupted": LogEvent(
        "error",
        (
            *("attempts", "text_chars", "tool_calls", *FAILURE_FIELDS),
            *("elapsed_s", "wasted_tokens", *_CALL),
        ),
    ),
    "claude.outcome": LogEvent("warning", ("outcome", "stop_reason", "text_chars", *_CALL)),
    "claude.handler_failed": LogEvent("error", ("handled", "root_type", "root_message")),
    "claude.request_adjusted": LogEvent("warning", ("argument", "reason", "model")),
    "claude.model_unknown": LogEvent("warning", ("model", "suggestion")),
}
"""Every event there is. The documentation's table is held against this one."""


def write(log: Any, event: str, facts: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Write the line of *event*, made of those of the *facts* that belong there; returns them."""
    kind = EVENTS[event]
    fields = {name: facts[name] for name in kind.fields}
    getattr(log, kind.level)(event, **fields)
    return fields


def handler_failed(log: Any, exc: Exception, *, event: str) -> None:
    """A handler of the application raised; the turn goes on without it."""
    failure = classify(exc, Evidence())
    write(log, "claude.handler_failed", {"handled": event, **failure.as_dict()})


def request_adjusted(log: Any, argument: str, reason: str, *, model: str) -> None:
    """An argument could not be sent as given."""
    facts = {"argument": argument, "reason": reason, "model": model}
    write(log, "claude.request_adjusted", facts)


def model_unknown(log: Any, *, model: str, suggestion: str) -> None:
    """The API is unlikely to know *model*; did the application mean *suggestion*?"""
    write(log, "claude.model_unknown", {"model": model, "suggestion": suggestion})
