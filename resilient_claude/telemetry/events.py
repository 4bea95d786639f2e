"""What the application is told of a turn, as an event of the adapter."""

from __future__ import annotations

from dataclasses import dataclass, field

from livekit.agents import llm

from resilient_claude.failures.failure import Failure
from resilient_claude.response.outcomes import Outcome, StopDetails
from resilient_claude.response.server_work import Citation, ServerToolCall

from .record import TurnRecord


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the event `claude_thinking` tells, at most once in a turn: that it will take a while.

    Claude has been thinking for two seconds, and nothing was heard yet. An application may say or
    play something meanwhile.

    Attributes:
        turn_id: what the log lines of the turn have in common.
        elapsed_s: seconds since `chat()`.
    """

    turn_id: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class ProgressNote:
    """What the event `claude_progress` tells: what Claude notes while it works, and does not say.

    It comes where notes are not spoken: with `progress="event"`, and where Claude shows them among
    summaries of what it thinks (see docs/parameters.md), which come in the same way. An attempt
    that is made once more may write another note; the same one is told once in a turn.

    Attributes:
        turn_id: what the log lines of the turn have in common.
        text: the note, whole.
    """

    turn_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """What the event `claude_turn_ended` tells about a turn, however it ended.

    Attributes:
        turn_id: what its log lines have in common.
        outcome: how the answer ended; None when the turn failed or was cancelled.
        stop_reason: the API's own word for it.
        stop_details: of a refusal, what the API says of it.
        failure: what ended the turn, if it failed.
        cancelled: whether the application cancelled it, as on a barge-in.
        abandoned: whether the caller left it, after failed attempts or a long wait, before a word
            of it came.
        discarded: whether it was cancelled before livekit was to speak it: a preemptive generation
            ahead of the caller's last word, which another one answers. It is not abandoned.
        attempts: HTTP requests made.
        causes: kinds of the attempts that failed, with their counts; None if none did.
        text_chars: characters handed on.
        tool_calls: tool calls handed on.
        silence_s: seconds from `chat()` to the first chunk; None if there was none.
        elapsed_s: seconds from `chat()` to the end.
        usage: tokens of the attempts of which something was handed on, and of the one under way
            when the turn was cancelled.
        wasted_tokens: tokens of failed attempts of which nothing was handed on; billed all the
            same.
        cost_usd: what *usage* and *wasted_tokens* cost, US dollars; None where no price is known.
        cache_hit_ratio: which part of the prompt was read from the cache, 0 to 1; None if there was
            no prompt.
        cache_write_5m_tokens: tokens that were written to the cache for five minutes.
        cache_write_1h_tokens: likewise, for an hour.
        cache_miss: why the turn did not find what the one before has left in the cache, such as
            "system_changed"; None if it did.
        thinking_tokens: tokens of the answer that were thought; counted in *usage* as well.
        web_searches: searches of the API's own tool; they cost money.
        web_fetches: pages that the API's own tool has fetched.
        server_tools: what tools that Anthropic runs were called for, and what came of it.
        citations: what the words of the answer rely on.
        container: id of the container that code ran in; the following turns get it as well.
        model: id of the model that was asked.
    """

    turn_id: str
    outcome: Outcome | None
    stop_reason: str | None
    stop_details: StopDetails | None
    failure: Failure | None
    cancelled: bool
    abandoned: bool
    discarded: bool
    attempts: int
    causes: str | None
    text_chars: int
    tool_calls: int
    silence_s: float | None
    elapsed_s: float
    usage: llm.CompletionUsage
    wasted_tokens: int
    cost_usd: float | None = None
    cache_hit_ratio: float | None = None
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_miss: str | None = None
    thinking_tokens: int = 0
    web_searches: int = 0
    web_fetches: int = 0
    server_tools: tuple[ServerToolCall, ...] = ()
    citations: tuple[Citation, ...] = field(default=(), repr=False)
    container: str | None = None
    model: str = ""

    @classmethod
    def of(cls, record: TurnRecord) -> TurnEnded:
        """How the turn of *record* ended: with an outcome, with a failure, or else cancelled."""
        usage, miss = record.usage, record.cache_miss
        told = record.told or usage.to_livekit()
        written_5m, written_1h = usage.written if usage.cache_creation_input_tokens else (0, 0)
        return cls(
            turn_id=record.turn_id,
            outcome=record.outcome,
            stop_reason=record.stop_reason,
            stop_details=record.stop_details,
            failure=record.failure,
            cancelled=record.outcome is None and record.failure is None,
            abandoned=record.abandoned and not record.discarded,
            discarded=record.discarded,
            attempts=record.attempts,
            causes=record.causes,
            text_chars=record.text_chars,
            tool_calls=record.tool_calls,
            silence_s=record.silence_s,
            elapsed_s=record.elapsed_s,
            usage=told,
            wasted_tokens=record.wasted_tokens,
            cost_usd=record.cost_usd,
            cache_hit_ratio=(
                told.prompt_cached_tokens / told.prompt_tokens if told.prompt_tokens else None
            ),
            cache_write_5m_tokens=written_5m,
            cache_write_1h_tokens=written_1h,
            cache_miss=None if miss is None else miss.reason,
            thinking_tokens=usage.thinking_tokens,
            web_searches=usage.web_search_requests,
            web_fetches=usage.web_fetch_requests,
            server_tools=record.server_work.calls,
            citations=record.server_work.citations,
            container=record.container,
            model=record.model,
        )


@dataclass(frozen=True, slots=True)
class WarmedCache:
    """What `warm_cache()` has come to.

    Attributes:
        written_tokens: tokens that it wrote to the cache; 0 if all was there, or too short.
        read_tokens: tokens that were there already, and are kept as long anew.
        lifetime_s: how long the API keeps them after their last use, seconds.
        cost_usd: what it cost, US dollars; None where no price is known.
    """

    written_tokens: int
    read_tokens: int
    lifetime_s: float
    cost_usd: float | None
