"""A LiveKit worker with two job processes, each of which asks Claude once. No server, no room.

Run as a program with the URLs of two Claudes, one for each job; writes what the main process saw
as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import sys
from typing import Any

from livekit.agents import AgentServer, JobContext

from resilient_claude import ResilientClaudeLLM
from resilient_claude.telemetry.log import LOGGER_NAME
from resilient_claude.transport import certificates
from tests.support.listening import conversation

URL = "TESTED_CLAUDE_OF_"
ROOMS = ("one", "two")
TURN = "a turn of the worker"
PATIENCE_S = 60

server = AgentServer(
    ws_url="ws://127.0.0.1:1",
    api_key="key",
    api_secret="a-secret-of-thirty-two-characters",
    num_idle_processes=2,
    port=0,  # whose default is one for every worker of a machine
    initialize_process_timeout=PATIENCE_S,
)


def loaded() -> set[str]:
    """What this process holds already: the modules, and the files of certificates."""
    return {*sys.modules, *map(str, certificates._loads)}


@server.rtc_session()
async def entrypoint(job: JobContext) -> None:
    """Make an adapter, ask once, and say how it went."""
    here = loaded()
    adapter = ResilientClaudeLLM(api_key="k", base_url=os.environ[URL + job.job.room.name])
    newly = sorted(loaded() - here)
    answer = await adapter.chat(chat_ctx=conversation()).collect()
    await adapter.aclose()
    told = {"text": answer.text, "newly": ", ".join(newly), "pid": os.getpid()}
    logging.getLogger(LOGGER_NAME).info(TURN, extra=told)
    job.shutdown()


class _Seen(logging.Handler):
    """Keeps the lines of the adapter that reach this process."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    @property
    def turns(self) -> int:
        """How many have ended."""
        return [line["message"] for line in self.lines].count(TURN)

    def emit(self, record: logging.LogRecord) -> None:
        plain = (str, int, float, type(None))
        told = {name: v for name, v in vars(record).items() if isinstance(v, plain)}
        self.lines.append({**told, "message": record.getMessage()})


async def main() -> None:
    """Run both jobs, and stop."""
    seen = _Seen()
    logging.getLogger(LOGGER_NAME).addHandler(seen)
    logging.getLogger().setLevel(logging.DEBUG)
    started = asyncio.Event()
    server.once("worker_started", started.set)
    running = asyncio.create_task(server.run(unregistered=True))
    async with asyncio.timeout(PATIENCE_S):
        await started.wait()
        for room in ROOMS:
            await server.simulate_job(room, fake_job=True)
        while seen.turns < 2 or server.active_jobs:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await server.aclose()
        await asyncio.gather(running, return_exceptions=True)
    children = [child.name for child in multiprocessing.active_children()]
    sys.stdout.write(json.dumps({"lines": seen.lines, "children": children}) + "\n")


if __name__ == "__main__":
    os.environ.update({URL + room: url for room, url in zip(ROOMS, sys.argv[1:], strict=True)})
    asyncio.run(main())
