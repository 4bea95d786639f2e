"""Whole calls whose prompts a simulated API caches: what is hit, what it saves, what is told."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude import Prices, ResilientClaudeLLM, TurnEnded, WarmedCache
from resilient_claude.request.request import Request
from resilient_claude.response.message import IncomingMessage
from resilient_claude.response.usage import Usage
from resilient_claude.telemetry.record import CacheMiss
from resilient_claude.testing import Answer, SimulatedClaude, ToolUse
from resilient_claude.turn.cache_watch import MOST_CONVERSATIONS, CacheWatch
from tests.benchmarks import conversation as desk
from tests.support.adapters import MakeLLM
from tests.support.lines import Lines
from tests.support.listening import read_stream

THINKS = "claude-opus-5-5"
RULES = "You answer for a restaurant. " + "Be brief, be kind, and never promise a table. " * 200
ONE_HOUR = {"type": "ephemeral", "ttl": "1h"}
TOOLS = [*desk.tools(3)]


class CachedCall:
    """A call whose turns each begin with what the caller says and end with Claude's last word."""

    def __init__(self, adapter: ResilientClaudeLLM, *told: str, rules: str = RULES) -> None:
        self.adapter = adapter
        self.context = llm.ChatContext.empty()
        self.context.add_message(role="system", content=rules)
        for text in told:
            name = "lk.agent_task.instructions.dynamic"
            self.context.items.append(llm.ChatMessage(id=name, role="system", content=[text]))
        self.requests: list[TurnEnded] = []
        adapter.on("claude_turn_ended", self.requests.append)

    async def turn(self, said: str, *, told_once: str | None = None) -> None:
        """The caller says something; tools run until Claude has nothing more to call."""
        self.context.add_message(role="user", content=said)
        while True:
            asked = self.context.copy()
            if told_once is not None:
                asked.add_message(role="system", content=told_once)
            heard = await read_stream(self.adapter.chat(chat_ctx=asked, tools=TOOLS))
            assert heard.error is None, heard.error
            if heard.text:
                self.context.add_message(role="assistant", content=heard.text)
            if not heard.calls:
                return
            for call in heard.calls:
                self.context.items.append(
                    llm.FunctionCall(
                        call_id=call.call_id,
                        name=call.name,
                        arguments=call.arguments,
                        extra=call.extra or {},
                        group_id=heard.calls[0].call_id,
                    )
                )
            for call in heard.calls:
                self.context.items.append(
                    llm.FunctionCallOutput(
                        call_id=call.call_id, name=call.name, output="Two tables.", is_error=False
                    )
                )

    def missed(self) -> list[int]:
        """The requests, by number, that read less than the one before had left in the cache."""
        left, missed = 0, []
        for number, each in enumerate(self.requests):
            if each.usage.cache_read_tokens < left:
                missed.append(number)
            left = each.usage.cache_read_tokens + each.usage.cache_creation_tokens
        return missed


def uses(count: int, *, thinking: str | None = None) -> Answer:
    """An answer that calls so many tools at once."""
    tools = [ToolUse("free_times_0", {"doctor": f"Okafor {at}"}) for at in range(count)]
    return Answer("I look.", tools=tools, thinking=thinking)


SAID = Answer("We have a table at eight, and another at nine. " * 3)


# --- what is hit ----------------------------------------------------------------------------------


async def test_every_request_of_a_growing_call_reads_all_that_the_one_before_left(
    make_llm: MakeLLM,
) -> None:
    """Twenty turns, tools in every third, and once more of them than the API looks back over."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, caching="ephemeral")
        call = CachedCall(adapter)
        for number in range(20):
            if number % 3 == 1:
                claude.script(uses(12 if number == 10 else 1), uses(2))
            await call.turn(f"And is there one on the {number}th?")
        await adapter.aclose()

    assert len(call.requests) == 20 + 2 * 7
    assert call.missed() == []
    assert all(each.usage.cache_read_tokens > 2_000 for each in call.requests[1:])
    assert min(each.cache_hit_ratio or 0 for each in call.requests[1:]) > 0.7
    assert {each.cache_miss for each in call.requests} == {None}


async def test_two_calls_share_what_both_are_told(make_llm: MakeLLM) -> None:
    """The second caller's first word comes as soon as that of a later turn."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        first_adapter, second_adapter = (make_llm(claude, caching="ephemeral") for _ in range(2))
        first = CachedCall(first_adapter, "Mary calls, at noon.")
        second = CachedCall(second_adapter, "John calls, at one.")
        await first.turn("Hello?")
        await second.turn("Good evening.")
        await first_adapter.aclose()
        await second_adapter.aclose()

    (one,), (other,) = first.requests, second.requests
    assert one.usage.cache_read_tokens == 0
    assert other.usage.cache_read_tokens > 0.98 * one.usage.cache_creation_tokens


async def test_livekits_breakpoint_shares_them_without_caching(make_llm: MakeLLM) -> None:
    """As sessions of livekit set it, for agents whose adapter was not told to cache."""
    mark: Any = getattr(llm, "CacheBreakpoint", None)
    if mark is None:
        pytest.skip("this livekit-agents has none")
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude)
        calls = [CachedCall(adapter, f"{name} calls.") for name in ("Mary", "John")]
        for call in calls:
            call.context.items[0].content.append(mark())  # type: ignore[union-attr]
            await call.turn("Hello?")
        await adapter.aclose()

    reads = [each.usage.cache_read_tokens for each in calls[0].requests]
    assert reads[0] == 0
    assert reads[1] > 2_000


async def test_when_the_thinking_of_a_tool_loop_goes_the_rest_is_hit(make_llm: MakeLLM) -> None:
    """All that was written inside the loop is of no use then: it holds the thinking."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        claude.script(SAID, *[uses(3, thinking="Well.") for _ in range(8)])
        adapter = make_llm(claude, model=THINKS, caching="ephemeral")
        call = CachedCall(adapter)
        for said in ("Hello?", "A table for two?", "And at nine?"):
            await call.turn(said)
        await adapter.aclose()

    begin, after = call.requests[1].usage, call.requests[-1].usage
    assert len(call.requests) == 1 + 9 + 1
    assert call.missed() == [10]
    assert after.cache_read_tokens == begin.cache_read_tokens + begin.cache_creation_tokens
    assert call.requests[-1].cache_miss is None


async def test_what_is_said_for_one_turn_alone_costs_no_more_than_itself(make_llm: MakeLLM) -> None:
    """What was looked up for a question is in no later request."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, caching="ephemeral")
        call = CachedCall(adapter)
        for number in range(4):
            await call.turn(f"And on the {number}th?", told_once=f"Found for {number}: nothing.")
        await adapter.aclose()

    hits = [each.cache_hit_ratio or 0 for each in call.requests]
    assert min(hits[1:]) > 0.8
    assert {each.cache_miss for each in call.requests} == {None}


# --- before the first turn ------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["claude-sonnet-4-6", "claude-sonnet-5-5", THINKS])
async def test_the_first_turn_reads_what_was_warmed(make_llm: MakeLLM, model: str) -> None:
    """With the thinking and the effort of real turns, which the API renders into the prompt."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, model=model, caching=ONE_HOUR)
        warmed = await adapter.warm_cache(RULES, TOOLS)
        again = await adapter.warm_cache(RULES, TOOLS)
        call = CachedCall(adapter, "Mary calls.")
        await call.turn("Hello?")
        await adapter.aclose()

        body = claude.requests[0].body
    assert (body["max_tokens"], "stream" in body) == (0, False)
    assert warmed.written_tokens > 2_000
    assert (warmed.read_tokens, warmed.lifetime_s) == (0, 3600)
    assert warmed.cost_usd is not None
    assert again == WarmedCache(0, warmed.written_tokens, 3600, again.cost_usd)
    assert again.cost_usd is not None
    assert again.cost_usd < warmed.cost_usd / 10
    assert call.requests[0].usage.cache_read_tokens == warmed.written_tokens


# --- what is remembered ---------------------------------------------------------------------------


def answered(
    watch: CacheWatch, conversation: int, *, now: float = 0.0, read: int = 0, wrote: int = 5_000
) -> CacheMiss | None:
    """What *watch* says of a request that goes on with a *conversation*."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi."}]}
    request = Request(body, {}, {}, conversation=conversation, cached_s=300.0)
    message = IncomingMessage()
    message.message_id = f"msg_{conversation}"
    message.usage = Usage(cache_read_input_tokens=read, cache_creation_input_tokens=wrote)
    return watch.answered(request, message, now)


def test_conversations_are_told_apart_and_the_oldest_is_forgotten() -> None:
    """What one has left, another one need not find; and a process may see thousands."""
    watch = CacheWatch()

    first = [answered(watch, number) for number in range(MOST_CONVERSATIONS + 1)]

    assert first == [None] * (MOST_CONVERSATIONS + 1)
    assert [watch.previous(number) for number in (0, 1)] == [None, "msg_1"]
    assert answered(watch, 1) == CacheMiss("nothing_changed", 5_000, 0, 0.0)
    assert answered(watch, 2) == CacheMiss("nothing_changed", 5_000, 0, 0.0, repeats=True)


@pytest.mark.parametrize(
    ("now", "read"), [(0.0, 3_750), (271.0, 0), (1_000.0, 0)], ids=["enough", "almost over", "over"]
)
def test_what_need_not_be_there_is_no_miss(now: float, read: int) -> None:
    """The end of what is cached is of one turn alone now and then, and nothing lives for ever."""
    watch = CacheWatch()
    answered(watch, 1)

    assert answered(watch, 1, now=now, read=read) is None


# --- what is told ---------------------------------------------------------------------------------


async def test_instructions_that_tell_the_time_are_one_warning(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """The commonest mistake: nothing of the prompt is ever read again, and everything is slower."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, caching="ephemeral")
        call = CachedCall(adapter)
        for minute in range(3):
            text = f"It is 12:0{minute}. {RULES}"
            call.context.items[0] = llm.ChatMessage(role="system", content=[text])
            await call.turn("Hello?")
        await adapter.aclose()

    first, second = lines.named("claude.cache_missed")
    left, read = call.requests[0].usage, call.requests[1].usage
    assert lines.levels == ["WARNING", "DEBUG"]
    assert second["reason"] == first["reason"]
    assert first["reason"] == "system_changed"
    assert first["expected_tokens"] == left.cache_creation_tokens
    assert first["read_tokens"] == read.cache_read_tokens < left.cache_creation_tokens / 2
    assert first["turn_id"] == call.requests[1].turn_id
    assert [each.cache_miss for each in call.requests] == [None, "system_changed", "system_changed"]


async def test_a_cache_that_the_api_forgot_is_told(make_llm: MakeLLM, lines: Lines) -> None:
    """Nothing that the application does is wrong then."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, caching="ephemeral")
        call = CachedCall(adapter)
        await call.turn("Hello?")
        claude.age_cache(301)
        await call.turn("Are you there?")
        await adapter.aclose()

    (line,) = lines.named("claude.cache_missed")
    assert (line["reason"], line["read_tokens"]) == ("nothing_changed", 0)


async def test_the_api_is_asked_where_it_tells(
    make_llm: MakeLLM, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anthropic's own API knows more than we see; others may reject the question."""
    monkeypatch.setattr("resilient_claude.llm.tells_cache_misses", lambda _: True)
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, caching="ephemeral")
        call = CachedCall(adapter)
        await call.turn("Hello?")
        await call.turn("Are you there?")
        call.context.items[0] = llm.ChatMessage(role="system", content=["Be kind."])
        await call.turn("And now?")
        await adapter.aclose()

        asked = [request.body["diagnostics"] for request in claude.requests]
    assert [each["previous_message_id"] is None for each in asked] == [True, False, False]
    (line,) = lines.named("claude.cache_missed")
    assert line["reason"] == "system_changed"


async def test_a_prompt_below_the_models_minimum_is_one_warning(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Caching was asked for, and does nothing."""
    with SimulatedClaude(default=SAID, cache=True) as claude:
        adapter = make_llm(claude, model="claude-haiku-4-5", caching="ephemeral")
        call = CachedCall(adapter, rules="Be kind.")
        await call.turn("Hello?")
        await call.turn("Are you there?")
        await adapter.warm_cache("Be kind.")
        await adapter.aclose()

    (line,) = lines.named("claude.request_adjusted")
    tokens = call.requests[0].usage.prompt_tokens
    assert (line["argument"], line["reason"]) == (
        "caching",
        f"has no effect on a prompt of {tokens} tokens: claude-haiku-4-5 caches what is 4096"
        " tokens long or longer",
    )


# --- what it costs --------------------------------------------------------------------------------


async def test_a_turn_tells_what_it_costs(make_llm: MakeLLM) -> None:
    """All that is billed: prompt, cache, answer, searches."""
    usage = {
        "cache_creation": {"ephemeral_1h_input_tokens": 400, "ephemeral_5m_input_tokens": 600},
        "output_tokens_details": {"thinking_tokens": 30},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    }
    answer = Answer(
        "Yes.",
        input_tokens=100,
        cache_read_tokens=2_000,
        cache_creation_tokens=1_000,
        output_tokens=50,
        usage=usage,
    )
    prices = {"my-alias": Prices(input=10, output=100, cache_read=2)}
    with SimulatedClaude(default=answer) as claude:
        adapter = make_llm(claude)
        aliased = make_llm(claude, model="my-alias", prices=prices)
        unknown = make_llm(claude, model="my-alias")
        calls = [CachedCall(each) for each in (adapter, aliased, unknown)]
        for call in calls:
            await call.turn("Hello?")
            await call.adapter.aclose()

    ended = calls[0].requests[0]
    expected = (100 * 3 + 2_000 * 0.3 + 600 * 3.75 + 400 * 6 + 50 * 15) / 1e6 + 0.02
    assert ended.cost_usd == pytest.approx(expected)
    assert ended.cache_hit_ratio == pytest.approx(2_000 / 3_100)
    assert (ended.cache_write_5m_tokens, ended.cache_write_1h_tokens) == (600, 400)
    assert (ended.thinking_tokens, ended.web_searches, ended.web_fetches) == (30, 2, 1)
    assert getattr(ended.usage, "reasoning_tokens", 30) == 30
    aliased_cost = (100 * 10 + 2_000 * 2 + 600 * 12.5 + 400 * 20 + 50 * 100) / 1e6 + 0.02
    assert calls[1].requests[0].cost_usd == pytest.approx(aliased_cost)
    assert calls[2].requests[0].cost_usd is None
