"""Which output answers which call, whatever the ids say."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.history.pairing import answers_of


def items_of(text: str) -> list[Any]:
    """`a:book` is a call, `=a:book` its output, `.` a message; the name may be left out."""
    items: list[Any] = []
    for word in text.split():
        call_id, _, name = word.lstrip("=").partition(":")
        if word == ".":
            items.append(llm.ChatMessage(role="user", content=["Hello."]))
        elif word.startswith("="):
            items.append(
                llm.FunctionCallOutput(call_id=call_id, name=name, output="", is_error=False)
            )
        else:
            items.append(llm.FunctionCall(call_id=call_id, name=name, arguments="{}"))
    return items


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("", {}),
        ("a =a", {0: 1}),
        ("a b =b =a", {0: 3, 1: 2}),
        ("a . =a", {0: 2}),
        ("a", {}),
        ("=a", {}),
        ("=a a", {}),
        # Ids that recur from turn to turn.
        ("a =a . a =a", {0: 1, 3: 4}),
        ("a . a =a", {2: 3}),
        ("a =a . =a", {0: 1}),
        ("a . a =a . =a", {0: 5, 2: 3}),
        ("a . a . =a =a", {0: 5, 2: 4}),
        # Calls made together.
        ("a a =a =a", {0: 2, 1: 3}),
        ("a a =a", {1: 2}),
        ("a:x a:y =a:y =a:x", {0: 3, 1: 2}),
        ("a:x a:y =a:z =a:x", {0: 3, 1: 2}),
        ("a:x a:x =a =a", {0: 2, 1: 3}),
    ],
)
def test_an_output_answers_the_nearest_call_that_waits(text: str, answers: dict[int, int]) -> None:
    """Tuesday's question must not be answered with Monday's result."""
    assert answers_of(items_of(text)) == answers
