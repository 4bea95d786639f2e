"""Lines are taken out of what is written down, also those that were cut short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents.llm import ChatMessage

from resilient_claude.voice.erasing import erase_lines, without_lines

LINES = [("One moment. ", True), ("Still with you. ", True)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("One moment. Still with you. We open at five.", "We open at five."),
        ("One moment. Still wi", ""),
        ("One mom", ""),
        ("", ""),
        ("One moment.Still with you.We open.", "We open."),
        ("one moment Still with you We open.", "We open."),
        (
            "One moment. Still with you. \N{INVERTED QUESTION MARK}Cinco?",
            "\N{INVERTED QUESTION MARK}Cinco?",
        ),
        ("Something else.", "Something else."),
    ],
)
def test_what_is_left_of_a_message(text: str, left: str) -> None:
    """livekit writes down what was heard; captions may differ in their signs."""
    assert without_lines(text, LINES).strip() == left


def test_what_is_no_line_stays() -> None:
    """White space of the LLM's own, before the line fell due."""
    assert without_lines("\nOne moment. Yes.", [("\n", False), ("One moment. ", True)]) == "\nYes."
    assert without_lines("\n", [("\n\n", False), ("One moment. ", True)]) == "\n"


@given(st.integers(0, 60))
def test_every_prefix_of_lines_and_answer_leaves_a_prefix_of_the_answer(length: int) -> None:
    """Wherever the caller interrupts."""
    answer = "We open at five."
    text = ("One moment. Still with you. " + answer)[:length]

    assert answer.startswith(without_lines(text, LINES))


def test_a_message_of_nothing_but_lines() -> None:
    """It is told, so that the message itself can go."""
    message = ChatMessage(role="assistant", content=["One mo"])

    assert erase_lines(message, LINES)
    assert message.content == []


def test_a_message_with_an_answer() -> None:
    """It keeps the answer."""
    message = ChatMessage(role="assistant", content=["One moment. Still with you. Yes."])

    assert not erase_lines(message, LINES)
    assert message.content == ["Yes."]
