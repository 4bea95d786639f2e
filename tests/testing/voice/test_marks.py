"""Words in audio: whatever is cut and joined on the way can be read."""

from __future__ import annotations

import array

from hypothesis import given
from hypothesis import strategies as st
from livekit import rtc

from resilient_claude.testing.voice import marks, recording


@given(st.lists(st.integers(1, 400), min_size=1), st.text("ab. ", min_size=1, max_size=40))
def test_audio_is_read_however_it_is_cut(sizes: list[int], text: str) -> None:
    """Emitters, byte streams and queues of livekit cut it anew."""
    samples = marks.spoken(text, 0.05)
    pieces: list[array.array[int]] = []
    start = 0
    while start < len(samples):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(samples[start : start + size])
        start += size

    found: dict[int, int] = {}
    for piece in pieces:
        for run in marks.runs(marks.frame(piece)):
            found[run.mark] = found.get(run.mark, 0) + run.samples

    words = [marks.Run(mark, 1).word for mark in found]
    assert [word.text for word in words if word] == marks.split(text)
    assert [word.samples for word in words if word] == [*found.values()]


def test_equal_words_have_marks_of_their_own() -> None:
    """ "No no" must not read as one long word."""
    (frame,) = [marks.frame(marks.spoken("no no", 0.1))]

    first, second = marks.runs(frame)

    assert first.mark != second.mark


def test_words_keep_their_white_space() -> None:
    """So that what was heard is a prefix of what was said, to the letter."""
    text = "We open\n at five. "

    assert "".join(marks.split(text)) == text


def test_audio_of_others_is_a_sound_or_silence() -> None:
    """A recorded apology, say, which carries no marks."""
    noise = array.array("h", [marks._MARKS - 3, -5] * 120)
    at_24_khz = rtc.AudioFrame(noise.tobytes(), 24_000, 1, len(noise))
    quiet = rtc.AudioFrame(bytes(480), 24_000, 1, 240)

    (sound,) = marks.runs(at_24_khz)
    (silence,) = marks.runs(quiet)

    assert (sound.mark, sound.samples, sound.word) == (marks.SOUND, 80, None)
    assert (silence.mark, silence.word) == (0, None)


def test_canned_audio_is_as_long_as_its_words() -> None:
    """A tenth of a second to a frame, the rest in the last."""
    frames = recording("One moment.", word_s=0.33)

    assert sum(frame.samples_per_channel for frame in frames) == 0.66 * marks.SAMPLE_RATE
    assert {frame.sample_rate for frame in frames} == {marks.SAMPLE_RATE}
