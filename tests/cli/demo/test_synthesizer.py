"""The speech synthesizer, played by a script of our own: few machines have one."""

from __future__ import annotations

import array
import io
import sys
import wave
from pathlib import Path

import pytest

from resilient_claude.cli.demo import synthesizer
from resilient_claude.cli.demo.synthesizer import RATE, Synthesizer, find_synthesizer, samples_of

from ...support.played_demo import install_synthesizer


def sound(rate: int = RATE, channels: int = 1) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array.array("h", [0, 1000, 0, 0]).tobytes())
    return written.getvalue()


@pytest.mark.parametrize("name", ["espeak-ng", "espeak"])
def test_the_installed_one_is_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older systems have it under its older name."""
    path = install_synthesizer(tmp_path, name)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_synthesizer() == Synthesizer(str(path))


def test_without_one_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not part of any Python package."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FileNotFoundError, match="apt-get install espeak-ng"):
        find_synthesizer()


def test_a_sentence_takes_as_long_as_in_the_call(tmp_path: Path) -> None:
    """The voice is hurried, and the silence at its end left out."""
    samples = Synthesizer(str(install_synthesizer(tmp_path))).speak("-v hello", "agent", 0.5)

    assert len(samples) == pytest.approx(RATE / 2, rel=0.01)
    assert set(samples) == {1008}  # the words are no options


def test_a_command_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sound server may be gone that it wants to speak to."""
    monkeypatch.setattr(synthesizer, "_TIMEOUT_S", 0.05)
    code = f"#!{sys.executable}\nimport time\ntime.sleep(60)\n"

    with pytest.raises(OSError, match=r"has not spoken within 0\.05 s"):
        Synthesizer(str(install_synthesizer(tmp_path, code=code))).speak("hello", "agent", 1)


def test_what_the_command_says_of_its_failure_is_told(tmp_path: Path) -> None:
    """A voice that is not installed, for example."""
    code = f"#!{sys.executable}\nimport sys\nsys.exit('no such voice')\n"

    with pytest.raises(OSError, match="exited with 1: no such voice"):
        Synthesizer(str(install_synthesizer(tmp_path, code=code))).speak("hello", "agent", 1)


def test_silence_at_the_end_is_left_out() -> None:
    """It belongs to the call, whose silences are measured."""
    assert list(samples_of(sound())) == [0, 1000]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no WAV file"),
        (b"RIFF????WAVE", "no WAV file"),
        (sound(rate=16_000), r"must write \(22050, 1, 2\), got \(16000, 1, 2\)"),
        (sound(channels=2), r"got \(22050, 2, 2\)"),
    ],
)
def test_what_is_no_such_sound_is_refused(data: bytes, complaint: str) -> None:
    """Read as what it is not, it would be noise."""
    with pytest.raises(OSError, match=complaint):
        samples_of(data)
