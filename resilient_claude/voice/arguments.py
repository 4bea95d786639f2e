"""The arguments of `keep_caller_informed`, validated. Pure."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import iscoroutine, iscoroutinefunction
from typing import Literal, TypeAlias

from .lines import Line, Saying, line_of, lines_of
from .payloads import GiveUp
from .wait import Pace

HoldLines: TypeAlias = Sequence[Saying] | Callable[[], Sequence[Saying]]
OnGiveUp: TypeAlias = Callable[[GiveUp], Awaitable[None]]

HOLD_LINES = ("One moment.", "Still with you.", "Nearly there.")
APOLOGY = "I'm sorry, I can't think straight right now. Could you say that again?"
BROKE_OFF = "Sorry, where was I?"
HEARD_AFTER_S = 0.25
"""About what a text-to-speech takes from a short text to its first sound. Seconds given by the
application mean what is heard, so that things are said so much earlier."""
CLOSING = "I'm sorry, I can't help you right now. Please call again later. Goodbye."


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What `keep_caller_informed` was called with; see there.

    Raises:
        TypeError: a value is of the wrong type.
        ValueError: a value is out of its range.
        OSError: a recording cannot be read.
    """

    hold_lines: HoldLines
    hold_after_s: float | Literal["auto"]
    hold_every_s: float
    max_hold_lines: int
    tool_hold_after_s: float | None
    apology: Saying
    broke_off: Saying
    give_up_after_s: float
    max_apologies: int
    on_give_up: OnGiveUp | None
    ask_again_every_s: float | None

    def __post_init__(self) -> None:
        for name in ("hold_lines", "apology", "broke_off"):
            if iscoroutinefunction(getattr(self, name)):
                raise TypeError(f"{name} must be a function that is not async, got an async one")
        if not callable(self.hold_lines):
            object.__setattr__(self, "hold_lines", lines_of("hold_lines", self.hold_lines))
        for name in ("apology", "broke_off"):
            if not callable(getattr(self, name)):
                object.__setattr__(self, name, line_of(name, getattr(self, name)))
        if self.hold_after_s != "auto":
            check_seconds("hold_after_s", self.hold_after_s, ' or "auto"')
        for name in ("hold_every_s", "give_up_after_s"):
            check_seconds(name, getattr(self, name))
        for name in ("tool_hold_after_s", "ask_again_every_s"):
            if getattr(self, name) is not None:
                check_seconds(name, getattr(self, name), " or None")
        for name in ("max_hold_lines", "max_apologies"):
            check_count(name, getattr(self, name))
        if self.on_give_up is not None and not callable(self.on_give_up):
            raise TypeError(
                f"on_give_up must be an async function of a GiveUp, or None, got "
                f"{self.on_give_up!r}"
            )

    @property
    def pace(self) -> Pace:
        """When what is said."""
        tool_s = self.tool_hold_after_s
        return Pace(
            hold_every_s=self.hold_every_s,
            max_hold_lines=self.max_hold_lines,
            tool_hold_after_s=None if tool_s is None else said_after_s(tool_s),
            give_up_after_s=said_after_s(self.give_up_after_s),
            max_apologies=self.max_apologies,
        )

    @property
    def recorded(self) -> bool:
        """Whether a line may be a recording, so that speech has to pass by us."""
        sayings = [self.apology, self.broke_off]
        if callable(self.hold_lines):
            return True
        sayings.extend(self.hold_lines)
        return any(callable(s) or (isinstance(s, Line) and s.sound is not None) for s in sayings)

    def lines_now(self) -> tuple[Line, ...]:
        """The hold lines in the language of the moment."""
        return lines_of("hold_lines", _called(self.hold_lines))

    def line_now(self, name: Literal["apology", "broke_off"]) -> Line:
        """The apology, or what is said when an answer broke off, in the language of the moment."""
        return line_of(name, _called(getattr(self, name)))


def _called(given: object) -> object:
    """What *given* returns, if it is a function; a coroutine is of no use, and is closed."""
    returned = given() if callable(given) else given
    if iscoroutine(returned):
        returned.close()
    return returned


def said_after_s(heard_after_s: float) -> float:
    """When to say what is to be heard *heard_after_s*; hardly earlier where that is soon."""
    return heard_after_s - min(HEARD_AFTER_S, heard_after_s / 10)


def check_seconds(name: str, value: object, otherwise: str = "") -> None:
    """Refuse what is no positive number of seconds.

    Raises:
        TypeError: *value* is no number.
        ValueError: it is not above 0, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number of seconds{otherwise}, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be > 0 and finite, got {value}")


def check_count(name: str, value: object) -> None:
    """Refuse what is no count.

    Raises:
        TypeError: *value* is no int.
        ValueError: it is below 0.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be >= 0, got {value}")
