"""Answers refuse on construction what cannot be played."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from resilient_claude.testing import Answer, HttpError, Note, Raw, ServerToolUse, Thought, ToolUse


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Answer(cast(Any, ToolUse("x"))), r"text must be a str, .* go into tools="),
        (lambda: Answer(tools=cast(Any, ToolUse("x"))), "tools must be a list of ToolUse"),
        (lambda: HttpError(cast(Any, "529")), "status must be an int, got '529'"),
        (lambda: HttpError(200), "status must be from 300 to 599, got 200: Raw takes"),
        (lambda: Answer(tools=cast(Any, ["x"])), "tools must be a list of ToolUse, got .'x'."),
        (lambda: Answer(tools=cast(Any, "x")), "tools must be a list of ToolUse, got 'x'"),
        (lambda: Answer("a", piece_s=cast(Any, "1")), "piece_s must be a number, got '1'"),
        (lambda: Thought("Hm.", lasts_s=cast(Any, "1")), "lasts_s must be a number, got '1'"),
        (lambda: ServerToolUse("a", lasts_s=cast(Any, "1")), "lasts_s must be a number, got '1'"),
        (lambda: Thought(cast(Any, 5)), "text must be a str, got 5"),
        (lambda: Note(cast(Any, 5)), "text must be a str, got 5"),
        (lambda: ToolUse(cast(Any, print)), "name must be a str, got <built-in"),
        (lambda: ToolUse("x", cast(Any, '{"a": 1}')), "input must be a dict, got '{"),
        (lambda: Raw(cast(Any, {"a": 1})), "body must be bytes or a str, got {'a': 1}"),
        (lambda: Raw("", status=cast(Any, "200")), "status must be an int, got '200'"),
        (
            lambda: HttpError(429, headers=cast(Any, {"retry-after": 3})),
            r"headers\['retry-after'\] must be a str, got 3",
        ),
        (lambda: Raw("", headers=cast(Any, [("a", "b")])), "headers must be a dict, got "),
    ],
)
def test_a_step_of_the_wrong_shape_is_refused(make: Callable[[], object], message: str) -> None:
    """Played, it would end as a broken connection, and the simulation would report its own bug."""
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_pieces_alone_are_the_text() -> None:
    """There is no need to write the text twice."""
    assert Answer(pieces=["a", "b"]).text_pieces == ("a", "b")


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
