"""What `keep_caller_informed` promises, as it is heard in a voice session.

Times are seconds of the call, in which everybody's waits are skipped. The question ends at 1.2 s,
is committed 0.5 s later, and a text is heard 0.3 s after it was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.llm import LLM, FallbackAdapter

from resilient_claude import FailureKind, ResilientClaudeLLM
from resilient_claude.testing import Break, HttpError, SimulatedClaude
from resilient_claude.testing.script.breaks import Step as ScriptStep
from resilient_claude.testing.voice import Coughs, Outage, Says, VoiceCall, recording
from resilient_claude.voice import (
    Answered,
    Apology,
    Care,
    GiveUp,
    HoldLine,
    Line,
    keep_caller_informed,
)

from ..support.adapters import KEY
from ..support.attended_calls import COMMIT_S, OPENING, QUESTION, SORRY, booking, play
from ..support.scripted_llm import FAILS, HANGS, Foreign, ScriptedLLM, Turn

HELLO = Says("Hello?", when_silent_s=5.0, repeat=True)
COMMITTED_S = 1.2 + COMMIT_S


# --- the hold line ------------------------------------------------------------------------------


def test_a_line_comes_hold_after_s_after_the_commit() -> None:
    """The caller must hear that somebody is there, and must not be talked to before it is due."""
    call = play([Turn(OPENING, first_s=4.0)])

    line, answer = call.played.heard()
    assert line.text == "One moment."
    assert line.start_s == pytest.approx(COMMITTED_S + 2.5, abs=0.15)
    assert answer.text == OPENING


def test_a_healthy_call_is_as_without() -> None:
    """Most calls are healthy: none of them may pay for those that are not."""
    turn = Turn(OPENING, first_s=0.6)
    call = play([turn])
    without = VoiceCall(lambda: ScriptedLLM(turn), [QUESTION]).play()

    assert call.heard == [OPENING]
    assert call.played.heard()[0].start_s == pytest.approx(without.heard()[0].start_s, abs=0.02)
    assert call.names() == ["Answered"]


def test_an_answer_is_never_later_than_the_end_of_the_line_that_is_playing() -> None:
    """The answer is made into speech while the line is played, and follows on."""
    call = play([Turn(OPENING, first_s=2.9)])

    line, answer = call.played.heard()
    assert line.text == "One moment."
    assert answer.start_s - line.end_s < 0.1


def test_lines_go_on_every_hold_every_s_and_are_never_the_same_twice_in_a_row() -> None:
    """A recorded message that repeats itself is worse than silence."""
    call = play([HANGS], care={"give_up_after_s": 60.0}, lasts_s=40.0)

    times = [each.start_s - COMMITTED_S for each in call.played.heard()]
    assert call.heard == ["One moment.", "Still with you.", "Nearly there."]
    assert times == pytest.approx([2.5, 9.5, 16.5], abs=0.15)


def test_the_next_wait_does_not_begin_with_the_line_that_was_said_last() -> None:
    """One line per turn, and the caller would hear the same one all day."""
    more = Says("And on Sunday?", after_answer_s=2.5)
    call = play([Turn(OPENING, first_s=4.0)], [QUESTION, more])

    assert call.heard == ["One moment.", OPENING, "Still with you.", OPENING]


def test_no_line_while_the_caller_speaks() -> None:
    """Whoever talks over his caller is hung up on."""
    long = Says("I would like to know " + "really " * 20 + "soon.", at_s=3.8)
    call = play([HANGS], [QUESTION, long], lasts_s=16.0)

    spoke = call.played.said()[1]
    assert not [e for e in call.played.heard() if spoke.start_s < e.start_s < spoke.end_s]
    assert call.names(HoldLine)


def test_a_cough_delays_a_line_and_does_not_lose_it() -> None:
    """Voice detection hears it, speech-to-text does not: no turn comes of it."""
    call = play([Turn(OPENING, first_s=7.0)], [QUESTION, Coughs(at_s=4.0, lasts_s=0.4)])

    assert call.heard == ["One moment.", OPENING]
    assert call.played.heard()[0].start_s > 4.4


def test_a_line_is_cut_by_barge_in_and_nothing_of_it_is_written_down() -> None:
    """Half a word of a line in the history would be the first thing that the LLM reads next."""
    lines = ("I am still looking that up for you, just a very little moment please.",)
    over = Says("Stop that now please, and tell me when you open.", into_speech_s=0.9)
    call = play([HANGS, Turn(OPENING)], [QUESTION, over], care={"hold_lines": lines})

    line = call.played.heard()[0]
    assert not line.whole
    assert line.end_s - call.played.said()[1].start_s < 1.0
    assert call.written == [OPENING]
    assert call.model.texts == [[]] * len(call.model.texts)


@pytest.mark.parametrize("first_s", [4.0, 9.9])
def test_nothing_of_a_line_is_in_history_or_in_the_next_request(first_s: float) -> None:
    """The LLM would take the habit from it, and say "One moment." by itself."""
    more = Says("And on Sunday?", at_s=16.0)
    call = play([Turn(OPENING, first_s=first_s), Turn("Never.")], [QUESTION, more])

    assert call.stats.hold_lines >= 1
    assert call.written == [OPENING, "Never."]
    assert call.model.texts[-1] == [OPENING]


def test_no_line_in_the_last_seconds_before_an_apology() -> None:
    """ "Nearly there." and then "I'm sorry": a promise that is taken back."""
    call = play([HANGS], [QUESTION, HELLO], lasts_s=20.0)

    sorry = call.last("I'm sorry")
    lines = [each for each in call.played.heard() if each.end_s <= sorry.start_s]
    assert len(lines) == 2
    assert all(sorry.start_s - each.start_s > 2.5 for each in lines)


def test_no_line_during_speculation() -> None:
    """The request goes out while he talks; what he waits for begins when he has stopped."""
    slow = Says("So what I would like to ask you today is this", finals=3, word_s=0.5)
    call = play([Turn(OPENING, first_s=0.6)], [slow], care={"hold_after_s": 0.4})

    end_s = call.played.said()[0].end_s
    assert len(call.model.asked) > 1
    assert all(each.start_s > end_s + COMMIT_S for each in call.played.heard())


def test_no_lines_at_all_on_request() -> None:
    """Whoever plays music instead keeps the apology."""
    call = play([HANGS], care={"hold_lines": ()}, lasts_s=18.0)

    assert call.heard == [SORRY]


def test_lines_in_the_language_of_the_moment() -> None:
    """The language is known when the caller has spoken."""
    call = play([Turn(OPENING, first_s=4.0)], care={"hold_lines": lambda: ("Einen Moment.",)})

    assert call.heard == ["Einen Moment.", OPENING]


def test_auto_says_a_line_in_less_than_one_healthy_turn_in_twenty() -> None:
    """The delays of a healthy model differ from turn to turn: its own are the measure."""
    delays = [0.6, 0.9, 1.2, 0.7, 2.0, 0.8, 0.6, 1.6, 0.7, 2.2] * 2
    more = [Says("And then?", after_answer_s=0.5)] * (len(delays) - 1)
    turns = [Turn("Well.", first_s=each) for each in delays]
    call = play(turns, [QUESTION, *more], care={"hold_after_s": "auto"})

    assert call.names(Answered) == ["Answered"] * len(delays)
    assert call.stats.hold_lines <= len(delays) // 20


def test_an_answer_that_stalls_in_mid_sentence_is_spoken_as_far_as_it_came() -> None:
    """The text-to-speech would wait for the end of the sentence, and the caller with it."""
    turn = Turn("We open at five", then=Foreign("gone"), stall_s=6.0)
    call = play([turn], lasts_s=12.0)

    beginning, sorry = call.played.heard()
    assert (beginning.text, sorry.text) == ("We open at five", "Sorry, where was I?")
    assert beginning.start_s == pytest.approx(COMMITTED_S + 2.5, abs=0.3)
    assert not call.names(HoldLine)


def test_an_answer_that_flows_is_not_cut_into_pieces_because_it_was_late() -> None:
    """A sentence that is spoken in two breaths sounds broken."""
    words = " ".join(["really"] * 30)
    call = play([Turn(f"We are {words} open. Now.", first_s=2.2)], lasts_s=16.0)

    assert call.heard == [f"We are {words} open. Now."]


def test_words_in_no_whole_sentence_are_spoken_within_the_bound() -> None:
    """He has waited for twelve seconds, and the next line is far away."""
    slow = Turn("We open at", then=Foreign("gone"), first_s=10.5, stall_s=8.0)
    call = play([slow], lasts_s=25.0)

    assert call.heard == ["One moment.", "Still with you.", "We open at", "Sorry, where was I?"]
    assert call.last("We open").start_s < COMMITTED_S + 12.3


def test_who_may_not_interrupt_is_not_left_without_a_voice() -> None:
    """livekit makes no turn of what he says; the next line would be due seven seconds later."""
    handling = {"interruption": {"enabled": False}}
    hello = Says("Hello?", at_s=5.5)
    call = play(
        [HANGS], [QUESTION, hello], session_options={"turn_handling": handling}, lasts_s=12.0
    )

    assert call.heard == ["One moment.", "Still with you."]
    assert call.last("Still").start_s - call.played.said()[1].end_s < 3.4


def test_an_apology_keeps_its_distance_from_a_line() -> None:
    """A failure that nobody could foresee, half a second behind "One moment."."""
    call = play([Turn(then=Foreign("no"), first_s=3.2)], lasts_s=12.0)

    line, sorry = call.played.heard()
    assert line.text == "One moment."
    assert sorry.start_s - line.start_s == pytest.approx(2.5, abs=0.2)


# --- the apology --------------------------------------------------------------------------------


@pytest.fixture
def claude() -> Iterator[SimulatedClaude]:
    with SimulatedClaude() as claude:
        yield claude


def ours(claude: SimulatedClaude) -> ResilientClaudeLLM:
    return ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)


FAULTS = {
    "401": HttpError(401),
    "400": HttpError(400),
    "429 with a long retry-after": HttpError(429, headers={"retry-after": "60"}),
    "529": HttpError(529),
    "500": HttpError(500),
    "reset": Break("reset", at="request"),
    "no byte": Break("stall", at="request"),
    "pings only": Break("pings", at="message_start"),
    "nonsense": Break("end", at="message_start"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_lost_turn_is_apologised_for_within_the_budget(
    claude: SimulatedClaude, fault: ScriptStep
) -> None:
    """Whatever the fault, also one that comes before the commit of the turn."""
    call = play(
        lambda: ours(claude), claude=claude, outages=[Outage(fault)], lasts_s=20.0, linger_s=5.0
    )

    assert call.names(Apology) == ["Apology"]
    assert call.last("I'm sorry").start_s <= COMMITTED_S + 12.0 + 0.3
    assert call.heard.count(SORRY) == 1


def test_the_apology_knows_the_failure(claude: SimulatedClaude) -> None:
    """A 401 is somebody else's to mend than an overload."""
    call = play(lambda: ours(claude), outages=[Outage(HttpError(401))], claude=claude, lasts_s=8.0)

    (apology,) = call.told
    assert apology.failure.kind is FailureKind.AUTH
    assert apology.number == 1


def test_dead_fallbacks_are_apologised_for() -> None:
    """`FallbackAdapter` raises an error of its own when none of its LLMs answers."""

    def dead() -> LLM[Any]:
        return FallbackAdapter([ScriptedLLM(FAILS), ScriptedLLM(FAILS)], max_retry_per_llm=0)

    call = play(dead, lasts_s=20.0)

    assert call.heard[-1] == SORRY
    assert call.names(Apology) == ["Apology"]


def test_four_finals_of_one_utterance_are_one_apology_and_close_nothing() -> None:
    """Each final is a speculative generation, and livekit counts each that fails."""
    call = play([FAILS], [Says("When do you open today please?", finals=4)], lasts_s=15.0)

    assert len(call.played.errors) == 4
    assert call.heard == [SORRY]
    assert call.played.closed_at_s is None


def test_a_caller_who_says_hello_waits_no_longer_for_it() -> None:
    """Each "Hello?" begins a new turn with new budgets; he has waited since the first."""
    call = play([HANGS], [QUESTION, HELLO], lasts_s=16.0)

    assert call.names(Apology) == ["Apology"]
    assert call.last("I'm sorry").start_s <= COMMITTED_S + 12.0 + 0.3
    assert call.model.asked[-1].cancelled


def test_one_apology_per_wait() -> None:
    """Nothing is owed to a caller who was told, and has not spoken since."""
    call = play([FAILS], prepare=ask_after_apology, lasts_s=20.0)

    assert len(call.model.asked) == 2
    assert call.heard == [SORRY]


def ask_after_apology(session: AgentSession[Any], care: Care) -> None:
    def again() -> None:
        session.generate_reply(instructions="Try again.")

    care.on("apology", lambda _: asyncio.get_running_loop().call_later(8.0, again))


def test_an_answer_that_broke_off_is_told() -> None:
    """Otherwise he waits for the end of the sentence."""
    call = play([Turn(OPENING, then=Foreign("gone"))], lasts_s=8.0)

    assert call.heard == [OPENING, "Sorry, where was I?"]
    assert call.names() == ["BrokeOff", "Answered"]
    assert call.written == [f"{OPENING}  Sorry, where was I?"]


def test_an_apology_that_was_interrupted_before_it_was_heard_is_still_owed() -> None:
    """He said "Hello?" at the very moment: that turn will be apologised for at once."""
    call = play([HANGS], [QUESTION, Says("Hello? Hello?", at_s=COMMITTED_S + 11.7)], lasts_s=22.0)

    assert call.heard.count(SORRY) == 1


# --- the bound ----------------------------------------------------------------------------------


def test_the_session_is_open_after_ten_failed_turns() -> None:
    """livekit would close it after four failed generations."""
    more = [Says("Hello?", after_answer_s=1.0)] * 9
    call = play([FAILS], [QUESTION, *more], care={"max_apologies": 20})

    assert call.heard == [SORRY] * 10
    assert call.played.closed_at_s is None


def test_at_the_bound_the_session_ends_politely() -> None:
    """A line that nobody will answer costs the caller's time, and the operator's money."""
    more = [Says("Hello?", after_answer_s=1.0)] * 5
    call = play([FAILS], [QUESTION, *more], lasts_s=60.0)

    assert call.heard[:3] == [SORRY] * 3
    assert call.heard[3].startswith("I'm sorry, I can't help you right now.")
    assert call.played.heard()[3].whole
    assert call.played.closed_at_s is not None


def test_at_the_bound_the_call_is_handed_over() -> None:
    """The application's own way out, and nothing of ours beside it."""
    handed: list[GiveUp] = []

    async def transfer(given_up: GiveUp) -> None:
        handed.append(given_up)

    more = [Says("Hello?", after_answer_s=1.0)]
    call = play(
        [FAILS],
        [QUESTION, *more],
        care={"max_apologies": 1, "on_give_up": transfer},
        lasts_s=20.0,
    )

    assert call.heard == [SORRY]
    (given_up,) = handed
    assert given_up.apologies == 1
    assert isinstance(given_up.error, Foreign)
    assert call.played.closed_at_s is None


def test_an_answer_begins_the_count_anew() -> None:
    """Three apologies in a row are a broken service, three in an hour are not."""
    more = [Says("Hello?", after_answer_s=1.0)] * 3
    call = play([FAILS, Turn(OPENING), FAILS, FAILS], [QUESTION, *more], care={"max_apologies": 2})

    assert call.heard == [SORRY, OPENING, SORRY, SORRY]


# --- tools --------------------------------------------------------------------------------------


def test_a_tool_that_ran_does_not_run_again() -> None:
    """The reply to its result fails; the result stays in the history."""
    ran: list[str] = []
    call = play(
        [Turn(tool="book"), FAILS, Turn("It is booked.")],
        [Says("Book a table please"), Says("Did it work?", after_answer_s=2.0)],
        tools=[booking(0.5, ran)],
    )

    assert ran == ["ran"]
    assert call.heard == [SORRY, "It is booked."]
    last = call.model.asked[-1].chat_ctx.items
    assert [item.type for item in last].count("function_call_output") == 1


def test_lines_while_a_tool_runs() -> None:
    """A tool of ten seconds is ten seconds of silence otherwise."""
    ran: list[str] = []
    call = play(
        [Turn(tool="book"), Turn("It is booked.")],
        [Says("Book a table please")],
        tools=[booking(11.0, ran)],
        care={"tool_hold_after_s": 2.0},
    )

    assert call.heard == ["One moment.", "Still with you.", "It is booked."]
    assert [each.during_tool for each in call.told if isinstance(each, HoldLine)] == [True, True]
    assert call.written == ["It is booked."]


def test_a_long_tool_does_not_use_up_the_caller_s_patience_with_the_llm() -> None:
    """Nothing could be answered while it ran: no apology for that time."""
    ran: list[str] = []
    call = play(
        [Turn(tool="book"), Turn("It is booked.", first_s=1.0)],
        [Says("Book a table please")],
        tools=[booking(20.0, ran)],
        lasts_s=30.0,
    )

    assert call.heard == ["One moment.", "Still with you.", "Nearly there.", "It is booked."]
    assert not call.names(Apology)


def test_an_llm_that_only_calls_tools_has_lost_the_turn() -> None:
    """livekit ignores its calls after `max_tool_steps`, and nothing would be said."""
    ran: list[str] = []
    turns = [Turn(tool="book", first_s=1.0)] * 5
    call = play(
        [*turns, Turn(OPENING)],
        [Says("Book a table please"), Says("Hello?", after_answer_s=8.0)],
        tools=[booking(0.2, ran)],
    )

    assert call.heard == ["One moment.", SORRY, OPENING]
    assert [wait.outcome for wait in call.stats.waits] == ["apologised", "answered"]
    assert len(ran) == 4


def test_a_session_that_is_closing_has_no_lines() -> None:
    """It says nothing that is new; a line would be an exception in the event loop, and counted."""
    ran: list[str] = []
    broken: list[Any] = []

    def close(session: AgentSession[Any], _: Care) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: broken.append(context))
        loop.call_later(3.0, session.shutdown)

    call = play(
        [Turn(tool="book"), Turn("It is booked.")],
        [Says("Book a table please")],
        tools=[booking(7.0, ran)],
        prepare=close,
    )

    assert call.heard == ["It is booked."]
    assert broken == []
    assert call.stats.hold_lines == 0
    assert not call.names(HoldLine)


def test_a_tool_that_has_something_said_keeps_the_caller_company_itself() -> None:
    """Two voices that hold him up would be one too many."""

    @function_tool
    async def look(context: RunContext[Any]) -> str:
        """Look it up."""
        await asyncio.sleep(0.5)
        context.session.say("Looking that up.", add_to_chat_ctx=False)
        await asyncio.sleep(6.0)
        return "found"

    call = play([Turn(tool="look"), Turn(OPENING)], tools=[look])

    assert call.heard == ["Looking that up.", OPENING]


def test_the_wait_goes_on_through_a_handoff() -> None:
    """The second agent answers the question that was put to the first."""

    class Second(Agent):
        async def on_enter(self) -> None:
            self.session.generate_reply(instructions="Go on.")

    @function_tool
    async def hand_over() -> Agent:
        """Hand over."""
        return Second(instructions="Second.")

    call = play(
        [Turn(tool="hand_over"), Turn(OPENING, first_s=4.0), FAILS],
        [QUESTION, Says("And you?", after_answer_s=3.0)],
        tools=[hand_over],
    )

    assert call.heard == ["One moment.", OPENING, SORRY]
    assert [wait.outcome for wait in call.stats.waits] == ["answered", "apologised"]


def test_a_handoff_does_not_put_off_the_line() -> None:
    """The first agent took two seconds to call its tool, and the second one hangs."""

    class Second(Agent):
        async def on_enter(self) -> None:
            self.session.generate_reply(instructions="Go on.")

    @function_tool
    async def hand_over() -> Agent:
        """Hand over."""
        return Second(instructions="Second.")

    call = play([Turn(tool="hand_over", first_s=2.0), HANGS], tools=[hand_over], lasts_s=20.0)

    assert call.played.heard()[0].start_s == pytest.approx(COMMITTED_S + 2.5, abs=0.15)
    assert call.heard[-1] == SORRY


def test_what_a_tool_behind_words_costs_is_a_wait() -> None:
    """His line is of the first wait, and the tool's seconds are the second."""
    ran: list[str] = []
    call = play(
        [Turn("Let me look.", tool="book", first_s=4.0), Turn("It is booked.")],
        [Says("Book a table please")],
        tools=[booking(5.0, ran)],
    )

    assert call.heard == ["One moment.", "Let me look.", "It is booked."]
    assert [each.hold_lines for each in call.told if isinstance(each, Answered)] == [1, 0]
    assert [wait.hold_lines for wait in call.stats.waits] == [1, 0]
    gap = call.last("It is").start_s - call.last("Let me").end_s
    assert call.stats.waits[1].silence_s == pytest.approx(gap, abs=0.1)


# --- asking again -------------------------------------------------------------------------------


def test_it_is_asked_again_until_the_trouble_is_over() -> None:
    """He was told, and waits still: the answer comes by itself."""
    call = play([FAILS, FAILS, Turn(OPENING)], care={"ask_again_every_s": 3.0}, lasts_s=25.0)

    assert call.heard == [SORRY, OPENING]
    assert [each.asked_again for each in call.told if isinstance(each, Answered)] == [True]
    assert len(call.model.asked) == 3


def test_asking_again_stops_when_the_caller_speaks() -> None:
    """Whatever he says now is what is to be answered."""
    more = Says("Then never mind.", after_answer_s=1.0)
    call = play(
        [FAILS, Turn("All right.")], [QUESTION, more], care={"ask_again_every_s": 4.0}, lasts_s=30.0
    )

    assert call.heard == [SORRY, "All right."]
    assert len(call.model.asked) == 2


def test_an_answer_asked_for_again_that_hangs_has_broken_off() -> None:
    """Nobody asked for it; but as long as it lasts, nothing else can be said."""
    turns = [FAILS, Turn("We open", then=Foreign("gone"), stall_s=1000.0), FAILS]
    call = play(turns, care={"ask_again_every_s": 3.0}, lasts_s=26.0)

    assert call.heard == [SORRY, "We open", "Sorry, where was I?"]
    assert call.model.asked[1].cancelled


def test_an_answer_asked_for_again_gives_way_to_a_caller_who_may_not_interrupt() -> None:
    """Nobody hears anything of it, and livekit would drop what he says."""
    handling = {"interruption": {"enabled": False}}
    call = play(
        [FAILS, HANGS, Turn(OPENING)],
        [QUESTION, Says("Hello?", after_answer_s=5.0)],
        care={"ask_again_every_s": 3.0},
        session_options={"turn_handling": handling},
        lasts_s=20.0,
    )

    assert call.heard == [SORRY, OPENING]
    assert call.model.asked[1].cancelled


def test_a_sentence_asked_for_again_is_not_kept_back() -> None:
    """The answer is at work behind it, as it may be behind any other."""
    turns = [FAILS, Turn("We open at five.", then=Foreign("gone"), stall_s=8.0), FAILS]
    call = play(turns, care={"ask_again_every_s": 3.0}, lasts_s=15.0)

    assert call.heard == [SORRY, "We open at five."]


# --- recordings ---------------------------------------------------------------------------------


def test_recordings_are_heard_when_text_to_speech_is_down() -> None:
    """It is often the same network that takes both down."""
    lines = (Line("One moment.", audio=recording("One moment.")),)
    apology = Line("So sorry.", audio=recording("So sorry."))
    call = play(
        [HANGS],
        care={"hold_lines": lines, "apology": apology},
        tts_down=[(0.0, 60.0)],
        lasts_s=18.0,
    )

    assert call.heard == ["One moment.", "So sorry."]
    assert call.written == ["So sorry."]


def test_an_answer_that_cannot_be_spoken_is_apologised_for_by_a_recording() -> None:
    """The LLM is well, and the caller hears nothing all the same."""
    apology = Line("So sorry.", audio=recording("So sorry."))
    call = play([Turn(OPENING)], care={"apology": apology}, tts_down=[(0.0, 60.0)], lasts_s=18.0)

    assert call.heard == ["So sorry."]
    assert not call.names(Answered)


def test_an_apology_is_spoken_when_text_to_speech_is_back() -> None:
    """It failed over a line, and took the answer with it; a second later it is well."""
    call = play([Turn(OPENING, first_s=9.5)], tts_down=[(4.0, 9.5)], lasts_s=25.0)

    assert call.heard == [SORRY]
    assert call.written == [SORRY]


# --- agents, stats, and leaving -----------------------------------------------------------------


def test_an_agent_with_a_node_of_its_own_says_where_lines_are_wanted() -> None:
    """What it puts around the LLM's part is not done twice."""
    cares: list[Care] = []

    class Own(Agent):
        async def llm_node(self, *arguments: Any) -> Any:
            await asyncio.sleep(0.1)
            async for chunk in cares[0].over(Agent.default.llm_node(self, *arguments)):
                yield chunk

    call = play(
        [Turn(OPENING, first_s=4.0), FAILS],
        [QUESTION, Says("And then?", after_answer_s=3.0)],
        agent=lambda: Own(instructions="x"),
        prepare=lambda _, care: cares.append(care),
    )

    assert call.heard == ["One moment.", OPENING, SORRY]
    assert call.stats.hold_lines == call.stats.apologies == 1


def test_the_silence_as_heard() -> None:
    """From his last word to the first sound, and between sounds until the answer."""
    call = play([Turn(OPENING, first_s=5.0)])

    (wait,) = call.stats.waits
    first, between = [each.lasted_s for each in call.played.silences()][:2]
    assert wait.silence_s == pytest.approx(max(first, between), abs=0.1)
    assert wait.waited_s == pytest.approx(call.last(OPENING).start_s - 1.2, abs=0.1)
    assert (wait.outcome, wait.hold_lines) == ("answered", 1)
    assert call.stats.silence_max_s == wait.silence_s


@pytest.mark.parametrize("text", ["👍", "👩\u200d⚕️"])
def test_an_answer_that_no_voice_can_speak_is_a_lost_turn(text: str) -> None:
    """Nobody has heard an answer; he would wait for one."""
    call = play([Turn(text), Turn(OPENING)], [QUESTION, Says("And then?", at_s=9.0)])

    assert call.heard == [SORRY, OPENING]
    assert [wait.outcome for wait in call.stats.waits] == ["apologised", "answered"]


def test_an_empty_answer_is_a_silent_one() -> None:
    """An agent may say nothing."""
    call = play([Turn(""), Turn(OPENING)], [QUESTION, Says("And then?", at_s=9.0)])

    assert call.heard == [OPENING]
    assert [wait.outcome for wait in call.stats.waits] == ["silent", "answered"]
    assert call.names() == ["Answered"]


def test_what_cannot_be_spoken_does_not_stand_for_an_answer() -> None:
    """The sign comes at once, the words are late: he waits for words."""
    turn = Turn("👍", then=Foreign("gone"), stall_s=4.0)
    call = play([turn], lasts_s=20.0)

    assert call.heard == ["One moment.", SORRY]
    assert call.names() == ["HoldLine", "Apology"]
    assert "moment" not in " ".join(call.written)


@pytest.mark.parametrize("text", ["42", "&"])
def test_whatever_is_heard_is_an_answer(text: str) -> None:
    """This voice says signs, too."""
    call = play([Turn(text)])

    assert call.heard == [text]
    assert call.names() == ["Answered"]
    assert [wait.outcome for wait in call.stats.waits] == ["answered"]


def test_a_caller_who_hangs_up_while_he_waits_has_abandoned_it() -> None:
    """The number that tells how many calls were lost."""
    call = play([HANGS], prepare=hang_up, lasts_s=15.0)

    assert call.stats.abandoned == 1
    assert [wait.outcome for wait in call.stats.waits] == ["abandoned"]


def hang_up(session: AgentSession[Any], _: Care) -> None:
    asyncio.get_running_loop().call_later(6.0, lambda: session.shutdown(drain=False))


def test_attached_after_the_start_and_detached_again() -> None:
    """What was raised is given back, and agents have their own nodes again."""
    agent = Agent(instructions="x")
    seen: list[Any] = []

    def later(session: AgentSession[Any], care: Care) -> None:
        async def swap() -> None:
            await care.aclose()
            seen.append(session.conn_options.max_unrecoverable_errors)
            seen.append(vars(agent).keys() & {"llm_node", "tts_node"})
            keep_caller_informed(session, hold_lines=("A second.",))
            seen.append(session.conn_options.max_unrecoverable_errors > 1000)

        loop = asyncio.get_running_loop()
        loop.call_later(9.0, lambda: seen.append(asyncio.ensure_future(swap())))

    call = play(
        [Turn(OPENING, first_s=4.0)],
        [QUESTION, Says("And then?", at_s=12.0)],
        agent=agent,
        prepare=later,
    )

    assert seen[1:] == [3, set(), True]
    assert call.heard == ["One moment.", OPENING, "A second.", OPENING]
