"""What happened in one turn: the one record that every sink reads. No I/O, no clock.

Longer than other modules, because every fact of a turn stands here, once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field

from livekit.agents import llm

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.redaction import identifier
from resilient_claude.response.outcomes import Outcome, StopDetails
from resilient_claude.response.prices import Prices
from resilient_claude.response.server_work import NO_WORK, ServerWork, server_work
from resilient_claude.response.translator import Translator
from resilient_claude.response.usage import Usage

Scalar = str | int | float | bool | None

LONG_WAIT_S = 2.5
"""From when on a caller who waits for the first word is in trouble, seconds."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt that failed.

    Attributes:
        attempt: its number in the turn, from 1.
        failure: why it failed.
        elapsed_s: seconds since `chat()`.
        wait_s: seconds until the next attempt; None if none follows.
        speculative: whether the caller's turn was not over yet: livekit may still discard it.
        repeats: whether it has the cause of the attempt before it, of which a line was written.
    """

    attempt: int
    failure: Failure
    elapsed_s: float
    wait_s: float | None
    speculative: bool = False
    repeats: bool = False

    def as_dict(self) -> dict[str, Scalar]:
        """Everything about it, as scalars."""
        return {
            "attempt": self.attempt,
            **self.failure.as_dict(),
            "elapsed_s": round(self.elapsed_s, 3),
            "wait_s": None if self.wait_s is None else round(self.wait_s, 3),
        }


@dataclass(frozen=True, slots=True)
class CacheMiss:
    """What should have been read from the prompt cache, and was not.

    Attributes:
        reason: what has changed since the message before.
        expected_tokens: tokens that this one has left in the cache.
        read_tokens: how many were read.
        age_s: seconds since then.
        repeats: whether an earlier turn of the adapter missed for the same reason.
    """

    reason: str
    expected_tokens: int
    read_tokens: int
    age_s: float
    repeats: bool = False

    def as_dict(self) -> dict[str, Scalar]:
        """Everything about it, as scalars."""
        return {**asdict(self), "age_s": round(self.age_s, 3)}


@dataclass(slots=True, kw_only=True)
class TurnRecord:
    """What has become of a turn so far, over all of its attempts and parts.

    Times are seconds on the event loop's clock.

    Attributes:
        turn_id: what the lines of one turn have in common.
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
        told: the same as livekit was told it at the end; None while it was not.
        wasted: tokens of attempts of which nothing was handed on; billed all the same.
        prices: what the model costs, if that is known.
        cost_usd: what all these tokens cost, US dollars; None where that is not known.
        cache_miss: what should have been in the prompt cache and was not, if there was any.
        message_id: id of the last message.
        stop_reason: why the last message ended.
        stop_details: what the API says of a refusal, if that is what ended it.
        outcome: how the answer ended; None while it has not, or has failed.
        failure: what ended the turn, if it failed.
        discarded: whether it was cancelled before livekit was to speak it: a preemptive generation
            ahead of the caller's last word, whom another one answers.
        server_work: what tools did at Anthropic's in the parts that ended.
        container: id of the container that they ran in, if any.
    """

    turn_id: str
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
    told: llm.CompletionUsage | None = None
    wasted: Usage = field(default_factory=Usage)
    prices: Prices | None = None
    cost_usd: float | None = 0.0
    cache_miss: CacheMiss | None = None
    message_id: str = ""
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    discarded: bool = False
    server_work: ServerWork = NO_WORK
    container: str | None = None
    _wasted_by: Translator | None = None  # whose tokens are counted as wasted

    def __post_init__(self) -> None:
        self.silent_since = self.started

    @property
    def wasted_tokens(self) -> int:
        """How many these are."""
        return self.wasted.total_tokens

    @property
    def text_chars(self) -> int:
        """Characters of text handed on."""
        return sum(map(len, self.said))

    @property
    def heard(self) -> bool:
        """Whether anything was handed on that the caller hears or that has an effect."""
        return bool(self.said) or self.tool_calls > 0

    @property
    def silence_s(self) -> float | None:
        """Seconds from `chat()` to the first chunk; None if there was none."""
        return None if self.first_heard is None else self.first_heard - self.started

    @property
    def elapsed_s(self) -> float:
        """Seconds from `chat()` to the end of the turn, which has ended."""
        assert self.ended is not None
        return self.ended - self.started

    @property
    def abandoned(self) -> bool:
        """Whether the caller left a turn that was in trouble, before a word of it came."""
        if self.outcome is not None or self.failure is not None or self.heard:
            return False
        return bool(self.failed) or self.elapsed_s >= LONG_WAIT_S

    def as_dict(self) -> dict[str, Scalar]:
        """Everything about a turn that has ended, as scalars; of failures, the last one."""
        last = self.failure or (self.failed[-1].failure if self.failed else None)
        first = self.failed[0].failure if self.failed else None
        silence_s = self.elapsed_s if self.silence_s is None else self.silence_s
        return {
            "attempts": self.attempts,
            **(last.as_dict() if last is not None else {}),
            "causes": self.causes,
            "first_kind": None if first is None else first.kind.value,
            "first_root_message": None if first is None else first.root_message,
            "outcome": None if self.outcome is None else self.outcome.value,
            "stop_reason": identifier(self.stop_reason),
            "refusal_category": self.refusal_category,
            "resumed": self.resumed,
            "text_chars": self.text_chars,
            "tool_calls": self.tool_calls,
            "elapsed_s": round(self.elapsed_s, 3),
            "silence_s": round(silence_s, 3),
            "wasted_tokens": self.wasted_tokens,
            **self.call,
        }

    @property
    def refusal_category(self) -> str | None:
        """The policy that a refusal falls under, in the API's word, if it says one."""
        return None if self.stop_details is None else self.stop_details.category

    @property
    def call(self) -> dict[str, Scalar]:
        """What every line of the turn tells."""
        return {"model": self.model, "provider": self.provider, "turn_id": self.turn_id}

    @property
    def causes(self) -> str | None:
        """The kinds of all failed attempts with their counts, such as "4 overloaded, 1 timeout"."""
        if not self.failed:  # as in most turns
            return None
        kinds = Counter(attempt.failure.kind.value for attempt in self.failed)
        return ", ".join(f"{count} {kind}" for kind, count in kinds.items())

    def handed_on(self, chunk: llm.ChatChunk, now: float) -> None:
        """*chunk* goes to the caller."""
        self.silent_since = now
        if self.first_heard is None:
            self.first_heard = now
        if chunk.delta is not None and chunk.delta.content:
            self.said.append(chunk.delta.content)

    def attempt_failed(
        self,
        failure: Failure,
        translator: Translator,
        *,
        now: float,
        wait_s: float | None,
        speculative: bool = False,
    ) -> AttemptRecord:
        """The last attempt failed; what it cost is wasted unless some of it was handed on."""
        record = AttemptRecord(
            self.attempts,
            failure,
            elapsed_s=now - self.started,
            wait_s=wait_s,
            speculative=speculative,
            repeats=self._repeats(failure),
        )
        self.failed.append(record)
        if not translator.output_started:
            self.wasted.add(translator.message.usage)
            self._bill(translator.message.usage)
            self._wasted_by = translator
        return record

    def _repeats(self, failure: Failure) -> bool:
        if not self.failed or self.failed[-1].speculative:
            return False
        return _cause(self.failed[-1].failure) == _cause(failure)

    def part_ended(self, translator: Translator) -> None:
        """No more comes of this part: what its last attempt delivered is the caller's."""
        if translator is not self._wasted_by:
            self.usage.add(translator.message.usage)
            self._bill(translator.message.usage)
        self.message_id = translator.message.message_id or self.message_id
        self.stop_reason = translator.message.stop_reason
        self.stop_details = translator.message.stop_details
        self.tool_calls += translator.tool_calls
        message = translator.message
        if message.has_server_work:
            self.server_work += server_work(message.blocks.values())
        self.container = message.container or self.container

    def _bill(self, usage: Usage) -> None:
        cost = None if self.prices is None else self.prices.cost(usage)
        total = self.cost_usd
        self.cost_usd = None if cost is None or total is None else total + cost

    def end(
        self,
        now: float,
        *,
        outcome: Outcome | None = None,
        failure: Failure | None = None,
        speculative: bool = False,
    ) -> None:
        """The turn has ended: with an *outcome*, with a *failure*, or else cancelled."""
        self.ended, self.outcome, self.failure = now, outcome, failure
        self.discarded = speculative and outcome is None and failure is None

    def last_chunk(self, ended: str) -> llm.ChatChunk:
        """Livekit's last chunk: the counts, and how the turn *ended*.

        Of a turn of which nothing was handed on, the counts are what it has cost all the same.
        """
        usage = self.usage if self.heard or not self.failed else self.wasted
        told = usage.to_livekit()
        if usage is self.usage:
            self.told = told
        extra = {"outcome": ended, "stop_reason": self.stop_reason, **self.server_work.to_extra()}
        if self.container is not None:
            extra["container"] = self.container
        return llm.ChatChunk(
            id=self.message_id,
            delta=llm.ChoiceDelta(extra={"claude": extra}),
            usage=told,
        )


def _cause(failure: Failure) -> tuple[object, ...]:
    """What makes two failures the same to an operator."""
    return failure.kind, failure.origin, failure.root_type, failure.status
