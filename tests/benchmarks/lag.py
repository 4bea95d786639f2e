"""Time from the server's stamp in a token to the token's delivery, under load."""

from __future__ import annotations

import asyncio
import re
from operator import itemgetter
from statistics import quantiles
from time import monotonic

from livekit.agents import llm

from . import conversation
from .contenders import OURS, SOCKET, Contender, contender
from .cpu import PER_S, nothing
from .measure import Goal, Result, Setting, waited_s
from .server import base_url

LAG_MS = 50.0
"""From here on a caller's ear, or rather the speech synthesis, runs dry."""

FIRST_STEP = {OURS: 60}
FIRST_STEP_OF_OTHERS = 25
GROWTH = 1.15
WINDOW_S = 1.5
WINDOWS = 4
"""Tries to find a window in which nobody else had our core."""
DISTURBED = 0.02
"""Share of a window that others had; beyond it, the window tells about them."""

_STAMP = re.compile(r"@(\d+\.\d+)")


class Lags:
    """Delivery lags, in milliseconds, since `clear`."""

    def __init__(self) -> None:
        self.ms: list[float] = []

    def heard(self, text: str) -> None:
        now = monotonic()
        self.ms += [(now - float(stamp)) * 1e3 for stamp in _STAMP.findall(text)]

    def clear(self) -> None:
        self.ms = []

    def p99(self) -> float:
        return quantiles(self.ms, n=100)[98]


class Streams:
    """Endless streams at the pace of a model."""

    def __init__(self, one: Contender, lags: Lags) -> None:
        self._one = one
        self._lags = lags
        self._tasks: list[asyncio.Task[None]] = []

    async def grow(self, to: int) -> None:
        """Open streams until there are *to*, spread over a second so that nobody is blocked."""
        more = to - len(self._tasks)
        for _ in range(more):
            turn = self._one.turn(conversation.short(), [], self._lags.heard)
            self._tasks.append(asyncio.create_task(turn))
            await asyncio.sleep(1.0 / more)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._one.aclose()


async def streams_per_core(setting: Setting) -> list[Result]:
    """How many streams one process carries before a hundredth of the tokens is late."""
    setting = setting.shorter()
    url = base_url(setting.server.http, tokens=10**6, per_s=PER_S)

    async def sample(name: str) -> float:
        lags = Lags()
        streams = Streams(contender(name, url), lags)
        count, carried = FIRST_STEP.get(name, FIRST_STEP_OF_OTHERS), 0
        try:
            while True:
                await streams.grow(count)
                if not await _keeps_up(lags):
                    return float(carried)
                carried = count
                setting.tell(f"{name}: {carried} streams")
                count = round(count * GROWTH)
        finally:
            await streams.cancel()

    samples = await setting.in_turns(setting.contenders(), sample)
    return [Result("streams per core", "80 tokens/s", samples, Goal(2.4, at_least=True))]


async def _keeps_up(lags: Lags) -> bool:
    """Whether the lag stays in bounds; two undisturbed windows must say that it does not."""
    late = 0
    for _ in range(WINDOWS):
        p99, share = await _window(lags, WINDOW_S)
        if p99 <= LAG_MS:
            return True
        late += share < DISTURBED
        if late == 2:
            return False
    return False


async def _window(lags: Lags, seconds: float) -> tuple[float, float]:
    """The p99 lag of some seconds, and the share of them in which others had our core."""
    lags.clear()
    waited = waited_s()
    await asyncio.sleep(seconds)
    return lags.p99(), (waited_s() - waited) / seconds


async def beside_turns(setting: Setting) -> list[Result]:
    """The lag of 25 streams while two turns per second begin that carry 20 typed tools."""
    setting = setting.shorter()
    seconds = max(3.0, 6.0 * setting.effort)
    streaming = base_url(setting.server.http, tokens=10**6, per_s=PER_S)
    answering = base_url(setting.server.http, tokens=10, per_s=0)
    context, tools = conversation.long(), conversation.tools(20)

    async def sample(name: str) -> float:
        lags = Lags()
        streams, turns = Streams(contender(name, streaming), lags), contender(name, answering)
        await turns.turn(context, tools, nothing)
        await streams.grow(25)
        windows = []
        for _ in range(WINDOWS):
            turning = asyncio.create_task(_turns(turns, context, tools, seconds))
            windows.append(await _window(lags, seconds))
            await turning
            if windows[-1][1] < DISTURBED:
                break
        await streams.cancel()
        await turns.aclose()
        return min(windows, key=itemgetter(1))[0]

    samples = await setting.in_turns(setting.contenders(SOCKET), sample)
    return [Result("p99 lag beside 2 turns/s", "ms", samples, Goal(5.0, over=None))]


async def _turns(
    one: Contender, context: llm.ChatContext, tools: list[llm.Tool], seconds: float
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    async with asyncio.TaskGroup() as group:
        while loop.time() < end:
            group.create_task(one.turn(context, tools, nothing))
            await asyncio.sleep(0.5)
