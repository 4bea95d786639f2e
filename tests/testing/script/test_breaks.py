"""Breaks refuse on construction what cannot be played."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing import (
    HOWS,
    POINTS,
    Answer,
    Break,
    Garbage,
    SseError,
    ToolUse,
)
from resilient_claude.testing.script.breaks import HOWS_IN_STREAM, How, Point

ANSWER = Answer("One two three.", thinking="Let me see.", tools=[ToolUse("find", {"n": 4711})])


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("thinking", Answer("Hi there.")),
        ("after_thinking", Answer("Hi there.")),
        ("text", Answer(tools=[ToolUse("find")])),
        ("after_text", Answer(tools=[ToolUse("find")])),
        ("tool_json", Answer("Hi there.")),
        ("after_tool", Answer("Hi there.")),
        ("block_start", Answer("")),
        ("message_start", Answer(events=[b"data: x\n\n"])),
    ],
)
def test_a_point_that_the_answer_lacks_is_refused(at: Point, answer: Answer) -> None:
    """It would play to the end and be called a break."""
    with pytest.raises(ValueError, match=f"never reaches '{at}'"):
        Break("reset", at=at, answer=answer)


@pytest.mark.parametrize("after_pieces", [0, 6])
def test_more_pieces_than_there_are_is_refused(after_pieces: int) -> None:
    """The default answer has five."""
    with pytest.raises(ValueError, match=r"after_pieces must be 1 to 5.* \(2 unless it is given\)"):
        Break("reset", at="text", after_pieces=after_pieces)


@pytest.mark.parametrize(("how", "at"), [("explode", "text"), ("reset", "never")])
def test_an_unknown_how_or_point_is_refused(how: Any, at: Any) -> None:
    """The message lists what there is."""
    with pytest.raises(ValueError, match="must be"):
        Break(how, at=at)


@pytest.mark.parametrize("how", [*HOWS, SseError(), Garbage(b"x")], ids=str)
@pytest.mark.parametrize("at", POINTS)
def test_every_combination_is_playable_or_refused_on_construction(at: Point, how: How) -> None:
    """A script that cannot be played must not wait until it is."""
    needs_stream = isinstance(how, SseError) or how in HOWS_IN_STREAM
    if at in ("accept", "request") and needs_stream:
        with pytest.raises(ValueError, match="needs a stream"):
            Break(how, at=at, answer=ANSWER)
    else:
        assert Break(how, at=at, answer=ANSWER).at == at


@pytest.mark.parametrize(
    ("at", "after_pieces", "sent"),
    [
        ("accept", 2, 0),
        ("request", 2, 0),
        ("headers", 2, 0),
        ("message_start", 2, 1),
        ("text", 1, 10),
        ("text", 3, 12),
        ("after_stop", 2, 20),
    ],
)
def test_a_break_knows_how_much_is_sent_before_it(at: Point, after_pieces: int, sent: int) -> None:
    """Counted by hand; the players of a script all go by it."""
    step = Break("reset", at=at, answer=ANSWER, after_pieces=after_pieces)

    assert step.pieces_sent() == sent
