"""The usual histories, turned into messages in one pass, and from then on only what is new. Pure.

livekit's formatter and the repairs after it look at every item five times, in every turn. Most
histories need none of that: texts, and calls that are followed by their results. Whatever else a
history holds is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from livekit.agents import llm

from .plain import PlainMessages

__all__ = ["PlainHistories"]


class PlainHistories:
    """Turns usual histories into messages, those of a conversation turn by turn.

    What the last two histories of a conversation have in common is not converted again: their
    beginnings, also when the oldest items after the system message have been taken away since. Of
    every item, all that its message is made of is compared, so a changed item is never sent as it
    was. Some conversations may take turns: a second agent's, one that watches the first.
    """

    def __init__(self) -> None:
        self._recent: list[_Conversation] = []

    def messages(self, chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]] | None:
        """The messages and the system's texts, as livekit's formatter and the repairs make them.

        Returns:
            None if the history holds anything but texts, calls right before their results, and a
            system message at its beginning.
        """
        items = chat_ctx.items
        looks = [_LOOKS.get(item.type, _LOOK_OF_OTHERS)(item) for item in items]
        for conversation in self._recent:
            if conversation.has(looks[:2][-1:]):  # the first is often everybody's system message
                self._recent.remove(conversation)
                break
        else:
            conversation = _Conversation()
        self._recent.insert(0, conversation)
        del self._recent[MOST_CONVERSATIONS:]
        return conversation.messages(items, looks)


MOST_CONVERSATIONS = 4
"""How many conversations are remembered."""


class _Conversation:
    """The history of one conversation."""

    def __init__(self) -> None:
        self._looks: list[_Look] = []  # the items of the last history
        self._begun = PlainMessages()  # what its first items have become

    def has(self, look: list[_Look]) -> bool:
        """Whether there was an item that looked like the one in *look*, if there is one."""
        return not look or look[0] in self._looks

    def messages(
        self, items: Sequence[llm.ChatItem], looks: list[_Look]
    ) -> tuple[list[dict[str, Any]], list[str]] | None:
        """As of `PlainHistories`."""
        same = self._recognise(looks)
        self._looks[same:] = map(_snapshot, looks[same:])
        begun, self._begun = self._begun, PlainMessages()  # nothing is kept of what fails half-way
        if not begun.take(items[begun.count : same]):
            return None
        begun.encode()
        self._begun = begun
        # The last of these messages may still grow: what comes next is put into a copy.
        whole = begun.copy()
        if not whole.take(items[same:]) or whole.open:
            return None
        return whole.messages, whole.system

    def _recognise(self, looks: list[_Look]) -> int:
        """How many items this history and the last begin with, those of `_begun` among them."""
        same = _common(looks, self._looks)
        if same < min(len(looks), len(self._looks)):
            gone = _position(looks[same], self._looks, same)
            if gone is not None:  # what stood before it has been taken away
                if same < self._begun.count and not self._begun.drop(same, gone):
                    self._begun = PlainMessages()
                del self._looks[same:gone]
                same = _common(looks, self._looks)
        if same < self._begun.count:
            self._begun = PlainMessages()
        return same


_Look = tuple[Any, ...]

_LOOKS = {
    "message": attrgetter("type", "role", "id", "content"),
    "function_call": attrgetter("type", "id", "group_id", "call_id", "name", "arguments"),
    "function_call_output": attrgetter("type", "call_id", "output", "is_error"),
}
_LOOK_OF_OTHERS = attrgetter("type", "id")


def _snapshot(look: _Look) -> _Look:
    """*look*, such that changing a message's content in place makes them differ."""
    return (*look[:-1], [*look[-1]]) if look[0] == "message" else look


def _common(looks: Sequence[_Look], others: Sequence[_Look]) -> int:
    """How many items both begin with."""
    if looks[: len(others)] == others:  # as in most turns
        return len(others)
    count = 0
    for look, other in zip(looks, others, strict=False):
        if look != other:
            break
        count += 1
    return count


def _position(look: _Look, looks: Sequence[_Look], start: int) -> int | None:
    """Where *look* stands in *looks*, from *start* on."""
    try:
        return looks.index(look, start)
    except ValueError:
        return None
