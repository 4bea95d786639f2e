"""What the caller does, and when. Frozen values.

Theory of operation. The caller goes through his script in order: each line waits for its moment,
which is looked for from when the line before has been said. A line with `repeat` does not hold the
others up: it is said whenever its moment comes, until the call is over. He never talks over
himself, but over the agent if his line says so.
"""

import math
from dataclasses import KW_ONLY, dataclass
from typing import TypeAlias

from resilient_claude.testing.script.breaks import Step
from resilient_claude.testing.server import SimulatedClaude

_MOMENTS = ("at_s", "after_own_s", "after_answer_s", "into_speech_s", "when_silent_s")

SHORTEST_S = 0.02
"""The shortest word and sound: of a shorter one, nothing would be left in a frame of audio."""


@dataclass(frozen=True)
class _Moment:
    """When it is; at most one is given, and none means at once.

    Attributes:
        at_s: At this second of the call; at once when it is past.
        after_own_s: So many seconds after what the caller said before.
        after_answer_s: So many seconds after the agent has said something and stopped.
        into_speech_s: So many seconds after the agent began to speak.
        when_silent_s: When neither has made a sound for so many seconds.
        repeat: With *when_silent_s*: each time, until the call is over.
    """

    _: KW_ONLY
    at_s: float | None = None
    after_own_s: float | None = None
    after_answer_s: float | None = None
    into_speech_s: float | None = None
    when_silent_s: float | None = None
    repeat: bool = False

    def __post_init__(self) -> None:
        given = {name: value for name in _MOMENTS if (value := getattr(self, name)) is not None}
        if len(given) > 1:
            raise ValueError(f"one moment at most, got {given}")
        for name, value in given.items():
            check_seconds(name, value)
        if self.repeat and self.when_silent_s is None:
            raise ValueError("repeat needs when_silent_s")
        if self.repeat and self.when_silent_s == 0:
            raise ValueError("when_silent_s must be > 0 with repeat, got 0")

    @property
    def into_agent_s(self) -> float | None:
        """Seconds of a moment that comes only if the agent speaks; None for the other moments."""
        return self.after_answer_s if self.into_speech_s is None else self.into_speech_s


@dataclass(frozen=True)
class Says(_Moment):
    """The caller says something.

    Attributes:
        text: What.
        finals: In how many final transcripts the speech-to-text tells it, at most one per word.
        interims: Whether it tells what it has understood so far after each word.
        word_s: Seconds per word.

    Raises:
        TypeError: A text that is no string, or a number that is none.
        ValueError: No text, a number out of range, or more than one moment.
    """

    text: str
    _: KW_ONLY
    finals: int = 1
    interims: bool = True
    word_s: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.text, str):
            raise TypeError(f"text must be a str, got {self.text!r}")
        words = len(self.text.split())
        if not words:
            raise ValueError("text must have a word, got none")
        if not 1 <= self.finals <= words:
            raise ValueError(f"finals must be 1 to {words}, the words, got {self.finals}")
        check_seconds("word_s", self.word_s, SHORTEST_S)


@dataclass(frozen=True)
class Coughs(_Moment):
    """The caller makes a sound that the voice detection hears and the speech-to-text does not.

    Attributes:
        lasts_s: Seconds.

    Raises:
        TypeError: A number that is none.
        ValueError: A number is out of range, or more than one moment.
    """

    lasts_s: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_seconds("lasts_s", self.lasts_s, SHORTEST_S)


ScriptLine: TypeAlias = Says | Coughs
"""What the caller may do."""


@dataclass(frozen=True)
class Outage:
    """A simulated Claude gives *step* to every request, for some seconds of the call.

    Attributes:
        step: What requests get.
        from_s: When it begins, in seconds of the call.
        until_s: When it is over; at the end of the call when None.
        claude: Which one; the one that the call is given when None.

    Raises:
        TypeError: A number that is none.
        ValueError: A number is out of range, or it would be over before it begins.
    """

    step: Step
    _: KW_ONLY
    from_s: float = 0.0
    until_s: float | None = None
    claude: SimulatedClaude | None = None

    def __post_init__(self) -> None:
        check_seconds("from_s", self.from_s)
        if self.until_s is not None:
            check_seconds("until_s", self.until_s)
            if self.until_s <= self.from_s:
                raise ValueError(f"until_s must be > from_s, got {self.until_s}")


def check_seconds(name: str, value: object, least_s: float = 0.0) -> None:
    """Refuse what is no number of seconds, or fewer than *least_s*.

    Raises:
        TypeError: *value* is no number.
        ValueError: It is below *least_s*, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    if value < least_s:
        raise ValueError(f"{name} must be >= {least_s:g}, got {value}")
