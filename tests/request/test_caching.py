"""Where a request is marked for the prompt cache."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from resilient_claude.request.caching import with_cache_breakpoints
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.tools.test_definitions import WEATHER, weather
from tests.support.builders import EPHEMERAL, assistant, breakpoints, build, chat, text, user


def test_caching_marks_the_conversation_even_behind_the_filler_turn() -> None:
    """The last assistant turn and the user turn before it are the prefix of the next request."""
    chat_ctx = chat(("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4"))

    request = build(chat_ctx, caching="ephemeral")

    assert request.body["messages"] == [
        user("1"),
        assistant("2"),
        user(text("3", cache_control=EPHEMERAL)),
        assistant(text("4", cache_control=EPHEMERAL)),
        user("."),
    ]


def test_caching_of_a_first_turn_marks_no_message() -> None:
    """There is no assistant turn yet, so no prefix that the next turn would repeat."""
    assert build(caching="ephemeral").body["messages"] == [user("Hello")]


@pytest.mark.parametrize(
    "extra",
    [
        {"cache_control": EPHEMERAL},
        {"system": "a string"},
        {"system": [text("a", cache_control=EPHEMERAL), text("b", cache_control=EPHEMERAL)]},
        {"system": [text(str(i), cache_control=EPHEMERAL) for i in range(4)]},
        {"messages": [user("a"), {"role": "assistant", "content": "b"}, user("c")]},
    ],
)
def test_there_are_never_more_than_four_breakpoints(extra: dict[str, Any]) -> None:
    """A fifth is a 400; the caller's own come first."""
    chat_ctx = chat(("system", "s"), ("user", "1"), ("assistant", "2"), ("user", "3"))

    request = build(chat_ctx, caching="ephemeral", tools=[weather], extra=extra)

    assert breakpoints(extra) <= breakpoints(request.body) <= 4


def test_a_marked_definition_is_a_copy() -> None:
    """The shared one would carry its breakpoint into requests where it is not the last tool."""
    schemas = ToolSchemas()

    marked = build(tools=[weather], caching="ephemeral", schemas=schemas)
    plain = build(tools=[weather], schemas=schemas)

    assert marked.body["tools"] == [{**WEATHER, "cache_control": EPHEMERAL}]
    assert plain.body["tools"] == [WEATHER]
    assert json.loads(marked.content())["tools"] == marked.body["tools"]
    assert schemas.builds == 1


def test_marking_changes_nothing_of_the_body_that_was_given() -> None:
    """Another request may have the same lists and messages."""
    body = {
        "tools": [WEATHER],
        "system": [text("s")],
        "messages": [user("1"), assistant("2"), user("3")],
    }
    before = copy.deepcopy(body)

    marked = with_cache_breakpoints(body)

    assert body == before
    assert breakpoints(marked) == 4
