"""Every log event: its name, its fields, and where it goes.

Event and field names are public API. Fields are scalars, units are in their names, and no field
can hold a key, a header, a prompt or a reply: root messages are redacted where they are made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog

from resilient_claude.failures.causes import class_and_place
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
            _for_stdlib,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _for_stdlib(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> dict[str, Any]:
    """The arguments of a stdlib logger: a sentence, and the event's name and fields beside it.

    Plain formatters show the sentence alone, JSON ones everything.
    """
    sentence = EVENTS[fields["event"]].sentence(fields)
    # The place that stdlib names is the line in this module, not the one in structlog.
    return {"msg": sentence, "extra": {**fields}, "stacklevel": 4}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One kind of line.

    Attributes:
        level: of structlog and stdlib.
        fields: their names, in the order of the line; those that are null are left out.
        sentence: the line for people, made of its fields.
    """

    level: Literal["info", "warning", "error"]
    fields: tuple[str, ...]
    sentence: Callable[[Mapping[str, Scalar]], str]


_CALL = ("model", "provider", "turn_id")
_FIRST = ("causes", "first_kind", "first_root_message")


def _failure(fields: Mapping[str, Scalar]) -> str:
    """The failure in *fields*, in words."""
    where = f"{fields['kind']} ({fields['origin']})"
    status = f", HTTP {fields['status']}" if fields.get("status") not in (None, 200) else ""
    return f"{where}{status}, {fields['root_type']}: {fields['root_message']}"


def _attempt_failed(fields: Mapping[str, Scalar]) -> str:
    wait_s = fields.get("wait_s")
    follows = "none follows" if wait_s is None else f"the next in {wait_s:.2f} s"
    return f"attempt {fields['attempt']} failed: {_failure(fields)}; {follows}"


def times(attempts: Scalar) -> str:
    """How many *attempts* there were, such as "3 attempts"."""
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _model_retires(fields: Mapping[str, Scalar]) -> str:
    day = f" on {fields['retires_at']}" if fields.get("retires_at") else ""
    if fields.get("lifecycle") == "retired":
        return f"model {fields['model']} is retired, requests for it fail: move to another one"
    return f"model {fields['model']} is to retire{day}: move to another one"


EVENTS: Mapping[str, LogEvent] = {
    "claude.attempt_failed": LogEvent(
        "warning",
        ("attempt", *FAILURE_FIELDS, "elapsed_s", "wait_s", *_CALL),
        _attempt_failed,
    ),
    "claude.call_recovered": LogEvent(
        "info",
        (
            *("attempts", "causes", "kind", "origin", "resumed"),
            *("elapsed_s", "silence_s", "wasted_tokens", *_CALL),
        ),
        lambda f: (
            f"recovered after {times(f['attempts'])} ({f['causes']}), {f['silence_s']} s of silence"
        ),
    ),
    "claude.call_failed": LogEvent(
        "error",
        (
            *("attempts", *_FIRST, *FAILURE_FIELDS),
            *("refusal_category", "elapsed_s", "wasted_tokens", *_CALL),
        ),
        lambda f: (
            f"no answer after {times(f['attempts'])} in {f['elapsed_s']} s "
            f"({f['causes']}): {_failure(f)}"
        ),
    ),
    "claude.call_interrupted": LogEvent(
        "error",
        (
            *("attempts", "text_chars", "tool_calls", *_FIRST, *FAILURE_FIELDS),
            *("elapsed_s", "wasted_tokens", *_CALL),
        ),
        lambda f: f"the answer broke off after {f['text_chars']} characters: {_failure(f)}",
    ),
    "claude.turn_abandoned": LogEvent(
        "warning",
        (
            *("attempts", *_FIRST, "kind", "origin", "root_type", "root_message"),
            *("elapsed_s", "wasted_tokens", *_CALL),
        ),
        lambda f: (
            f"left without a word after {f['elapsed_s']} s and {times(f['attempts'])} "
            f"({f.get('causes') or 'none of them failed'})"
        ),
    ),
    "claude.outcome": LogEvent(
        "warning",
        ("outcome", "stop_reason", "refusal_category", "text_chars", *_CALL),
        lambda f: (
            f"the answer ended as {f['outcome']} (stop reason {f.get('stop_reason')}) after "
            f"{f['text_chars']} characters"
        ),
    ),
    "claude.cache_missed": LogEvent(
        "warning",
        ("reason", "expected_tokens", "read_tokens", "age_s", *_CALL),
        lambda f: (
            f"the prompt cache missed ({f['reason']}): {f['read_tokens']} tokens were read of "
            f"{f['expected_tokens']} that the turn before left there {f['age_s']} s ago"
        ),
    ),
    "claude.handler_failed": LogEvent(
        "error",
        ("handled", "root_type", "root_message"),
        lambda f: f"a handler of {f['handled']} failed: {f['root_type']}: {f['root_message']}",
    ),
    "claude.request_adjusted": LogEvent(
        "warning",
        ("argument", "reason", "model"),
        lambda f: f"{f['argument']} {f['reason']}",
    ),
    "claude.model_unknown": LogEvent(
        "warning",
        ("model", "suggestion"),
        lambda f: (
            f"there is no model {f['model']}"
            + (f"; did you mean {f['suggestion']}?" if f.get("suggestion") else "")
        ),
    ),
    "claude.model_retires": LogEvent(
        "warning",
        ("model", "lifecycle", "retires_at"),
        _model_retires,
    ),
}
"""Every event there is. The documentation's table is held against this one."""


def write(
    log: Any, event: str, facts: Mapping[str, Scalar], *, level: str | None = None
) -> dict[str, Scalar]:
    """Write the line of *event*, made of those of the *facts* that belong there; returns them.

    Args:
        log: from `make_logger`.
        event: one of `EVENTS`.
        facts: what is known.
        level: instead of the event's own.
    """
    kind = EVENTS[event]
    known = ((name, facts.get(name)) for name in kind.fields)
    fields: dict[str, Scalar] = {name: v for name, v in known if v is not None}
    getattr(log, level or kind.level)(event, **fields)
    return fields


def handler_failed(log: Any, exc: BaseException, *, event: str) -> None:
    """A handler of the application raised; the turn goes on without it."""
    write(log, "claude.handler_failed", {"handled": event, **class_and_place(exc)})


def request_adjusted(log: Any, argument: str, reason: str, *, model: str) -> None:
    """An argument could not be sent as given."""
    facts = {"argument": argument, "reason": reason, "model": model}
    write(log, "claude.request_adjusted", facts)


def model_unknown(log: Any, *, model: str, suggestion: str | None) -> None:
    """The API does not know *model*, or hardly; did the application mean *suggestion*?"""
    write(log, "claude.model_unknown", {"model": model, "suggestion": suggestion})


def model_ends(log: Any, model: str, *, lifecycle: str | None, retires_at: str | None) -> None:
    """The API will not serve *model* for ever, or does not any more."""
    facts = {"model": model, "lifecycle": lifecycle, "retires_at": retires_at}
    write(log, "claude.model_retires", facts)
