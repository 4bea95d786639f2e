"""The books of one turn: what was heard of it, what it cost, how it ended. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from livekit.agents import llm

from resilient_claude.failures.failure import Failure
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.translator import Translator
from resilient_claude.response.usage import Usage


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """What the event `claude_turn_ended` tells about a turn, however it ended.

    Attributes:
        outcome: how the answer ended; None when the turn failed or was cancelled.
        stop_reason: the API's own word for it.
        failure: what ended the turn, if it failed.
        cancelled: whether the application cancelled it, as on a barge-in.
        attempts: HTTP requests made.
        text_chars: characters handed on.
        tool_calls: tool calls handed on.
        silence_s: seconds from `chat()` to the first chunk; None if there was none.
        elapsed_s: seconds from `chat()` to the end.
        usage: tokens of the attempts of which something was handed on, and of the one under way
            when the turn was cancelled.
        wasted_tokens: tokens of failed attempts of which nothing was handed on; billed all the
            same.
    """

    outcome: Outcome | None
    stop_reason: str | None
    failure: Failure | None
    cancelled: bool
    attempts: int
    text_chars: int
    tool_calls: int
    silence_s: float | None
    elapsed_s: float
    usage: llm.CompletionUsage
    wasted_tokens: int


@dataclass(slots=True)
class Turn:
    """What has become of a turn so far, over all of its attempts and parts.

    Times are seconds on the event loop's clock.

    Attributes:
        started: when `chat()` was called.
        silent_since: since when the caller has heard nothing and no part has come to its end.
        first_heard: when the first chunk was handed on.
        attempts: HTTP requests made.
        failed_attempts: those of them that failed.
        last_failure: why the last of these failed.
        resumed: whether the answer broke off and was asked for again.
        said: the text that was handed on, in pieces.
        tool_calls: tool calls handed on.
        usage: tokens of the parts that ended.
        wasted_tokens: tokens of attempts of which nothing was handed on.
        message_id: id of the last message.
        stop_reason: why the last message ended.
    """

    started: float
    silent_since: float = field(init=False)
    first_heard: float | None = None
    attempts: int = 0
    failed_attempts: int = 0
    last_failure: Failure | None = None
    resumed: bool = False
    said: list[str] = field(default_factory=list)
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    wasted_tokens: int = 0
    message_id: str = ""
    stop_reason: str | None = None

    def __post_init__(self) -> None:
        self.silent_since = self.started

    @property
    def text_chars(self) -> int:
        """Characters of text handed on."""
        return sum(map(len, self.said))

    @property
    def heard(self) -> bool:
        """Whether anything was handed on that the caller hears or that has an effect."""
        return self.text_chars > 0 or self.tool_calls > 0

    def handed_on(self, chunk: llm.ChatChunk, now: float) -> None:
        """*chunk* goes to the caller."""
        self.silent_since = now
        if self.first_heard is None:
            self.first_heard = now
        if chunk.delta is not None and chunk.delta.content:
            self.said.append(chunk.delta.content)

    def attempt_failed(self, failure: Failure, translator: Translator) -> None:
        """An attempt failed; what it cost is wasted unless some of it was handed on."""
        self.failed_attempts += 1
        self.last_failure = failure
        if not translator.output_started:
            self.wasted_tokens += translator.usage.total_tokens
            translator.usage = Usage()

    def part_ended(self, translator: Translator) -> None:
        """No more comes of this part: what its last attempt delivered is the caller's."""
        self.usage.add(translator.usage)
        self.message_id = translator.message_id or self.message_id
        self.stop_reason = translator.stop_reason
        self.tool_calls += translator.tool_calls

    def last_chunk(self, outcome: str) -> llm.ChatChunk:
        """Livekit's last chunk: the counts, and how the answer ended."""
        extra = {"outcome": outcome, "stop_reason": self.stop_reason}
        return llm.ChatChunk(
            id=self.message_id,
            delta=llm.ChoiceDelta(extra={"claude": extra}),
            usage=self.usage.to_livekit(),
        )

    def ended(
        self, now: float, *, outcome: Outcome | None = None, failure: Failure | None = None
    ) -> TurnEnded:
        """How it ended: with an *outcome*, with a *failure*, or else cancelled."""
        return TurnEnded(
            outcome=outcome,
            stop_reason=self.stop_reason,
            failure=failure,
            cancelled=outcome is None and failure is None,
            attempts=self.attempts,
            text_chars=self.text_chars,
            tool_calls=self.tool_calls,
            silence_s=None if self.first_heard is None else self.first_heard - self.started,
            elapsed_s=now - self.started,
            usage=self.usage.to_livekit(),
            wasted_tokens=self.wasted_tokens,
        )
