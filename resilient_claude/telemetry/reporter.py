"""Reports on one turn to every sink: the log, the span, the application. Reads the record only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from livekit.agents import APIError

from resilient_claude.failures.kinds import FACTS
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.response.outcomes import deserves_warning

from . import log, span
from .events import ProgressNote, Thinking, TurnEnded
from .record import AttemptRecord, TurnRecord


class Reporter:
    """Reports on one turn.

    Args:
        record: what is reported, up to date whenever it is.
        logger: from `log.make_logger`.
        emit: hands an event of the adapter to the application.
    """

    def __init__(
        self, record: TurnRecord, *, logger: Any, emit: Callable[[str, Any], None]
    ) -> None:
        self._record = record
        self._logger = logger
        self._emit = emit
        self._told_of_thinking = False
        self._notes: set[str] = set()  # that were told of

    def attempt_failed(self, attempt: AttemptRecord) -> None:
        """An attempt failed. A repetition is counted at the end, not written at the same level.

        Nor is what may come to nothing: livekit asks anew if the caller goes on speaking.
        """
        facts = {**attempt.as_dict(), **self._record.call}
        level = "debug" if attempt.repeats or attempt.speculative else None
        fields = log.write(self._logger, "claude.attempt_failed", facts, level=level)
        span.add_event("claude.attempt_failed", fields)

    def thinking(self, now: float) -> None:
        """Claude thinks and says nothing, for a while now; told once in a turn.

        Args:
            now: the event loop's clock.
        """
        if not self._told_of_thinking:
            self._told_of_thinking = True
            record = self._record
            self._emit("claude_thinking", Thinking(record.turn_id, now - record.started))

    def progress(self, note: str) -> None:
        """Claude noted what it does, in words that are not spoken; each is told once in a turn."""
        if note not in self._notes:
            self._notes.add(note)
            self._emit("claude_progress", ProgressNote(self._record.turn_id, note))

    def turn_ended(self) -> None:
        """The turn has ended, in one way or another."""
        record = self._record
        for event, level in self._lines():
            log.write(self._logger, event, record.as_dict(), level=level)
        if (miss := record.cache_miss) is not None:
            level = "debug" if miss.repeats else None
            facts = {**miss.as_dict(), **record.call}
            log.write(self._logger, "claude.cache_missed", facts, level=level)
        self._emit("claude_turn_ended", TurnEnded.of(record))

    def _lines(self) -> Iterator[tuple[str, str | None]]:
        """The lines about the end of the turn, with a level where it is not the line's own."""
        record = self._record
        if record.failure is not None:
            event = "claude.call_interrupted" if record.heard else "claude.call_failed"
            yield event, FACTS[record.failure.kind].level
        elif record.outcome is not None:
            if deserves_warning(record.outcome, record.stop_reason):
                yield "claude.outcome", None
            if record.failed:
                yield "claude.call_recovered", None
        elif record.abandoned:
            yield "claude.turn_abandoned", "debug" if record.discarded else None

    def error(self) -> APIError:
        """What a turn that failed raises."""
        record = self._record
        assert record.failure is not None
        times = log.times(record.attempts)
        if record.heard:
            summary = (
                f"the answer broke off after {record.text_chars} characters and "
                f"{record.tool_calls} tool calls ({times}, {record.elapsed_s:.1f} s)"
            )
        else:
            summary = f"no answer from Claude after {times} in {record.elapsed_s:.1f} s"
        error = to_api_error(record.failure, summary=summary)
        error.retryable = error.retryable and not record.heard
        return error
