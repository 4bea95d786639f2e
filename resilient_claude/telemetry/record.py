"""What happened in one turn: the one record that every sink reads. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from livekit.agents import llm

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.redaction import identifier
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.translator import Translator
from resilient_claude.response.usage import Usage

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt that failed.

    Attributes:
        attempt: its number in the turn, from 1.
        failure: why it failed.
        elapsed_s: seconds since `chat()`.
        wait_s: seconds until the next attempt; None if none follows.
    """

    attempt: int
    failure: Failure
    elapsed_s: float
    wait_s: float | None

    def as_dict(self) -> dict[str, Scalar]:
        """Everything about it, as scalars."""
        return {
            "attempt": self.attempt,
            **self.failure.as_dict(),
            "elapsed_s": round(self.elapsed_s, 3),
            "wait_s": None if self.wait_s is None else round(self.wait_s, 3),
        }


@dataclass(slots=True, kw_only=True)
class TurnRecord:
    """What has become of a turn so far, over all of its attempts and parts.

    Times are seconds on the event loop's clock.

    Attributes:
        model: the id of the model that is asked.
        provider: host and port that requests go to.
        started: when `chat()` was called.
        silent_since: since when the caller has heard nothing and no part has come to its end.
        first_heard: when the first chunk was handed on.
        ended: when the turn ended.
        attempts: HTTP requests made.
        failed: the attempts that failed, in order.
        resumed: whether the answer broke off and was asked for again.
        said: the text that was handed on, in pieces.
        tool_calls: tool calls handed on.
        usage: tokens of the parts that ended.
        wasted_tokens: tokens of attempts of which nothing was handed on.
        message_id: id of the last message.
        stop_reason: why the last message ended.
        outcome: how the answer ended; None while it has not, or has failed.
        failure: what ended the turn, if it failed.
    """

    model: str
    provider: str
    started: float
    silent_since: float = field(init=False)
    first_heard: float | None = None
    ended: float | None = None
    attempts: int = 0
    failed: list[AttemptRecord] = field(default_factory=list)
    resumed: bool = False
    said: list[str] = field(default_factory=list)
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    wasted_tokens: int = 0
    message_id: str = ""
    stop_reason: str | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None

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

    @property
    def silence_s(self) -> float | None:
        """Seconds from `chat()` to the first chunk; None if there was none."""
        return None if self.first_heard is None else self.first_heard - self.started

    @property
    def elapsed_s(self) -> float:
        """Seconds from `chat()` to the end of the turn, which has ended."""
        assert self.ended is not None
        return self.ended - self.started

    def as_dict(self) -> dict[str, Scalar]:
        """Everything about a turn that has ended, as scalars; of failures, the last one."""
        last = self.failure or (self.failed[-1].failure if self.failed else None)
        silence_s = self.elapsed_s if self.silence_s is None else self.silence_s
        return {
            "attempts": self.attempts,
            **(last.as_dict() if last is not None else {}),
            "outcome": None if self.outcome is None else self.outcome.value,
            "stop_reason": identifier(self.stop_reason),
            "resumed": self.resumed,
            "text_chars": self.text_chars,
            "tool_calls": self.tool_calls,
            "elapsed_s": round(self.elapsed_s, 3),
            "silence_s": round(silence_s, 3),
            "wasted_tokens": self.wasted_tokens,
            "model": self.model,
            "provider": self.provider,
        }

    def handed_on(self, chunk: llm.ChatChunk, now: float) -> None:
        """*chunk* goes to the caller."""
        self.silent_since = now
        if self.first_heard is None:
            self.first_heard = now
        if chunk.delta is not None and chunk.delta.content:
            self.said.append(chunk.delta.content)

    def attempt_failed(
        self, failure: Failure, translator: Translator, *, now: float, wait_s: float | None
    ) -> AttemptRecord:
        """The last attempt failed; what it cost is wasted unless some of it was handed on."""
        record = AttemptRecord(self.attempts, failure, now - self.started, wait_s)
        self.failed.append(record)
        if not translator.output_started:
            self.wasted_tokens += translator.usage.total_tokens
            translator.usage = Usage()
        return record

    def part_ended(self, translator: Translator) -> None:
        """No more comes of this part: what its last attempt delivered is the caller's."""
        self.usage.add(translator.usage)
        self.message_id = translator.message_id or self.message_id
        self.stop_reason = translator.stop_reason
        self.tool_calls += translator.tool_calls

    def last_chunk(self, ended: str) -> llm.ChatChunk:
        """Livekit's last chunk: the counts, and how the turn *ended*."""
        extra = {"outcome": ended, "stop_reason": self.stop_reason}
        return llm.ChatChunk(
            id=self.message_id,
            delta=llm.ChoiceDelta(extra={"claude": extra}),
            usage=self.usage.to_livekit(),
        )
