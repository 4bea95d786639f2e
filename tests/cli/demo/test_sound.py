"""The calls as a sound."""

from __future__ import annotations

import array
import io
import wave

from resilient_claude.cli.demo.sound import Plan, Speech, heard_until_s, planned, wav
from resilient_claude.cli.demo.synthesizer import RATE, Samples, Voice

from ...support.lanes import ANSWER, HOLD, call, said


def beep(text: str, voice: Voice, lasts_s: float) -> Samples:
    """A speaker who takes twice as long as he may."""
    return array.array("h", [len(text)]) * round(2 * lasts_s * RATE)


def samples(sound: bytes) -> Samples:
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return array.array("h", file.readframes(file.getnframes()))


def test_each_lane_is_announced_and_then_heard() -> None:
    """Without a word between them nobody would know whom he hears."""
    plan = planned([call(said(), said(HOLD, ANSWER), fault="no byte")])

    assert [(each.voice, each.text) for each in plan.speeches] == [
        ("narrator", "1. no byte. the plugin."),
        ("caller", "When do you open?"),
        ("narrator", "1. no byte. resilient claude."),
        ("caller", "When do you open?"),
        ("agent", HOLD),
        ("agent", ANSWER),
    ]


def test_silence_lasts_as_long_as_in_the_call() -> None:
    """It is what the caller heard."""
    speeches = planned([call(said(), said(HOLD, ANSWER))]).speeches
    _, waiting, announced, asking, held, answered = [each.at_s for each in speeches]

    assert announced - waiting == 20 + 0.7
    assert (round(held - asking, 6), round(answered - asking, 6)) == (3, 7)


def test_a_lane_is_over_with_its_last_word_or_when_nobody_waits_any_more() -> None:
    """A caller who was answered does not listen to the rest of the line."""
    assert heard_until_s(said(ANSWER)) == 5
    assert heard_until_s(said()) == 20


def test_the_sound_is_as_long_as_its_plan() -> None:
    """Whoever speaks, and however slowly."""
    plan = planned([call(said(), said(HOLD, ANSWER))])

    assert len(samples(wav(plan, beep))) == round(plan.lasts_s * RATE)


def test_who_speaks_too_slowly_is_cut_off() -> None:
    """Else the answer would be heard later than in the call."""
    speeches = [Speech(0.5, 0.5, "agent", "abc"), Speech(1.75, 1.0, "caller", "de")]

    sound = samples(wav(Plan(speeches, 2.0), beep))

    middles = [sound[round((n + 0.5) * RATE / 4)] for n in range(8)]
    assert middles == [0, 0, 3, 3, 0, 0, 0, 2]
    assert len(sound) == 2 * RATE
