"""What callers hear of livekit's voice pipeline, as it was measured in real time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool, llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, HttpError, SimulatedClaude, ToolUse
from resilient_claude.testing.voice import Coughs, Outage, Says, VoiceCall, recording
from tests.support.adapters import KEY
from tests.support.leftovers import open_sockets

from .calls import ANSWER, OPENING, QUESTION, PlayCall, ours, wait_s

HELLO = Says("Hello?", when_silent_s=5.0, repeat=True)


def test_a_healthy_answer_is_heard_a_good_second_after_the_last_word(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """0.3 s of speech-to-text, 0.6 s of Claude, 0.35 s of text-to-speech; preemption hides the
    half second that livekit waits for the end of the turn."""
    simulated_claude.script(ANSWER)

    played = play_call(ours(simulated_claude), [QUESTION])

    (said,), (heard,), (post,) = played.said(), played.heard(), played.posts()
    assert (heard.text, heard.who, heard.whole) == (OPENING, "agent", True)
    assert post.at_s - said.end_s == pytest.approx(0.3, abs=0.1)
    assert wait_s(played) == pytest.approx(1.3, abs=0.1)
    assert heard.end_s - heard.start_s == pytest.approx(10 * 0.3, abs=0.05)


def test_the_turn_is_committed_half_a_second_after_the_last_word(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """livekit's `min_delay`, by the time of this call and not of the machine."""
    played = play_call(ours(simulated_claude), [QUESTION])

    (added,) = [
        each.at_s
        for each in played.events
        if each.event.type == "conversation_item_added"
        and getattr(each.event.item, "role", "") == "user"
    ]
    assert added - played.said()[0].end_s == pytest.approx(0.55, abs=0.1)


def test_a_key_that_is_refused_is_total_silence(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """In a plain session: the failure that callers know as "it just hung"."""
    simulated_claude.outage(HttpError(401))

    played = play_call(ours(simulated_claude), [QUESTION])

    (silence,) = played.silences()
    assert (played.heard(), silence.ended) == ([], False)
    assert silence.lasted_s == pytest.approx(10.0, abs=0.1)
    assert len(played.errors) == 1


def test_who_says_hello_every_five_seconds_hears_nothing_of_an_outage(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Each one cancels the turn and its budget with it."""
    outage = Outage(HttpError(529), until_s=30)

    played = play_call(ours(simulated_claude), [QUESTION, HELLO], outages=[outage], lasts_s=40)

    silence = played.silences()[0]
    assert silence.ended
    assert silence.start_s == played.said()[0].end_s
    assert 30 < silence.end_s < 36
    assert sum(each.text == "Hello?" for each in played.said()) >= 5
    assert played.history.items[-1].type == "message"


@pytest.mark.parametrize(("finals", "requests"), [(1, 1), (4, 4)])
def test_every_final_transcript_is_a_request(
    simulated_claude: SimulatedClaude, play_call: PlayCall, finals: int, requests: int
) -> None:
    """Preemptive generation asks at each of them, and throws away what it got."""
    question = Says("When do you open on Sunday in winter please?", at_s=0.5, finals=finals)

    played = play_call(ours(simulated_claude), [question])

    assert len(played.posts()) == requests
    assert len(played.heard()) == 1


def test_one_sentence_can_close_the_session(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Four finals and a 401 are four failed generations."""
    simulated_claude.outage(HttpError(401))
    question = Says("When do you open on Sunday in winter please?", at_s=0.5, finals=4)

    played = play_call(ours(simulated_claude), [question])

    assert played.closed_at_s == played.lasted_s
    assert played.lasted_s - played.said()[0].end_s == pytest.approx(0.55, abs=0.1)


@function_tool
async def book(guests: int) -> str:
    """Book a table.

    Args:
        guests: how many people come.
    """
    await asyncio.sleep(5)
    return "booked"


def test_a_tool_of_five_seconds_is_seven_of_silence(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Two requests and the voice come on top."""
    simulated_claude.script(
        Answer(tools=[ToolUse("book", {"guests": 2})], first_token_s=0.6),
        Answer("Done.", first_token_s=0.6),
    )

    played = play_call(ours(simulated_claude), [QUESTION], tools=[book])

    assert played.text == "Done."
    assert wait_s(played) == pytest.approx(6.8, abs=0.1)


def test_what_is_said_before_a_tool_makes_its_silence_a_gap(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """The caller has been answered by then, and waits all the same."""
    simulated_claude.script(
        Answer("One moment.", tools=[ToolUse("book", {"guests": 2})]), Answer("Done.")
    )

    played = play_call(ours(simulated_claude), [QUESTION], tools=[book])

    assert [each.kind for each in played.silences()] == ["wait", "gap"]
    assert [each.text for each in played.heard()] == ["One moment.", "Done."]


def test_barge_in_cuts_the_answer_in_mid_word(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Half a second after the caller began to speak: livekit's `min_duration`."""
    simulated_claude.script(ANSWER, Answer("As you like."))
    stop = Says("Stop it please now", into_speech_s=1.0)

    played = play_call(ours(simulated_claude), [QUESTION, stop])

    cut, answer = played.heard()
    assert OPENING.startswith(cut.text)
    assert (cut.whole, answer.whole, answer.text) == (False, True, "As you like.")
    assert cut.end_s - played.said()[1].start_s == pytest.approx(0.5, abs=0.1)


def test_the_history_holds_the_words_that_were_heard_whole(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """As livekit's transcript synchronizer tells them; the next request says so to Claude."""
    simulated_claude.script(ANSWER, Answer("As you like."))
    stop = Says("Stop it please now", into_speech_s=0.85)

    played = play_call(ours(simulated_claude), [QUESTION, stop])

    messages = [item for item in played.history.items if item.type == "message"]
    roles = [each.role for each in messages]
    assert roles == ["user", "assistant", "user", "assistant"]
    heard = played.heard()[0]
    assert (messages[1].text_content or "").split() == heard.words[:-1]


def test_a_cough_pauses_the_answer_for_two_seconds(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """A voice without words: livekit goes on where it stopped."""
    simulated_claude.script(ANSWER)

    played = play_call(ours(simulated_claude), [QUESTION, Coughs(lasts_s=0.7, into_speech_s=1.0)])

    before, after = played.heard()
    assert before.text + after.text == OPENING or f"{before.text} {after.text}" == OPENING
    assert not before.whole
    assert after.whole
    assert after.start_s - before.end_s == pytest.approx(2.45, abs=0.15)
    assert len(played.posts()) == 1


def test_two_sentences_a_second_apart_are_one_wait(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """The second one takes the answer of the first away."""
    simulated_claude.script(ANSWER, Answer("On Sunday we do not."))
    more = Says("On Sunday I mean.", after_own_s=0.9)

    played = play_call(ours(simulated_claude), [QUESTION, more])

    (silence,) = played.silences()
    assert silence.start_s == played.said()[0].end_s
    assert played.text == "On Sunday we do not."


def test_a_conversation_keeps_its_order(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """livekit sorts histories by time: every one of its clocks must tell the call's."""
    simulated_claude.script(Answer("One."), Answer("Two."), Answer("Three."))

    played = play_call(
        ours(simulated_claude),
        [QUESTION, Says("And?", after_answer_s=1.0), Says("And then?", after_answer_s=2.0)],
    )

    texts = [item.text_content for item in played.history.items if item.type == "message"]
    assert texts == ["When do you open?", "One.", "And?", "Two.", "And then?", "Three."]
    heard, said = played.heard(), played.said()
    assert said[2].start_s - heard[1].end_s == pytest.approx(2.0, abs=0.1)


def test_he_talks_on_during_a_tool(simulated_claude: SimulatedClaude, play_call: PlayCall) -> None:
    """The result of the tool comes too late for what he wants now."""
    simulated_claude.script(Answer(tools=[ToolUse("book", {"guests": 2})]), *[Answer("Done.")] * 3)

    played = play_call(
        ours(simulated_claude), [QUESTION, Says("For three please.", after_own_s=3.0)], tools=[book]
    )

    assert len(played.said()) == 2
    assert "Done." in played.text
    assert played.said()[1].start_s - played.said()[0].end_s == pytest.approx(3.0, abs=0.1)


def test_text_to_speech_can_be_down(simulated_claude: SimulatedClaude, play_call: PlayCall) -> None:
    """What Claude said is not heard, and canned audio is."""
    simulated_claude.script(ANSWER, ANSWER)

    def greet(session: AgentSession[Any]) -> None:
        @session.on("error")
        def apologise(event: Any) -> None:
            if not event.error.recoverable:
                session.say("Sorry.", audio=frames())

    async def frames() -> AsyncIterator[Any]:
        for frame in recording("I am sorry."):
            yield frame

    played = play_call(ours(simulated_claude), [QUESTION], prepare=greet, tts_down=[(0, 60)])

    assert played.text == "I am sorry."
    assert {type(each.event.error).__name__ for each in played.errors} == {"TTSError"}


def test_an_outage_begins_and_ends_at_its_seconds(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """By the time of the call, so that an answer before it is whole."""
    outage = Outage(HttpError(401), from_s=4.0, until_s=12.0)
    script = [QUESTION, *[Says(f"And {n}?", at_s=n) for n in (8, 16)]]

    played = play_call(ours(simulated_claude), script, outages=[outage])

    assert [each.text for each in played.heard()] == ["Hello.", "Hello."]
    (error,) = played.errors
    assert error.at_s == pytest.approx(8.9, abs=0.1)


def test_an_outage_without_an_end_is_over_with_the_call(simulated_claude: SimulatedClaude) -> None:
    """The next test must not inherit it."""
    call = VoiceCall(
        ours(simulated_claude),
        [QUESTION],
        outages=[Outage(HttpError(401), claude=simulated_claude)],
        linger_s=1,
    )

    assert call.play().heard() == []
    assert call.play().lasted_s > 1

    played = VoiceCall(ours(simulated_claude), [QUESTION], linger_s=1).play()
    assert played.text == "Hello."


def test_nothing_is_left(simulated_claude: SimulatedClaude, play_call: PlayCall) -> None:
    """Neither a task, nor a thread, nor a socket, nor another clock."""
    play_call(ours(simulated_claude), [QUESTION], linger_s=1)  # what is loaded once, is loaded
    threads, sockets = threading.active_count(), open_sockets()

    played = play_call(ours(simulated_claude), [QUESTION], linger_s=1)

    assert played.left_over == []
    assert (threading.active_count(), open_sockets()) == (threads, sockets)


def test_a_task_that_is_left_is_told(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """An agent that leaves one in every call runs out of memory one day."""
    tasks = set()

    def forget(_: AgentSession[Any]) -> None:
        tasks.add(asyncio.get_running_loop().create_task(asyncio.sleep(3600), name="forgotten"))

    played = play_call(ours(simulated_claude), [QUESTION], prepare=forget, linger_s=1)

    assert played.left_over == ["forgotten"]


def test_the_same_call_is_heard_the_same_every_time(simulated_claude: SimulatedClaude) -> None:
    """To the millisecond: what is busy is the machine, not the call."""
    timelines = set()
    for _ in range(3):
        simulated_claude.script(ANSWER)
        call = VoiceCall(ours(simulated_claude), [QUESTION], claude=simulated_claude, linger_s=1)
        timelines.add(call.play().timeline())

    assert len(timelines) == 1


def test_an_llm_may_be_made_before_the_call(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """The shortest way to write a test."""
    claude = ResilientClaudeLLM(api_key=KEY, base_url=simulated_claude.base_url)

    assert play_call(claude, [QUESTION], linger_s=1).text == "Hello."


def test_several_llms_are_opened_and_closed_by_a_context_manager(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """`FallbackAdapter` does not close what it is given."""
    closed = []

    @asynccontextmanager
    async def both() -> AsyncIterator[llm.LLM[Any]]:
        async with ours(simulated_claude)() as first, ours(simulated_claude)() as second:
            yield llm.FallbackAdapter([first, second])
        closed.append(True)

    played = play_call(both, [QUESTION], linger_s=1)

    assert played.text == "Hello."
    assert closed == [True]


class Recorder:
    """Something that is attached to a session and closed after the call."""

    def __init__(self) -> None:
        self.closed = False

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


def test_what_prepare_returns_is_closed(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Before the session is."""
    recorder = Recorder()

    async def prepare(_: AgentSession[Any]) -> Recorder:
        return recorder

    play_call(ours(simulated_claude), [QUESTION], prepare=prepare, linger_s=1)

    assert recorder.closed


def test_an_agent_that_greets_is_heard_before_anybody_asks(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """An agent of one's own, with what it does when it enters."""

    class Receptionist(Agent):
        async def on_enter(self) -> None:
            self.session.say("Good evening.")

    played = play_call(
        ours(simulated_claude),
        [Says("When do you open?", after_answer_s=0.5)],
        agent=lambda: Receptionist(instructions="x"),
        linger_s=1,
    )

    assert [each.text for each in played.heard()] == ["Good evening.", "Hello."]


def test_options_of_the_session_are_the_user_s(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """One of them added to ours, not in place of all."""
    simulated_claude.script(ANSWER)
    handling = {"preemptive_generation": {"enabled": False}}

    played = play_call(
        ours(simulated_claude), [QUESTION], session_options={"turn_handling": handling}
    )

    assert wait_s(played) == pytest.approx(0.55 + 0.6 + 0.35, abs=0.1)


async def test_a_coroutine_plays_it_in_a_thread(simulated_claude: SimulatedClaude) -> None:
    """`play` needs a loop of its own, and says so."""
    call = VoiceCall(ours(simulated_claude), [QUESTION], linger_s=1)

    with pytest.raises(RuntimeError, match=r"asyncio\.to_thread"):
        call.play()
    assert (await asyncio.to_thread(call.play)).text == "Hello."


def test_a_line_without_a_moment_is_said_at_once(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """As soon as the call begins, and right after the line before."""
    played = play_call(ours(simulated_claude), [Says("Good evening."), Says("Open?")])

    first, second = played.said()
    assert first.start_s == pytest.approx(0)
    assert second.start_s == pytest.approx(first.end_s, abs=0.06)


def test_what_goes_wrong_with_the_caller_is_raised(
    simulated_claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours must not look like a silent caller."""
    monkeypatch.setattr("resilient_claude.testing.voice.caller.FRAME_S", "a bug")
    call = VoiceCall(ours(simulated_claude), [QUESTION], linger_s=1)

    with pytest.raises(TypeError):
        call.play()
