"""An answer goes back as it came, if the history still says the same."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.placing import digest_of, placed
from tests.support.builders import call, text

NOTE = {"type": "thinking", "thinking": "I look both up.", "signature": "c2ln"}
NEXT = {"type": "thinking", "thinking": "And Rome.", "signature": "c2ln"}
HEARD = "Hello. I look both up. And Rome."


def mark(call_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id}


ANSWER = [text("Hello."), NOTE, mark("a"), NEXT, mark("b")]
WHOLE = [text("Hello."), NOTE, call("a"), NEXT, call("b")]


def put(*content: dict[str, Any], answer: Any = ANSWER, said: str = HEARD) -> list[Any] | None:
    return placed(content, answer, digest_of(said))


@pytest.mark.parametrize(
    "content",
    [
        [text(HEARD), call("a"), call("b")],
        [text(HEARD), call("b"), call("a")],
        [text("Hello.\n"), text("I look  both up. "), text("And Rome. "), call("a"), call("b")],
    ],
    ids=["as it was", "the second tool was faster", "with other white space"],
)
def test_a_note_goes_back_in_its_block_and_nowhere_else(content: list[dict[str, Any]]) -> None:
    """As text as well, Claude would read that it said everything twice."""
    assert put(*content) == WHOLE


def test_what_was_said_before_the_answer_stays() -> None:
    """A greeting of the application's is in the same message."""
    assert put(text("Welcome."), text(HEARD), call("a"), call("b")) == [text("Welcome."), *WHOLE]


def test_an_answer_that_was_not_heard_at_all_goes_back() -> None:
    """Notes need not be spoken: then nothing in the history says them."""
    answer = [NOTE, mark("a")]

    assert put(text("Hi."), call("a"), answer=answer, said="") == [text("Hi."), NOTE, call("a")]


@pytest.mark.parametrize(
    "content",
    [
        [text("Hello. I look bo"), call("a"), call("b")],
        [text(HEARD), call("b")],
        [text(HEARD), call("a"), call("b"), call("c")],
        [call("a"), call("b")],
    ],
    ids=["interrupted", "a call left out", "a call of another", "nothing of it"],
)
def test_where_the_history_says_something_else_nothing_goes_back(
    content: list[dict[str, Any]],
) -> None:
    """What the caller heard is right; thinking that follows on something else is a 400."""
    assert put(*content) is None


def test_a_call_behind_all_thinking_may_be_gone() -> None:
    """A tool that an interruption ended has no result, and is in no request."""
    assert put(text(HEARD), call("a")) == WHOLE[:-1]


def test_ids_are_those_that_are_sent() -> None:
    """Another provider's are put right where the history is written."""
    answer = [NOTE, mark("fn:1")]

    assert put(text("I look both up."), call("fn_1"), answer=answer, said="I look both up.") == [
        NOTE,
        call("fn_1"),
    ]


def test_the_text_of_an_answer_is_not_looked_for_without_end() -> None:
    """A history of a thousand messages without a caller is one message."""
    parts = [text("x") for _ in range(1_000)]

    assert put(*parts, call("a"), said="x" * 1_000) is None
