"""The speech synthesizer of the machine: espeak-ng, or espeak as it was called before."""

from __future__ import annotations

import array
import io
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

RATE = 22_050
"""Samples per second, one channel of 16 bits: what espeak-ng writes."""

Voice: TypeAlias = Literal["narrator", "caller", "agent"]
Samples: TypeAlias = "array.array[int]"

_COMMANDS = ("espeak-ng", "espeak")
_VOICES: dict[Voice, str] = {"narrator": "en-gb+m7", "caller": "en-us+m3", "agent": "en-us+f3"}
_WORDS_PER_MINUTE = 175
_SLOWEST, _FASTEST = 80, 450  # of espeak-ng, per its manual
_TIMEOUT_S = 30.0
_QUIET = 100
"""Of 32,767: what is quieter is not heard."""


@dataclass(frozen=True)
class Synthesizer:
    """A command that speaks.

    Attributes:
        command: its path.
    """

    command: str

    def speak(self, text: str, voice: Voice, lasts_s: float) -> Samples:
        """*text* as sound, at the speed at which it takes about *lasts_s* seconds.

        Raises:
            OSError: the command failed, or hangs.
        """
        samples = self._spoken(text, voice, _WORDS_PER_MINUTE)
        factor = len(samples) / RATE / lasts_s
        speed = min(max(round(_WORDS_PER_MINUTE * factor), _SLOWEST), _FASTEST)
        return samples if speed == _WORDS_PER_MINUTE else self._spoken(text, voice, speed)

    def _spoken(self, text: str, voice: Voice, words_per_minute: int) -> Samples:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "spoken.wav"
            done = self._run(
                "-v", _VOICES[voice], "-s", str(words_per_minute), path=path, text=text
            )
            if done.returncode or not path.exists():
                said = done.stderr.decode(errors="replace").strip()[:200]
                raise OSError(f"{self.command} exited with {done.returncode}: {said}")
            return samples_of(path.read_bytes())

    def _run(self, *options: str, path: Path, text: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(  # noqa: S603
                [self.command, *options, "-w", str(path), "--stdin"],
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise OSError(f"{self.command} has not spoken within {_TIMEOUT_S:g} s") from exc


def find_synthesizer() -> Synthesizer:
    """The one that is installed.

    Raises:
        FileNotFoundError: there is none.
    """
    for command in _COMMANDS:
        path = shutil.which(command)
        if path is not None:
            return Synthesizer(path)
    raise FileNotFoundError(
        "--listen needs the speech synthesizer espeak-ng, which is not installed: "
        "`apt-get install espeak-ng` or `brew install espeak-ng`"
    )


def samples_of(sound: bytes) -> Samples:
    """The samples of a WAV file, without the silence at its end.

    Raises:
        OSError: it is no sound of `RATE`, one channel and 16 bits.
    """
    try:
        with wave.open(io.BytesIO(sound)) as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as exc:
        raise OSError(f"the speech synthesizer wrote no WAV file: {exc}") from exc
    if form != (RATE, 1, 2):
        raise OSError(f"the speech synthesizer must write {(RATE, 1, 2)}, got {form}")
    samples = array.array("h", data)
    end = next((n for n in range(len(samples), 0, -1) if abs(samples[n - 1]) > _QUIET), 0)
    return samples[:end]
