"""A history from turn to turn: what is remembered of it changes nothing but the time it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.request.encoding import encode
from resilient_claude.request.history.cache import (
    MOST_CONVERSATIONS,
    Change,
    Difference,
    HistoryCache,
    difference,
)
from tests.benchmarks import conversation
from tests.support.builders import chat

from .test_formatter import (
    CALL,
    WORDS,
    Messages,
    fresh_messages,
    histories,
    messages_of,
    unknown,
)


def _say_more(items: list[Any], at: int, draw: st.DrawFn) -> None:
    items += draw(histories())


def _take_back(items: list[Any], at: int, draw: st.DrawFn) -> None:
    del items[at:]


def _forget_the_oldest(items: list[Any], at: int, draw: st.DrawFn) -> None:
    del items[:at]


def _replace(items: list[Any], at: int, draw: st.DrawFn) -> None:
    items[at : at + 1] = draw(histories())


def _change_in_place(items: list[Any], at: int, draw: st.DrawFn) -> None:
    for item in items[at : at + 1]:
        name = draw(st.sampled_from(["role", "content", "id", "arguments", "call_id", "is_error"]))
        if name == "content" and item.type == "message":
            item.content[draw(st.integers(0, len(item.content))) :] = [draw(WORDS)]
        elif name in ("role", "id", "arguments", "call_id", "is_error") and hasattr(item, name):
            words = ["user", "assistant", "1", "2-0", '{"b":2}']
            value = draw(st.booleans() if name == "is_error" else st.sampled_from(words))
            setattr(item, name, value)


def _copy(items: list[Any], at: int, draw: st.DrawFn) -> None:
    items[:] = deepcopy(items)


EDITS: list[Callable[[list[Any], int, st.DrawFn], None]] = [
    _say_more,
    _say_more,
    _take_back,
    _forget_the_oldest,
    _replace,
    _change_in_place,
    _copy,
]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_is_known_of_earlier_turns_changes_nothing(data: st.DataObject) -> None:
    """An edited, shortened or exchanged history is sent as it is; what was sent stays as it was."""
    history, items = HistoryCache(), data.draw(histories())
    sent: list[tuple[list[dict[str, Any]], list[dict[str, Any]], bytes]] = []

    for _ in range(data.draw(st.integers(2, 6))):
        context = llm.ChatContext(items)
        known, fresh = messages_of(history, context), fresh_messages(context)
        assert known == fresh
        if known is not None and fresh is not None:
            body = encode({"messages": known[0]})
            assert body == encode({"messages": fresh[0]})
            sent.append((known[0], deepcopy(unknown(known[0])), body))
        draw: Any = data.draw
        data.draw(st.sampled_from(EDITS))(items, data.draw(st.integers(0, len(items))), draw)

    event(f"plain turns: {len(sent)}")
    for messages, as_sent, body in sent:
        assert messages == as_sent
        assert encode({"messages": unknown(messages)}) == body


def _append(item: Any) -> None:
    item.content.append("And more.")


def _exchange(item: Any) -> None:
    item.content[0] = "Another word."


TAKEN = "the id of the first item"
CHANGES: dict[str, list[Callable[[Any], None]]] = {
    "message": [
        _append,
        _exchange,
        lambda item: setattr(item, "role", "user" if item.role == "assistant" else "assistant"),
        lambda item: setattr(item, "id", TAKEN),
    ],
    "function_call": [
        lambda item: setattr(item, "arguments", '{"another":1}'),
        lambda item: setattr(item, "name", "another"),
        lambda item: setattr(item, "call_id", "another"),
        lambda item: setattr(item, "group_id", TAKEN),
        lambda item: setattr(item, "id", TAKEN),
    ],
    "function_call_output": [
        lambda item: setattr(item, "output", "another"),
        lambda item: setattr(item, "call_id", "another"),
        lambda item: setattr(item, "is_error", True),
    ],
}


@pytest.mark.parametrize("at", range(12))
def test_an_item_that_was_changed_in_place_is_not_sent_as_it_was(at: int) -> None:
    """Applications redact and shorten what was said, and a stale copy would undo it unseen."""
    kind = conversation.long(12).items[at].type
    for change in CHANGES[kind]:
        history, context = HistoryCache(), conversation.long(12)
        context.items[0].id = TAKEN
        for _ in range(3):
            assert messages_of(history, context) is not None

        change(context.items[at])

        assert messages_of(history, context) == fresh_messages(context)


@pytest.mark.parametrize("start", [0, 1, 2, 5, 9])
def test_items_that_were_taken_away_are_gone(start: int) -> None:
    """Applications shorten long histories, in front above all, and cut between call and result."""
    for end in range(start + 1, 40):
        histories, context = HistoryCache(), conversation.long(40)
        for _ in range(3):
            messages_of(histories, context)

        gone = context.items[start:end] + context.items[end + 3 : end + 7]
        for cut in (slice(start, end), slice(start + 3, start + 7)):
            del context.items[cut]
            assert messages_of(histories, context) == fresh_messages(context), (cut, end)
        context.items += gone  # as nobody would, and their ids are free to be used again
        assert messages_of(histories, context) == fresh_messages(context), end


def reused(turns: Sequence[Messages]) -> list[int]:
    """How many messages each turn has from the one before."""
    counts = []
    for before, after in pairwise(turns):
        known = {id(message) for message in before[0]}
        counts.append(sum(id(message) in known for message in after[0]))
    return counts


def test_a_shortened_history_is_not_converted_again() -> None:
    """An agent that keeps the last hundred items shortens its history in every turn."""
    histories, context = HistoryCache(), conversation.long()
    turns: list[Any] = [messages_of(histories, context)]
    for _ in range(4):
        context.add_message(role="assistant", content="Done.")
        context.add_message(role="user", content="Thank you.")
        context.truncate(max_items=90)
        turns.append(messages_of(histories, context))

    assert min(reused(turns)) > 75


def test_nothing_is_kept_of_a_history_that_fails_half_way() -> None:
    """It will be mended, or the next caller has another one: both are sent as they are."""
    histories = HistoryCache()
    context = chat(("user", "My PIN is 4711."), CALL.model_copy(update={"call_id": []}))
    for _ in range(3):
        with pytest.raises(TypeError):
            messages_of(histories, context)

    other = chat(("user", "Hello."))
    assert messages_of(histories, other) == fresh_messages(other)
    context.items[1:] = chat(CALL, ("output", "a", "Sunny")).items
    assert messages_of(histories, context) == fresh_messages(context) is not None


def test_conversations_may_take_turns() -> None:
    """A second agent that listens in has a history of its own on the same adapter."""
    histories = HistoryCache()
    contexts = [conversation.long(), conversation.long()]
    contexts[1].items[0] = contexts[0].items[0]  # two calls of the same agent
    turns: list[list[Any]] = [[], []]
    for number in range(6):
        turns[number % 2].append(messages_of(histories, contexts[number % 2]))
        messages_of(histories, chat(("system", "Judge."), ("user", f"Was turn {number} polite?")))

    assert min(reused(turns[0][1:]) + reused(turns[1][1:])) > 60
    assert len(histories._conversations) <= MOST_CONVERSATIONS


def test_a_turn_costs_what_is_new_in_it() -> None:
    """A long call must not become slower with every turn."""
    histories, context = HistoryCache(), conversation.long(items=400)
    turns = [messages_of(histories, context)]
    for _ in range(4):
        conversation.go_on(context, shorten=False)
        turns.append(messages_of(histories, context))

    missed = [len(turn[0]) - known for turn, known in zip(turns[1:], reused(turns), strict=True)]
    assert max(missed) <= 7, "the last span, and what is new"


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ("", "ab", Difference(Change.GROWN, 0, 0, 0)),
        ("sab", "sab", Difference(Change.GROWN, 3, 3, 3)),
        ("sab", "sabc", Difference(Change.GROWN, 3, 3, 3)),
        ("sabc", "sbcd", Difference(Change.SHORTENED, 1, 2, 1)),
        ("sabc", "bcd", Difference(Change.SHORTENED, 0, 2, 0)),
        ("sabcd", "sacd", Difference(Change.SHORTENED, 2, 3, 2)),
        ("sabc", "saxc", Difference(Change.REPLACED, 2, 3, 3)),
        ("sabc", "tabc", Difference(Change.REPLACED, 0, 1, 1)),
        ("sabc", "saxy", Difference(Change.EDITED, 2, 4, 4)),
        ("sabc", "sa", Difference(Change.EDITED, 2, 4, 2)),
    ],
)
def test_what_has_happened_to_a_history_has_a_name(
    last: str, now: str, expected: Difference
) -> None:
    """What is used again depends on it: too much is a wrong answer, too little is a slow one."""
    assert difference([(item,) for item in last], [(item,) for item in now]) == expected
