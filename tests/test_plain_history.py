"""The usual histories in one pass: the same messages as by livekit's formatter, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
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
from resilient_claude.request.history.repair import _messages

from .benchmarks import conversation
from .builders import chat


def plain_messages(chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]] | None:
    """What a conversation's first request is made of."""
    return HistoryCache().messages(chat_ctx)


WORDS = st.sampled_from(["Hello.", "", " ", "\n", "é👋", "[1]", " [", '"\\', "\ud83d", "\x7f\x00"])
OBJECTS = st.sampled_from(["", "{}", '{"a":1}', '{"a":{"b":[null,true,"x"]}}', '{"a":1,"a":2}'])
ODD_ARGUMENTS = st.sampled_from(
    ['{"a":1.5}', '{"a":NaN}', '{"a":1e400}', "[]", "{", '"{}"', '{"a":"\\ud83d"}', "7", " {} "]
)
ODD_IDS = st.sampled_from(["/1", "1", "2", "1/fnc_0", "1/fnc_1", "2/fnc_0", "c.1", ""])


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Messages, and calls with their results right behind them; now and then something odd."""
    items: list[Any] = []

    def usually(usual: Any, odd: st.SearchStrategy[Any]) -> Any:
        return draw(odd) if draw(st.integers(0, 29)) == 17 else usual

    for number in range(draw(st.integers(0, 6))):
        group = usually(str(number), ODD_IDS)
        if draw(st.booleans()):
            role: Any = usually(draw(st.sampled_from(["user", "assistant"])), st.just("developer"))
            role = "system" if number == 0 and draw(st.booleans()) else role
            content: list[Any] = draw(st.lists(WORDS, max_size=2))
            items.append(llm.ChatMessage(id=group, role=role, content=content))
            continue
        ids = [usually(f"{group}-{n}", ODD_IDS) for n in range(draw(st.integers(1, 2)))]
        for n, call_id in enumerate(ids):
            call = llm.FunctionCall(
                id=f"{group}/fnc_{n}",
                call_id=call_id,
                name="weather",
                arguments=usually(draw(OBJECTS), ODD_ARGUMENTS),
                group_id=usually(None, st.just("g")),
            )
            items.append(call)
        for call_id in ids:
            output, failed = draw(WORDS), draw(st.booleans())
            items.append(
                llm.FunctionCallOutput(
                    call_id=usually(call_id, ODD_IDS),
                    name="weather",
                    output=output,
                    is_error=failed,
                )
            )
    return items


def unknown(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """*messages* as the encoder sees those of which nothing is known."""
    return [{**message} for message in messages]


@settings(max_examples=600, deadline=None)
@given(histories())
def test_what_is_plain_becomes_what_livekits_formatter_makes_of_it(items: list[Any]) -> None:
    """A caller's history must not depend on which of the two has read it."""
    plain = plain_messages(llm.ChatContext(items))

    event(f"plain: {plain is not None}")
    if plain is not None:
        assert plain == _messages(llm.ChatContext(items))
        assert encode({"messages": plain[0]}) == encode({"messages": unknown(plain[0])})


CALL = llm.FunctionCall(id="m1/fnc_0", call_id="a", name="weather", arguments='{"city":"Paris"}')
OTHER = llm.FunctionCall(id="m1/fnc_1", call_id="b", name="weather", arguments="{}")
USUAL: dict[str, llm.ChatContext] = {
    "nothing": chat(),
    "a hundred items": conversation.long(),
    "a system message first": chat(("system", "Be kind."), ("user", "Hello?")),
    "an assistant who opens": chat(("assistant", "Hello.")),
    "parallel calls of one answer": chat(
        llm.ChatMessage(id="m1", role="assistant", content=["Let me see."]),
        CALL,
        OTHER,
        ("output", "a", "Sunny"),
        ("output", "b", "Rainy"),
    ),
    "a tool that failed": chat(CALL, ("output", "a", "", "failed")),
}


@pytest.mark.parametrize("chat_ctx", USUAL.values(), ids=list(USUAL))
def test_the_usual_is_plain(chat_ctx: llm.ChatContext) -> None:
    """Otherwise every turn would take the long way, and no other test would tell."""
    assert plain_messages(chat_ctx) == _messages(chat_ctx)


PICTURE = llm.ChatMessage(role="user", content=[llm.ImageContent(image="https://x.invalid/a.png")])
UNUSUAL: dict[str, llm.ChatContext] = {
    "an image": chat(PICTURE),
    "instructions in the middle": chat(("user", "Hello?"), ("system", "Be brief.")),
    "a call without its result": chat(CALL),
    "a result without its call": chat(("output", "a", "Sunny")),
    "words between a call and its result": chat(CALL, ("user", "Well?"), ("output", "a", "Sunny")),
    "a result that may be content blocks": chat(CALL, ("output", "a", json.dumps([{"a": 1}]))),
    "a number that encoders write differently": chat(
        ("call", "a", '{"x":1e16}'), ("output", "a", "Sunny")
    ),
    "another provider's id": chat(("call", "a:1", "{}"), ("output", "a:1", "Sunny")),
}


@pytest.mark.parametrize("chat_ctx", UNUSUAL.values(), ids=list(UNUSUAL))
def test_the_unusual_is_left_to_livekit(chat_ctx: llm.ChatContext) -> None:
    """Its rules for these differ from release to release."""
    assert plain_messages(chat_ctx) is None


# --- from turn to turn ----------------------------------------------------------------------------


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
        known, fresh = history.messages(context), plain_messages(context)
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
            assert history.messages(context) is not None

        change(context.items[at])

        assert history.messages(context) == plain_messages(context)


@pytest.mark.parametrize("start", [0, 1, 2, 5, 9])
def test_items_that_were_taken_away_are_gone(start: int) -> None:
    """Applications shorten long histories, in front above all, and cut between call and result."""
    for end in range(start + 1, 40):
        histories, context = HistoryCache(), conversation.long(40)
        for _ in range(3):
            histories.messages(context)

        gone = context.items[start:end] + context.items[end + 3 : end + 7]
        for cut in (slice(start, end), slice(start + 3, start + 7)):
            del context.items[cut]
            assert histories.messages(context) == plain_messages(context), (cut, end)
        context.items += gone  # as nobody would, and their ids are free to be used again
        assert histories.messages(context) == plain_messages(context), end


def reused(turns: Sequence[tuple[list[dict[str, Any]], list[str]] | None]) -> list[int]:
    """How many messages each turn has from the one before."""
    counts = []
    for before, after in pairwise(turns):
        assert before is not None
        assert after is not None
        known = {id(message) for message in before[0]}
        counts.append(sum(id(message) in known for message in after[0]))
    return counts


def test_a_shortened_history_is_not_converted_again() -> None:
    """An agent that keeps the last hundred items shortens its history in every turn."""
    histories, context = HistoryCache(), conversation.long()
    turns: list[Any] = [histories.messages(context)]
    for _ in range(4):
        context.add_message(role="assistant", content="Done.")
        context.add_message(role="user", content="Thank you.")
        context.truncate(max_items=90)
        turns.append(histories.messages(context))

    assert min(reused(turns[1:])) > 60
    assert turns[-1] is not None
    assert all(message.json for message in turns[-1][0][:-3])


def test_nothing_is_kept_of_a_history_that_fails_half_way() -> None:
    """It will be mended, or the next caller has another one: both are sent as they are."""
    histories = HistoryCache()
    context = chat(("user", "My PIN is 4711."), CALL.model_copy(update={"call_id": 7}))
    for _ in range(3):
        with pytest.raises(TypeError):
            histories.messages(context)

    other = chat(("user", "Hello."))
    assert histories.messages(other) == plain_messages(other)
    context.items[1:] = chat(CALL, ("output", "a", "Sunny")).items
    assert histories.messages(context) == plain_messages(context) is not None


def test_conversations_may_take_turns() -> None:
    """A second agent that listens in has a history of its own on the same adapter."""
    histories = HistoryCache()
    contexts = [conversation.long(), conversation.long()]
    contexts[1].items[0] = contexts[0].items[0]  # two calls of the same agent
    turns: list[list[Any]] = [[], []]
    for number in range(6):
        turns[number % 2].append(histories.messages(contexts[number % 2]))
        histories.messages(chat(("system", "Judge."), ("user", f"Was turn {number} polite?")))

    assert min(reused(turns[0][1:]) + reused(turns[1][1:])) > 60
    assert len(histories._conversations) <= MOST_CONVERSATIONS


def test_a_turn_costs_what_is_new_in_it() -> None:
    """A long call must not become slower with every turn."""
    history, context = HistoryCache(), conversation.long()
    first = history.messages(context)
    context.add_message(role="assistant", content="Done.")
    second = history.messages(context)
    context.add_message(role="user", content="Thank you.")
    third = history.messages(context)

    assert first is not None
    assert second is not None
    assert third is not None
    reused = [new is known for new, known in zip(third[0], second[0], strict=False)]
    assert reused[:-1] == [True] * (len(second[0]) - 2) + [False]


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ("", "ab", Difference(Change.GROWN, 0, 0)),
        ("sab", "sab", Difference(Change.GROWN, 3, 3)),
        ("sab", "sabc", Difference(Change.GROWN, 3, 3)),
        ("sabc", "sbcd", Difference(Change.SHORTENED, 1, 2)),
        ("sabc", "bcd", Difference(Change.SHORTENED, 0, 2)),
        ("sabcd", "sacd", Difference(Change.SHORTENED, 2, 3)),
        ("sabc", "saxc", Difference(Change.EDITED, 2, 4)),
        ("sabc", "sa", Difference(Change.EDITED, 2, 4)),
        ("sabc", "tabc", Difference(Change.EDITED, 0, 4)),
    ],
)
def test_what_has_happened_to_a_history_has_a_name(
    last: str, now: str, expected: Difference
) -> None:
    """What is used again depends on it: too much is a wrong answer, too little is a slow one."""
    assert difference([(item,) for item in last], [(item,) for item in now]) == expected
