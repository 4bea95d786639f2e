"""The items of a history that do not change any more, and what they became. Pure.

Theory of operation: see `cache`. Everything here is kept so that a turn, which asks whether it is
still so and for all of it, does not look at each item in Python: lists that are compared as a
whole, and cut where items are gone; and the messages' JSON in pieces.

Invariant: `messages` and what was handed out of it only grow. Other spans make another object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from livekit.agents import llm

from .fitting import Medium
from .item_fingerprint import ItemFingerprint, fingerprints_of, snapshot
from .media import Watched, state_of
from .plain_json import JsonPieces, KnownJson, PlainJson
from .writer import Span, SystemText

_RECENT = 16
"""How many items at the end are compared in every turn."""
_SAMPLED = 32
"""And how many of the others, in turn."""
SEEN_AT_ONCE = _RECENT + _SAMPLED
"""Among how many settled items nothing goes unseen for a turn."""


class Gap(NamedTuple):
    """Items that are gone, from *start* up to *end*."""

    start: int
    end: int


NO_GAP = Gap(0, 0)


class Place(NamedTuple):
    """Where a span begins: how many spans, items and messages stand before it."""

    span: int
    item: int
    message: int


class Settled:
    """Spans at the beginning of a history.

    Attributes:
        spans: What their items became.
        count: How many items they are made of.
        fingerprints: The items' fingerprints, as they were then.
        messages: All messages.
        system: The system's texts.
        breakpoints: Where cache breakpoints are: after which block of which message.
        ids: The ids of calls that are taken.
        names: The names of the tools that were called.
        unanswered: The `call_id`s of calls that have no output.
        left_out: What could not be sent.
        media: The images and documents in the messages.
        is_entangled: Whether spans depend on others: by ids, or by calls or outputs that miss each
            other.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.count = 0
        self.fingerprints: list[ItemFingerprint] = []
        self.messages: list[PlainJson] = []
        self.system: list[SystemText] = []
        self.breakpoints: list[tuple[int, int]] = []
        self.ids: dict[str, int] = {}
        self.names: dict[str, None] = {}
        self.unanswered: set[str] = set()
        self.left_out: dict[str, None] = {}
        self.media: list[Medium] = []
        self.is_entangled = False
        self._items: list[llm.ChatItem] = []
        self._but_the_first: list[llm.ChatItem] = []
        self._identities: set[int] = set()  # of the items, which are kept alive
        self._contents: list[list[Any]] = []  # of the items, the objects
        self._copies: list[list[Any]] = []  # of the same
        self._watched: list[Watched] = []
        self._states: list[tuple[Any, ...]] = []
        self._next_sample = 0
        self._json = JsonPieces()  # of the messages

    @classmethod
    def of(
        cls,
        spans: Sequence[Span],
        items: Sequence[llm.ChatItem],
        fingerprints: Sequence[ItemFingerprint],
    ) -> Settled:
        """What *spans* make, which the first of *items* have become, with *fingerprints*."""
        settled = cls()
        settled.add(spans, items, fingerprints)
        return settled

    def __contains__(self, item: llm.ChatItem) -> bool:
        return id(item) in self._identities

    def add(
        self,
        spans: Sequence[Span],
        items: Sequence[llm.ChatItem],
        fingerprints: Sequence[ItemFingerprint],
    ) -> None:
        """Settle *spans* as well, which the next ones of *items* have become.

        Args:
            spans: What they have become.
            items: All items.
            fingerprints: Snapshots of those of the items that are not settled yet; more than needed
                is fine.
        """
        count = self.count
        for span in spans:
            count += span.count
            if span.breakpoints:
                before = len(self.messages)
                self.breakpoints += [(before + at, block) for at, block in span.breakpoints]
            self.messages += span.messages
            self.system += span.system
        for span in _more_than_words(spans):
            self._add_more_than_words(span)
        self.spans += spans
        added = items[self.count : count]
        self.fingerprints += fingerprints[: len(added)]
        contents = _contents_of(added)
        self._contents += contents
        self._copies += map(list, contents)
        self._add_items(added)

    def begin_with(
        self, spans: Sequence[Span], items: Sequence[llm.ChatItem], behind: Place
    ) -> None:
        """Let *spans*, which *items* have become, stand in place of all before *behind*."""
        front = Settled.of(spans, items, [*map(snapshot, fingerprints_of(items))])
        gone, end = self.spans[: behind.span], behind.item
        self._identities.difference_update(map(id, self._items[:end]))
        self._identities |= front._identities
        self.spans[: behind.span] = front.spans
        self.fingerprints[:end] = front.fingerprints
        self._items[:end] = front._items
        self._but_the_first = self._items[1:]
        self._contents[:end] = front._contents
        self._copies[:end] = front._copies
        self.count += front.count - end
        self._next_sample = max(0, self._next_sample + front.count - end)
        self.system = front.system
        moved = len(front.messages) - behind.message
        self.breakpoints = front.breakpoints + [
            (at + moved, block) for at, block in self.breakpoints if at >= behind.message
        ]
        cut = self.messages[behind.message : self._json.end_of_piece(behind.message)]
        self._json.begin_with([*front.messages, *cut], behind.message + len(cut))
        # Another list, since what was handed out of the last one does not change.
        self.messages = front.messages + self.messages[behind.message :]
        if _more_than_words([*gone, *spans]):
            self._look_for_more_than_words()

    def _add_items(self, added: Sequence[llm.ChatItem]) -> None:
        self._items += added
        self._but_the_first += added if self.count else added[1:]
        self._identities.update(map(id, added))
        self.count += len(added)

    def _look_for_more_than_words(self) -> None:
        for known in (self.ids, self.names, self.unanswered, self.left_out):
            known.clear()
        for found in (self.media, self._watched, self._states):
            found.clear()
        self.is_entangled = False
        for span in _more_than_words(self.spans):
            self._add_more_than_words(span)

    def _add_more_than_words(self, span: Span) -> None:
        taken = not self.ids.keys().isdisjoint(span.ids)
        if taken or span.renamed or span.unanswered or span.unasked:
            self.is_entangled = True
        self.ids.update(span.ids)
        self.names.update(dict.fromkeys(span.names))
        self.unanswered.update(span.unanswered)
        self.left_out.update(dict.fromkeys(span.left_out))
        self.media += span.media
        self._watched += span.watched
        self._states += map(state_of, span.watched)

    def begins(self, items: Sequence[llm.ChatItem]) -> bool:
        """Whether *items* begin with these, as they were; see `cache` for what it cannot see."""
        count, known = self.count, self._items
        if not count:
            return True
        if len(items) < count:
            return False
        # Copies are equal, but it would take a call of Python for each to tell.
        middle, last = count // 2, count - 1
        if middle and (items[middle] is not known[middle] or items[last] is not known[last]):
            return False
        if items[0] is not known[0] and not self._are_same(items, 0, 1):
            return False
        return items[1:count] == self._but_the_first and self._are_as_they_were(items, NO_GAP)

    def gap_in(self, items: Sequence[llm.ChatItem]) -> Gap | None:
        """Which of these are gone from *items*, which begin with the others, as they were.

        None if anything else has happened, or none of them is gone. Seen at once are those that are
        gone in front or behind the first one, as where the last hundred items are kept.
        """
        start = 1 if self._are_same(items, 0, 1) else 0
        if len(items) <= start or items[start] not in self:
            return None
        known, end = self._items, start
        while end < self.count and known[end] is not items[start]:
            end += 1
        gap, until = Gap(start, end), self.count - (end - start)
        if not start < end < self.count or len(items) < until or items[until - 1] is not known[-1]:
            return None
        is_rest_same = items[start:until] == known[end:] and self._are_as_they_were(items, gap)
        return gap if is_rest_same else None

    def _are_as_they_were(self, items: Sequence[llm.ChatItem], gap: Gap) -> bool:
        """Whether nothing has changed inside of these, but that there is a *gap* in *items*."""
        return (
            self._contents == self._copies
            and not self.shows_others()
            and self._are_same(items, self.count - _RECENT, self.count, gap)
            and self._are_same(items, *self._sample(), gap)
        )

    def shows_others(self) -> bool:
        """Whether an image, a transcript or a document is not what it was."""
        return [*map(state_of, self._watched)] != self._states

    def _sample(self) -> tuple[int, int]:
        """Which of the others are compared this time: from where to where."""
        start, others = self._next_sample, self.count - _RECENT
        if start >= others or others <= _SAMPLED:
            start = 0
        self._next_sample = start + _SAMPLED
        return start, min(self._next_sample, self.count)

    def _are_same(
        self, items: Sequence[llm.ChatItem], start: int, end: int, gap: Gap = NO_GAP
    ) -> bool:
        """Whether those from *start* to *end*, as far as they are behind a *gap*, are the same."""
        start, moved = max(start, gap.end), gap.end - gap.start
        end = max(start, end)
        return fingerprints_of(items[start - moved : end - moved]) == self.fingerprints[start:end]

    def spans_until(self, item: int) -> list[Span]:
        """The spans that end before *item* or with it."""
        end, spans = 0, list[Span]()
        for span in self.spans:
            end += span.count
            if end > item:
                break
            spans.append(span)
        return spans

    def place_from(self, item: int) -> Place:
        """Where the first span begins that begins with *item* or later; else the end of all."""
        begin = message = 0
        for number, span in enumerate(self.spans):
            if begin >= item:
                return Place(number, begin, message)
            begin += span.count
            message += len(span.messages)
        return Place(len(self.spans), begin, message)

    def known_json(self, whole: list[Any]) -> KnownJson:
        """The JSON of these messages, which *whole* begins with."""
        json = self._json
        json.add(self.messages[json.length :])
        return KnownJson(whole, self.messages, json.length, [*json.texts], [*json.sizes])


def _more_than_words(spans: Iterable[Span]) -> list[Span]:
    """Those of *spans* in which there is anything else."""
    return [
        span
        for span in spans
        if span.ids or span.unanswered or span.unasked or span.left_out or span.watched
    ]


def _contents_of(items: Iterable[llm.ChatItem]) -> list[list[Any]]:
    """The contents of *items*, as far as they are messages and these are lists."""
    return [
        item.content if item.type == "message" and isinstance(item.content, list) else _NONE
        for item in items
    ]


_NONE: list[Any] = []
"""Of what has no content."""
