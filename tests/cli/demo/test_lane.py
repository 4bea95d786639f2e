"""What happened in a call, and what the caller got of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from resilient_claude.cli.demo.lane import Asked, Judgement, Lane, asked, judged
from resilient_claude.testing.voice import Silence

from ...support.lanes import ANSWER, EXPECTED, HOLD, SORRY, said


@pytest.mark.parametrize(
    ("heard", "judgement"),
    [
        ([ANSWER], Judgement.ANSWER),
        ([HOLD, ANSWER], Judgement.HELD),
        ([SORRY, ANSWER], Judgement.APOLOGY),
        ([HOLD, SORRY, ANSWER], Judgement.APOLOGY),
        ([], Judgement.NOTHING),
        ([HOLD], Judgement.NOTHING),
        (["We open"], Judgement.HALF),
        (["We open We open at five."], Judgement.TWICE),
        ([f"{ANSWER} {ANSWER}"], Judgement.TWICE),
        (["Hello."], Judgement.OTHER),
        ([f"Hello. {ANSWER}"], Judgement.OTHER),
    ],
)
def test_what_the_caller_got_follows_from_the_words(heard: list[str], judgement: Judgement) -> None:
    """The verdict of the demo is only as strict as this."""
    assert judged(said(*heard), EXPECTED) is judgement


@pytest.mark.parametrize(
    ("ran", "judgement"),
    [(0, Judgement.NOT_BOOKED), (1, Judgement.ANSWER), (2, Judgement.BOOKED_TWICE)],
)
def test_a_tool_runs_once(ran: int, judgement: Judgement) -> None:
    """Right words do not make up for a table that is booked twice."""
    assert judged(said(ANSWER, tools=ran), replace(EXPECTED, tools=1)) is judgement


def test_only_a_whole_answer_is_good() -> None:
    """Hold lines and apologies are no faults, as long as the answer comes."""
    good = {each for each in Judgement if each.good}

    assert good == {Judgement.ANSWER, Judgement.HELD, Judgement.APOLOGY}


def test_a_request_fails_with_the_first_failure_before_the_next_one() -> None:
    """The session tells failures, the server requests: time brings them together."""
    assert asked([1.0, 2.0, 3.0], [1.5, 2.0, 2.5, 9.0]) == [
        Asked(1.0, 1.5),
        Asked(2.0, 2.0),
        Asked(3.0, 9.0),
    ]
    assert asked([1.0, 2.0], [2.5]) == [Asked(1.0), Asked(2.0, 2.5)]


def test_the_longest_silence_is_that_of_waits_and_of_gaps() -> None:
    """A hold line does not make what comes after it any shorter."""
    lane = replace(said(ANSWER), silences=[Silence(1, 3), Silence(4, 9, "gap")])

    assert lane.longest_silence_s == 5
    assert replace(lane, silences=[]).longest_silence_s == 0


def test_what_happened_survives_being_kept() -> None:
    """A recording is shown as what was played; to the hundredth of a second it is the same."""
    lane = replace(said(HOLD, ANSWER, tools=1), lasted_s=20.004)

    kept = Lane.of_dict(json.loads(json.dumps(lane.as_dict())))

    assert kept == replace(lane, lasted_s=20.0)
