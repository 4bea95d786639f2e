"""A turn's CPU in a real session, by the length of the call."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from time import process_time
from types import FrameType
from typing import Any

from livekit.agents import Agent, AgentSession

from . import conversation
from .contenders import OURS, PLUGIN, LiveKit
from .cpu import Arrivals, opened
from .measure import Goal, Result, Setting
from .server import base_url

LENGTHS = (10, 100, 1_000, 3_000)
TOOLS = 5
_RATIOS = {1_000: 0.12, 3_000: 0.08}


class Telephone:
    """A session in text mode that is many items into a call, and what its turns cost."""

    def __init__(self, one: LiveKit, session: AgentSession[None]) -> None:
        self.spent_ms: list[float] = []
        self._arrivals = Arrivals(one)
        self._session = session
        self._began = 0.0
        adapter: Any = one.adapter
        chat = adapter.chat

        def noted(**arguments: Any) -> Any:
            self._began = process_time()
            return chat(**arguments)

        adapter.chat = noted

    async def turn(self) -> None:
        """The caller asks, the agent answers: CPU from `chat()` until the request is sent."""
        await self._session.run(user_input="And how about the day after, at ten? " * 3)
        self.spent_ms.append((self._arrivals.last - self._began) * 1e3)

    async def counted_turn(self) -> int:
        """The same, counting the Python functions that are called in `chat()`."""
        adapter: Any = self._session.llm
        chat, count = adapter.chat, 0

        def profile(frame: FrameType, event: str, argument: Any) -> None:
            nonlocal count
            count += event == "call"

        def counted(**arguments: Any) -> Any:
            sys.setprofile(profile)
            try:
                return chat(**arguments)
            finally:
                sys.setprofile(None)

        adapter.chat = counted
        try:
            await self.turn()
        finally:
            adapter.chat = chat
        return count


@asynccontextmanager
async def telephone(setting: Setting, name: str, items: int) -> AsyncIterator[Telephone]:
    """A call that is *items* items long when its session begins."""
    url = base_url(setting.server.http, tokens=1, per_s=0)
    async with opened([name], url) as contenders:
        one = contenders[name]
        assert isinstance(one, LiveKit)
        history = conversation.long(items)
        instructions = history.items.pop(0)
        assert instructions.type == "message"
        agent = Agent(
            instructions=instructions.text_content or "",
            chat_ctx=history,
            tools=[*conversation.tools(TOOLS)],
        )
        session: AgentSession[None] = AgentSession(llm=one.adapter)
        await session.start(agent)
        try:
            yield Telephone(one, session)
        finally:
            await session.aclose()


async def sessions(setting: Setting) -> list[Result]:
    """CPU time from `chat()` until the request is sent, in a session, by the call's length."""
    by_length = {items: await _turn_ms(setting, setting.contenders(), items) for items in LENGTHS}
    results = [
        Result(
            f"CPU per request in a session, {items:,} items",
            "ms",
            samples,
            Goal(_RATIOS[items]) if items in _RATIOS else None,
        )
        for items, samples in by_length.items()
    ]
    short, *_, long = by_length.values()
    growth = {
        name: [many / few for many, few in zip(long[name], short[name], strict=True)]
        for name in (OURS, PLUGIN)
        if name in long
    }
    label = f"... at {LENGTHS[-1]:,} items over {LENGTHS[0]}"
    return [*results, Result(label, "x", growth, Goal(2, over=None))]


async def _turn_ms(setting: Setting, names: Sequence[str], items: int) -> dict[str, list[float]]:
    turns = setting.times(20)

    async def sample(name: str) -> float:
        async with telephone(setting, name, items) as call:
            for _ in range(2 + turns):
                await call.turn()
            return median(call.spent_ms[2:])

    return await setting.in_turns(names, sample)
