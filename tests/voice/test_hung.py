"""An answer of which nothing more comes, as it is heard in a voice session."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents.llm import LLM, FallbackAdapter

from resilient_claude import ResilientClaudeLLM, Timeouts
from resilient_claude.testing.voice import Says, recording
from resilient_claude.voice import BrokeOff, Line
from resilient_claude.voice.hung import ends_its_stalls

from ..support.adapters import KEY
from ..support.attended_calls import OPENING, QUESTION, booking, play
from ..support.scripted_llm import Foreign, ScriptedLLM, Turn

BROKE_OFF = "Sorry, where was I?"
HUNG = Turn("We open at five.", then=Foreign("gone"), stall_s=1000.0)


class Bounded(ScriptedLLM):
    """One with a clock for its stalls, as ours has."""

    timeouts = Timeouts()


def errors(told: list[Any]) -> list[type[BaseException]]:
    return [type(each.error) for each in told if isinstance(each, BrokeOff)]


def test_an_answer_of_which_nothing_more_comes_has_broken_off() -> None:
    """The caller would wait for its end, and the session could say nothing any more."""
    call = play([HUNG, Turn(OPENING)], [QUESTION, Says("And then?", after_answer_s=14.0)])

    assert call.heard == ["We open at five.", BROKE_OFF, OPENING]
    first, told = call.played.heard()[:2]
    assert told.start_s - first.end_s < 12.3
    assert errors(call.told) == [TimeoutError]
    assert call.model.asked[0].cancelled
    assert call.written == ["We open at five.", BROKE_OFF, OPENING]
    assert call.stats.broke_off == 1


def test_it_may_be_told_by_a_recording() -> None:
    """As everything else."""
    line = Line("Where was I?", audio=recording("Where was I?"))
    call = play([HUNG], care={"broke_off": line, "give_up_after_s": 3.0}, lasts_s=10.0)

    assert call.heard == ["We open at five.", "Where was I?"]


def test_a_caller_who_may_not_interrupt_is_told_as_well() -> None:
    """It is not he who interrupts."""
    handling = {"interruption": {"enabled": False}}
    call = play([HUNG], session_options={"turn_handling": handling}, lasts_s=20.0)

    assert call.heard == ["We open at five.", BROKE_OFF]


def test_an_answer_that_goes_on_in_time_has_not() -> None:
    """A slow answer is no lost one; here it fails by itself in the end."""
    turn = Turn("We open at five.", then=Foreign("gone"), stall_s=9.0)
    call = play([turn], lasts_s=30.0)

    assert call.heard == ["We open at five.", BROKE_OFF]
    assert errors(call.told) == [Foreign]


def test_an_answer_that_is_still_being_spoken_has_not() -> None:
    """All of it came long ago."""
    long = "We open " + "really " * 60 + "late."
    call = play([Turn(long)], care={"give_up_after_s": 3.0}, lasts_s=30.0)

    assert call.heard == [long]
    assert errors(call.told) == []


def test_a_tool_behind_words_may_run_for_long() -> None:
    """The answer has ended; what follows is the tool's."""
    call = play(
        [Turn("Let me look.", tool="book"), Turn("It is booked.")],
        [Says("Book a table please")],
        tools=[booking(20.0, [])],
        lasts_s=35.0,
    )

    assert call.heard == ["Let me look.", "It is booked."]


@pytest.mark.parametrize("behind_fallback", [False, True])
def test_an_llm_that_ends_its_own_stalls_is_waited_for(behind_fallback: bool) -> None:
    """It may be at work on the server, which takes as long as it takes."""

    def make() -> LLM[Any]:
        bounded = Bounded(Turn("I search.", then=Foreign("gone"), stall_s=20.0))
        return FallbackAdapter([bounded]) if behind_fallback else bounded

    call = play(make, lasts_s=35.0)

    assert call.heard == ["I search.", BROKE_OFF]
    assert TimeoutError not in errors(call.told)


async def test_ours_ends_its_stalls() -> None:
    """`Timeouts.stall_s`, and `thinking_s` while it works."""
    ours = ResilientClaudeLLM(api_key=KEY)

    assert ends_its_stalls(ours)
    assert not ends_its_stalls(ScriptedLLM(HUNG))
    await ours.aclose()
