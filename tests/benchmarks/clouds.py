"""How long the event loop stands still in the first turn through a client of a cloud."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from .contenders import OURS
from .measure import Goal, Result, Setting
from .server import ROOT

_TIMEOUT_S = 120.0


async def bedrock(setting: Setting) -> list[Result]:
    """CPU of the loop's thread at one go, in a process that has imported all but boto3."""
    setting = setting.shorter()
    results = []
    for mode, goal in (("cold", None), ("prewarmed", Goal(20.0, over=None))):

        async def sample(name: str, mode: str = mode) -> float:
            return await _stall_ms(mode)

        samples = await setting.in_turns([OURS], sample)
        results.append(Result(f"loop stall, first turn on Bedrock, {mode}", "ms", samples, goal))
    return results


async def _stall_ms(mode: str) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.transport.first_turn", "bedrock, with a token", mode),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(_TIMEOUT_S):
        output, _ = await process.communicate()
    told = json.loads(output.splitlines()[-1])
    assert (process.returncode, told["text"]) == (0, "Hello."), told
    return float(told["stall_ms"])
