"""Plays a scene: a real `AgentSession` in voice mode, whose waits are skipped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from livekit.agents import AgentSession, FunctionToolsExecutedEvent, function_tool, llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.cli.log_view import captured
from resilient_claude.testing import SimulatedClaude, Step
from resilient_claude.testing.voice import PlayedCall, VoiceCall
from resilient_claude.voice import keep_caller_informed

from .lane import Lane, ToolRun, asked
from .recording import PLUGIN
from .scenes import LASTS_S, Scene


@dataclass(frozen=True)
class Contender:
    """Who answers the caller.

    Attributes:
        make: makes the LLM, or opens it, from the base URL of the simulated Claude.
        steps: what the simulated Claude gives to its requests.
        prepare: what is done with the session before it starts.
        logs: whether its log is shown.
    """

    make: Callable[[str], llm.LLM[Any] | AbstractAsyncContextManager[llm.LLM[Any]]]
    steps: Callable[[Scene], Sequence[Step]]
    prepare: Callable[[AgentSession[Any]], Any] | None = None
    logs: bool = False


OURS = Contender(
    make=lambda base_url: ResilientClaudeLLM(api_key="demo", base_url=base_url),
    steps=lambda scene: scene.steps,
    prepare=keep_caller_informed,
    logs=True,
)


def the_plugin() -> Contender:
    """livekit-plugins-anthropic, as it comes.

    Raises:
        OSError: it cannot be imported.
    """
    try:
        from livekit.plugins import anthropic
    except ImportError as exc:
        raise OSError(f"{exc}: --record needs `pip install {PLUGIN}`") from exc

    @asynccontextmanager
    async def opened(base_url: str) -> AsyncIterator[llm.LLM[Any]]:
        async with anthropic.LLM(api_key="demo", base_url=base_url) as model:
            try:
                yield model
            finally:
                await model._client.close()  # which it leaves open

    return Contender(make=opened, steps=lambda scene: scene.anew)


@contextmanager
def stage() -> Iterator[Callable[[Scene, Contender], Lane]]:
    """Set up a simulated Claude, and give a function that plays a scene with it."""
    with SimulatedClaude() as claude:
        yield lambda scene, contender: _play(scene, contender, claude)


def _play(scene: Scene, contender: Contender, claude: SimulatedClaude) -> Lane:
    claude.unscript()  # whoever gave up before the end of the last one's script
    claude.script(*contender.steps(scene))
    log: list[str] = []
    with captured(log.append):
        played = VoiceCall(
            lambda: contender.make(claude.base_url),
            scene.says,
            tools=[book_table],
            claude=claude,
            outages=[] if scene.outage is None else [scene.outage],
            prepare=contender.prepare,
            lasts_s=LASTS_S,
        ).play()
    return _lane(played, log if contender.logs else [])


@function_tool
async def book_table(guests: int, at: str) -> str:
    """Book a table.

    Args:
        guests: how many people.
        at: time of day, as HH:MM.
    """
    await asyncio.sleep(0.3)  # as a booking system would take
    return "booked"


def _lane(played: PlayedCall, log: Sequence[str]) -> Lane:
    ran = [
        ToolRun(each.at_s, _as_called(call))
        for each in played.events
        if isinstance(each.event, FunctionToolsExecutedEvent)
        for call in each.event.function_calls
    ]
    return Lane(
        lasted_s=played.lasted_s,
        spoken=sorted([*played.said(), *played.heard()], key=lambda each: each.start_s),
        silences=played.silences(),
        asked=asked([each.at_s for each in played.posts()], [e.at_s for e in played.errors]),
        tools=ran,
        log=log,
    )


def _as_called(call: llm.FunctionCall) -> str:
    arguments = json.loads(call.arguments)
    return f"{call.name}({', '.join(f'{name}={value}' for name, value in arguments.items())})"
