"""The script of the demo: one fault per call, and what the caller should get all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilient_claude.testing import Answer, Break, HttpError, SseError, Step, ToolUse
from resilient_claude.testing.voice import Outage, Says
from resilient_claude.voice.arguments import APOLOGY, HOLD_LINES

from .lane import Expected

LASTS_S = 20.0
"""Seconds of a call; on real ones people leave after some 20 s (livekit/agents#5805)."""


@dataclass(frozen=True)
class Scene:
    """One call.

    Attributes:
        fault: what goes wrong.
        says: what the caller says, and when.
        expected: what he should get.
        steps: what the simulated Claude gives to one request after the other.
        anew: the same for who asks the whole question again where this adapter asks to go on.
        outage: when every request gets something else.
    """

    fault: str
    says: Sequence[Says]
    expected: Expected
    steps: Sequence[Step]
    anew: Sequence[Step]
    outage: Outage | None = None


def _answer(text: str = "", **more: Sequence[ToolUse]) -> Answer:
    return Answer(text, first_token_s=0.3, piece_s=0.05, **more)  # type: ignore[arg-type]


def _expected(answer: Answer, tools: int = 0) -> Expected:
    return Expected(answer.text, tools, HOLD_LINES, APOLOGY)


_WINDOW = _answer("We have a quiet table by the window.")
_HOURS = _answer("We are open from five until eleven tonight.")
_BOOK = _answer(tools=[ToolUse("book_table", {"guests": 2, "at": "20:00"})])
_BOOKED = _answer("Your table for two is booked.")
_WHEN = Says("When are you open?")

SCENES = (
    Scene(
        "overloaded after a few words",
        [Says("Have you got a table?")],
        _expected(_WINDOW),
        [
            Break(SseError(), at="text", answer=_WINDOW, after_pieces=4),
            _answer("table by the window."),
        ],
        [Break(SseError(), at="text", answer=_WINDOW, after_pieces=4), _WINDOW],
    ),
    Scene(
        "overloaded after a whole tool call",
        [Says("A table for two at eight, please.")],
        _expected(_BOOKED, tools=1),
        [Break(SseError(), at="after_tool", answer=_BOOK), _BOOK, _BOOKED],
        [Break(SseError(), at="after_tool", answer=_BOOK), _BOOK, _BOOKED],
    ),
    Scene(
        "a polite end in mid-sentence",
        [_WHEN],
        _expected(_HOURS),
        [
            Break("end", at="text", answer=_HOURS, after_pieces=5),
            _answer("until eleven tonight."),
        ],
        [Break("end", at="text", answer=_HOURS, after_pieces=5), _HOURS],
    ),
    Scene(
        "no byte",
        [_WHEN],
        _expected(_HOURS),
        [Break("stall", at="request"), _HOURS],
        [Break("stall", at="request"), _HOURS],
    ),
    Scene(
        "pings only",
        [_WHEN],
        _expected(_HOURS),
        [Break("pings", at="message_start"), _HOURS],
        [Break("pings", at="message_start"), _HOURS],
    ),
    Scene(
        "a lost turn: the key is refused for 4 s",
        [
            _WHEN,
            Says("When are you open?", after_answer_s=0.7),
        ],
        _expected(_HOURS),
        [_HOURS],
        [_HOURS],
        Outage(HttpError(401, message="invalid x-api-key"), until_s=4),
    ),
    Scene(
        "an outage of 7 s",
        [_WHEN],
        _expected(_HOURS),
        [_HOURS],
        [_HOURS],
        Outage(HttpError(529, message="Overloaded"), until_s=7),
    ),
)
"""All of them, in the order in which they are played."""
