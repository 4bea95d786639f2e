"""Futures by which steps are woken."""

from __future__ import annotations

import asyncio
import math

from resilient_claude.voice.wakes import Wakes


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
