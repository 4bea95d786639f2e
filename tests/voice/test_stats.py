"""Silence as heard, and what "auto" makes of first tokens."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.voice.stats import (
    FirstTokens,
    SilenceMeter,
    VoiceStats,
    WaitOutcome,
    WaitStats,
    quantile,
)


def test_the_longest_silence_of_a_wait() -> None:
    """From his last word to the line, and from its end to the answer."""
    stats = VoiceStats()
    meter = SilenceMeter(stats)
    meter.caller_fell_silent(10.0)
    meter.began(10.5)
    meter.voice_started(13.3)
    meter.voice_stopped(14.0)
    meter.voice_started(19.0)
    meter.ended(19.0, "answered", 1)

    assert [*stats.waits] == [
        WaitStats(silence_s=5.0, waited_s=9.0, hold_lines=1, outcome="answered")
    ]
    assert stats.abandoned == 0


def test_without_voice_detection_it_begins_with_the_commit() -> None:
    """In sessions without sound, and of a greeting."""
    stats = VoiceStats()
    meter = SilenceMeter(stats)
    meter.began(1.0)
    meter.began(2.0)
    meter.ended(4.0, "abandoned", 0)
    meter.ended(5.0, "answered", 0)

    assert [*stats.waits] == [
        WaitStats(silence_s=3.0, waited_s=3.0, hold_lines=0, outcome="abandoned")
    ]
    assert stats.abandoned == 1


def test_a_tool_behind_words_is_a_wait_of_its_own() -> None:
    """ "Let me look." and five seconds of silence: its caller has waited for them."""
    stats = VoiceStats()
    meter = SilenceMeter(stats)
    meter.began(1.0)
    meter.voice_started(2.0)
    meter.ended(2.0, "answered", 0)
    meter.tool_began(2.5)
    meter.tool_began(2.75)
    meter.voice_stopped(3.0)
    meter.began(7.0)
    meter.voice_started(8.0)
    meter.ended(8.0, "answered", 0)

    assert stats.waits[1] == WaitStats(
        silence_s=5.0, waited_s=5.5, hold_lines=0, outcome="answered"
    )


@pytest.mark.parametrize("outcome", ["silent", "abandoned"])
def test_a_tool_behind_words_that_are_the_last_is_no_wait(outcome: WaitOutcome) -> None:
    """ "Goodbye.", and a tool that hangs up: nobody has left a caller waiting."""
    stats = VoiceStats()
    meter = SilenceMeter(stats)
    meter.tool_began(2.0)
    meter.ended(9.0, outcome, 0)
    assert not stats.waits
    meter.began(10.0)
    meter.ended(11.0, outcome, 0)

    assert [wait.outcome for wait in stats.waits] == [outcome]
    assert stats.abandoned == (outcome == "abandoned")


def test_the_quantiles_of_no_waits() -> None:
    """A dashboard asks before the first turn."""
    stats = VoiceStats()

    assert stats.silence_p50_s is stats.silence_p95_s is stats.silence_max_s is None


def test_the_quantiles() -> None:
    """Each is one of the waits."""
    stats = VoiceStats()
    for number in range(1, 101):
        stats.waits.append(
            WaitStats(silence_s=number, waited_s=0.0, hold_lines=0, outcome="answered")
        )

    assert (stats.silence_p50_s, stats.silence_p95_s, stats.silence_max_s) == (50, 95, 100)


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_is_not_exceeded_by_its_share(values: list[float], share: float) -> None:
    """At most the rest is above it: "none in 95 % of turns" rests on that."""
    found = quantile(values, share)

    assert found is not None
    assert sum(value <= found for value in values) >= math.floor(share * len(values))


def test_auto_begins_at_the_default_and_learns() -> None:
    """A few quick answers say nothing of the slow ones."""
    tokens = FirstTokens()
    assert tokens.hold_after_s() == 2.5
    for _ in range(19):
        tokens.add(0.6)
    assert tokens.hold_after_s() == 2.5
    tokens.add(0.6)

    assert tokens.hold_after_s() == 1.5


@pytest.mark.parametrize(("seconds", "after_s"), [(0.1, 1.5), (3.1, 3.1), (30.0, 4.0)])
def test_auto_stays_within_its_bounds(seconds: float, after_s: float) -> None:
    """Neither nervous nor absent."""
    tokens = FirstTokens()
    for _ in range(30):
        tokens.add(seconds)

    assert tokens.hold_after_s() == after_s


def test_a_wait_goes_on_when_its_apology_was_talked_over() -> None:
    """It is one wait, with the lines of both its halves, and as long as it was."""
    stats = VoiceStats()
    meter = SilenceMeter(stats)
    meter.began(0.0)
    meter.voice_started(12.0)
    meter.ended(12.0, "apologised", 2)
    meter.voice_stopped(12.2)
    meter.talked_over()
    meter.began(13.0)
    meter.voice_started(13.5)
    meter.ended(13.5, "apologised", 2)

    (wait,) = stats.waits
    assert (wait.silence_s, wait.waited_s, wait.hold_lines) == (12.0, 13.5, 2)


def test_a_word_of_long_ago_begins_no_wait() -> None:
    """He said it while he waited for something else, or went away after it."""
    stats = VoiceStats()
    meter = SilenceMeter(stats)
    meter.began(0.0)
    meter.caller_fell_silent(3.0)
    meter.ended(5.0, "answered", 0)
    meter.began(20.0)
    meter.ended(21.0, "answered", 0)
    meter.caller_fell_silent(30.0)
    meter.caller_went_away()
    meter.began(50.0)
    meter.ended(51.5, "answered", 0)

    assert [wait.waited_s for wait in stats.waits] == [5.0, 1.0, 1.5]
