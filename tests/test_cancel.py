"""Barge-in and `aclose()` end at once, in every state, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import statistics
import warnings

import pytest

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude, Step, ToolUse

from .conftest import MakeLLM, conversation, shrunk_policy

SLOW = Answer("One two three four five six seven.", piece_s=0.05)
STATES: dict[str, Step] = {
    "waiting for the response": Break("stall", at="request"),
    "waiting for the first token": Break("pings", at="message_start"),
    "streaming text": SLOW,
    "stalled in text": Break("stall", at="text"),
    "inside a tool call": Break("stall", at="tool_json", answer=Answer(tools=[ToolUse("book")])),
    "waiting to retry": HttpError(529, headers={"retry-after": "0.9"}),
}


async def reach(adapter: ResilientClaudeLLM, claude: SimulatedClaude, seconds: float) -> float:
    """Start a turn, let it get into its state, close it; seconds that closing took."""
    stream = adapter.chat(chat_ctx=conversation())
    before = len(claude.requests)
    await asyncio.to_thread(claude.wait_for_requests, before + 1)
    await asyncio.sleep(seconds)

    started = asyncio.get_running_loop().time()
    await stream.aclose()
    return asyncio.get_running_loop().time() - started


async def nothing_left() -> None:
    """No task but this one, and no resource warning when garbage is collected."""
    await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert others == set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()


@pytest.mark.parametrize("name", STATES)
async def test_closing_is_instant_and_leaves_nothing(name: str, make_llm: MakeLLM) -> None:
    """5 ms in the median, bounded generously here; the caller has begun to speak."""
    asyncio.get_running_loop().set_debug(True)
    with SimulatedClaude(default=STATES[name]) as claude:
        adapter = make_llm(claude)
        took = [await reach(adapter, claude, 0.03) for _ in range(5)]
        await adapter.aclose()
        await nothing_left()

        assert statistics.median(took) < 0.02
        for _ in range(50):
            if claude.open_connections == 0:
                break
            await asyncio.sleep(0.01)
        assert claude.open_connections == 0


@pytest.mark.parametrize("mode", ["refused", "tls hang"])
async def test_closing_while_connecting(mode: str, make_llm: MakeLLM) -> None:
    """The connection is not there yet, so there is nothing that could be waited for."""
    with SimulatedClaude(tls=True) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_silence_s=5))
        if mode == "refused":
            claude.refuse()
        else:
            claude.tls_mode("hang")
        stream = adapter.chat(chat_ctx=conversation())
        await asyncio.sleep(0.05)

        started = asyncio.get_running_loop().time()
        await stream.aclose()
        assert asyncio.get_running_loop().time() - started < 0.02

        await adapter.aclose()
        await nothing_left()


async def test_closing_while_a_name_is_looked_up(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp's own cache would leave a shielded look-up running."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    async def slow(*arguments: object, **keywords: object) -> list[object]:
        asked.set()
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(loop, "getaddrinfo", slow)
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, base_url="http://claude.invalid")
        stream = adapter.chat(chat_ctx=conversation())
        await asked.wait()

        started = loop.time()
        await stream.aclose()
        assert loop.time() - started < 0.02

        await adapter.aclose()
        await nothing_left()


async def test_closing_before_the_first_step(make_llm: MakeLLM) -> None:
    """A caller who speaks in the very moment that the turn begins."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)

        await adapter.chat(chat_ctx=conversation()).aclose()
        await adapter.aclose()
        await nothing_left()

        assert claude.requests == []


async def test_closing_twice_and_after_the_end(make_llm: MakeLLM) -> None:
    """livekit does both."""
    with SimulatedClaude(Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=conversation())
        async for _ in stream:
            pass

        await stream.aclose()
        await stream.aclose()
        await adapter.aclose()
        await adapter.aclose()
        await nothing_left()


async def test_an_abandoned_prewarm_is_cancelled(make_llm: MakeLLM) -> None:
    """A session that ends before it began."""
    with SimulatedClaude() as claude:
        claude.go_dark()
        adapter = make_llm(claude)
        adapter.prewarm()

        await adapter.aclose()
        await nothing_left()
