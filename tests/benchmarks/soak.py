"""Thousands of turns with faults and barge-ins: `python -m tests.benchmarks.soak`.

Ours and the plugin run at the same time, each in a process of its own against a faulty Claude of
its own. Ends with an error if ours said or did anything twice or left anything behind.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

from livekit.agents import llm
from rich.console import Console
from rich.table import Table

from . import conversation, report
from .contenders import OURS, PLUGIN, LiveKit, contender, has_plugin
from .faulty_claude import TEXT, TOOL, FaultyClaude
from .server import ROOT

CALLERS = 24
PAUSE_S = 0.3
BARGE_IN_RATE = 0.1
CAP_S = 30.0
"""A turn that takes longer is counted as hung: its caller has hung up as well."""

COMPLETE = "complete"
BARGED_IN = "barged in"
BROKE_OFF = "broke off after words, with an error"
FAILED = "failed before any word, with an error"
WRONG = "wrong or cut off, without an error"
HUNG = "hung for 30 s"
TWICE_SAID = "characters said twice or out of order"
TWICE_CALLED = "tools called twice"
BAD_CALL = "tools called with wrong arguments"
TASKS, FILES, SOCKETS = "tasks left", "open files left", "connections left at the server"
OBJECTS = "objects left per 1,000 turns"
OBJECTS_AT_MOST = 100
"""Below one per ten turns, it is a cache or a pool that grew."""
MUST_BE_ZERO = (WRONG, HUNG, TWICE_SAID, TWICE_CALLED, BAD_CALL, TASKS, FILES, SOCKETS)
_OUTCOMES = (COMPLETE, BROKE_OFF, FAILED, WRONG, HUNG)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fault-rate", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    parser.add_argument("--caller", nargs=2, metavar=("NAME", "URL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.caller is not None:
        name, url = arguments.caller
        logging.disable()  # the plugin and the framework log each of thousands of faults
        asyncio.run(_talk(name, url, arguments.seed, arguments.seconds))
        return
    console = report.console()
    names = [OURS, *([PLUGIN] if has_plugin() else [])]
    found = run(
        names,
        seconds=arguments.seconds,
        fault_rate=arguments.fault_rate,
        seed=arguments.seed,
        console=console,
    )
    facts = report.machine()
    console.print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    console.print(_table(found))
    if arguments.json is not None:
        document = {"machine": facts, "results": found}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    leaks = found[OURS][OBJECTS] > OBJECTS_AT_MOST
    sys.exit(leaks or any(found[OURS][fact] for fact in MUST_BE_ZERO))


def run(
    names: Sequence[str], *, seconds: float, fault_rate: float, seed: int, console: Console
) -> dict[str, dict[str, float]]:
    """What happened, by contender."""
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    with ExitStack() as stack:
        faulty = {name: FaultyClaude(fault_rate=fault_rate, seed=seed) for name in names}
        for each in faulty.values():
            stack.enter_context(each.claude)
        status = stack.enter_context(console.status("starting"))
        asyncio.run(_watch(faulty, found, seconds, seed, status.update))
        for name, each in faulty.items():
            found[name][SOCKETS] = each.claude.open_connections
    return found


async def _watch(
    faulty: dict[str, FaultyClaude],
    found: dict[str, dict[str, float]],
    seconds: float,
    seed: int,
    tell: Callable[[str], None],
) -> None:
    async def watch(name: str, each: FaultyClaude) -> None:
        each.top_up(2000)
        arguments = ("--caller", name, each.claude.base_url)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"{__package__}.soak", *arguments),
            *("--seconds", str(seconds), "--seed", str(seed)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                found[name] = json.loads(line)
                each.top_up(2000)
                told = (f"{n} {f.get('turns', 0):.0f} turns" for n, f in found.items())
                tell(f"{found[name]['seconds']:.0f} of {seconds:.0f} s: {', '.join(told)}")
            if await process.wait() != 0:
                raise RuntimeError(f"the process of {name} failed")
        finally:
            if process.returncode is None:
                process.kill()

    async with asyncio.timeout(seconds + 4 * CAP_S + 60), asyncio.TaskGroup() as group:
        for name, each in faulty.items():
            group.create_task(watch(name, each))


async def _talk(name: str, url: str, seed: int, seconds: float) -> None:
    await _Calls(name, url, seed).run(seconds)


class _Calls:
    """Callers who talk to one adapter, and what they hear."""

    def __init__(self, name: str, url: str, seed: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._files = _open_files()
        self._one = contender(name, url)
        self._random = Random(seed)
        self._counts: Counter[str] = Counter()
        self._silences_s: list[float] = []
        self._barge_ins_s: list[float] = [0.0]
        self._growth = 0.0

    async def run(self, seconds: float) -> None:
        """Call for *seconds*, with a pause after a quarter to see what the rest leaves behind."""
        await self._calls(seconds / 4)
        turns, objects = self._turns(), _objects()
        await self._calls(seconds * 3 / 4)
        self._growth = (_objects() - objects) / max(1, self._turns() - turns) * 1e3
        await self._one.aclose()
        await asyncio.sleep(0.3)
        self._counts[TASKS] = len(asyncio.all_tasks()) - 1
        self._counts[FILES] = max(0, _open_files() - self._files)
        self._tell()

    async def _calls(self, seconds: float) -> None:
        end = self._loop.time() + seconds
        callers = [asyncio.create_task(self._call(end)) for _ in range(CALLERS)]
        while not all(caller.done() for caller in callers):
            self._tell()
            await asyncio.wait(callers, timeout=1.0)
        await asyncio.gather(*callers)

    def _turns(self) -> int:
        return sum(self._counts[outcome] for outcome in (*_OUTCOMES, BARGED_IN))

    def _tell(self) -> None:
        silences_s = self._silences_s if len(self._silences_s) > 1 else [0.0, 0.0]
        told = {
            "seconds": self._loop.time() - self._began,
            "turns": self._turns(),
            **{fact: self._counts[fact] for fact in (*_OUTCOMES, BARGED_IN, *MUST_BE_ZERO)},
            "silence p50, s": quantiles(silences_s, n=100)[49],
            "silence p99, s": quantiles(silences_s, n=100)[98],
            "slowest barge-in, ms": max(self._barge_ins_s) * 1e3,
            OBJECTS: round(self._growth),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()

    async def _call(self, end: float) -> None:
        while self._loop.time() < end:
            await asyncio.sleep(self._random.random() * PAUSE_S)
            if self._random.random() < BARGE_IN_RATE:
                await self._barge_in()
            else:
                await self._turn()

    async def _barge_in(self) -> None:
        turn = _Turn(self._one, self._loop.time)
        reading = asyncio.create_task(turn.read())
        await asyncio.wait([reading], timeout=self._random.random() * 0.1)
        began = self._loop.time()
        await turn.stream.aclose()
        self._barge_ins_s.append(self._loop.time() - began)
        await asyncio.wait([reading])
        reading.exception()
        self._counts[BARGED_IN] += 1
        self._judge(turn)

    async def _turn(self) -> None:
        turn = _Turn(self._one, self._loop.time)
        try:
            async with asyncio.timeout(CAP_S):
                await turn.read()
        except TimeoutError:
            outcome = HUNG
        except Exception:
            outcome = BROKE_OFF if turn.text or turn.calls else FAILED
        else:
            outcome = COMPLETE if turn.text == TEXT else WRONG
        finally:
            await turn.stream.aclose()
        self._counts[outcome] += 1
        self._silences_s.append((turn.heard_at or self._loop.time()) - turn.began)
        self._judge(turn)

    def _judge(self, turn: _Turn) -> None:
        said = len(turn.text)
        while not TEXT.startswith(turn.text[:said]):
            said -= 1
        self._counts[TWICE_SAID] += len(turn.text) - said
        self._counts[TWICE_CALLED] += max(0, len(turn.calls) - 1)
        self._counts[BAD_CALL] += sum(not _is_right(call) for call in turn.calls)


class _Turn:
    """One turn, and what came of it so far."""

    def __init__(self, one: Any, now: Callable[[], float]) -> None:
        assert isinstance(one, LiveKit)
        self._now = now
        self.began = now()
        self.stream = one.adapter.chat(chat_ctx=conversation.short(), tools=[_TOOL])
        self.text = ""
        self.calls: list[llm.FunctionToolCall] = []
        self.heard_at: float | None = None

    async def read(self) -> None:
        async for chunk in self.stream:
            if chunk.delta is None or not chunk.has_response():
                continue
            self.heard_at = self.heard_at or self._now()
            self.text += chunk.delta.content or ""
            self.calls += chunk.delta.tool_calls


@llm.function_tool(name=TOOL.name)
async def _book(patient_id: str, day: str) -> str:
    """Book an appointment."""
    return "booked"


_TOOL: llm.Tool = _book


def _is_right(call: llm.FunctionToolCall) -> bool:
    try:
        return call.name == TOOL.name and json.loads(call.arguments) == TOOL.input
    except ValueError:
        return False


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def _objects() -> int:
    """What Python's collector tracks, once the dead are gone."""
    gc.collect()
    return len(gc.get_objects())


def _table(found: dict[str, dict[str, float]]) -> Table:
    shown = Table("")
    for name in found:
        shown.add_column(name, justify="right")
    for fact in found[OURS]:
        values = [found[name][fact] for name in found]
        cells = [f"{value:.0f}" if value == int(value) else f"{value:.3g}" for value in values]
        if fact in _OUTCOMES:
            judged = [found[n]["turns"] - found[n][BARGED_IN] for n in found]
            shares = [v / max(1.0, total) for v, total in zip(values, judged, strict=True)]
            cells = [f"{c} ({s:.1%})" for c, s in zip(cells, shares, strict=True)]
        shown.add_row(fact, *cells)
    return shown


if __name__ == "__main__":
    main()
