"""What the API says of content blocks."""

from __future__ import annotations

import pytest

from resilient_claude.request.content import is_blank, is_thinking, prefill


@pytest.mark.parametrize(
    ("block", "blank"),
    [
        ({"type": "text", "text": ""}, True),
        ({"type": "text", "text": " \n\t"}, True),
        ({"type": "text", "text": " a "}, False),
        ({"type": "image"}, False),
        ({}, False),
    ],
)
def test_only_a_text_without_a_word_is_blank(block: dict[str, object], blank: bool) -> None:
    """It is a 400, and so is everything that is taken out without need a loss."""
    assert is_blank(block) is blank


@pytest.mark.parametrize(
    ("block", "thinking"),
    [
        ({"type": "thinking"}, True),
        ({"type": "redacted_thinking"}, True),
        ({"type": "text"}, False),
        ({"type": ["thinking"]}, False),
        (None, False),
    ],
)
def test_thinking_is_told_by_its_type(block: object, thinking: bool) -> None:
    """Blocks of the caller's own may be anything."""
    assert is_thinking(block) is thinking


def test_a_prefill_ends_with_a_word() -> None:
    """What follows it is Claude's; white space in front stays, as it was said."""
    assert prefill(" It is ") == " It is"
