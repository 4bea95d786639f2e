"""Words as audio, and audio as words: every sample of a word is the word's number.

So whatever cuts, joins, holds back or drops audio on its way, what arrives can be read; audio that
is resampled or mixed cannot, and is a sound without words.
"""

import array
import itertools
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from livekit import rtc

SAMPLE_RATE = 8000
"""Samples per second of the kit's audio."""

_MARKS = 32_767
_WORD = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True)
class Word:
    """What a mark stands for.

    Attributes:
        text: The word with the white space around it; empty for a cough.
        samples: How long it is.
        interim: What a speech-to-text would tell when it has been said; None for nothing.
        final: The sentence that is known for good with it; None while it is not over.
    """

    text: str
    samples: int
    interim: str | None = None
    final: str | None = None


class _Marks:
    """Gives each word that is said a number, and forgets those of long ago."""

    def __init__(self) -> None:
        self._words: dict[int, Word] = {}
        self._next = itertools.cycle(range(1, _MARKS + 1))
        self._lock = threading.Lock()

    def new(self, word: Word) -> int:
        with self._lock:
            mark = next(self._next)
            self._words[mark] = word
            return mark

    def word(self, mark: int) -> Word | None:
        return self._words.get(mark)


_marks = _Marks()


def split(text: str) -> list[str]:
    """The words of *text*, each with its white space; joined they are *text*."""
    return _WORD.findall(text)


def samples_of(words: Iterable[Word]) -> "array.array[int]":
    """The audio of *words*, each with a mark of its own."""
    samples = array.array("h")
    for word in words:
        samples.extend(array.array("h", [_marks.new(word)]) * word.samples)
    return samples


def silence(samples: int) -> "array.array[int]":
    """Audio of which nothing is heard."""
    return array.array("h", bytes(2 * samples))


def spoken(text: str, word_s: float) -> "array.array[int]":
    """*text* as audio, *word_s* seconds to a word."""
    return samples_of(Word(word, round(word_s * SAMPLE_RATE)) for word in split(text))


def frame(samples: "array.array[int]") -> rtc.AudioFrame:
    """*samples* as livekit carries them."""
    return rtc.AudioFrame(samples.tobytes(), SAMPLE_RATE, 1, len(samples))


def recording(text: str, *, word_s: float = 0.3) -> list[rtc.AudioFrame]:
    """*text* as canned audio, in frames of 0.1 s: for `session.say(audio=...)` and the like.

    Args:
        text: What is heard.
        word_s: Seconds per word.
    """
    samples = spoken(text, word_s)
    step = SAMPLE_RATE // 10
    return [frame(samples[start : start + step]) for start in range(0, len(samples), step)]


@dataclass(frozen=True)
class Run:
    """Samples of one mark, one after the other.

    Attributes:
        mark: The mark; 0 for silence.
        samples: How many.
    """

    mark: int
    samples: int

    @property
    def word(self) -> Word | None:
        """The word; None for silence, and for a sound that is none of ours."""
        return _marks.word(self.mark) if self.mark > 0 else None

    def first(self, samples: int) -> "Run":
        """The first *samples* of it."""
        return replace(self, samples=samples)


SOUND = -1
"""The mark of runs of audio that is none of ours."""


def runs(audio: rtc.AudioFrame) -> Iterator[Run]:
    """What *audio* consists of; its samples are counted at the kit's rate."""
    samples = audio.data.cast("b").cast("h")
    if audio.sample_rate != SAMPLE_RATE or audio.num_channels != 1:
        count = audio.samples_per_channel * SAMPLE_RATE // audio.sample_rate
        yield Run(SOUND if any(samples) else 0, count)
        return
    start, count = 0, len(samples)
    if count and audio.data.tobytes() == audio.data[:1].tobytes() * count:
        start = count
        yield Run(_known(samples[0]), count)
    while start < count:
        mark, stop = samples[start], start + 1
        while stop < count and samples[stop] == mark:
            stop += 1
        yield Run(_known(mark), stop - start)
        start = stop


def _known(mark: int) -> int:
    return mark if mark == 0 or _marks.word(mark) else SOUND
