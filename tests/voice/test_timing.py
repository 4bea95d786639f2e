"""Calls that are due, and futures by which steps are woken."""

from __future__ import annotations

import asyncio
import math

from resilient_claude.voice.timing import Timer, Wakes


async def test_a_call_is_due_at_one_moment_at_most() -> None:
    """A line that is due earlier now is not said a second time when it was due before."""
    called: list[str] = []
    loop = asyncio.get_running_loop()
    timer = Timer(lambda: called.append("called"))
    timer.set(loop.time())
    timer.set(loop.time())
    cancelled = Timer(lambda: called.append("cancelled"))
    cancelled.set(loop.time())
    cancelled.cancel()

    await asyncio.sleep(0.01)
    assert called == ["called"]


async def test_each_is_done_at_its_time() -> None:
    """A line is due then, and not when another reply's is."""
    wakes, now = Wakes(), asyncio.get_running_loop().time()
    late, soon = wakes.at(now + 60.0), wakes.at(now - 1.0)

    await soon
    assert not late.done()
    late.cancel()


async def test_all_are_done_when_something_has_happened() -> None:
    """Also those that no time is due for, and none that was left."""
    wakes, now = Wakes(), asyncio.get_running_loop().time()
    never, late, left = wakes.at(math.inf), wakes.at(now + 60.0), wakes.at(now + 60.0)
    left.cancel()

    wakes.ring()
    assert never.result() is late.result() is None
    assert left.cancelled()
