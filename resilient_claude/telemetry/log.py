"""Every log event: its name, its fields, and where it goes.

Event and field names are public API. Fields are scalars, units are in their names, and no field
can hold a key, a header, a prompt or a reply: root messages are redacted where they are made.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Failure, Phase

LOGGER_NAME = "livekit.plugins.resilient_claude"
"""The stdlib logger used by default: below `livekit`, so a worker adds its job fields."""

logger = logging.getLogger(LOGGER_NAME)

Scalar = str | int | float | bool | None


def make_logger(given: Any = None) -> Any:
    """A structlog logger: *given*, or one that writes through stdlib's `LOGGER_NAME`.

    Args:
        given: a structlog logger, a stdlib logger to write through, or None.

    Raises:
        TypeError: *given* is neither.
    """
    if given is not None and not isinstance(given, logging.Logger):
        if not callable(getattr(given, "bind", None)):
            raise TypeError(
                f"logger must be a structlog logger or a logging.Logger, got {type(given).__name__}"
            )
        return given
    return structlog.wrap_logger(
        given or logger,
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


def failure_fields(failure: Failure) -> dict[str, Scalar]:
    """The fields that every line about a failure has."""
    return {
        "kind": failure.kind.value,
        "origin": failure.origin.value,
        "phase": failure.phase.value,
        "root_type": failure.root_type,
        "root_message": failure.root_message,
        "errno": failure.errno,
        "status": failure.status,
        "error_type": failure.error_type,
        "request_id": failure.request_id,
        "retry_after_s": failure.retry_after_s,
    }


class CallLog:
    """Writes the lines of one call to `chat()`.

    Args:
        log: from `make_logger`.
        model: the model's id, as requested.
        provider: host and port that the request goes to.
    """

    def __init__(self, log: Any, *, model: str, provider: str) -> None:
        self._log = log
        self._call: dict[str, Scalar] = {"model": model, "provider": provider}

    def attempt_failed(
        self, failure: Failure, *, attempt: int, elapsed_s: float, wait_s: float | None
    ) -> dict[str, Scalar]:
        """One attempt failed; *wait_s* is None when it was the last one. Returns the fields."""
        fields: dict[str, Scalar] = {
            "attempt": attempt,
            **failure_fields(failure),
            "elapsed_s": round(elapsed_s, 3),
            "wait_s": None if wait_s is None else round(wait_s, 3),
            **self._call,
        }
        self._log.warning("claude.attempt_failed", **fields)
        return fields

    def call_failed(
        self, failure: Failure, *, attempts: int, elapsed_s: float, wasted_tokens: int
    ) -> None:
        """The turn failed before the caller heard anything of it."""
        self._log.error(
            "claude.call_failed",
            attempts=attempts,
            **failure_fields(failure),
            elapsed_s=round(elapsed_s, 3),
            wasted_tokens=wasted_tokens,
            **self._call,
        )

    def call_interrupted(
        self,
        failure: Failure,
        *,
        attempts: int,
        elapsed_s: float,
        text_chars: int,
        tool_calls: int,
        wasted_tokens: int,
    ) -> None:
        """The turn broke off after the caller had heard some of it."""
        self._log.error(
            "claude.call_interrupted",
            attempts=attempts,
            text_chars=text_chars,
            tool_calls=tool_calls,
            **failure_fields(failure),
            elapsed_s=round(elapsed_s, 3),
            wasted_tokens=wasted_tokens,
            **self._call,
        )

    def call_recovered(
        self,
        last_failure: Failure,
        *,
        attempts: int,
        resumed: bool,
        elapsed_s: float,
        silence_s: float,
        wasted_tokens: int,
    ) -> None:
        """The turn succeeded after failed attempts; *last_failure* is that of the last one."""
        self._log.info(
            "claude.call_recovered",
            attempts=attempts,
            kind=last_failure.kind.value,
            origin=last_failure.origin.value,
            resumed=resumed,
            elapsed_s=round(elapsed_s, 3),
            silence_s=round(silence_s, 3),
            wasted_tokens=wasted_tokens,
            **self._call,
        )

    def outcome(self, outcome: str, *, stop_reason: str | None, text_chars: int) -> None:
        """The turn is an answer, but not a complete one, or it ended for a reason that is new."""
        self._log.warning(
            "claude.outcome",
            outcome=outcome,
            stop_reason=stop_reason,
            text_chars=text_chars,
            **self._call,
        )


def handler_failed(log: Any, exc: Exception, *, event: str) -> None:
    """A handler of the application raised; the turn goes on without it."""
    failure = classify(exc, Evidence(Phase.BUILD))
    log.error(
        "claude.handler_failed",
        handled=event,
        root_type=failure.root_type,
        root_message=failure.root_message,
    )


def request_adjusted(log: Any, argument: str, reason: str, *, model: str) -> None:
    """An argument could not be sent as given."""
    log.warning(
        "claude.request_adjusted",
        argument=argument,
        reason=reason,
        model=model,
    )
