"""The messages of plain histories, made once and from then on only of what is new. Pure.

Theory of operation. livekit's formatter and the repairs after it look at every item of a history
five times, in every turn. Most histories are plain (see `PlainMessages`): one pass is enough, and
what it has made of an item still holds in the next turn, unless the item or one before it has
changed. Of each conversation, the cache has the fingerprints of the last history, and the messages
of what is *settled*: the items that its last two histories begin with. Newer ones often change
once more. What a turn finds is told by comparing fingerprints:

- Another conversation: the second item is in none of the last histories; the first one is often
  everybody's system message. It gets a place of its own, and the one that was not asked for longest
  loses its place.
- `Change.GROWN`: the history begins with all of the last one. Everything settled is used again, and
  what had come with the last turn is settled now.
- `Change.SHORTENED`: a run of items is gone, and what stood behind them is there. Applications that
  keep the last hundred items do this in every turn. The run's messages are taken out, the others
  are used again; if the run is not made of whole messages, all of them are made anew.
- `Change.EDITED`: from some item on, the history is another one: changed, exchanged or taken back,
  or headed by another agent's instructions after a handoff. What is settled is used again if it
  ends before that item, otherwise all of it is made anew.

The newest message may still grow, so every turn goes on in a copy of what is settled. What is not
plain, or fails half-way, leaves nothing behind.

Invariant: what a turn gets equals what it would get of an empty cache, and no message that was
handed out changes any more.

It cannot see what `item_fingerprint` cannot see. Of two runs that are gone at once, it recognises
the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any, NamedTuple

from livekit.agents import llm

from .item_fingerprint import Fingerprint, fingerprints_of, snapshot
from .plain import NotPlain, PlainMessages

__all__ = ["MOST_CONVERSATIONS", "Change", "Difference", "HistoryCache", "difference"]

MOST_CONVERSATIONS = 4
"""How many conversations are remembered: a second agent's, one that watches the first, ..."""


class HistoryCache:
    """Turns plain histories into messages, those of a conversation turn by turn.

    Of every item, all that its message is made of is compared, so that an item that was changed is
    never sent as it was.
    """

    def __init__(self) -> None:
        self._conversations: list[
            _KnownConversation
        ] = []  # the one that was asked for last comes first

    def messages(self, chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]] | None:
        """The messages and the system's texts, as livekit's formatter and the repairs make them.

        Returns:
            None if the history is not plain. The lists are the caller's; their messages are shared
            with other requests.
        """
        items = chat_ctx.items
        fingerprints = fingerprints_of(items)
        conversation = self._conversation_of(fingerprints)
        return conversation.messages(items, fingerprints)

    def _conversation_of(self, fingerprints: Sequence[Fingerprint]) -> _KnownConversation:
        """The conversation that a history belongs to, known or new; it is now the latest."""
        for conversation in self._conversations:
            if conversation.includes(fingerprints):
                self._conversations.remove(conversation)
                break
        else:
            conversation = _KnownConversation()
        self._conversations.insert(0, conversation)
        del self._conversations[MOST_CONVERSATIONS:]
        return conversation


class Change(Enum):
    """What has happened to a conversation's history since the turn before."""

    GROWN = auto()
    SHORTENED = auto()
    EDITED = auto()


class Difference(NamedTuple):
    """How a history differs from the last one.

    Attributes:
        change: What has happened.
        start: How many items both begin with.
        end: Where in the last history it goes on; all of it is over if it does not.
    """

    change: Change
    start: int
    end: int


def difference(last: Sequence[Fingerprint], now: Sequence[Fingerprint]) -> Difference:
    """How the history *now* differs from the *last* one."""
    start = _common(last, now)
    if start == len(last):
        return Difference(Change.GROWN, start, start)
    if start < len(now):
        with suppress(ValueError):
            return Difference(Change.SHORTENED, start, last.index(now[start], start))
    return Difference(Change.EDITED, start, len(last))


class _KnownConversation:
    """The last history of one conversation, and what has become of its settled items."""

    def __init__(self) -> None:
        self._last: list[Fingerprint] = []
        self._settled = PlainMessages()

    def includes(self, fingerprints: Sequence[Fingerprint]) -> bool:
        """Whether a history with these *fingerprints* is likely to be of this conversation."""
        return not fingerprints or fingerprints[:2][-1] in self._last

    def messages(
        self, items: Sequence[llm.ChatItem], fingerprints: Sequence[Fingerprint]
    ) -> tuple[list[dict[str, Any]], list[str]] | None:
        """The messages and the system's texts of *items*; None if they are not plain."""
        same = self._recognise(fingerprints)
        self._last[same:] = map(snapshot, fingerprints[same:])
        settled, self._settled = self._settled, PlainMessages()  # until nothing can fail any more
        try:
            settled.take(items[settled.count : same])
            settled.encode()
            self._settled = settled
            whole = settled.copy()
            whole.take(items[same:])
        except NotPlain:
            return None
        return None if whole.unanswered else (whole.messages, whole.system)

    def _recognise(self, fingerprints: Sequence[Fingerprint]) -> int:
        """How many items the last history, without those that are gone, and this one begin with.

        What is settled are some of these items afterwards, or none.
        """
        change, same, end = difference(self._last, fingerprints)
        if change is Change.SHORTENED:
            if same < self._settled.count and not self._settled.drop(same, end):
                self._settled = PlainMessages()
            del self._last[same:end]
            same = _common(self._last, fingerprints)
        if same < self._settled.count:
            self._settled = PlainMessages()
        return same


def _common(last: Sequence[Fingerprint], now: Sequence[Fingerprint]) -> int:
    """How many items both begin with."""
    if now[: len(last)] == last:  # as in most turns
        return len(last)
    count = 0
    for one, other in zip(last, now, strict=False):
        if one != other:
            break
        count += 1
    return count
