"""Calls with a caller who is kept informed, played with timed audio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from livekit.agents import AgentSession, function_tool, llm
from livekit.agents.llm import ChatMessage

from resilient_claude.testing.voice import PlayedCall, Says, Utterance, VoiceCall
from resilient_claude.voice import Care, VoiceStats, keep_caller_informed

from .scripted_llm import ScriptedLLM, Turn

OPENING = "We open at five in the afternoon."
QUESTION = Says("When do you open?")
EVENTS = ("hold_line", "apology", "broke_off", "give_up", "answered")
SORRY = "I'm sorry, I can't think straight right now. Could you say that again?"
COMMIT_S = 0.5
"""From the caller's last word to the commit of his turn: livekit's end of turn."""


@dataclass
class Call:
    """What became of a call.

    Attributes:
        played: what was heard.
        told: the payloads of all events of `care`, in order.
        stats: its statistics.
        model: the LLM, if it is a scripted one.
    """

    played: PlayedCall
    told: list[Any]
    stats: VoiceStats
    model: ScriptedLLM

    @property
    def heard(self) -> list[str]:
        """What was heard of the agent, piece by piece."""
        return [as_said(each.text) for each in self.played.heard()]

    @property
    def at(self) -> list[tuple[float, str]]:
        """When it was heard, in seconds of the call."""
        return [(round(each.start_s, 1), as_said(each.text)) for each in self.played.heard()]

    @property
    def written(self) -> list[str]:
        """What the agent said, according to the history."""
        items = self.played.history.items
        return [
            (i.text_content or "").strip()
            for i in items
            if isinstance(i, ChatMessage) and i.role == "assistant"
        ]

    def names(self, *kinds: type) -> list[str]:
        """The classes of what was told, only of *kinds* if there are any."""
        return [type(each).__name__ for each in self.told if not kinds or isinstance(each, kinds)]

    def last(self, text: str) -> Utterance:
        """The last time that *text* was heard."""
        return [each for each in self.played.heard() if as_said(each.text).startswith(text)][-1]


def as_said(text: str) -> str:
    """The kit's text-to-speech takes sentence by sentence: the space between is lost."""
    for stop in ".?!":
        text = text.replace(stop, f"{stop} ")
    return " ".join(text.split())


def play(
    turns: Sequence[Turn] | Callable[[], llm.LLM[Any]],
    caller: Sequence[Any] = (QUESTION,),
    *,
    care: dict[str, Any] | None = None,
    prepare: Callable[[AgentSession[Any], Care], object] | None = None,
    **arguments: Any,
) -> Call:
    """Play a call with an LLM that answers with *turns*, or another one."""
    told: list[Any] = []
    cares: list[Care] = []
    models: list[Any] = []

    def attend(session: AgentSession[Any]) -> Care:
        cares.append(keep_caller_informed(session, **(care or {})))
        for event in EVENTS:
            cares[0].on(event, told.append)  # type: ignore[call-overload]
        if prepare is not None:
            prepare(session, cares[0])
        return cares[0]

    def make() -> llm.LLM[Any]:
        models.append(turns() if callable(turns) else ScriptedLLM(*turns))
        return models[0]  # type: ignore[no-any-return]

    played = VoiceCall(make, caller, prepare=attend, **arguments).play()
    return Call(played, told, cares[0].stats, models[0])


def booking(seconds: float, ran: list[str]) -> Any:
    """A tool that takes its time, and writes down that it ran."""

    @function_tool
    async def book() -> str:
        """Book a table."""
        ran.append("ran")
        await asyncio.sleep(seconds)
        return "booked"

    return book
