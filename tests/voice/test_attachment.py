"""What hangs on a session, in calls that go other ways than most."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool

from resilient_claude.testing.voice import Says
from resilient_claude.voice import Apology, Care

from ..support.attended_calls import OPENING, QUESTION, SORRY, play
from ..support.scripted_llm import FAILS, HANGS, Foreign, Turn


@pytest.mark.parametrize("words", ["I note that.", ""])
def test_a_tool_that_wants_no_reply_ends_the_wait(words: str) -> None:
    """The next turn would have had its answer taken away: it began with seconds used up."""

    @function_tool
    async def note() -> None:
        """Note it."""
        await asyncio.sleep(0.2)

    more = Says("And when do you open?", at_s=9.0)
    call = play(
        [Turn(words, tool="note"), Turn(OPENING, first_s=7.5)], [QUESTION, more], tools=[note]
    )

    assert call.heard[-2:] == ["One moment.", OPENING]
    assert not call.names(Apology)


def test_a_wait_that_was_abandoned_keeps_its_lines() -> None:
    """The application interrupted the reply, and the caller came back to it much later."""

    def interrupt(session: AgentSession[Any], _: Care) -> None:
        asyncio.get_running_loop().call_later(4.5, session.interrupt)

    more = Says("And then?", at_s=16.0)
    call = play([HANGS, Turn(OPENING)], [QUESTION, more], prepare=interrupt)

    assert [(w.outcome, w.hold_lines) for w in call.stats.waits] == [
        ("abandoned", 1),
        ("answered", 0),
    ]


def test_an_answer_that_was_asked_for_again_and_broke_off_is_told() -> None:
    """He did not ask, but he has heard half of it."""
    call = play(
        [FAILS, Turn(OPENING, then=Foreign("gone"))], care={"ask_again_every_s": 3.0}, lasts_s=25.0
    )

    assert call.heard == [SORRY, OPENING, "Sorry, where was I?"]


def test_a_line_that_is_cut_after_the_care_was_closed_leaves_no_message() -> None:
    """An empty message in the next request is refused by some vendors."""
    agent = Agent(instructions="x")

    def close(_: AgentSession[Any], care: Care) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(4.5, lambda: closing.append(asyncio.ensure_future(care.aclose())))

    closing: list[Any] = []
    more = Says("And then please?", at_s=4.6)
    call = play([HANGS, Turn(OPENING)], [QUESTION, more], agent=agent, prepare=close)

    assert len(closing) == 1
    assert call.heard == ["One moment.", OPENING]
    assert call.model.texts == [[], []]
    assert not vars(agent).keys() & {"llm_node", "tts_node"}
