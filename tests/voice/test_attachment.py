"""What hangs on a session, in calls that go other ways than most."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool

from resilient_claude.testing.voice import Coughs, Says
from resilient_claude.voice import Apology, Care, GiveUp

from ..support.attended_calls import COMMIT_S, OPENING, QUESTION, SORRY, booking, play
from ..support.scripted_llm import FAILS, HANGS, Foreign, Turn

COMMITTED_S = 1.2 + COMMIT_S


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


def test_an_apology_that_he_talked_over_is_said_once_more() -> None:
    """He said "Hello?" just before it began, and "I'm s" is no apology."""
    call = play([HANGS], [QUESTION, Says("Hello?", at_s=13.6)], lasts_s=22.0)

    talked_over, sorry = [each for each in call.played.heard() if each.text.startswith("I'm")]
    assert not talked_over.whole
    assert sorry.start_s - call.played.said()[1].end_s < 3.0
    assert [(each.outcome, each.hold_lines) for each in call.stats.waits] == [("apologised", 2)]
    assert call.heard[-1] == SORRY


def test_an_answer_of_which_nothing_can_be_heard_is_apologised_for() -> None:
    """It began with an emoji, which no text-to-speech says: he waits as if nothing had come."""
    turn = Turn("\N{GRINNING FACE}", then=Foreign("never"), stall_s=1000.0)
    call = play([turn], lasts_s=20.0)

    assert call.heard == ["One moment.", "Still with you.", SORRY]
    assert call.last("I'm sorry").start_s < COMMITTED_S + 12.8


def test_where_no_apology_can_be_heard_it_is_given_up_in_the_end() -> None:
    """The text-to-speech is down, and each "Hello?" comes before it has said so."""
    hello = Says("Hello?", when_silent_s=5.0, repeat=True)
    call = play([HANGS], [QUESTION, hello], tts_down=[(0.0, 90.0)], lasts_s=60.0)

    assert call.names(GiveUp) == ["GiveUp"]
    assert call.played.closed_at_s is not None


def test_a_reply_that_nobody_asked_for_is_waited_for_since_it_began() -> None:
    """He had said "Mhm" or coughed, and went away: the agent asks whether he is there."""

    def ask(session: AgentSession[Any], _: Care) -> None:
        def state(event: Any) -> None:
            if event.new_state == "away":
                session.generate_reply(instructions="Ask whether he is there.")

        session.on("user_state_changed", state)

    call = play(
        [Turn(OPENING, first_s=5.0), Turn("Are you there?")],
        [QUESTION, Coughs(at_s=3.0), Coughs(at_s=12.0)],
        prepare=ask,
        session_options={"user_away_timeout": 6.0},
        lasts_s=24.0,
    )

    assert call.heard == ["One moment.", OPENING, "Are you there?"]
    assert call.stats.waits[1].silence_s < 1.5


def test_who_asks_whether_anybody_is_there_while_a_tool_runs_is_told() -> None:
    """livekit commits what he says when the tool is through, or after five seconds."""
    hello = Says("Hello?", at_s=6.0)
    call = play(
        [Turn(tool="book", first_s=3.0), Turn(OPENING)], [QUESTION, hello], tools=[booking(9.0, [])]
    )

    line, again = call.played.heard()[:2]
    assert (line.text, again.text) == ("One moment.", "Still with you.")
    assert again.start_s - call.played.said()[1].end_s < 3.4
    assert call.heard[-1] == OPENING


def test_a_chain_of_quick_tools_is_one_wait() -> None:
    """The first line comes no later for it, and the next ones not with each tool."""
    slow = Turn(tool="book", first_s=3.0)
    call = play(
        [Turn(tool="book"), slow, slow, Turn(OPENING, first_s=1.5)], tools=[booking(0.2, [])]
    )

    assert call.heard == ["One moment.", OPENING]
    assert call.played.heard()[0].start_s == pytest.approx(COMMITTED_S + 2.5, abs=0.15)
