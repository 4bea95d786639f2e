"""A process whose first turn is watched: `python -m tests.transport.first_turn bedrock cold`.

What it prints is what its event loop's thread did, as far as that stops the loop: imports, files,
what a library does for credentials, and the longest stretch of CPU between two turns of the loop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import anthropic

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import SimulatedClaude
from tests.benchmarks.stalls import LagMeter
from tests.support.listening import conversation, read_stream

STOPS_THE_LOOP = ("import", "open", "subprocess.Popen", "credentials")
"""Events of `sys.audit`; the last one is of the tests' own."""


class LoopWatch:
    """Writes down what the thread that it is made in does."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._thread = threading.get_ident()
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in STOPS_THE_LOOP and threading.get_ident() == self._thread:
            name = str(arguments[0]) if event in ("import", "open") else ""
            self.seen.append(f"{event} {name}".strip())

    def take(self) -> list[str]:
        """What was done since the last time."""
        seen, self.seen = self.seen, []
        return seen


MAKE: dict[str, Callable[[str], Any]] = {
    "bedrock, with a token": lambda url: anthropic.AsyncAnthropicBedrock(
        base_url=url, aws_region="eu", api_key="test"
    ),
    # With the credentials that the cloud's library finds.
    "bedrock": lambda url: anthropic.AsyncAnthropicBedrock(base_url=url, aws_region="eu"),
    "vertex": lambda url: anthropic.AsyncAnthropicVertex(base_url=url, region="global"),
}


async def main(name: str, mode: str) -> None:
    """Play it."""
    platform: Any = name.partition(",")[0]
    with SimulatedClaude(platform=platform) as claude:
        client = MAKE[name](claude.base_url)
        adapter = ResilientClaudeLLM(client=client)
        watch = LoopWatch()
        if mode == "prewarmed":
            await adapter.warm()
        warming = watch.take()
        gc.freeze()  # a full collection takes 150 ms, whoever causes it
        with LagMeter() as meter:
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        turn = watch.take()
        await adapter.aclose()
        await client.close()
        connections = claude.connections
    told = {
        "text": heard.text,
        "error": heard.error and repr(heard.error),
        "warming": warming,
        "turn": turn,
        "connections": connections,
        "stall_ms": meter.longest_ms,
    }
    sys.stdout.write(f"\n{json.dumps(told)}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
