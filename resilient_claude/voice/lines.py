"""What is said to a caller who waits: texts or recordings, and which of them comes next. Pure."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TypeAlias

from livekit import rtc

Frames: TypeAlias = Sequence[rtc.AudioFrame]
LineAudio: TypeAlias = Frames | Callable[[], AsyncIterable[rtc.AudioFrame]]

UNWRITTEN = "\N{HORIZONTAL ELLIPSIS}"
"""What stands in captions for a recording whose words were not given."""
FRAME_MS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """Something to be said, as text or, so that it is heard when the TTS is down, as a recording.

    Attributes:
        text: the words. They are spoken if there is no recording, and stand in the captions if
            there is one.
        audio: the recording: path of a WAV file (16-bit PCM), a sequence of frames, or a function
            that returns an async iterable of frames; called each time.

    Raises:
        TypeError: a text is not a string, or a recording none of the above.
        ValueError: both are empty, or the file is no WAV file of 16-bit PCM.
        OSError: the file cannot be read.
    """

    text: str
    audio: str | Path | LineAudio | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"the text of a line must be a string, got {self.text!r}")
        sound = self.audio
        if isinstance(sound, str | Path):
            sound = frames_of(Path(sound))
        elif isinstance(sound, Iterable):
            sound = tuple(sound)
            if not sound or not all(isinstance(frame, rtc.AudioFrame) for frame in sound):
                raise TypeError("the frames of a line must be livekit's AudioFrame, at least one")
        elif sound is not None and (not callable(sound) or iscoroutinefunction(sound)):
            raise TypeError(
                f"the audio of a line must be a path, frames, or a function that returns an async "
                f"iterable of frames, got {self.audio!r}"
            )
        if sound is None and not self.text.strip():
            raise ValueError("a line must have words or a recording, got neither")
        object.__setattr__(self, "audio", sound)

    @property
    def sound(self) -> LineAudio | None:
        """The recording, read."""
        assert not isinstance(self.audio, str | Path)
        return self.audio

    @property
    def caption(self) -> str:
        """What is written of it where texts are."""
        return self.text.strip() or UNWRITTEN


Saying: TypeAlias = str | Path | Line | Frames | Callable[[], object]
"""What an argument may be: text, a WAV file, frames, a `Line`, or a function that returns one of
these, or an async iterable of frames; the function is called each time."""


def line_of(name: str, saying: object) -> Line:
    """The line that *saying*, the argument *name*, stands for.

    Raises:
        TypeError: it is none of what `Saying` may be.
        ValueError: it is empty, or a file that is no WAV file of 16-bit PCM.
        OSError: it is a file that cannot be read.
    """
    if isinstance(saying, Line):
        return saying
    if isinstance(saying, Path) or (isinstance(saying, str) and saying.lower().endswith(".wav")):
        return Line("", Path(saying))
    if isinstance(saying, str):
        if not saying.strip():
            raise ValueError(f"{name} must have words, got {saying!r}")
        return Line(saying)
    if isinstance(saying, AsyncIterable):
        return Line("", lambda: saying)
    if isinstance(saying, Sequence):
        return Line("", saying)
    raise TypeError(
        f"{name} must be text, a WAV file, audio frames or a Line, or a function that returns one "
        f"of these, got {type(saying).__name__}"
    )


def lines_of(name: str, sayings: object) -> tuple[Line, ...]:
    """The lines of *sayings*, several of them.

    Raises:
        TypeError: they are no sequence, or a single text; likewise for each.
        ValueError, OSError: as `line_of`.
    """
    if isinstance(sayings, str) or not isinstance(sayings, Iterable):
        raise TypeError(
            f"{name} must be a sequence of lines or a function that returns one, got "
            f"{type(sayings).__name__}"
        )
    return tuple(line_of(name, saying) for saying in sayings)


def following(lines: Sequence[Line], number: int, last: Line | None) -> Line | None:
    """The line to say as the one of this *number* (0 is the first) in a wait.

    They are said in their order, begun anew with each wait, but never the same twice in a row:
    then the next one is taken. None if there is no other.
    """
    for offset in range(len(lines)):
        line = lines[(number + offset) % len(lines)]
        if line != last:
            return line
    return lines[0] if lines and number == 0 else None


def frames_of(path: Path) -> Frames:
    """The frames of a WAV file of 16-bit PCM.

    Raises:
        ValueError: it is no such file, or has no sound in it.
        OSError: it cannot be read.
    """
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise ValueError(
                    f"{path} must be 16-bit PCM, got {8 * file.getsampwidth()} bits per sample"
                )
            rate, channels = file.getframerate(), file.getnchannels()
            samples = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as exc:
        raise ValueError(f"{path} must be a WAV file of 16-bit PCM: {exc}") from exc
    if not samples:
        raise ValueError(f"{path} must have sound in it, got none")
    step = rate * FRAME_MS // 1000 * channels * 2
    pieces = (samples[start : start + step] for start in range(0, len(samples), step))
    return tuple(
        rtc.AudioFrame(piece, rate, channels, len(piece) // (2 * channels)) for piece in pieces
    )
