"""Tells the operator and the application of one turn, sink by sink, while it is played."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents import APIError

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.kinds import FACTS
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.response.outcomes import Outcome, deserves_warning
from resilient_claude.response.translator import Translator

from . import log, span
from .events import TurnEnded
from .record import TurnRecord


class Reporter:
    """Reports on one turn. Its end is reported once.

    Args:
        record: what is reported, up to date whenever it is.
        logger: from `log.make_logger`.
        emit: hands an event of the adapter to the application.
        now: the clock of *record*, in seconds.
    """

    def __init__(
        self,
        record: TurnRecord,
        *,
        logger: Any,
        emit: Callable[[str, TurnEnded], None],
        now: Callable[[], float],
    ) -> None:
        self._record = record
        self._logger = logger
        self._emit = emit
        self._now = now

    def attempt_failed(
        self, failure: Failure, translator: Translator, *, wait_s: float | None
    ) -> None:
        """The last attempt failed; *wait_s* seconds until the next one, None if none follows."""
        record = self._record
        attempt = record.attempt_failed(failure, translator, now=self._now(), wait_s=wait_s)
        # A repetition is counted by the line that ends the turn, not written again.
        level = "debug" if attempt.repeats else None
        facts = {**attempt.as_dict(), **record.call}
        fields = log.write(self._logger, "claude.attempt_failed", facts, level=level)
        span.add_event("claude.attempt_failed", fields)

    def succeeded(self, outcome: Outcome) -> None:
        """The turn is an answer."""
        record = self._record
        record.outcome = outcome
        self._end()
        if deserves_warning(outcome, record.stop_reason):
            log.write(self._logger, "claude.outcome", record.as_dict())
        if record.failed:
            log.write(self._logger, "claude.call_recovered", record.as_dict())
        self._emit("claude_turn_ended", TurnEnded.of(record))

    def failed(self, failure: Failure) -> APIError:
        """The turn failed; the error to raise."""
        record = self._record
        record.failure = failure
        self._end()
        times = "1 attempt" if record.attempts == 1 else f"{record.attempts} attempts"
        if record.heard:
            event = "claude.call_interrupted"
            summary = (
                f"the answer broke off after {record.text_chars} characters and "
                f"{record.tool_calls} tool calls ({times}, {record.elapsed_s:.1f} s)"
            )
        else:
            event = "claude.call_failed"
            summary = f"no answer from Claude after {times} in {record.elapsed_s:.1f} s"
        log.write(self._logger, event, record.as_dict(), level=FACTS[failure.kind].level)
        self._emit("claude_turn_ended", TurnEnded.of(record))
        error = to_api_error(failure, summary=summary)
        error.retryable = error.retryable and not record.heard
        return error

    def cancelled(self) -> None:
        """The application cancelled the turn, unless it had ended."""
        if self._record.ended is None:
            self._end()
            if self._record.abandoned:
                log.write(self._logger, "claude.turn_abandoned", self._record.as_dict())
            self._emit("claude_turn_ended", TurnEnded.of(self._record))

    def _end(self) -> None:
        self._record.ended = self._now()
