"""Where a request is marked for the prompt cache."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.caching import Marks, cache_control, lifetime_s, with_cache_marks
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.tools.test_definitions import WEATHER, weather
from tests.support.builders import (
    EPHEMERAL,
    HELLO,
    NEWEST,
    assistant,
    breakpoints,
    build,
    call,
    chat,
    rejected,
    result,
    text,
    user,
)

from .test_thinking import THOUGHT, thoughtful

ONE_HOUR = {"type": "ephemeral", "ttl": "1h"}
BREAKPOINT: Any = getattr(llm, "CacheBreakpoint", None)
NO_BREAKPOINT = "this livekit-agents has none"


def marked(request: Request) -> list[str]:
    """What the prefixes that are cached end with, in the order of the prompt."""

    def found(value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for each in value:
                yield from found(each)
        elif isinstance(value, dict):
            if "cache_control" in value:
                yield str(value.get("text") or value.get("name") or value.get("tool_use_id"))
            yield from found(value.get("content"))

    body = request.body
    return [*found(body.get("tools")), *found(body.get("system")), *found(body["messages"])]


def dynamic(words: str) -> llm.ChatMessage:
    """What livekit tells an agent of this call alone."""
    name = "lk.agent_task.instructions.dynamic"
    return llm.ChatMessage(id=name, role="system", content=[words])


def test_the_first_turn_marks_what_others_may_begin_with_and_its_end() -> None:
    """Another caller of the same agent hits the first, the next turn of this one the last."""
    chat_ctx = chat(("system", "Be kind."), dynamic("Mary calls."), ("user", "1"))

    request = build(chat_ctx, caching="ephemeral", tools=[weather])

    assert marked(request) == ["weather", "Be kind.", "\nMary calls.", "1"]
    assert rejected(request) is None


def test_later_turns_mark_their_own_end_and_that_of_the_request_before() -> None:
    """So that the next one is hit, and this one; and a third, for what stood in one turn alone."""
    turns = [
        (role, f"{role[0]}{number}") for number in range(1, 5) for role in ("user", "assistant")
    ]

    request = build(chat(("system", "s"), *turns[:-1]), caching="ephemeral", tools=[weather])

    assert marked(request) == ["s", "u2", "u3", "u4"]


def test_a_tool_loop_marks_its_results_and_where_it_began() -> None:
    """Its thinking is gone when the loop is over, and with it all that was cached behind it."""
    loop: list[Any] = []
    for at in range(3):
        loop += [thoughtful(f"c{at}", THOUGHT), ("output", f"c{at}", "Sunny")]
    chat_ctx = chat(("system", "s"), ("user", "1"), ("assistant", "2"), ("user", "3"), *loop)

    request = build(chat_ctx, caching="ephemeral", tools=[weather], model=NEWEST)
    after = build(
        chat(*chat_ctx.items, ("assistant", "4"), ("user", "5")),
        caching="ephemeral",
        tools=[weather],
        model=NEWEST,
    )

    assert marked(request) == ["s", "3", "c1", "c2"]
    assert marked(after) == ["s", "3", "c2", "5"]
    assert rejected(request) is None


def test_a_filler_turn_keeps_the_mark_of_the_request_before() -> None:
    """It is in no later request; what the caller said last is."""
    chat_ctx = chat(("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4"))

    assert marked(build(chat_ctx, caching="ephemeral")) == ["1", "3", "."]


def test_the_mark_is_what_was_asked_for() -> None:
    """One hour for agents that are called now and then."""
    request = build(chat(("system", "s"), ("user", "1")), caching=ONE_HOUR)

    assert request.body["system"] == [text("s", cache_control=ONE_HOUR)]
    assert request.body["messages"] == [user(text("1", cache_control=ONE_HOUR))]
    assert [*map(lifetime_s, (ONE_HOUR, cache_control("ephemeral")))] == [3600, 300]


@pytest.mark.skipif(BREAKPOINT is None, reason=NO_BREAKPOINT)
def test_livekits_breakpoints_are_kept_without_caching() -> None:
    """A session sets one behind its instructions, so that its next call finds them."""
    mark = BREAKPOINT()
    chat_ctx = chat(("system", "Be kind.", mark), dynamic("Mary calls."), ("user", "A", mark, "B"))

    request = build(chat_ctx, tools=[weather])

    assert marked(request) == ["Be kind.", "A"]
    assert [block["text"] for block in request.body["system"]] == ["Be kind.", "\nMary calls."]


@pytest.mark.skipif(BREAKPOINT is None, reason=NO_BREAKPOINT)
def test_with_caching_the_last_of_livekits_breakpoints_has_a_place() -> None:
    """The turns of the call come before it: there are four marks in all."""
    mark = BREAKPOINT()
    turns = [("user", "1", mark, "2"), ("assistant", "3"), ("user", "4"), ("assistant", "5")]
    chat_ctx = chat(("system", "a", mark, "b"), *turns, ("user", "6"))

    assert marked(build(chat_ctx, caching="ephemeral")) == ["a", "1", "4", "6"]


@pytest.mark.skipif(BREAKPOINT is None, reason=NO_BREAKPOINT)
def test_of_many_breakpoints_the_last_ones_count() -> None:
    """A fifth mark is a 400."""
    mark = BREAKPOINT()
    turns = [
        (role, f"{role[0]}{number}", mark) for number in range(4) for role in ("user", "assistant")
    ]

    request = build(chat(("system", "a", mark, "b", mark, "c", mark), *turns[:-1]))

    assert marked(request) == ["a", "\nc", "a2", "u3"]


def test_without_caching_what_is_told_of_this_call_is_no_block_of_its_own() -> None:
    """Nothing is cached, so nothing is cut."""
    request = build(chat(("system", "Be kind."), dynamic("Mary calls."), ("user", "1")))

    assert request.body["system"] == [text("Be kind.\nMary calls.")]
    assert marked(request) == []


@pytest.mark.parametrize(
    "extra",
    [
        {"cache_control": EPHEMERAL},
        {"system": "a string"},
        {"system": [text("a", cache_control=EPHEMERAL), text("b", cache_control=EPHEMERAL)]},
        {"system": [text(str(i), cache_control=EPHEMERAL) for i in range(4)]},
        {"messages": [user("a"), {"role": "assistant", "content": "b"}, user("c")]},
        {"messages": [{"role": "user", "content": word} for word in "abc"]},
        {"messages": [user(text("a", cache_control=EPHEMERAL)), assistant("b"), user("c")]},
    ],
)
def test_there_are_never_more_than_four_marks(extra: dict[str, Any]) -> None:
    """A fifth is a 400; the caller's own come first."""
    chat_ctx = chat(("system", "s"), ("user", "1"), ("assistant", "2"), ("user", "3"))

    request = build(chat_ctx, caching="ephemeral", tools=[weather], extra=extra)

    assert breakpoints(extra) <= breakpoints(request.body) <= 4
    assert rejected(request) is None


def test_marks_of_the_callers_own_with_another_lifetime_stand_alone() -> None:
    """An hour behind five minutes is a 400."""
    extra = {"system": [text("a", cache_control=EPHEMERAL)]}

    request = build(HELLO, caching=ONE_HOUR, tools=[weather], extra=extra)

    assert marked(request) == ["a"]


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
        "messages": [user("1"), assistant("2", call("a")), user(result("a", "3"))],
    }
    before = copy.deepcopy(body)

    made = with_cache_marks(body, Marks(control=EPHEMERAL))

    assert body == before
    assert breakpoints(made) == 4
