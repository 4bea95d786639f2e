"""Plays one call of the matrix, and says what was heard, asked and written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from livekit.agents import AgentSession, function_tool, llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.voice import Outage, PlayedCall, Utterance, VoiceCall
from resilient_claude.voice import Care, VoiceStats, keep_caller_informed

from ...support.adapters import KEY
from .call_table import FIRST_TOKEN_S, OTHER_TEXT, TOOL_S, CallCell, Model
from .call_texts import HOLD_LINES, LONG_LINES, Kind, kind_of, letters


@dataclass(frozen=True)
class HeardPiece:
    """An utterance of the agent's, and what it is."""

    kind: Kind
    utterance: Utterance


@dataclass
class SeenCall:
    """What became of a call.

    Attributes:
        played: the call.
        heard: what the agent was heard to say.
        ran: how often the tool ran.
        stats: of the care; None if nobody cared.
    """

    played: PlayedCall
    heard: list[HeardPiece]
    ran: int
    stats: VoiceStats | None


def ours(claude: SimulatedClaude) -> llm.LLM[Any]:
    """Our adapter, with its defaults."""
    return ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)


Adapter: TypeAlias = Callable[[SimulatedClaude], AbstractAsyncContextManager[llm.LLM[Any]]]
"""Makes an adapter for a simulated Claude, or opens one."""


def play(cell: CallCell, adapter: Adapter = ours) -> SeenCall:
    """Play the call of *cell*, with the *adapter* for a simulated Claude."""
    caller, fault, cares, ran = cell.caller, cell.fault, list[Care](), list[str]()

    def attend(session: AgentSession[Any]) -> Care:
        lines = LONG_LINES if caller.long_lines else HOLD_LINES
        cares.append(keep_caller_informed(session, hold_lines=lines))
        return cares[0]

    with ExitStack() as stack:
        after_script = fault.step if fault.steps and fault.step else fault.healed
        claude = stack.enter_context(SimulatedClaude(*fault.steps, default=after_script))
        well = Answer(OTHER_TEXT, first_token_s=FIRST_TOKEN_S)
        other = stack.enter_context(SimulatedClaude(default=well))
        call = VoiceCall(
            _maker(cell.model, adapter, claude, other),
            [caller.question, *caller.then],
            claude=[claude, other],
            tools=[_booking(ran)],
            outages=[*_outages(cell, claude)],
            prepare=attend if cell.attached else None,
            lasts_s=caller.asked_s + caller.lasts_s,
        )
        played = call.play()
    # What is no letter long was taken back before anybody could hear it.
    heard = [HeardPiece(kind_of(e.text), e) for e in played.heard() if letters(e.text)]
    return SeenCall(played, heard, len(ran), cares[0].stats if cares else None)


def _outages(cell: CallCell, claude: SimulatedClaude) -> Iterator[Outage]:
    fault = cell.fault
    if fault.step is None or fault.steps:  # behind a script it is what all other requests get
        return
    until_s = None if fault.lasts_s is None else cell.caller.asked_s + fault.lasts_s
    yield Outage(fault.step, until_s=until_s, claude=claude)


def _maker(
    model: Model,
    adapter: Adapter,
    claude: SimulatedClaude,
    other: SimulatedClaude,
) -> Callable[[], Any]:
    """What makes the LLM of the call, in its event loop."""

    @asynccontextmanager
    async def fallback() -> AsyncIterator[llm.FallbackAdapter]:
        second = other if model is Model.OTHER else claude
        async with adapter(claude) as one, adapter(second) as two:
            fallback = llm.FallbackAdapter([one, two])
            yield fallback
            await fallback.aclose()

    return fallback if model is not Model.OURS else lambda: adapter(claude)


def _booking(ran: list[str]) -> Any:
    @function_tool
    async def book() -> str:
        """Book a table."""
        ran.append("ran")
        await asyncio.sleep(TOOL_S)
        return "booked"

    return book
