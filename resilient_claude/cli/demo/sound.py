"""The calls as a sound: what the caller heard, both lanes of each call one after the other.

What is said when is decided before anything is spoken, so that the length of the sound does not
depend on who speaks.
"""

from __future__ import annotations

import array
import io
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .comparison import ComparedCall, Side
from .lane import Lane
from .synthesizer import RATE, Samples, Voice

_WORD_S = 0.4
_PAUSE_S = 0.7


@dataclass(frozen=True)
class Speech:
    """Something that is said.

    Attributes:
        at_s: second of the sound.
        lasts_s: seconds that it may take; what takes longer is cut off.
        voice: who says it.
        text: what.
    """

    at_s: float
    lasts_s: float
    voice: Voice
    text: str


@dataclass(frozen=True)
class Plan:
    """Who says what when.

    Attributes:
        speeches: in the order of time.
        lasts_s: seconds of it all.
    """

    speeches: Sequence[Speech]
    lasts_s: float


def planned(calls: Sequence[ComparedCall]) -> Plan:
    """Each call after the other, and of each the lanes, announced by a narrator."""
    speeches: list[Speech] = []
    now_s = 0.0
    for number, call in enumerate(calls, 1):
        for side in call.sides:
            title = f"{number}. {call.scene.fault}. {spoken_name(side)}."
            lasts_s = _WORD_S * len(title.split())
            speeches.append(Speech(now_s, lasts_s, "narrator", title))
            now_s += lasts_s + _PAUSE_S
            speeches += _of_lane(side.lane, now_s)
            now_s += heard_until_s(side.lane) + _PAUSE_S
    return Plan(speeches, now_s)


def spoken_name(side: Side) -> str:
    """The name of *side* as one says it."""
    return side.name.replace("_", " ")


def heard_until_s(lane: Lane) -> float:
    """The second at which nothing more is to be heard, or waited for."""
    if lane.silences and not lane.silences[-1].ended:
        return lane.lasted_s
    return max((each.end_s for each in lane.spoken), default=0.0)


def _of_lane(lane: Lane, from_s: float) -> Iterator[Speech]:
    for each in lane.spoken:
        if each.text:
            yield Speech(from_s + each.start_s, each.end_s - each.start_s, each.who, each.text)


def wav(plan: Plan, speak: Callable[[str, Voice, float], Samples]) -> bytes:
    """*plan* as a WAV file of one channel; who begins to speak later is heard alone.

    Args:
        plan: who says what when.
        speak: gives the samples of a text in a voice that takes about so many seconds.
    """
    sound = array.array("h", bytes(2 * round(plan.lasts_s * RATE)))
    for speech in plan.speeches:
        samples = speak(speech.text, speech.voice, speech.lasts_s)
        start = round(speech.at_s * RATE)
        samples = samples[: min(round(speech.lasts_s * RATE), len(sound) - start)]
        sound[start : start + len(samples)] = samples
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())
    return written.getvalue()
