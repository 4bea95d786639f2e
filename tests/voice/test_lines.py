"""Lines: what they may be, and which comes next."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import rtc

from resilient_claude.voice.lines import UNWRITTEN, Line, following, frames_of, line_of, lines_of

FRAME = rtc.AudioFrame(b"\1\0" * 480, 24000, 1, 480)


def wav(path: Path, *, seconds: float = 0.12, width: int = 2) -> Path:
    """A WAV file of 24 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(24000)
        file.writeframes(b"\1" * width * int(24000 * seconds))
    return path


def test_a_text_is_a_line() -> None:
    """The simplest case."""
    assert line_of("apology", "Sorry.") == Line("Sorry.")
    assert Line("Sorry.").sound is None


def test_a_path_is_a_recording(tmp_path: Path) -> None:
    """As a Path, or as a string that ends like one."""
    path = wav(tmp_path / "sorry.wav")

    for each in (path, str(path)):
        line = line_of("apology", each)
        assert isinstance(line.sound, tuple)
        assert sum(frame.samples_per_channel for frame in line.sound) == int(24000 * 0.12)
        assert line.caption == UNWRITTEN


def test_a_recording_is_cut_into_frames_that_can_be_interrupted(tmp_path: Path) -> None:
    """One frame of two seconds would be two seconds before a barge-in is heeded."""
    frames = frames_of(wav(tmp_path / "x.wav", seconds=0.12))

    assert [round(frame.duration, 3) for frame in frames] == [0.05, 0.05, 0.02]


def test_frames_and_functions_are_recordings() -> None:
    """What is made elsewhere."""

    async def frames() -> AsyncIterator[rtc.AudioFrame]:
        yield FRAME

    assert line_of("apology", [FRAME]).sound == (FRAME,)
    assert Line("Sorry.", audio=frames).sound is frames
    assert callable(line_of("apology", frames()).sound)
    assert Line("Sorry.", audio=frames).caption == "Sorry."


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (3, TypeError, "apology must be text, a WAV file, audio frames or a Line"),
        (None, TypeError, "got NoneType"),
        ("  ", ValueError, "apology must have words"),
        ([], TypeError, "at least one"),
        (["x"], TypeError, "AudioFrame"),
        (Path("nowhere.wav"), OSError, "nowhere"),
    ],
)
def test_what_is_no_line(given: object, error: type[Exception], message: str) -> None:
    """It is found when the agent is written, and not when the caller waits."""
    with pytest.raises(error, match=message):
        line_of("apology", given)


@pytest.mark.parametrize(("text", "audio"), [(3, None), ("x", 3)])
def test_a_line_of_the_wrong_types(text: object, audio: object) -> None:
    """Likewise."""
    with pytest.raises(TypeError):
        Line(text, audio)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="words or a recording"):
        Line(" ")


def test_files_that_are_no_recordings(tmp_path: Path) -> None:
    """Each says which file it is, and what is wrong with it."""
    (tmp_path / "text.wav").write_text("RIFF?")
    (tmp_path / "nothing.wav").write_bytes(b"")

    with pytest.raises(ValueError, match=r"text\.wav must be a WAV file of 16-bit PCM"):
        frames_of(tmp_path / "text.wav")
    with pytest.raises(ValueError, match=r"nothing\.wav must be a WAV file"):
        frames_of(tmp_path / "nothing.wav")
    with pytest.raises(ValueError, match="got 8 bits per sample"):
        frames_of(wav(tmp_path / "narrow.wav", width=1))
    with pytest.raises(ValueError, match="must have sound in it"):
        frames_of(wav(tmp_path / "empty.wav", seconds=0.0))


@pytest.mark.parametrize("given", ["One moment.", None, 3])
def test_lines_are_several(given: object) -> None:
    """A string is a sequence too, of letters."""
    with pytest.raises(TypeError, match="hold_lines must be a sequence of lines"):
        lines_of("hold_lines", given)


@given(st.lists(st.sampled_from("abc"), max_size=5), st.integers(0, 6), st.sampled_from("abcx"))
def test_never_the_same_twice_in_a_row(texts: list[str], number: int, last: str) -> None:
    """Except in a new wait, if there is no other line."""
    lines = [Line(text) for text in texts]

    line = following(lines, number, Line(last))

    if line == Line(last):
        assert number == 0
        assert {*texts} == {last}
    assert (line is None) == (not texts or ({*texts} == {last} and number > 0))


def test_each_wait_begins_with_the_first_line() -> None:
    """They are written as a sequence: "still" comes second."""
    lines = [Line("One moment."), Line("Still with you.")]

    assert following(lines, 0, None) == lines[0]
    assert following(lines, 1, lines[0]) == lines[1]
    assert following(lines, 0, lines[0]) == lines[1]
