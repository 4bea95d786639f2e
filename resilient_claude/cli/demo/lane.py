"""What happened in one call with one LLM. Values, and what follows from them; no I/O, no clock.

Two of these, of the same scene, are what the demo shows side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from resilient_claude.testing.voice import Silence, Utterance


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        at_s: second of the call.
        failed_s: second at which it failed, as the session heard of it; None if it never did.
    """

    at_s: float
    failed_s: float | None = None


@dataclass(frozen=True)
class ToolRun:
    """A tool that ran.

    Attributes:
        at_s: second of the call.
        call: its name and arguments.
    """

    at_s: float
    call: str


@dataclass(frozen=True)
class Lane:
    """What happened in one call.

    Attributes:
        lasted_s: its length in seconds.
        spoken: what both said, in order.
        silences: when the caller heard nothing and would have liked to.
        asked: the requests, in order.
        tools: the tools that ran.
        log: what an operator finds in the log.
    """

    lasted_s: float
    spoken: Sequence[Utterance]
    silences: Sequence[Silence] = ()
    asked: Sequence[Asked] = ()
    tools: Sequence[ToolRun] = ()
    log: Sequence[str] = ()

    @property
    def heard(self) -> list[Utterance]:
        """What the agent said."""
        return [each for each in self.spoken if each.who == "agent"]

    @property
    def longest_silence_s(self) -> float:
        """Seconds of the longest silence."""
        return max((each.lasted_s for each in self.silences), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it; times to the hundredth of a second."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded

    @classmethod
    def of_dict(cls, data: Mapping[str, Any]) -> Lane:
        """Read what `as_dict` has made."""
        return cls(
            lasted_s=data["lasted_s"],
            spoken=[Utterance(**each) for each in data["spoken"]],
            silences=[Silence(**each) for each in data["silences"]],
            asked=[Asked(**each) for each in data["asked"]],
            tools=[ToolRun(**each) for each in data["tools"]],
            log=data["log"],
        )


def asked(at_s: Sequence[float], failed_s: Sequence[float]) -> list[Asked]:
    """Say of each request at *at_s* when it failed: with the first failure before the next one."""
    result = []
    for number, start_s in enumerate(at_s):
        next_s = at_s[number + 1] if number + 1 < len(at_s) else float("inf")
        ends = [end_s for end_s in failed_s if start_s <= end_s < next_s]
        result.append(Asked(start_s, min(ends, default=None)))
    return result


class Judgement(StrEnum):
    """What the caller got."""

    ANSWER = "the answer, once"
    HELD = "a hold line, then the answer"
    APOLOGY = "an apology, then the answer"
    NOTHING = "nothing"
    HALF = "half an answer"
    TWICE = "words twice"
    BOOKED_TWICE = "booked twice"
    NOT_BOOKED = "not booked"
    OTHER = "something else"

    @property
    def good(self) -> bool:
        """Whether he got the answer, once and whole, and what he had asked for."""
        return self in (Judgement.ANSWER, Judgement.HELD, Judgement.APOLOGY)


@dataclass(frozen=True)
class Expected:
    """What a caller should get.

    Attributes:
        answer: the words.
        tools: how many tools should run.
        hold_lines: what may be said while he waits.
        apology: what may be said of a lost turn.
    """

    answer: str
    tools: int = 0
    hold_lines: Sequence[str] = ()
    apology: str = ""


def judged(lane: Lane, expected: Expected) -> Judgement:
    """Compare what the caller got in *lane* with what he should get."""
    if len(lane.tools) != expected.tools:
        return Judgement.BOOKED_TWICE if len(lane.tools) > expected.tools else Judgement.NOT_BOOKED
    said = [each.text for each in lane.heard]
    answer = " ".join(
        text for text in said if text not in expected.hold_lines and text != expected.apology
    )
    if answer != expected.answer:
        return _misheard(answer, expected.answer)
    if expected.apology in said:
        return Judgement.APOLOGY
    held = not set(said).isdisjoint(expected.hold_lines)
    return Judgement.HELD if held else Judgement.ANSWER


def _misheard(heard: str, expected: str) -> Judgement:
    if not heard:
        return Judgement.NOTHING
    if expected.startswith(heard):
        return Judgement.HALF
    before = heard.removesuffix(expected).strip()
    repeated = heard.endswith(expected) and expected.startswith(before)
    return Judgement.TWICE if repeated else Judgement.OTHER


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
