"""What only a fresh process can tell: imports, the first turn, memory by stream.

Run as a program, it is that process: `python -m tests.benchmarks.fresh import ours`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from .contenders import OURS, Contender, contender
from .measure import Goal, Result, Setting
from .server import ROOT, base_url

if TYPE_CHECKING:
    from livekit.agents import llm

OPEN_STREAMS = 100
_TIMEOUT_S = 120.0


async def _in_fresh_process(*arguments: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"{__package__}.fresh", *arguments, cwd=ROOT, stdout=subprocess.PIPE
    )
    async with asyncio.timeout(_TIMEOUT_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, arguments
    answer: dict[str, float] = json.loads(output.splitlines()[-1])
    return answer


async def imports(setting: Setting) -> list[Result]:
    """CPU time of the import, once livekit.agents is imported."""

    setting = setting.shorter()

    async def sample(name: str) -> float:
        return (await _in_fresh_process("import", name))["ms"]

    samples = await setting.in_turns(setting.contenders(), sample)
    return [Result("import beyond livekit.agents", "ms", samples, Goal(1.0))]


async def first_turn(setting: Setting) -> list[Result]:
    """First chunk of a process that has imported all, cold or prewarmed, over TLS if possible."""
    url = base_url(setting.server.https or setting.server.http, tokens=2, per_s=80)
    results = []
    for mode, tools in (("cold", 0), ("prewarmed", 0), ("prewarmed", 20)):
        cpu_ms: dict[str, list[float]] = {name: [] for name in setting.contenders()}

        async def sample(
            name: str,
            tools: int = tools,
            mode: str = mode,
            cpu_ms: dict[str, list[float]] = cpu_ms,
        ) -> float:
            answer = await _in_fresh_process("first-turn", name, url, mode, str(tools))
            cpu_ms[name].append(answer["cpu_ms"])
            return answer["ms"]

        wall_ms = await setting.in_turns(setting.contenders(), sample)
        goal = Goal(0.4) if (mode, tools) == ("prewarmed", 0) else None
        label = f"first turn, {mode}, {tools} tools"
        results += [
            Result(label, "ms", wall_ms, goal),
            Result(f"{label}, CPU", "ms", cpu_ms, goal),
        ]
    return results


async def memory(setting: Setting) -> list[Result]:
    """Memory that Python allocates for each of many open streams."""
    setting = setting.shorter()
    url = base_url(setting.server.http, tokens=60, per_s=1)
    results = []
    for items, tools in ((1, 0), (100, 20)):

        async def sample(name: str, items: int = items, tools: int = tools) -> float:
            answer = await _in_fresh_process("memory", name, url, str(items), str(tools))
            return answer["kib"]

        samples = await setting.in_turns(setting.contenders(), sample)
        label = f"memory per stream, {items} items, {tools} tools"
        results.append(Result(label, "KiB", samples, Goal(0.95)))
    return results


# --- in the fresh process -------------------------------------------------------------------------


def _import(name: str) -> dict[str, float]:
    import livekit.agents  # noqa: F401

    began = process_time()
    _import_adapter(name)
    return {"ms": (process_time() - began) * 1e3}


def _import_adapter(name: str) -> None:
    if name == OURS:
        from resilient_claude import ResilientClaudeLLM  # noqa: F401
    else:
        from livekit.plugins import anthropic  # noqa: F401


def _first_turn(name: str, url: str, mode: str, tool_count: str) -> dict[str, float]:
    _import_adapter(name)
    from . import conversation

    context, tools = conversation.short(), conversation.tools(int(tool_count))
    heard: list[tuple[float, float]] = []

    async def main() -> dict[str, float]:
        one = contender(name, url)
        if mode == "prewarmed":
            await one.prewarm(tools)
            await asyncio.sleep(0.1)
        began, cpu_began = perf_counter(), process_time()
        await one.turn(context, tools, lambda text: heard.append((perf_counter(), process_time())))
        await one.aclose()
        at, cpu_at = heard[0]
        return {"ms": (at - began) * 1e3, "cpu_ms": (cpu_at - cpu_began) * 1e3}

    return asyncio.run(main())


def _memory(name: str, url: str, items: str, tool_count: str) -> dict[str, float]:
    from . import conversation

    context = conversation.long(int(items)) if int(items) > 1 else conversation.short()
    tools = conversation.tools(int(tool_count))

    async def main() -> dict[str, float]:
        one = contender(name, url)
        await _with_open_streams(5, one, context, tools, lambda: None)
        tracemalloc.start()
        gc.collect()
        before, before_rss = tracemalloc.get_traced_memory()[0], _rss_bytes()
        after = [0, 0]

        def look() -> None:
            gc.collect()
            after[:] = tracemalloc.get_traced_memory()[0], _rss_bytes()

        await _with_open_streams(OPEN_STREAMS, one, context, tools, look)
        await one.aclose()
        return {
            "kib": (after[0] - before) / OPEN_STREAMS / 1024,
            "rss_kib": (after[1] - before_rss) / OPEN_STREAMS / 1024,
        }

    return asyncio.run(main())


async def _with_open_streams(
    count: int,
    one: Contender,
    context: llm.ChatContext,
    tools: list[llm.Tool],
    look: Callable[[], None],
) -> None:
    """Call *look* while *count* streams are open that have all begun to speak."""
    silent = count
    all_speak = asyncio.Event()

    def turn() -> asyncio.Task[None]:
        first = True

        def heard(text: str) -> None:
            nonlocal first, silent
            silent -= first
            first = False
            if not silent:
                all_speak.set()

        return asyncio.create_task(one.turn(context, tools, heard))

    tasks = [turn() for _ in range(count)]
    await all_speak.wait()
    await asyncio.sleep(0.1)
    look()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    what, *arguments = sys.argv[1:]
    tasks: dict[str, Callable[..., dict[str, float]]] = {
        "import": _import,
        "first-turn": _first_turn,
        "memory": _memory,
    }
    sys.stdout.write(json.dumps(tasks[what](*arguments)) + "\n")


if __name__ == "__main__":
    main()
