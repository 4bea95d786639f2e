"""What a step of a reply is told, and when it is to look again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import SpeechHandle

from resilient_claude.voice.arguments import Arguments
from resilient_claude.voice.attending import POLL_S, Attending
from resilient_claude.voice.reply import Reply, ReplyStep


def attending() -> Attending:
    """Of a session in which nothing is being said."""
    arguments = Arguments(
        hold_lines=("One moment.",),
        hold_after_s=2.5,
        hold_every_s=7.0,
        max_hold_lines=3,
        tool_hold_after_s=None,
        apology="Sorry.",
        broke_off="Where was I?",
        give_up_after_s=12.0,
        max_apologies=3,
        on_give_up=None,
        ask_again_every_s=None,
    )
    return Attending(AgentSession(), arguments, lambda _: None)


@pytest.mark.parametrize("sentence_held", [True, False])
async def test_a_step_that_is_not_the_current_one_does_not_keep_the_loop_busy(
    sentence_held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something is due, and it is another reply's to say: looking every millisecond is no help."""
    loop, looks = asyncio.get_running_loop(), list[float]()
    call_at = loop.call_at

    def note(when: float, *arguments: Any) -> asyncio.TimerHandle:
        looks.append(when)
        return call_at(when, *arguments)

    mind = attending()
    step = ReplyStep(Reply(SpeechHandle.create(), Agent(instructions="x")))
    step.committed_at, step.sentence_held = mind.now() - 5.0, sentence_held
    mind.wait.committed(step.committed_at)
    assert mind.wait.next_due(mind.now()) < mind.now()
    now = mind.now()
    monkeypatch.setattr(loop, "call_at", note)
    mind.wake(step).cancel()

    assert [when >= now + POLL_S for when in looks] == [True]
    assert list(mind.due(step)) == []
