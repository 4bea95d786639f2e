"""What a request gets to see of what Claude writes beside text."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing import Answer, Break, Note, Thought, ToolUse
from resilient_claude.testing.serving.showing import as_shown, break_as_shown

FIND = ToolUse("find")
THOUGHT, SECRET = Thought("They want a table."), Thought("")
NOTE, HIDDEN = Note("I look."), Note("")
ANSWER = Answer(content=[THOUGHT, "Well.", NOTE, FIND])


@pytest.mark.parametrize(
    ("model", "thinking", "seen"),
    [
        ("claude-haiku-4-5", None, ["Well. I look.", FIND]),
        ("claude-sonnet-4-6", {"type": "enabled"}, [THOUGHT, "Well. I look.", FIND]),
        ("claude-opus-4-8", {"type": "adaptive"}, [SECRET, "Well. I look.", FIND]),
        ("claude-haiku-5-5", {"type": "disabled"}, ["Well. I look.", FIND]),
        ("claude-haiku-5-5", None, [SECRET, "Well. I look.", FIND]),
        ("claude-sonnet-5-5", {"type": "between_tools"}, ["Well.", NOTE, FIND]),
        ("claude-sonnet-5-5", None, [SECRET, "Well.", HIDDEN, FIND]),
        ("claude-opus-5-5", {"type": "adaptive"}, [SECRET, "Well.", HIDDEN, FIND]),
        (
            "claude-opus-5-5",
            {"type": "adaptive", "display": "updates"},
            [SECRET, "Well.", NOTE, FIND],
        ),
        (
            "claude-fable-5",
            {"type": "adaptive", "display": "summarized"},
            [THOUGHT, "Well.", NOTE, FIND],
        ),
        ("claude-mythos-preview", {"type": "adaptive"}, [SECRET, "Well. I look.", FIND]),
    ],
)
def test_what_is_seen_depends_on_the_model_and_on_what_is_asked(
    model: str, thinking: Any, seen: list[Any]
) -> None:
    """One script serves a test of every model."""
    body = {"model": model} | ({} if thinking is None else {"thinking": thinking})

    assert as_shown(ANSWER, body).content == tuple(seen)


@pytest.mark.parametrize("body", [None, "x"])
def test_other_answers_are_as_they_are(body: Any) -> None:
    """And a body that is none is refused elsewhere, if at all."""
    assert as_shown(ANSWER, body) is ANSWER
    assert as_shown(Answer("Hi."), {}) == Answer("Hi.")


def test_a_break_takes_place_in_what_is_seen() -> None:
    """Its pieces are counted there; if there are none, the script is what counts."""
    step = Break("reset", at="thinking", answer=ANSWER)

    shown = break_as_shown(step, {"model": "claude-sonnet-5-5", "thinking": {"type": "adaptive"}})
    sparse = {"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools"}}
    assert shown is step
    assert break_as_shown(step, sparse).answer.content == ("Well.", NOTE, FIND)
