"""The clocks of one attempt: the last moment before they run out, and what they say of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from resilient_claude import ResilientClaudeLLM
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.faults import ClockExpired
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.response.translator import Activity
from resilient_claude.turn.clocks import Clocks
from tests.support.adapters import KEY, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

STALL_S = 0.005


def clocks() -> Clocks:
    """Clocks of which only the one for speaking can run out."""
    return Clocks(
        Evidence(),
        Timeouts(stall_s=STALL_S),
        first_token_s=30,
        caps=[(asyncio.get_running_loop().time() + 30, "max_silence_s", 30)],
        turn_cap=(asyncio.get_running_loop().time() + 300, "max_turn_s", 300),
        observed=True,
    )


def be_late() -> None:
    """Keep the loop busy with something else until the clock has run out."""
    time.sleep(STALL_S * 2)


async def some_turns(count: int) -> None:
    """Let the loop turn, so that what is on its way arrives."""
    for _ in range(count):
        await asyncio.sleep(0)


async def survives(turns: int, happens: Callable[[Clocks], None]) -> bool:
    """Whether an attempt to which something happens *turns* turns too late lives on."""
    happened = False
    try:
        async with clocks() as watched:
            watched.progressed(Activity.SPEAKING)
            be_late()
            await some_turns(turns)
            happens(watched)
            happened = True
            await some_turns(5)
    except ClockExpired:
        assert not happened, f"cut {turns} turns later, after all was well"
    return happened


@pytest.mark.parametrize(
    "happens", [lambda watched: watched.progressed(Activity.WORKING), Clocks.stop]
)
async def test_what_comes_before_the_cut_prevents_it(happens: Callable[[Clocks], None]) -> None:
    """A busy loop sees the answer and the expiry at once, and an answer is worth more.

    However far the expiry is on its way, an attempt that got further, or whole, is not cut by it.
    """
    survived = [await survives(turns, happens) for turns in range(8)]

    assert survived[:3] == [True] * 3
    assert not survived[-1]


@pytest.mark.parametrize("turns", range(3))
async def test_an_attempt_that_ended_is_not_cut_later(turns: int) -> None:
    """The cancellation would hit whatever the task does next: the wait, or another attempt."""
    async with clocks() as watched:
        watched.progressed(Activity.SPEAKING)
        be_late()
        await some_turns(turns)

    await some_turns(5)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_progress_in_the_last_moment_starts_the_clock_anew() -> None:
    """It is no reprieve for ever: the next silence is as long as any."""

    async def silent_again() -> None:
        async with clocks() as watched:
            watched.progressed(Activity.SPEAKING)
            be_late()
            await some_turns(1)
            watched.progressed(Activity.SPEAKING)
            await asyncio.Event().wait()

    with pytest.raises(ClockExpired, match=f"stall_s expired after {STALL_S} s"):
        await asyncio.wait_for(silent_again(), 5)


async def test_a_clock_that_was_stopped_stays_silent() -> None:
    """The answer is whole; what follows it may take its time."""
    async with clocks() as watched:
        watched.progressed(Activity.SPEAKING)

        watched.stop()

        await asyncio.sleep(STALL_S * 4)


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full, so that the kernel drops every further SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_a_connect_that_hangs_is_this_network_s_affair(lines: Lines) -> None:
    """A firewall that drops packets: TCP is not up, so it is not TLS that hangs."""
    with full_backlog() as port:
        adapter = ResilientClaudeLLM(
            api_key=KEY,
            base_url=f"https://127.0.0.1:{port}",
            retry=shrunk_policy(max_attempts=1),
            timeout=Timeouts(connect_s=0.1),
        )
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"], line["phase"]) == ("timeout", "local", "connect")
    assert line["root_message"] == "connect_s expired after 0.1 s"
