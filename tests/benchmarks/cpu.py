"""CPU time: per token, per request, and what resilience adds. Never wall time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import process_time
from typing import Any

import httpx2

from resilient_claude.transport.pool import AiohttpTransport

from . import conversation
from .contenders import FLOOR, KEY, MODEL, OURS, SDK, SOCKET, Contender, LiveKit, contender
from .measure import Goal, Result, Setting
from .server import base_url
from .unguarded import UNGUARDED, UnguardedLLM

TOKENS = 500
PACED_STREAMS = 25
PER_S = 80


def nothing(text: str) -> None:
    """Takes text and leaves it."""


@asynccontextmanager
async def opened(names: Sequence[str], url: str) -> AsyncIterator[dict[str, Contender]]:
    """The contenders, each with one turn behind it."""
    async with AsyncExitStack() as stack:
        all_of_them = {}
        for name in names:
            one = _unguarded(url) if name == UNGUARDED else contender(name, url)
            stack.push_async_callback(one.aclose)
            await one.turn(conversation.short(), [], nothing)
            all_of_them[name] = one
        yield all_of_them


def _unguarded(url: str) -> Contender:
    return LiveKit(UnguardedLLM(api_key=KEY, base_url=url, model=MODEL))


async def burst(setting: Setting) -> list[Result]:
    """CPU time of turns whose tokens come all at once, by token; the request is part of it."""
    names = setting.contenders(SDK, FLOOR, SOCKET)
    turns = setting.times(8)
    url = base_url(setting.server.http, tokens=TOKENS, per_s=0)
    async with opened(names, url) as contenders:

        async def sample(name: str) -> float:
            return await _cpu_s(contenders[name], turns) / turns / TOKENS * 1e6

        samples = await setting.in_turns(names, sample)
    return [
        Result("CPU per token, burst", "us", samples, Goal(0.45)),
        Result("CPU per token, burst", "us", samples, Goal(1.8, over=FLOOR)),
    ]


async def _cpu_s(one: Contender, turns: int) -> float:
    context = conversation.short()
    began = process_time()
    for _ in range(turns):
        await one.turn(context, [], nothing)
    return process_time() - began


async def paced(setting: Setting) -> list[Result]:
    """CPU time of many streams at the pace of a model, by token, once all of them stream."""
    names = setting.contenders(SDK, SOCKET)
    seconds = max(1.0, 3.0 * setting.effort)
    url = base_url(setting.server.http, tokens=round((seconds + 2) * PER_S), per_s=PER_S)

    async def sample(name: str) -> float:
        one = contender(name, url)
        tokens = 0

        def heard(text: str) -> None:
            nonlocal tokens
            tokens += text.count("@")

        turns = [
            asyncio.create_task(one.turn(conversation.short(), [], heard))
            for _ in range(PACED_STREAMS)
        ]
        await asyncio.sleep(1.0)
        before, began = tokens, process_time()
        await asyncio.sleep(seconds)
        cpu_s, heard_tokens = process_time() - began, tokens - before
        await asyncio.gather(*turns)
        await one.aclose()
        return cpu_s / heard_tokens * 1e6

    samples = await setting.in_turns(names, sample)
    return [Result("CPU per token, paced", "us", samples, Goal(0.38))]


async def request(setting: Setting) -> list[Result]:
    """CPU time from `chat()` until the encoded request reaches the transport, turn by turn."""
    names = setting.contenders()
    none, _ = await _request_ms(setting, names, tool_count=0, shorten=False)
    twenty, cold = await _request_ms(setting, names, tool_count=20, shorten=False)
    shortened, _ = await _request_ms(setting, names, tool_count=20, shorten=True)
    label = "CPU per request, 100 items,"
    return [
        Result(f"{label} 0 tools", "ms", none, Goal(1 / 1.5)),
        Result(f"{label} 20 tools", "ms", twenty, Goal(1 / 50)),
        Result(f"{label} 20 tools, shortened every turn", "ms", shortened),
        Result(f"{label} 20 tools, first after other work", "ms", cold),
    ]


async def _request_ms(
    setting: Setting, names: Sequence[str], *, tool_count: int, shorten: bool
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The medians of a conversation's turns, and the first of them, when others were at work."""
    tools, turns = conversation.tools(tool_count), setting.times(20)
    first_ms: dict[str, list[float]] = {name: [] for name in names}
    async with opened(names, base_url(setting.server.http, tokens=1, per_s=0)) as contenders:
        arrivals = {name: Arrivals(contenders[name]) for name in names}

        async def sample(name: str) -> float:
            context, spent_ms = conversation.long(), list[float]()
            for _ in range(2):
                await contenders[name].turn(context, tools, nothing)
            gc.collect()
            for _ in range(turns):
                conversation.go_on(context, shorten=shorten)
                began = process_time()
                await contenders[name].turn(context, tools, nothing)
                spent_ms.append((arrivals[name].last - began) * 1e3)
            first_ms[name].append(spent_ms[0])
            return median(spent_ms)

        return await setting.in_turns(names, sample), first_ms


class Arrivals:
    """Notes the CPU time at which a contender's requests reach its transport."""

    def __init__(self, one: Contender) -> None:
        assert isinstance(one, LiveKit)
        self.last = 0.0
        adapter: Any = one.adapter
        client = adapter.client if hasattr(adapter, "client") else adapter._client
        transport = client._client._transport
        # Ours takes requests past the SDK as well.
        name = "send" if isinstance(transport, AiohttpTransport) else "handle_async_request"
        handle = getattr(transport, name)

        async def noted(*request: Any) -> httpx2.Response:
            self.last = process_time()
            response: httpx2.Response = await handle(*request)
            return response

        setattr(transport, name, noted)


async def resilience(setting: Setting) -> list[Result]:
    """Ours over the same stream without attempts, clocks, log and reports, on the healthy path."""
    names = [OURS, UNGUARDED]
    url = base_url(setting.server.http, tokens=TOKENS, per_s=0)
    pairs = setting.times(40)
    async with opened(names, url) as contenders:
        samples: dict[str, list[float]] = {name: [] for name in names}
        for number in range(setting.rounds):
            setting.tell(f"round {number + 1} of {setting.rounds}: both")
            gc.collect()
            spent_s = dict.fromkeys(names, 0.0)
            for pair in range(pairs):
                for name in names if pair % 2 else reversed(names):
                    spent_s[name] += await _cpu_s(contenders[name], 1)
            for name in names:
                samples[name].append(spent_s[name] / pairs / TOKENS * 1e6)
    return [Result("CPU per token, with resilience", "us", samples, Goal(1.03, over=UNGUARDED))]
