"""What settled items are compared by: what is seen at once, what later, what never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.settled import SEEN_AT_ONCE
from tests.benchmarks import conversation
from tests.support.builders import chat

from .test_formatter import Messages, fresh_messages, messages_of

LENGTH = 600


def after_some_turns(context: llm.ChatContext) -> HistoryCache:
    histories = HistoryCache()
    for _ in range(3):
        conversation.go_on(context, shorten=False)
        messages_of(histories, context)
    return histories


@pytest.mark.parametrize("at", range(0, LENGTH, 7))
def test_what_is_changed_inside_a_content_is_seen_at_once(at: int) -> None:
    """An application that takes a PIN out of what was said does it in place, however long ago."""
    context = conversation.long(LENGTH)
    histories = after_some_turns(context)
    item: Any = context.items[at]
    if item.type != "message":
        return
    item.content[0] = "[redacted]"

    assert messages_of(histories, context) == fresh_messages(context)


def _assigned(context: llm.ChatContext, at: int) -> None:
    item: Any = context.items[at]
    if item.type == "message":
        item.content = ["[redacted]"]
    elif item.type == "function_call":
        item.arguments = "{}"
    else:
        item.output = "[redacted]"


@pytest.mark.parametrize("at", range(1, LENGTH, 23))
def test_what_is_assigned_to_an_old_item_is_seen_some_turns_later(at: int) -> None:
    """The limit of what a turn looks at; what is replaced by another item is seen at once."""
    context = conversation.long(LENGTH)
    histories = after_some_turns(context)
    _assigned(context, at)

    turns = 0
    while messages_of(histories, context) != fresh_messages(context):
        turns += 1
    assert turns <= LENGTH // 32 + 1


def test_of_a_short_call_nothing_goes_unseen() -> None:
    """It is looked at whole in every turn."""
    for at in range(SEEN_AT_ONCE - 6):
        context = conversation.long(SEEN_AT_ONCE - 6)
        histories = after_some_turns(context)
        _assigned(context, at)
        assert messages_of(histories, context) == fresh_messages(context), at


@pytest.mark.parametrize("gone", [2, 3, 6])
def test_of_a_short_call_nothing_goes_unseen_when_its_oldest_items_are_gone(gone: int) -> None:
    """Neither in the turn in which they are gone, nor in the next one."""
    for at in range(SEEN_AT_ONCE - 8):
        context = conversation.long(SEEN_AT_ONCE - 6)
        histories = after_some_turns(context)
        for is_changed in (False, True):
            conversation.go_on(context, shorten=False)
            context.truncate(max_items=len(context.items) - gone)
            if is_changed:
                _assigned(context, at)
            assert messages_of(histories, context) == fresh_messages(context), at


@pytest.mark.parametrize("at", [30, 200, *range(560, 580)])
def test_what_is_assigned_is_seen_in_a_history_that_is_shortened_in_every_turn(at: int) -> None:
    """What is gone moves the others to the front, and the part that is looked at along with it."""
    context = conversation.long(LENGTH)
    histories = after_some_turns(context)
    _assigned(context, at)

    turns = 0
    while messages_of(histories, context) != fresh_messages(context):
        turns += 1
        conversation.go_on(context, shorten=False)
        context.truncate(max_items=LENGTH)
    assert turns <= LENGTH // 32 + 1


EDITS: dict[str, Callable[[list[Any], int], None]] = {
    "an item is another one": lambda items, at: items.__setitem__(
        at, llm.ChatMessage(role="user", content=["Another word."])
    ),
    "an item is gone": lambda items, at: items.pop(at),
    "items are gone": lambda items, at: items.__delitem__(slice(at, at + 5)),
    "an item is new": lambda items, at: items.insert(
        at, llm.ChatMessage(role="assistant", content=["Another word."])
    ),
    "the rest is gone": lambda items, at: items.__delitem__(slice(at, None)),
    "copies": lambda items, at: items.__setitem__(
        slice(None), [item.model_copy(deep=True) for item in items]
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=list(EDITS))
def test_a_list_that_was_edited_is_sent_as_it_is(edit: Callable[[list[Any], int], None]) -> None:
    """At any place, and what is known afterwards still holds."""
    for at in range(0, 300, 13):
        context = conversation.long(300)
        histories = after_some_turns(context)
        edit(context.items, at)
        for _ in range(3):
            assert messages_of(histories, context) == fresh_messages(context), at
            conversation.go_on(context, shorten=False)


def shared(histories: HistoryCache, context: llm.ChatContext, before: Messages) -> int:
    known = {id(message) for message in before[0]}
    return sum(id(message) in known for message in messages_of(histories, context)[0])


@pytest.mark.parametrize("at", [0, 2, 150, 290])
def test_one_item_that_is_another_one_costs_its_neighbours_alone(at: int) -> None:
    """Instructions that tell the time are others in every turn."""
    context = conversation.long(300)
    histories = after_some_turns(context)
    before = messages_of(histories, context)
    item: Any = context.items[at]
    context.items[at] = item.model_copy(update={"id": "another"})

    assert shared(histories, context, before) > 280


def test_an_image_that_shows_something_else_is_sent_as_it_is() -> None:
    """It is changed inside of the content, which stays the same list of the same objects."""
    image = llm.ImageContent(image="https://x.invalid/a.png")
    context = chat(("user", "Look:", image))
    for n in range(10):
        context.items += chat(("assistant", "I see."), ("user", f"And now, {n}?")).items
    histories = after_some_turns(context)

    image.image = "https://x.invalid/b.png"

    assert messages_of(histories, context) == fresh_messages(context)


@pytest.mark.parametrize("what", ["audio", "documents"])
def test_what_else_is_changed_in_a_message_is_seen_at_once(what: str) -> None:
    """A transcript that comes late, and a document that is replaced."""
    audio = llm.AudioContent(frame=[], transcript="Five?")
    documents: list[Any] = [{"type": "document", "source": {"type": "text", "data": "a"}}]
    context = chat(
        llm.ChatMessage(role="user", content=[audio], extra={"claude": {"documents": documents}})
    )
    for n in range(10):
        context.items += chat(("assistant", "I see."), ("user", f"And now, {n}?")).items
    histories = after_some_turns(context)

    if what == "audio":
        audio.transcript = "Nine?"
    else:
        documents[0] = {"type": "document", "source": {"type": "text", "data": "b"}}

    assert messages_of(histories, context) == fresh_messages(context)


def test_an_answer_that_comes_late_is_put_where_its_call_is() -> None:
    """A tool that runs in the background answers when its call has settled long ago."""
    context = chat(("user", "Book it."), ("call", "late", "{}"))
    for n in range(10):
        context.items += chat(("assistant", "I do."), ("user", f"And now, {n}?")).items
    histories = after_some_turns(context)

    context.items += chat(("output", "late", "Booked."), ("user", "Well?")).items

    assert messages_of(histories, context) == fresh_messages(context)
    assert "tool_use" in str(messages_of(histories, context)[0][1])
