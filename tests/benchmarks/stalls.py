"""How long the event loop stands still while a hostile server answers."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import suppress
from dataclasses import replace
from time import thread_time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from . import conversation
from .contenders import KEY, MODEL, OURS, Contender, LiveKit, contender
from .cpu import nothing
from .hostile import RESPONSES
from .measure import Goal, Result, Setting
from .server import base_url, hostile_url

TICK_S = 0.001
TURN_S = 1.0
"""How long the caller stays; a loop that stands still keeps him longer."""


class LagMeter:
    """Ticks on the event loop while it is entered.

    What it takes the time of is the CPU of the loop's thread between two ticks: all that one turn
    of the loop does, and nothing of what the neighbours of a busy machine do.

    Attributes:
        longest_ms: the longest such stretch.
    """

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._last_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._last_s = thread_time()
        self._set()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._timer is not None
        self._timer.cancel()
        self._look()

    def _set(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._look()
        self._set()

    def _look(self) -> None:
        now_s = thread_time()
        self.longest_ms = max(self.longest_ms, (now_s - self._last_s) * 1e3)
        self._last_s = now_s


async def hostile(setting: Setting) -> list[Result]:
    """The longest stall of the loop beside a turn, over all hostile inputs, and of each."""
    setting = replace(setting, rounds=min(3, setting.rounds))
    by_input: dict[str, dict[str, list[float]]] = {name: {} for name in RESPONSES}

    async def sample(name: str) -> float:
        longest = 0.0
        for number, each in enumerate(RESPONSES):
            setting.tell(f"{name}: {each}")
            stall_ms = await _stall_ms(name, setting, number)
            by_input[each].setdefault(name, []).append(stall_ms)
            longest = max(longest, stall_ms)
        return longest

    for number in range(len(RESPONSES)):
        await _make(setting.server.http, number)
    logging.disable()  # all of these turns fail, and are meant to
    gc.freeze()  # a full collection takes 150 ms, whoever causes it
    try:
        samples = await setting.in_turns(setting.contenders(), sample)
    finally:
        gc.unfreeze()
        logging.disable(logging.NOTSET)
    label = "longest loop stall under hostile input"
    goal = Goal(50.0, over=None)
    return [
        Result(label, "ms", samples, goal),
        *(Result(f"... {name}", "ms", samples) for name, samples in by_input.items()),
    ]


async def _make(server_url: str, number: int) -> None:
    """Let the server make a response, which takes longer than a caller stays."""
    address = urlsplit(hostile_url(server_url, number))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"POST {address.path}/v1/messages HTTP/1.1\r\n\r\n".encode())
    await reader.readexactly(1)
    writer.transport.abort()


async def _stall_ms(name: str, setting: Setting, number: int) -> float:
    healthy = _contender(name, base_url(setting.server.http, tokens=1, per_s=0))
    await healthy.turn(conversation.short(), [], nothing)  # whatever is loaded for a first turn
    one = _contender(name, hostile_url(setting.server.http, number))
    try:
        with LagMeter() as meter:
            turn = asyncio.create_task(one.turn(conversation.short(), [], nothing))
            await asyncio.wait([turn], timeout=TURN_S)
            turn.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await turn
        return meter.longest_ms
    finally:
        await one.aclose()
        await healthy.aclose()


def _contender(name: str, url: str) -> Contender:
    """As others measure it, but with the filter of ours that looks at every character."""
    if name != OURS:
        return contender(name, url)
    from resilient_claude import ResilientClaudeLLM

    return LiveKit(ResilientClaudeLLM(api_key=KEY, base_url=url, model=MODEL, filter_thinking=True))
