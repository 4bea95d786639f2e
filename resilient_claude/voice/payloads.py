"""What `care.on(event)` hands over, one dataclass per event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from resilient_claude.failures.failure import Failure

EventName: TypeAlias = Literal["hold_line", "apology", "broke_off", "give_up", "answered"]
EVENT_NAMES: tuple[EventName, ...] = ("hold_line", "apology", "broke_off", "give_up", "answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLine:
    """A line goes out to a caller who waits.

    Attributes:
        text: what is said.
        number: 1 for the first of this wait.
        waited_s: seconds he has waited, without those of tools.
        during_tool: whether it is said while a tool runs.
    """

    text: str
    number: int
    waited_s: float
    during_tool: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Apology:
    """A turn is lost, and the caller is told so.

    Attributes:
        text: what is said.
        number: 1 for the first; a turn that is answered begins anew.
        waited_s: seconds he has waited, over all turns that he interrupted.
        error: what the LLM raised, or what was wrong with what it answered; None if it was given up
            after `give_up_after_s`.
        failure: what is known of that, if this package raised it.
    """

    text: str
    number: int
    waited_s: float
    error: BaseException | None
    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokeOff:
    """An answer broke off after words.

    Attributes:
        text: what is said.
        error: what the LLM raised; a `TimeoutError` if nothing more of it came.
        failure: what is known of that, if this package raised it.
    """

    text: str
    error: BaseException
    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Another turn is lost after `max_apologies` apologies: `on_give_up` is called with this.

    Attributes:
        apologies: how many were said.
        waited_s: seconds he has waited this time.
        error: what the LLM raised, or what was wrong with what it answered; None if it was given up
            after `give_up_after_s`.
        failure: what is known of that, if this package raised it.
    """

    apologies: int
    waited_s: float
    error: BaseException | None
    failure: Failure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The caller hears the first word of an answer.

    Attributes:
        waited_s: seconds he has waited, over all turns that he interrupted, without tools.
        hold_lines: how many lines he has heard meanwhile.
        asked_again: whether the question was asked again without him (`ask_again_every_s`).
    """

    waited_s: float
    hold_lines: int
    asked_again: bool


Payload: TypeAlias = HoldLine | Apology | BrokeOff | GiveUp | Answered
