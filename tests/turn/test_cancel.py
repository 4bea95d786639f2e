"""Barge-in and `aclose()` end at once, in every state, and leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack

import pytest
from livekit.agents import APIError

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts, failure_of
from resilient_claude.testing import Answer, Break, SimulatedClaude
from tests.benchmarks import conversation as desk
from tests.support.adapters import MakeLLM
from tests.support.leftovers import complaints, open_sockets, other_tasks, until
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream
from tests.support.turn_states import ASKED, STATES, WHOLE, OpenTurn, State

AT_ONCE_S = 1.0
"""Bound for closing, in seconds; what would end a state by itself takes far longer."""


@pytest.fixture(autouse=True, scope="module")
def only_our_garbage() -> Iterator[None]:
    """A full collection takes 150 ms with livekit and the SDK imported; a turn's takes none."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


Close = Callable[[OpenTurn, State], Awaitable[None]]


async def close_stream(turn: OpenTurn, state: State) -> None:
    """The application calls `aclose()` of the stream."""
    await turn.stream.aclose()


async def cancel_reader(turn: OpenTurn, state: State) -> None:
    """A barge-in as livekit does it: the task is cancelled that reads the stream."""
    reading = asyncio.create_task(read_stream(turn.stream))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])


async def close_adapter(turn: OpenTurn, state: State) -> None:
    """The application calls `aclose()` of the adapter, and reads on: the turn has to end."""
    await turn.adapter.aclose()
    heard = await read_stream(turn.stream)
    assert isinstance(heard.error, APIError) or state.whole


async def closing(name: str, close: Close, make_llm: MakeLLM) -> None:
    """Bring a turn into the state *name*, *close* it, and look for what is left of it."""
    state = STATES[name]
    ASKED.clear()
    with ExitStack() as stack:
        claude = stack.enter_context(SimulatedClaude(default=state.step, tls=state.tls))
        where = {"retry": RetryPolicy(), "timeout": Timeouts(), **state.place(claude, stack)}
        sockets = open_sockets()
        with complaints() as said:
            await _close(state, close, make_llm(claude, **where), claude, sockets)
        assert said == []


async def _close(
    state: State, close: Close, adapter: ResilientClaudeLLM, claude: SimulatedClaude, sockets: int
) -> None:
    """A function of its own, so that its caller can collect what it has let go of."""
    loop = asyncio.get_running_loop()
    stream = adapter.chat(chat_ctx=conversation())
    turn = OpenTurn(claude, adapter, stream, sockets)
    adapter.on("error", lambda event: turn.failed.set())
    await state.reached(turn)

    started = loop.time()
    await close(turn, state)
    assert loop.time() - started < AT_ONCE_S
    assert other_tasks() == set()

    kept = 0 if close is close_adapter else state.kept
    await until(lambda: open_sockets() == sockets + 2 * kept)  # each has two ends, both here
    await adapter.aclose()
    await until(lambda: open_sockets() == sockets)
    assert other_tasks() == set()


@pytest.mark.parametrize("close", [close_stream, cancel_reader], ids=lambda close: close.__name__)
@pytest.mark.parametrize("name", STATES)
async def test_a_barge_in_is_instant_and_leaves_nothing(
    name: str, close: Close, make_llm: MakeLLM
) -> None:
    """The caller has begun to speak: whatever Claude was doing is of no interest any more."""
    await closing(name, close, make_llm)


@pytest.mark.parametrize("name", STATES)
async def test_closing_the_adapter_ends_its_turns_and_leaves_nothing(
    name: str, make_llm: MakeLLM
) -> None:
    """A job that ends must not wait for a turn, nor leave one behind that nobody will end."""
    await closing(name, close_adapter, make_llm)


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

        assert other_tasks() == set()


async def test_a_turn_that_never_began_asks_nothing_of_claude(make_llm: MakeLLM) -> None:
    """A caller who speaks in the very moment that the turn begins costs no token."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)

        await adapter.chat(chat_ctx=conversation()).aclose()
        await adapter.aclose()

        assert (claude.requests, claude.connections) == ([], 0)


async def test_an_abandoned_prewarm_is_cancelled(make_llm: MakeLLM) -> None:
    """A session that ends before it began."""
    with SimulatedClaude() as claude:
        claude.go_dark()
        adapter = make_llm(claude)
        adapter.prewarm(tools=desk.tools(5))
        await asyncio.sleep(0)

        await adapter.aclose()

        assert other_tasks() == set()
        assert adapter._schemas.builds < 5


async def test_a_turn_that_the_adapter_s_end_cut_off_is_cancelled(make_llm: MakeLLM) -> None:
    """Whatever it was doing: a client that is closed under it would look like a bug."""
    kinds = set()
    with SimulatedClaude(default=STATES["stalled in text"].step) as claude:
        for turns in range(40):
            adapter = make_llm(claude)
            stream = adapter.chat(chat_ctx=conversation())
            for _ in range(turns):
                await asyncio.sleep(0)
            await adapter.aclose()
            failure = failure_of((await read_stream(stream)).error)
            kinds.add(failure and failure.kind)

    assert kinds == {"cancelled"}


async def test_closing_the_adapter_does_not_fail_an_answer_that_is_whole(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """The tool call was handed on, so the tool runs, whatever becomes of the connection."""
    whole = Break("stall", at="text", answer=WHOLE, after_pieces=1)
    with SimulatedClaude(default=whole) as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=conversation())
        await anext(stream)
        await adapter.aclose()
        heard = await read_stream(stream)

    assert (heard.error, lines.events) == (None, [])


async def test_nothing_is_said_after_a_barge_in(make_llm: MakeLLM) -> None:
    """A reader that was busy speaking goes on to read, and must find nothing."""
    with SimulatedClaude(Answer("One two three.")) as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=conversation())
        await anext(stream)
        await asyncio.sleep(0.05)
        await stream.aclose()

        assert [chunk async for chunk in stream] == []
        await adapter.aclose()
