"""The adapter as applications hold it: made, prewarmed, closed, and what livekit gets of it."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise
from typing import Any

import pytest
from livekit.agents import function_tool, llm
from livekit.agents.metrics import LLMMetrics

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts, failure_of
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude
from tests.support.adapters import KEY, MakeLLM
from tests.support.leftovers import until
from tests.support.lines import Lines
from tests.support.listening import GREETING, conversation, read_stream

from .benchmarks import conversation as desk


async def test_aclose_closes_a_client_of_our_own(make_llm: MakeLLM) -> None:
    """The plugin leaves it open."""
    with SimulatedClaude(GREETING) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))

        await adapter.aclose()

        assert adapter.client.is_closed()


async def test_prewarm_opens_the_connection_that_the_first_turn_uses(make_llm: MakeLLM) -> None:
    """The handshake happens while the greeting is being prepared."""
    with SimulatedClaude(GREETING) as claude:
        adapter = make_llm(claude)
        adapter.prewarm()
        assert adapter._prewarm_task is not None
        await adapter._prewarm_task

        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.other_requests) == 1
        assert claude.connections == 1


async def test_prewarm_builds_the_schemas_of_tools_while_others_run(make_llm: MakeLLM) -> None:
    """Built all at once in the first turn, they would stop the loop, and with it the audio."""
    tools = desk.tools(25)  # more than may be strict, so that some are of both kinds
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude)
        adapter.prewarm(tools=tools)
        built = [0]
        while adapter._warming:
            await asyncio.sleep(0)
            built.append(adapter._schemas.builds)

        await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        await adapter.aclose()

    assert adapter._schemas.builds == built[-1] >= 25
    assert max(after - before for before, after in pairwise(built)) == 1


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("opening_hours", "tools must be a list, such as agent.tools, got str"),
        (desk.tools(1)[0], "tools must be a list, such as agent.tools, got FunctionTool"),
        ([print], "tools must hold livekit's tools, got builtin_function_or_method"),
    ],
)
async def test_prewarm_says_what_it_takes(tools: Any, message: str) -> None:
    """A tool where a list of them belongs is the mistake that everybody makes once."""
    adapter = ResilientClaudeLLM(api_key=KEY)

    with pytest.raises(TypeError, match=message):
        adapter.prewarm(tools=tools)

    assert (adapter._warming, adapter._prewarm_task) == (set(), None)
    await adapter.aclose()


@pytest.mark.parametrize("tools", [0, 1])
def test_prewarm_needs_an_event_loop(tools: int) -> None:
    """In a worker's setup there is none yet: the task would never run, `aclose()` never return."""
    adapter = ResilientClaudeLLM(api_key=KEY)

    with pytest.raises(RuntimeError, match="no running event loop: call this in a coroutine"):
        adapter.prewarm(tools=desk.tools(tools))

    asyncio.run(asyncio.wait_for(adapter.aclose(), timeout=5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chat_ctx": [{"role": "user"}]}, "chat_ctx must be livekit's ChatContext, got list"),
        ({"chat_ctx": None}, "chat_ctx must be livekit's ChatContext, got NoneType"),
        ({"conn_options": 3}, "conn_options must be livekit's APIConnectOptions, got int"),
        ({"extra_kwargs": [1]}, "extra_kwargs must be a mapping, got list"),
    ],
)
async def test_what_chat_cannot_take_is_named_and_leaves_no_task(
    arguments: dict[str, Any], message: str
) -> None:
    """A list of dicts is what the SDK takes, so it is what people try first."""
    adapter = ResilientClaudeLLM(api_key=KEY)

    with pytest.raises(TypeError, match=message):
        adapter.chat(**{"chat_ctx": conversation(), **arguments})

    assert asyncio.all_tasks() == {asyncio.current_task()}
    await adapter.aclose()


async def test_prewarm_leaves_a_tool_that_cannot_be_sent_to_the_turn(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """It answers to nobody who could do something about it; the turn goes without, and says so."""

    @function_tool
    async def odd(what: socket.socket) -> None: ...

    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude)
        adapter.prewarm(tools=[odd])
        await asyncio.gather(*adapter._warming)
        before = [*lines.events]

        await read_stream(adapter.chat(chat_ctx=conversation(), tools=[odd]))
        await adapter.aclose()

    assert before == []
    (line,) = lines.named("claude.request_adjusted")
    assert (line["argument"], line["reason"].partition(":")[0]) == ("tools", "sent without 'odd'")


async def test_aclose_ends_a_running_turn_with_an_error(make_llm: MakeLLM) -> None:
    """It would otherwise hang until a clock runs out, or retry against a closed client."""
    with SimulatedClaude(default=Break("stall", at="text", answer=GREETING)) as claude:
        adapter = make_llm(claude, timeout=Timeouts(stall_s=30))
        reading = asyncio.create_task(read_stream(adapter.chat(chat_ctx=conversation())))
        await asyncio.to_thread(claude.wait_for_requests, 1)
        await asyncio.sleep(0.05)

        await adapter.aclose()
        heard = await asyncio.wait_for(reading, 1)

        assert len(claude.requests) == 1
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind == "cancelled"


async def test_aclose_ends_a_turn_that_waits_for_its_next_attempt(make_llm: MakeLLM) -> None:
    """There is no exchange to end then, and the wait must not be followed by one."""
    overloaded = HttpError(529, headers={"retry-after": "0.1"})
    closing: list[asyncio.Task[None]] = []
    with SimulatedClaude(default=overloaded) as claude:
        adapter = make_llm(claude)
        adapter.on("error", lambda event: closing.append(asyncio.create_task(adapter.aclose())))

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await asyncio.gather(*closing)

        assert len(claude.requests) == 1
    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("cancelled", "local")


async def test_aclose_does_not_wait_with_a_turn_for_its_next_attempt(make_llm: MakeLLM) -> None:
    """Nothing will come of the attempt, so whoever reads the turn learns it now."""
    overloaded = HttpError(529, headers={"retry-after": "3"})
    closing: list[asyncio.Task[None]] = []
    with SimulatedClaude(default=overloaded) as claude:
        adapter = make_llm(claude, retry=RetryPolicy())
        adapter.on("error", lambda event: closing.append(asyncio.create_task(adapter.aclose())))
        started = asyncio.get_running_loop().time()

        await read_stream(adapter.chat(chat_ctx=conversation()))

        elapsed_s = asyncio.get_running_loop().time() - started
        await asyncio.gather(*closing)
    assert elapsed_s < 2.0


async def test_a_closed_adapter_says_so(make_llm: MakeLLM) -> None:
    """At once, not after a silence budget's worth of attempts."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await adapter.aclose()

        with pytest.raises(RuntimeError, match="is closed"):
            adapter.chat(chat_ctx=conversation())


def test_a_prewarm_is_a_use() -> None:
    """Its connection is bound to the loop that it was opened in: the next turn was a bug in it."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)

        async def prewarm() -> None:
            adapter.prewarm()
            await until(lambda: len(claude.other_requests) == 1)
            await adapter._target.aclose()

        async def ask() -> None:
            adapter.chat(chat_ctx=conversation())

        asyncio.run(prewarm())
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            asyncio.run(ask())


def test_an_adapter_belongs_to_the_event_loop_that_used_it_first() -> None:
    """Its connections are bound to that: what came of it was an error from deep inside."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)

        async def ask() -> str:
            return (await read_stream(adapter.chat(chat_ctx=conversation()))).text

        async def warm() -> None:
            await adapter.warm()

        async def both() -> None:
            assert await ask() == "Hello, this is Claude."
            assert await ask() == "Hello, this is Claude."
            await warm()
            await adapter._target.aclose()

        asyncio.run(both())
        for use in (ask, warm):
            with pytest.raises(RuntimeError, match=r"belongs to another event loop.*one for each"):
                asyncio.run(use())

        assert len(claude.requests) == 2


def test_an_adapter_that_was_only_made_belongs_to_no_loop_yet() -> None:
    """It is made in a worker's set-up, where no loop or another one runs."""
    with SimulatedClaude(default=GREETING) as claude:

        async def make() -> ResilientClaudeLLM:
            return ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)

        async def ask(adapter: ResilientClaudeLLM) -> str:
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
            await adapter.aclose()
            return heard.text

        assert asyncio.run(ask(asyncio.run(make()))) == "Hello, this is Claude."


# --- what livekit gets --------------------------------------------------------------------------


async def test_usage_and_metrics(make_llm: MakeLLM) -> None:
    """Counts of the attempt that succeeded, cumulative ones assigned."""
    answer = Answer("Hi.", input_tokens=10, output_tokens=42, cache_read_tokens=5)
    metrics: list[Any] = []
    with SimulatedClaude(HttpError(529), answer) as claude:
        adapter = make_llm(claude)
        adapter.on("metrics_collected", metrics.append)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        provider = claude.base_url.removeprefix("http://")

    assert heard.usage == llm.CompletionUsage(
        completion_tokens=42,
        prompt_tokens=15,
        total_tokens=57,
        prompt_cached_tokens=5,
        cache_read_tokens=5,
        service_tier="standard",
    )
    (one,) = metrics
    assert (one.completion_tokens, one.prompt_tokens, one.cancelled) == (42, 15, False)
    assert (one.metadata.model_name, one.metadata.model_provider) == (adapter.model, provider)
    assert adapter.label == "resilient_claude.llm.ResilientClaudeLLM"


async def test_an_argument_that_cannot_be_sent_is_logged_once(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """A live call goes on without it; the operator learns of it, but not on every turn."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude, model="claude-opus-4-7", temperature=0.3)
        for _ in range(2):
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == "Hello, this is Claude."
    (line,) = lines.named("claude.request_adjusted")
    assert (line["argument"], line["model"]) == ("temperature", "claude-opus-4-7")


# --- other options in mid-call --------------------------------------------------------------------


async def test_the_turns_that_follow_take_other_options(make_llm: MakeLLM) -> None:
    """One agent after the other speaks in a call, each as it should."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude, max_tokens=300, user="a")
        await read_stream(adapter.chat(chat_ctx=conversation()))
        adapter.update_options(
            model="claude-sonnet-5-5",
            effort="medium",
            max_tokens=None,
            user="b",
            caching="ephemeral",
        )
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        first, second = [request.body for request in claude.requests]
    assert (first["model"], first["max_tokens"]) == ("claude-sonnet-4-6", 300)
    assert adapter.model == "claude-sonnet-5-5"
    assert {name: second[name] for name in second.keys() - {"messages"}} == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 1024,
        "stream": True,
        "thinking": {"type": "between_tools"},
        "output_config": {"effort": "medium"},
        "metadata": {"user_id": "b"},
    }


async def test_a_turn_that_runs_keeps_its_options(make_llm: MakeLLM) -> None:
    """Its second attempt asks for what the first one asked for, of the same model."""
    ended: list[Any] = []
    with SimulatedClaude(HttpError(529), default=GREETING) as claude:
        adapter = make_llm(claude)
        adapter.on("claude_turn_ended", ended.append)
        stream = adapter.chat(chat_ctx=conversation())
        adapter.update_options(model="claude-haiku-4-5", retry=RetryPolicy(max_attempts=1))
        heard = await read_stream(stream)
        await adapter.aclose()

        assert [request.body["model"] for request in claude.requests] == ["claude-sonnet-4-6"] * 2
    assert heard.error is None
    assert ended[0].attempts == 2
    assert adapter.retry == RetryPolicy(max_attempts=1)


async def test_options_that_cannot_work_change_nothing(make_llm: MakeLLM) -> None:
    """The call goes on as it was."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude, model="claude-opus-5-5", effort="max")
        timeouts, retry = adapter.timeouts, adapter.retry

        for change, message in (
            ({"model": "claude-haiku-4-5", "timeout": 3}, "effort must be left out"),
            ({"temperature": 7}, "temperature must be a number from 0 to 1"),
            ({"model": "claude-opus-5-5", "timeout": 0}, "timeout must be finite and > 0"),
            ({"model": "", "retry": RetryPolicy(max_attempts=1)}, "model must be a model id"),
        ):
            with pytest.raises(ValueError, match=message):
                adapter.update_options(**change)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        (request,) = claude.requests
    assert request.body["model"] == "claude-opus-5-5"
    assert request.body["output_config"] == {"effort": "max"}
    assert (adapter.timeouts, adapter.retry) == (timeouts, retry)


async def test_another_model_is_like_none_but_itself(make_llm: MakeLLM) -> None:
    """Whom the one before was like says nothing of it."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude, model="my-deployment", model_like="claude-sonnet-5-5")
        adapter.update_options(model="claude-haiku-5-5", timeout=Timeouts(stall_s=9))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        adapter.update_options(effort=None, thinking=None)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        first, second = [request.body for request in claude.requests]
    assert first["thinking"] == {"type": "disabled"}
    assert not {"thinking", "output_config"} & second.keys()
    assert adapter.timeouts == Timeouts(stall_s=9)


# --- constructor --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_retries": 2}, ValueError, r"max_retries must be 0, got 2.*RetryPolicy"),
        ({"timeout": "5"}, TypeError, "timeout must be resilient_claude.Timeouts"),
        ({"retry": 3}, TypeError, "retry must be a RetryPolicy, got int"),
        ({"logger": print}, TypeError, "logger must be a structlog logger"),
        ({"temperature": 3.0}, ValueError, "temperature must be a number from 0 to 1, got 3.0"),
        ({"max_tokens": 0}, ValueError, "max_tokens must be an int >= 1, got 0"),
        ({"model": ""}, ValueError, "model must be a model id without white space, got ''"),
        ({"filter_thinking": "no"}, TypeError, "filter_thinking must be a bool, got 'no'"),
        ({"timeout": 0}, ValueError, "timeout must be finite and > 0, got 0"),
    ],
)
def test_a_bad_argument_says_what_was_wrong(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """At construction: in the first call, somebody is on the phone."""
    with pytest.raises(error, match=message):
        ResilientClaudeLLM(**{"api_key": KEY, **arguments})


@pytest.mark.parametrize("base_url", [None, ""])
def test_an_argument_that_is_none_is_one_that_is_not_given(base_url: str | None) -> None:
    """`os.getenv(...)` of a variable that is not set, as the plugin takes it."""
    adapter = ResilientClaudeLLM(api_key=KEY, base_url=base_url, max_tokens=None)

    assert adapter.provider == "api.anthropic.com"


# --- what livekit is told of a turn ---------------------------------------------------------------


@pytest.mark.parametrize("named_in", ["the constructor", "extra_kwargs"])
async def test_livekit_counts_the_tokens_of_a_turn_under_the_model_that_was_asked(
    make_llm: MakeLLM, named_in: str
) -> None:
    """It looks when the turn is over: an update meanwhile made them another model's, and its bill.

    A session sums them up by model in its usage.
    """
    extra = {"model": "claude-haiku-4-5"} if named_in == "extra_kwargs" else {}
    told: list[LLMMetrics] = []
    with SimulatedClaude(GREETING) as claude:
        adapter = make_llm(claude, model="claude-opus-5-5" if extra else "claude-haiku-4-5")
        adapter.on("metrics_collected", told.append)
        async with adapter.chat(chat_ctx=conversation(), extra_kwargs=extra) as stream:
            async for _ in stream:
                adapter.update_options(model="claude-sonnet-5-5")
        await until(lambda: bool(told))
        await adapter.aclose()

    (metrics,) = told
    assert metrics.metadata is not None
    assert metrics.metadata.model_name == claude.requests[0].body["model"] == "claude-haiku-4-5"
    assert metrics.label == adapter.label


@pytest.mark.parametrize("register", ["on", "once"])
async def test_an_event_that_never_comes_is_refused(make_llm: MakeLLM, register: str) -> None:
    """A slip of the pen would be a dashboard without numbers."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)

        with pytest.raises(
            ValueError, match=r'event must be "claude_turn_ended", .*, got .claude_ended.'
        ):
            getattr(adapter, register)("claude_ended", print)
        with pytest.raises(ValueError, match="event must be"):
            getattr(adapter, register)("claude_ended")(print)
        for event in ("metrics_collected", "error", "claude_turn_ended", "of-the-application"):
            getattr(adapter, register)(event, print)
        await adapter.aclose()


async def test_what_the_new_model_rejects_can_be_taken_back_with_it(make_llm: MakeLLM) -> None:
    """In a tool of the agent's: an error there is one that the caller hears of."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude, model="claude-sonnet-5-5", effort="high")
        with pytest.raises(ValueError, match="effort must be left out for model claude-haiku-4-5"):
            adapter.update_options(model="claude-haiku-4-5")
        kept = adapter.model

        adapter.update_options(model="claude-haiku-4-5", effort=None)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (kept, heard.error) == ("claude-sonnet-5-5", None)
        assert "output_config" not in claude.requests[0].body
