"""The caller's wait, without a clock: each test tells it what happened when."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.voice.wait import CLEARANCE_S, Action, CallerWait, Pace, State


def waiting(**arguments: Any) -> CallerWait:
    """A wait with the defaults, whose turn was committed at 0."""
    wait = CallerWait(pace(**arguments), 2.5)
    wait.committed(0.0)
    return wait


def pace(**arguments: Any) -> Pace:
    given: dict[str, Any] = {
        "hold_every_s": 7.0,
        "max_hold_lines": 3,
        "tool_hold_after_s": None,
        "give_up_after_s": 12.0,
        "max_apologies": 3,
    }
    return Pace(**given | arguments)


def test_nothing_is_due_while_nobody_waits() -> None:
    """A session is idle for most of its life."""
    wait = CallerWait(pace(), 2.5)

    assert wait.due(100.0) is Action.NOTHING
    assert wait.next_due(100.0) == math.inf


def test_a_line_then_another_then_the_apology() -> None:
    """The whole of a wait in which nothing happens."""
    wait = waiting()
    due: list[tuple[float, Action]] = []
    while wait.state is State.WAITING:
        now = wait.next_due(due[-1][0] if due else 0.0)
        due.append((now, wait.due(now)))
        wait.hold_line_said(now) if due[-1][1] is Action.HOLD_LINE else wait.apologised()

    assert [action for _, action in due] == [Action.HOLD_LINE] * 2 + [Action.APOLOGISE]
    assert [now for now, _ in due] == pytest.approx([2.5, 9.3, 12.0])


def test_the_next_line_is_counted_from_when_the_last_was_due() -> None:
    """An event loop that is late now must not be later with every line."""
    wait = waiting(give_up_after_s=60.0)
    wait.hold_line_said(2.7)

    assert wait.next_due(2.7) == pytest.approx(9.5)


def test_no_more_lines_than_allowed() -> None:
    """A fourth "One moment." is no comfort."""
    wait = waiting(max_hold_lines=1, give_up_after_s=60.0)
    wait.hold_line_said(2.5)

    assert wait.next_due(2.5) == 60.0


def test_a_line_that_there_is_not_is_not_asked_for_all_the_time() -> None:
    """The application's function may have none to give."""
    wait = waiting()
    wait.hold_line_left_out(2.5)

    assert wait.hold_lines == 0
    assert wait.next_due(2.5) > 9.0


def test_nothing_is_due_while_the_caller_speaks_nor_just_after() -> None:
    """What he said may be a turn, which would cut the line short."""
    wait = waiting()
    wait.caller_spoke(2.0)
    assert wait.due(3.0) is Action.NOTHING
    assert wait.next_due(3.0) == math.inf
    wait.caller_fell_silent(3.0)

    assert not wait.free(3.2)
    assert wait.next_due(3.0) == pytest.approx(3.5)


def test_a_hello_is_part_of_the_waiting() -> None:
    """He has waited since his first question, whatever the framework makes of it."""
    wait = waiting()
    wait.caller_spoke(5.0)
    wait.caller_fell_silent(5.9)
    wait.cut(6.0)
    wait.committed(6.0)

    assert wait.waited_s(12.0) == 12.0
    assert wait.due(12.0) is Action.APOLOGISE


def test_what_he_says_at_length_is_not() -> None:
    """Nobody waits while he talks."""
    wait = waiting()
    wait.caller_spoke(1.0)
    wait.caller_fell_silent(11.0)
    wait.cut(11.1)
    wait.committed(11.1)

    assert wait.waited_s(12.0) == pytest.approx(2.0)
    assert wait.due(12.0) is Action.NOTHING


def test_a_line_comes_after_the_commit_of_each_turn() -> None:
    """Whoever has just asked whether anybody is there must hear somebody."""
    wait = waiting()
    wait.hold_line_said(2.5)
    wait.cut(4.0)
    wait.committed(4.5)

    assert wait.next_due(4.5) == 7.0


def test_a_line_that_would_come_right_before_the_apology_comes_earlier() -> None:
    """In a later turn he has waited long: better early than not at all."""
    wait = waiting()
    wait.hold_line_said(2.5)
    wait.cut(8.0)
    wait.committed(8.0)

    assert wait.next_due(8.0) == pytest.approx(9.3)
    wait.hold_line_said(9.3)
    assert wait.next_due(9.3) == 12.0


def test_so_late_a_turn_gets_the_apology_only() -> None:
    """It comes within the seconds that are kept free before it."""
    wait = waiting()
    wait.cut(10.0)
    wait.committed(10.0)

    assert wait.next_due(10.0) == 12.0


def test_a_turn_after_a_long_pause_is_a_wait_of_its_own() -> None:
    """The application interrupted the last one, and nobody asked since."""
    wait = waiting()
    wait.cut(1.0)

    assert wait.committed(20.0)
    assert wait.waited_s(21.0) == 1.0


def test_an_answer_ends_the_wait_when_it_is_heard() -> None:
    """It may be interrupted on its way."""
    wait = waiting()
    wait.arrived()
    assert wait.due(1.0) is Action.NOTHING
    wait.cut(1.0)
    assert not wait.committed(2.0)
    wait.arrived()
    wait.heard(2.5)

    assert wait.state is State.IDLE
    assert wait.committed(9.0)


def test_the_beginning_of_an_answer_is_spoken_when_a_line_would_be_due() -> None:
    """The text-to-speech waits for the end of the sentence; the caller should not."""
    wait = waiting()
    wait.arrived()
    assert wait.next_due(0.0) == 2.5
    assert wait.due(2.5) is Action.SPEAK_UP
    wait.spoken_up(2.5)
    assert wait.due(11.9) is Action.NOTHING
    wait.heard(12.0)

    assert wait.next_due(2.5) == math.inf
    assert wait.due(20.0) is Action.NOTHING


def test_the_beginning_of_an_answer_is_spoken_within_the_bound() -> None:
    """The next line would be due at 16 s."""
    wait = waiting()
    wait.hold_line_said(2.5)
    wait.hold_line_said(9.3)
    wait.arrived()

    assert wait.next_due(10.0) == 12.0
    assert wait.due(12.0) is Action.SPEAK_UP


def test_who_speaks_and_is_not_heeded_hears_a_line() -> None:
    """He may not interrupt, and asks whether anybody is there; a cough does not count."""
    for unheeded, due in ((True, 7.5), (False, 9.3)):
        wait = waiting()
        wait.hold_line_said(2.5)
        wait.caller_spoke(4.5)
        wait.caller_fell_silent(5.0, unheeded=unheeded)

        assert wait.next_due(5.0) == pytest.approx(due)


def test_an_answer_of_which_nothing_is_heard_is_a_lost_turn() -> None:
    """It began with an emoji, and then nothing came; what is being spoken is waited for."""
    wait = waiting()
    wait.arrived()
    wait.spoken_up(2.5)
    assert wait.next_due(2.5) == 12.0
    assert wait.due(12.0) is Action.APOLOGISE
    wait = waiting()
    wait.arrived()
    wait.spoken_up(11.0)

    assert wait.due(13.4) is Action.NOTHING
    assert wait.due(13.5) is Action.APOLOGISE


def test_an_apology_that_nobody_could_foresee_does_not_follow_right_behind_a_line() -> None:
    """ "One moment." "I'm sorry": a promise that is taken back."""
    wait = waiting()
    assert wait.may_apologise(1.0)
    wait.hold_line_said(2.5)

    assert not wait.may_apologise(4.9)
    assert wait.may_apologise(5.0)


def test_an_apology_does_not_follow_right_behind_the_line_of_a_tool() -> None:
    """The LLM had used up the seconds before it called the tool, which was quick."""
    wait = waiting()
    wait.tools_started(11.5)
    assert wait.due(11.5) is Action.HOLD_LINE
    wait.hold_line_said(11.5)
    wait.committed(11.6)

    assert wait.next_due(11.6) == 14.0
    assert wait.due(14.0) is Action.APOLOGISE


def test_tools_do_not_count() -> None:
    """Nothing could be answered while they ran."""
    wait = waiting()
    wait.tools_started(1.0)
    assert wait.due(50.0) is not Action.APOLOGISE
    assert wait.waited_s(50.0) == 1.0
    wait.committed(51.0)

    assert wait.waited_s(52.0) == 2.0
    assert wait.state is State.WAITING


def test_tools_have_lines_of_their_own() -> None:
    """At a time of their own, on request."""
    wait = waiting(tool_hold_after_s=2.0)
    wait.tools_started(1.0)

    assert wait.next_due(1.0) == 3.0
    assert wait.due(3.0) is Action.HOLD_LINE


def test_a_tool_before_any_word_does_not_put_off_a_line() -> None:
    """To the caller it is the same silence."""
    wait = waiting()
    wait.tools_started(1.0)

    assert wait.next_due(1.0) == 2.5
    assert wait.due(2.5) is Action.HOLD_LINE


def test_behind_words_and_when_a_tool_speaks_for_itself_there_are_no_lines() -> None:
    """ "Let me look." and then "One moment.": twice the same."""
    wait = waiting()
    wait.tools_started(1.0)
    wait.tool_spoke()
    assert wait.next_due(1.0) == math.inf
    wait = waiting()
    wait.arrived()
    wait.heard(3.0)
    wait.tools_started(4.0)

    assert wait.next_due(4.0) == math.inf


def test_a_chain_of_quick_tools_does_not_move_the_lines() -> None:
    """To the caller it is one wait: neither a line later, nor one with each of them."""
    wait = waiting(give_up_after_s=60.0)
    for now in (0.4, 1.0, 1.6):
        wait.tools_started(now)
        wait.committed(now + 0.2)
        assert wait.next_due(now + 0.2) == 2.5
    wait.hold_line_said(2.5)
    wait.tools_started(3.0)
    wait.committed(3.2)

    assert wait.next_due(3.2) == 9.5


def test_who_speaks_while_a_tool_runs_hears_a_line() -> None:
    """His turn is committed when the tool is through, and he has asked whether anybody is there."""
    wait = waiting()
    wait.tools_started(1.0)
    wait.tool_spoke()
    wait.caller_spoke(5.0)
    wait.caller_fell_silent(5.5)

    assert wait.next_due(5.5) == 8.0
    assert wait.due(8.0) is Action.HOLD_LINE


def test_a_tool_after_words_is_a_wait_of_its_own() -> None:
    """ "Let me look." was an answer; what follows is waited for anew."""
    wait = waiting()
    wait.arrived()
    wait.heard(1.0)
    wait.tools_started(30.0)
    wait.committed(35.0)

    assert wait.waited_s(36.0) == 1.0


def test_a_tool_behind_words_takes_nothing_from_the_wait_that_these_end() -> None:
    """ "Let me look." and its tool come together; the words are heard a little later."""
    wait = waiting()
    wait.hold_line_said(2.5)
    wait.arrived()
    wait.tools_started(4.0)

    assert wait.heard(4.3) == (4.3, 1)
    assert (wait.state, wait.hold_lines) == (State.WORKING, 0)


def test_a_handoff_does_not_put_off_a_line() -> None:
    """To the caller it is the same silence, whichever agent ends it."""
    wait = waiting()
    wait.tools_started(2.0)
    wait.cut(2.1, handed_on=True)
    wait.committed(2.2)

    assert wait.next_due(2.2) == 2.5


def test_a_handoff_does_not_bring_a_line_forward_that_was_just_said() -> None:
    """The next one is as far away as after any other line."""
    wait = waiting()
    wait.tools_started(2.0)
    wait.hold_line_said(2.5)
    wait.cut(3.0, handed_on=True)
    wait.committed(3.1)

    assert wait.next_due(3.1) == 9.5


def test_a_turn_of_the_caller_s_behind_a_handoff_has_lines_of_its_own() -> None:
    """The next agent has said nothing, and was asked something."""
    wait = waiting()
    wait.tools_started(2.0)
    wait.cut(2.1, handed_on=True)
    wait.caller_spoke(3.0)
    wait.caller_fell_silent(3.5)
    wait.committed(4.0)

    assert wait.next_due(4.0) == 6.5


def test_one_apology_per_wait() -> None:
    """Until he speaks again nothing more is owed."""
    wait = waiting()
    assert wait.failed() is Action.APOLOGISE
    wait.apologised()

    assert not wait.committed(5.0)
    assert wait.failed() is Action.NOTHING
    wait.caller_spoke(6.0)
    assert wait.committed(7.0)


def test_a_turn_that_came_as_text_is_a_turn() -> None:
    """Sessions without sound have no voice detection."""
    wait = waiting()
    wait.apologised()
    wait.asked()

    assert wait.committed(7.0)
    assert wait.due(9.5) is Action.HOLD_LINE


def test_an_apology_that_was_not_heard_is_still_owed() -> None:
    """And is not counted."""
    wait = waiting()
    wait.apologised()
    wait.unheard(12.1)
    wait.committed(12.5)

    assert wait.lost == 0
    assert wait.due(12.5) is Action.APOLOGISE


def test_an_apology_that_is_never_heard_counts_in_the_end() -> None:
    """The text-to-speech is down, and he says "Hello?" before that is known."""
    wait = waiting(max_apologies=2)
    for now in (12.0, 17.0, 22.0):
        assert wait.due(now) is Action.APOLOGISE
        wait.apologised()
        wait.unheard(now + 4.0)
        wait.committed(now + 4.5)

    assert wait.due(27.0) is Action.GIVE_UP


def test_after_max_apologies_it_is_given_up() -> None:
    """And the count begins anew, should the call go on all the same."""
    wait = waiting(max_apologies=1)
    wait.apologised()
    wait.asked()
    wait.committed(20.0)

    assert wait.failed() is Action.GIVE_UP
    wait.gave_up()
    assert (wait.state, wait.lost) == (State.LOST, 0)


def test_an_answer_that_cannot_be_spoken_is_a_lost_turn() -> None:
    """The words came, and he heard none."""
    wait = waiting()
    wait.arrived()

    assert wait.failed() is Action.APOLOGISE


def test_a_reply_without_words_ends_the_wait() -> None:
    """An agent may choose to say nothing."""
    wait = waiting()
    wait.ended()

    assert wait.next_due(0.0) == math.inf


def test_an_event_loop_that_is_late_says_no_line_in_the_last_seconds() -> None:
    """It was due at 9.3 s; at 10.2 s the apology is too near."""
    wait = waiting()
    wait.hold_line_said(2.5)

    assert wait.due(10.2) is Action.NOTHING
    assert wait.next_due(10.2) == 12.0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "committed",
                "caller_spoke",
                "caller_fell_silent",
                "cut",
                "handed_on",
                "tools_started",
                "unheard",
                "arrived",
                "heard",
                "ended",
                "asked",
                "due",
            ]
        ),
        st.floats(0.0, 6.0),
    ),
    max_size=40,
)


@given(STEPS)
def test_whatever_happens_at_most_one_apology_per_wait_and_none_close_to_a_line(
    steps: list[tuple[str, float]],
) -> None:
    """The invariants, over any order of events."""
    wait, now, last_line, owed = CallerWait(pace(), 2.5), 0.0, -math.inf, True
    for name, later_s in steps:
        now += later_s
        if name in ("arrived", "ended", "asked"):
            getattr(wait, name)()
        elif name == "handed_on":
            wait.cut(now, handed_on=True)
        elif name != "due":
            getattr(wait, name)(now)
        owed = owed or name in ("caller_spoke", "asked", "heard", "unheard")
        action = wait.due(now)
        assert wait.next_due(now) <= now or action is Action.NOTHING
        if action is Action.HOLD_LINE:
            assert wait.hold_lines < 3
            assert now + CLEARANCE_S <= wait._deadline() or wait.state is State.WORKING
            last_line = now
            wait.hold_line_said(now)
        elif action is Action.SPEAK_UP:
            wait.spoken_up(now)
        elif action in (Action.APOLOGISE, Action.GIVE_UP):
            assert owed
            assert now - last_line >= CLEARANCE_S - 1e-6
            owed = False
            wait.apologised() if action is Action.APOLOGISE else wait.gave_up()
