"""What the API says of content blocks."""

from __future__ import annotations

import pytest

from resilient_claude.request.content import (
    api_id,
    finite,
    is_blank,
    is_thinking,
    prefill,
    unthought,
)


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


@pytest.mark.parametrize(
    ("call_id", "sent"), [("toolu_01-A", "toolu_01-A"), ("f:0", "f_0"), ("f.0", "f_0"), ("", "_")]
)
def test_an_id_has_the_characters_that_the_api_takes(call_id: str, sent: str) -> None:
    """Two may become the same: who sends several makes them unique."""
    assert api_id(call_id) == sent


def test_numbers_that_json_lacks_are_null() -> None:
    """Python reads them, and the API does not."""
    assert finite({"a": [float("nan"), float("-inf"), 1.5, "x"]}) == {"a": [None, None, 1.5, "x"]}


def test_thinking_is_taken_out_of_messages_and_others_stay_the_objects_that_they_are() -> None:
    """Requests share their messages, and know their JSON by the object."""
    plain, text = {"role": "user", "content": "Hi."}, {"type": "text", "text": "So."}
    thought = {"type": "thinking", "thinking": "", "signature": "s"}
    both = {"role": "assistant", "content": [thought, text]}
    alone = {"role": "assistant", "content": [thought]}

    left = unthought([plain, both, alone])

    assert left == [plain, {"role": "assistant", "content": [text]}]
    assert left[0] is plain
