"""Time from `chat()` to the first chunk, beyond what a raw socket with a ready request takes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter

from livekit.agents import llm

from . import conversation
from .contenders import SOCKET, Contender, RawSocket, contender
from .cpu import nothing, opened
from .measure import Goal, Result, Setting, waited_s
from .server import base_url

DISTURBED_S = 0.0002

Sample = Callable[[str], Awaitable[float]]


async def _first_chunk_s(one: Contender, context: llm.ChatContext, tools: list[llm.Tool]) -> float:
    heard_at: list[float] = []
    began = perf_counter()
    await one.turn(context, tools, lambda text: heard_at.append(perf_counter()))
    return heard_at[0] - began


async def warm(setting: Setting) -> list[Result]:
    """On an open connection, from the second turn on, with 100 items of history."""
    results = []
    for count, limit in {0: 0.8, 20: 1 / 15}.items():
        context, tools = conversation.long(), conversation.tools(count)
        names = setting.contenders(SOCKET)
        url = base_url(setting.server.http, tokens=2, per_s=80)
        async with opened(names, url) as contenders:
            for name in names:
                await contenders[name].turn(context, tools, nothing)

            async def sample(
                name: str,
                contenders: dict[str, Contender] = contenders,
                context: llm.ChatContext = context,
                tools: list[llm.Tool] = tools,
            ) -> float:
                return await _first_chunk_s(contenders[name], context, tools)

            samples = await _beyond_socket(setting, names, sample, setting.times(30))
        results.append(Result(f"first chunk, {count} tools", "ms", samples, Goal(limit)))
    return results


async def over_tls(setting: Setting) -> list[Result]:
    """First chunk of a new instance over TLS: cold, prewarmed, and of its second turn."""
    if setting.server.https is None:
        return []
    url = base_url(setting.server.https, tokens=2, per_s=80)
    tls = ssl.create_default_context(cafile=setting.server.ca_file)
    names = setting.contenders(SOCKET)
    context = conversation.long()

    def new(name: str) -> Contender:
        return RawSocket(url, tls) if name == SOCKET else contender(name, url)

    async def cold(name: str) -> float:
        one = new(name)
        first_s = await _first_chunk_s(one, context, [])
        await one.aclose()
        return first_s

    async def prewarmed(name: str) -> float:
        one = new(name)
        await one.prewarm()
        await asyncio.sleep(0.02)
        first_s = await _first_chunk_s(one, context, [])
        await one.aclose()
        return first_s

    async def second(name: str) -> float:
        one = new(name)
        await one.turn(context, [], nothing)
        second_s = await _first_chunk_s(one, context, [])
        await one.aclose()
        return second_s

    times = setting.times(10)
    return [
        Result(
            f"first chunk, TLS, {label}", "ms", await _beyond_socket(setting, names, turn, times)
        )
        for label, turn in {"cold": cold, "prewarmed": prewarmed, "2nd turn": second}.items()
    ]


async def _undisturbed(sample: Sample, name: str) -> float:
    """A sample during which nobody else had our core, if there is one in three."""
    for _ in range(3):
        waited = waited_s()
        seconds = await sample(name)
        if waited_s() - waited < DISTURBED_S:
            break
    return seconds


async def _beyond_socket(
    setting: Setting, names: list[str], sample: Sample, times: int
) -> dict[str, list[float]]:
    """Medians by round, in milliseconds; of all but the socket itself, what is beyond it."""
    samples: dict[str, list[float]] = {name: [] for name in names}
    for number in range(setting.rounds):
        setting.tell(f"round {number + 1} of {setting.rounds}: all in turns")
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(times):
            for name in names:
                seconds[name].append(await _undisturbed(sample, name))
        socket_s = median(seconds[SOCKET])
        for name in names:
            beyond_s = median(seconds[name]) - (0.0 if name == SOCKET else socket_s)
            samples[name].append(beyond_s * 1e3)
    return samples
