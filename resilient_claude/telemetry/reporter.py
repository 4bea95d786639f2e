"""What is told of a turn: its log lines, its span's events, its error and its last event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from livekit.agents import APIError
from opentelemetry import trace

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.livekit_errors import to_api_error
from resilient_claude.failures.redaction import identifier
from resilient_claude.response.outcomes import Outcome, deserves_warning

from .log import CallLog
from .record import Turn

if TYPE_CHECKING:
    from resilient_claude.llm import ResilientClaudeLLM


class Reports:
    """Tells the operator and the application how one turn goes. Its end is told once.

    Args:
        claude: whose event `claude_turn_ended` tells of the end.
        turn: the books of the turn, which are up to date whenever something is told.
        now: the clock of *turn*, in seconds.
    """

    def __init__(self, claude: ResilientClaudeLLM, turn: Turn, *, now: Callable[[], float]) -> None:
        self._claude = claude
        self._turn = turn
        self._now = now
        self._log = CallLog(claude._log, model=claude.model, provider=claude.provider)
        self._told = False

    def attempt_failed(self, failure: Failure, *, wait_s: float | None) -> None:
        """The last attempt failed; *wait_s* seconds until the next one, None if none follows."""
        fields = self._log.attempt_failed(
            failure, attempt=self._turn.attempts, elapsed_s=self._elapsed_s(), wait_s=wait_s
        )
        known = {name: value for name, value in fields.items() if value is not None}
        trace.get_current_span().add_event("claude.attempt_failed", known)

    def succeeded(self, outcome: Outcome) -> None:
        """The turn is an answer."""
        turn = self._turn
        if deserves_warning(outcome, turn.stop_reason):
            stop_reason = identifier(turn.stop_reason)
            self._log.outcome(outcome.value, stop_reason=stop_reason, text_chars=turn.text_chars)
        if turn.last_failure is not None:
            heard = self._now() if turn.first_heard is None else turn.first_heard
            self._log.call_recovered(
                turn.last_failure,
                attempts=turn.attempts,
                resumed=turn.resumed,
                elapsed_s=self._elapsed_s(),
                silence_s=heard - turn.started,
                wasted_tokens=turn.wasted_tokens,
            )
        self._tell(outcome=outcome)

    def failed(self, failure: Failure) -> APIError:
        """The turn failed; the error to raise."""
        turn, elapsed_s = self._turn, self._elapsed_s()
        times = "1 attempt" if turn.attempts == 1 else f"{turn.attempts} attempts"
        if turn.heard:
            self._log.call_interrupted(
                failure,
                attempts=turn.attempts,
                text_chars=turn.text_chars,
                tool_calls=turn.tool_calls,
                elapsed_s=elapsed_s,
                wasted_tokens=turn.wasted_tokens,
            )
            summary = (
                f"the answer broke off after {turn.text_chars} characters and "
                f"{turn.tool_calls} tool calls ({times}, {elapsed_s:.1f} s)"
            )
        else:
            self._log.call_failed(
                failure,
                attempts=turn.attempts,
                elapsed_s=elapsed_s,
                wasted_tokens=turn.wasted_tokens,
            )
            summary = f"no answer from Claude after {times} in {elapsed_s:.1f} s"
        self._tell(failure=failure)
        error = to_api_error(failure, summary=summary)
        error.retryable = error.retryable and not turn.heard
        return error

    def cancelled(self) -> None:
        """The application cancelled the turn, unless it had ended."""
        if not self._told:
            self._tell()

    def _tell(self, *, outcome: Outcome | None = None, failure: Failure | None = None) -> None:
        self._told = True
        ended = self._turn.ended(self._now(), outcome=outcome, failure=failure)
        self._claude.emit("claude_turn_ended", ended)

    def _elapsed_s(self) -> float:
        return self._now() - self._turn.started
