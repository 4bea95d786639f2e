"""Steps refuse on construction what cannot be played."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing import Answer, Break, HttpError, ToolUse
from resilient_claude.testing.script.breaks import Point
from resilient_claude.testing.serving.ledger import Ledger


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"piece_s": -1}, "piece_s must be >= 0, got -1"),
        ({"first_byte_s": -1}, "first_byte_s must be >= 0"),
        ({"first_token_s": -1}, "first_token_s must be >= 0"),
        ({"input_tokens": -1}, "input_tokens must be >= 0"),
        ({"output_tokens": -1}, "output_tokens must be >= 0"),
        ({"cache_read_tokens": -1}, "cache_read_tokens must be >= 0"),
        ({"cache_creation_tokens": -1}, "cache_creation_tokens must be >= 0"),
        ({"drip_bytes": 0}, "drip_bytes must be >= 1, got 0"),
        ({"line_end": "\n\n"}, "line_end must be"),
        ({"pieces": ["other"]}, "pieces joined must be the text"),
    ],
)
def test_an_impossible_answer_is_refused(changes: dict[str, Any], message: str) -> None:
    """A typo in a script must not look like a fault of the code under test."""
    with pytest.raises(ValueError, match=message):
        Answer("Hi.", **changes)


def test_pieces_alone_are_the_text() -> None:
    """There is no need to write the text twice."""
    assert Answer(pieces=["a", "b"]).text_pieces == ("a", "b")


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
    with pytest.raises(ValueError, match="after_pieces must be 1 to 5"):
        Break("reset", at="text", after_pieces=after_pieces)


@pytest.mark.parametrize(("how", "at"), [("explode", "text"), ("reset", "never")])
def test_an_unknown_how_or_point_is_refused(how: Any, at: Any) -> None:
    """The message lists what there is."""
    with pytest.raises(ValueError, match="must be"):
        Break(how, at=at)


def test_what_is_no_step_is_refused() -> None:
    """`script([Answer()])` is an easy slip."""
    with pytest.raises(TypeError, match="a step is an Answer, HttpError, Raw or Break"):
        Ledger([[Answer()]], Answer())  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_error_type_follows_the_status(status: int, error_type: str) -> None:
    """Source: https://platform.claude.com/docs/en/api/errors."""
    assert HttpError(status).error_type == error_type
