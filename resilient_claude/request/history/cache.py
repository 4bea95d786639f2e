"""What earlier turns have made of a history, used again. Pure.

Theory of operation. A call's history grows by a few items per turn, and its cost must not grow
along. Of each conversation, the cache has what its *settled* items became: all but the last
span (see `formatter`), which is made anew in every turn, since its items often change once more.
Whether the settled ones are still the same is told without a Python call per item:

- The items are the same objects, which a comparison of lists sees at once. (The first one is made
  anew by livekit in every turn: it is looked at.) So it does where the oldest items are gone, or
  the oldest but the first: applications that keep the last hundred items do this in every turn.
- The contents of their messages, which are lists that applications change in place, are still
  equal to copies of them. So is what their images show and their audio says.
- The fingerprints of some (`item_fingerprint`): of those that settled last, and of a sample of the
  others, another one in each turn.

If something else has changed, the fingerprints of all items tell what it was. The spans before the
change are used again; and those behind it, when items are gone or one item is another one
(instructions that tell the time): then only the spans around the change are made anew.

A conversation is recognised by the second item, since the first one is often everybody's system
message. The one that was not asked for longest loses its place.

Invariant: what a turn gets equals what it would get of an empty cache, and no message that was
handed out changes any more. What fails half-way leaves nothing behind.

It cannot see at once: an attribute of an old item that another value is assigned to (`item.content
= [...]`, `item.arguments = "{}"`). Of up to `SEEN_AT_ONCE` settled items it does; of more, it may
take one turn per `_SAMPLED` of them. And never what `item_fingerprint` cannot see. Of two runs
that are gone at once, it recognises the first.
"""

from __future__ import annotations

import itertools
from collections import ChainMap
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple

from livekit.agents import llm

from .formatter import spans_of
from .item_fingerprint import ItemFingerprint, fingerprints_of, snapshot
from .plain_json import PlainJson
from .settled import Settled
from .shrinking import SmallPictures
from .writer import Span

MOST_CONVERSATIONS = 4
"""How many conversations are remembered: a second agent's, one that watches the first, ..."""

_UNSETTLED = 1  # span, at the end


class History(NamedTuple):
    """What a history has become.

    Attributes:
        settled: What was known of it, and is known now.
        new: What else it has become.
        conversation: Number of the conversation that it belongs to.
    """

    settled: Settled
    new: list[Span]
    conversation: int


class HistoryCache:
    """Turns histories into messages, those of a conversation turn by turn.

    Attributes:
        small: Images that were made smaller.
        systems: The blocks that were made of the system's texts, by these, and after which of them
            breakpoints are.
        rewritten: Messages of which something did not fit into the last request, by their `id()`:
            they, and what was sent in their place.
    """

    def __init__(self) -> None:
        self._conversations: list[_Conversation] = []  # the one that was asked for last comes first
        self.small = SmallPictures()
        self.systems: dict[tuple[object, ...], tuple[list[PlainJson], list[int]]] = {}
        self.rewritten: dict[int, tuple[PlainJson, PlainJson]] = {}

    def history(self, chat_ctx: llm.ChatContext) -> History:
        """What the items of *chat_ctx* become. Nothing of it may be changed."""
        items = chat_ctx.items
        conversation = self._conversation_of(items)
        try:
            return conversation.history(items)
        except BaseException:
            conversation.forget()
            raise

    def _conversation_of(self, items: Sequence[llm.ChatItem]) -> _Conversation:
        """The conversation that a history belongs to, known or new; it is now the latest."""
        found, first_two = None, items[:2]
        for one in self._conversations:
            if one.has(first_two):
                found = one
                break
        if found is None and items:
            (second,) = fingerprints_of(items[:2][-1:])
            found = next((one for one in self._conversations if one.has_equal(second)), None)
        if found is None:
            found = _Conversation()
        elif found is self._conversations[0]:  # as in most turns
            return found
        else:
            self._conversations.remove(found)
        self._conversations.insert(0, found)
        del self._conversations[MOST_CONVERSATIONS:]
        return found


class Change(Enum):
    """What has happened to a conversation's history since the turn before."""

    GROWN = auto()
    SHORTENED = auto()
    REPLACED = auto()
    EDITED = auto()


class Difference(NamedTuple):
    """How a history differs from the last one.

    Attributes:
        change: What has happened.
        start: How many items both begin with.
        end: Where in the last history it goes on; all of it is over if it does not.
        goes_on: Where it does so in the new one.
    """

    change: Change
    start: int
    end: int
    goes_on: int


def difference(last: Sequence[ItemFingerprint], now: Sequence[ItemFingerprint]) -> Difference:
    """How the history *now* differs from the *last* one."""
    start = _common(last, now)
    if start == len(last):
        return Difference(Change.GROWN, start, start, start)
    if start < len(now):
        with suppress(ValueError):
            return Difference(Change.SHORTENED, start, last.index(now[start], start), start)
    after = start + 1
    if last[after : after + 1] == now[after : after + 1] != []:
        return Difference(Change.REPLACED, start, after, after)
    return Difference(Change.EDITED, start, len(last), len(now))


_NUMBERS = itertools.count(1)


class _Conversation:
    """One conversation: what its settled items became, and the last history's other items."""

    def __init__(self) -> None:
        self._number = next(_NUMBERS)
        self._settled = Settled()
        self._others: list[llm.ChatItem] = []
        self._fingerprints: list[ItemFingerprint] = []  # of the others

    def has(self, first_two: Sequence[llm.ChatItem]) -> bool:
        """Whether the last history had the second item of *first_two*, the very object."""
        if not first_two:
            return True
        item = first_two[-1]
        return item in self._settled or any(item is other for other in self._others)

    def has_equal(self, fingerprint: ItemFingerprint) -> bool:
        """Whether the last history had an item with this *fingerprint*."""
        return fingerprint in self._fingerprints or fingerprint in self._settled.fingerprints

    def forget(self) -> None:
        """Begin anew."""
        self._settled, self._others, self._fingerprints = Settled(), [], []

    def history(self, items: Sequence[llm.ChatItem]) -> History:
        """What *items* become."""
        settled = self._settled
        if not settled.begins(items):
            settled = self._settled = _adapted(settled, items)
        new = _rest(settled, items)
        if new is None:  # an answer to an old call, or words that were the caller's
            settled = self._settled = Settled()
            new = spans_of(items, {}, first=True)
        known = settled.count
        fingerprints = [*map(snapshot, fingerprints_of(items[known:]))]
        settling = new[:-_UNSETTLED]
        if settling and not any(span.unread for span in settling):
            settled.add(settling, items, fingerprints)
            new = new[-_UNSETTLED:]
        self._others = [*items[settled.count :]]
        self._fingerprints = fingerprints[settled.count - known :]
        return History(settled, new, self._number)


def _rest(settled: Settled, items: Sequence[llm.ChatItem]) -> list[Span] | None:
    """What the items behind the *settled* ones become; None if those are concerned as well."""
    ids = ChainMap(dict[str, int](), settled.ids)
    rest = spans_of(items[settled.count :], ids, first=not settled.spans)
    return rest if _follow(settled, rest) else None


def _follow(settled: Settled, spans: Sequence[Span]) -> bool:
    """Whether *spans* have become what they become behind the *settled* ones."""
    if not settled.spans:
        return True
    is_first = True
    for span in spans:  # without generators: each of their turns is one more call
        if is_first and span.messages:
            if span.messages[0]["role"] != "user":
                return False
            is_first = False
        if span.unasked and not settled.unanswered.isdisjoint(span.unasked):
            return False
    return True


def _adapted(settled: Settled, items: Sequence[llm.ChatItem]) -> Settled:
    """What of *settled* still holds for *items*, and what is between."""
    gap = None if settled.is_entangled else settled.gap_in(items)
    if gap is None:
        return _compared(settled, items)
    behind = settled.place_from(gap.end)
    begin = items[: behind.item - (gap.end - gap.start)]
    spans = spans_of(begin, {}, first=True)
    if behind.span == len(settled.spans) or not _may_settle(spans):
        return _compared(settled, items)
    settled.begin_with(spans, begin, behind)
    return Settled() if settled.is_entangled else settled


def _compared(settled: Settled, items: Sequence[llm.ChatItem]) -> Settled:
    """The same, found out by the fingerprints of all items."""
    if settled.shows_others():
        return Settled()
    last, now = settled.fingerprints, fingerprints_of(items)
    change, start, end, goes_on = difference(last, now)
    if change is Change.GROWN:  # by copies
        return Settled.of(settled.spans, items, last)
    head, place = _head(settled, start, items), settled.place_from(end)
    if change is Change.EDITED or settled.is_entangled:
        return head
    behind, begin = settled.spans[place.span :], place.item
    until = goes_on + begin - end  # where, in *items*, what is behind begins
    count = _common(last[begin:], now[until:])
    too_many = sum(span.count for span in behind) - count
    while behind and too_many > 0:
        too_many -= behind.pop().count
    if not behind:
        return head
    if _bridge(head, items, until=until):
        head.add(behind, items, last[begin:])
    return _head(settled, start, items) if head.is_entangled else head


def _head(settled: Settled, start: int, items: Sequence[llm.ChatItem]) -> Settled:
    """What of *settled* ends before item *start*, or with it."""
    return Settled.of(settled.spans_until(start), items, settled.fingerprints)


def _bridge(head: Settled, items: Sequence[llm.ChatItem], *, until: int) -> bool:
    """Add to *head* what *items* become up to *until*; whether a span may begin behind that."""
    ids, new = ChainMap(dict[str, int](), head.ids), items[head.count : until]
    between = spans_of(new, ids, first=not head.spans)
    if not _follow(head, between) or not _may_settle(between):
        return False
    head.add(between, items, [*map(snapshot, fingerprints_of(new))])
    return True


def _may_settle(spans: Sequence[Span]) -> bool:
    """Whether nothing in *spans* is waited for, and another one may begin behind them."""
    role = "assistant"
    for span in spans:  # without generators: each of their turns is one more call
        if span.unread:
            return False
        if span.messages:
            role = span.messages[-1]["role"]
    return role == "assistant"


def _common(last: Sequence[ItemFingerprint], now: Sequence[ItemFingerprint]) -> int:
    """How many items both begin with."""
    if now[: len(last)] == last:  # as in most turns
        return len(last)
    count = 0
    for one, other in zip(last, now, strict=False):
        if one != other:
            break
        count += 1
    return count
