"""What was heard of a call, as values: utterances, silences, requests. No clock, no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from .marks import SOUND

SOUND_TEXT = "[sound]"
"""How audio reads that carries no words of the kit's."""

PAUSE_S = 0.3
"""A longer pause of the agent begins a new utterance."""


@dataclass(frozen=True)
class Utterance:
    """What one of the two said without a pause.

    Attributes:
        text: The words as they were heard: of a word that was cut off, its beginning; `[sound]`
            for audio that carries no words.
        start_s: Second of the call at which it began.
        end_s: Second at which it was over.
        who: `agent` or `caller`.
        whole: Whether nothing of it was cut off.
    """

    text: str
    start_s: float
    end_s: float
    who: Literal["agent", "caller"] = "agent"
    whole: bool = True

    @property
    def words(self) -> list[str]:
        """The words."""
        return self.text.split()


@dataclass(frozen=True)
class Silence:
    """Seconds in which the caller hears nothing and would like to.

    Attributes:
        start_s: The end of the caller's last word, or of the agent's last sound for a gap.
        end_s: The agent's next sound, or the end of the call.
        kind: `wait` for the caller's waiting after what he said, however often he says something
            more; `gap` for a pause of the agent's own.
        ended: Whether the agent made a sound in the end.
    """

    start_s: float
    end_s: float
    kind: Literal["wait", "gap"] = "wait"
    ended: bool = True

    @property
    def lasted_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Post:
    """A request for a message that reached a simulated Claude.

    Attributes:
        at_s: Second of the call.
        body: The JSON body.
        claude: Which of the call's simulated Claudes, from 0.
    """

    at_s: float
    body: Any
    claude: int = 0


@dataclass(frozen=True)
class Sound:
    """A stretch of one word as it came out of the loudspeaker.

    Attributes:
        mark: The word's mark.
        text: The word with its white space.
        start_s: Second of the call at which it began.
        end_s: Second at which it was over.
        from_part: The share of the word that had been heard before, 0 to 1.
        to_part: The share that has been heard with it.
        segment: The segment of the playout.
        cut: Whether the rest of the segment was thrown away.
    """

    mark: int
    text: str
    start_s: float
    end_s: float
    from_part: float
    to_part: float
    segment: int
    cut: bool

    @property
    def heard(self) -> str:
        """What was heard of the word."""
        if self.mark == SOUND:
            return f"{SOUND_TEXT} "
        if self.to_part > 1 - 1e-3 and not self.from_part:
            return self.text
        length = len(self.text.rstrip())
        stop = len(self.text) if self.to_part > 1 - 1e-3 else int(length * self.to_part)
        return self.text[int(length * self.from_part) : stop]


def utterances(sounds: Sequence[Sound]) -> list[Utterance]:
    """Group *sounds*, in order, into what was said without a pause."""
    groups: list[list[Sound]] = []
    for sound in sounds:
        last = groups[-1][-1] if groups else None
        if last is None or last.segment != sound.segment or sound.start_s - last.end_s > PAUSE_S:
            groups.append([])
        groups[-1].append(sound)
    ends = {group[-1].segment: group for group in groups}
    return [_utterance(group, is_last=ends[group[-1].segment] is group) for group in groups]


def _utterance(sounds: Sequence[Sound], *, is_last: bool) -> Utterance:
    last = sounds[-1]
    whole = last.mark == SOUND or last.to_part > 1 - 1e-3
    return Utterance(
        text="".join(_pieces(sounds)).strip(),
        start_s=sounds[0].start_s,
        end_s=last.end_s,
        whole=whole and not (is_last and last.cut),
    )


def _pieces(sounds: Sequence[Sound]) -> Iterator[str]:
    """What was heard of each, with a space between words that were spoken as texts of their own."""
    for sound, following in zip_longest(sounds, sounds[1:]):
        heard = sound.heard
        yield heard
        if following is None or following.mark == sound.mark:  # the rest of the same word
            continue
        if not (heard[-1:].isspace() or following.heard[:1].isspace()):
            yield " "


def silences(said: Sequence[Utterance], heard: Sequence[Utterance], end_s: float) -> list[Silence]:
    """List each wait of the caller and each gap in what the agent says, in order.

    Args:
        said: What the caller said, coughs left out.
        heard: What the agent said.
        end_s: The end of the call.
    """
    result: list[Silence] = []
    waits_since: float | None = None
    quiet_since: float | None = None
    for each in sorted([*said, *heard], key=lambda each: (each.start_s, each.who)):
        if each.who == "caller":
            # While the agent goes on speaking, he does not wait.
            waits_since = each.end_s if waits_since is None else waits_since
            continue
        if waits_since is not None and each.start_s >= waits_since:
            result.append(Silence(waits_since, each.start_s))
            waits_since = None
        elif waits_since is None and quiet_since is not None and each.start_s - quiet_since > 0.01:
            result.append(Silence(quiet_since, each.start_s, "gap"))
        quiet_since = each.end_s
    if waits_since is not None and waits_since < end_s:
        result.append(Silence(waits_since, end_s, ended=False))
    return result
