"""The items of a history that do not change any more, and what they became. Pure.

Theory of operation: see `cache`. Everything here is kept so that a turn, which asks whether it is
still so and for all of it, does not look at each item in Python: lists that are compared as a
whole, and the messages' JSON in pieces of `_PIECE` messages, since joining one piece per message
would take as long as encoding them.

Invariant: `messages` and what was handed out of it only grow. Other spans make another object.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livekit.agents import llm

from .fitting import Medium
from .item_fingerprint import ItemFingerprint, fingerprints_of
from .media import Watched, state_of
from .plain_json import KnownJson, PlainJson
from .writer import Span, SystemText

_RECENT = 16
"""How many items at the end are compared in every turn."""
_SAMPLED = 32
"""And how many of the others, in turn."""
_PIECE = 32
"""Of how many messages the JSON is kept as one piece."""

SEEN_AT_ONCE = _RECENT + _SAMPLED
"""Among how many settled items nothing goes unseen for a turn."""


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
        self._is_entangled = False
        self._items: list[llm.ChatItem] = []
        self._but_the_first: list[llm.ChatItem] = []
        self._identities: set[int] = set()  # of the items, which are kept alive
        self._contents: list[list[Any]] = []  # of messages, the objects
        self._copies: list[list[Any]] = []  # of the same
        self._watched: list[Watched] = []
        self._states: list[tuple[Any, ...]] = []
        self._next_sample = 0
        self._pieces: list[bytes] = []

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

    @property
    def is_entangled(self) -> bool:
        """Whether spans depend on others: by ids, or by calls or outputs that miss each other."""
        return self._is_entangled

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
        count = self.count + sum(span.count for span in spans)
        added = items[self.count : count]
        for span in spans:
            if span.breakpoints:
                before = len(self.messages)
                self.breakpoints += [(before + at, block) for at, block in span.breakpoints]
            self.messages += span.messages
            self.system += span.system
            if span.ids or span.unanswered or span.unasked or span.left_out or span.watched:
                self._add_more_than_words(span)
        self.spans += spans
        self.fingerprints += fingerprints[: len(added)]
        self._items += added
        self._but_the_first += added if self.count else added[1:]
        self._identities.update(map(id, added))
        contents = [
            item.content
            for item in added
            if item.type == "message" and isinstance(item.content, list)
        ]
        self._contents += contents
        self._copies += map(list, contents)
        self.count = count

    def _add_more_than_words(self, span: Span) -> None:
        taken = not self.ids.keys().isdisjoint(span.ids)
        if taken or span.renamed or span.unanswered or span.unasked:
            self._is_entangled = True
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
        if items[0] is not known[0] and fingerprints_of(items[:1]) != self.fingerprints[:1]:
            return False
        return (
            items[1:count] == self._but_the_first
            and self._contents == self._copies
            and not self.shows_others()
            and self._are_same(items, max(0, count - _RECENT), count)
            and self._are_same(items, *self._sample())
        )

    def shows_others(self) -> bool:
        """Whether an image, a transcript or a document is not what it was."""
        return [*map(state_of, self._watched)] != self._states

    def _sample(self) -> tuple[int, int]:
        """Which of the others are compared this time: from where to where."""
        start = self._next_sample if self._next_sample < self.count - _RECENT else 0
        self._next_sample = start + _SAMPLED
        return start, min(self._next_sample, self.count)

    def _are_same(self, items: Sequence[llm.ChatItem], start: int, end: int) -> bool:
        return fingerprints_of(items[start:end]) == self.fingerprints[start:end]

    def spans_until(self, item: int) -> tuple[list[Span], int]:
        """The spans that end before *item* or with it, and where the last of them ends."""
        end, spans = 0, list[Span]()
        for span in self.spans:
            if end + span.count > item:
                break
            spans.append(span)
            end += span.count
        return spans, end

    def spans_from(self, item: int) -> tuple[list[Span], int]:
        """The spans that begin with *item* or later, and where the first of them begins."""
        begin = 0
        for index, span in enumerate(self.spans):
            if begin >= item:
                return self.spans[index:], begin
            begin += span.count
        return [], begin

    def known_json(self, whole: list[Any]) -> KnownJson:
        """The JSON of these messages, which *whole* begins with."""
        count = len(self.messages)
        for start in range(len(self._pieces) * _PIECE, count - _PIECE + 1, _PIECE):
            self._pieces.append(b",".join(_texts(self.messages[start : start + _PIECE])))
        pieces = len(self._pieces)
        rest = self.messages[pieces * _PIECE :]
        texts, sizes = [*self._pieces, *_texts(rest)], [_PIECE] * pieces + [1] * len(rest)
        return KnownJson(whole, self.messages, count, texts, sizes)


def _texts(messages: Sequence[PlainJson]) -> list[bytes]:
    return [message.json or message.encoded().json or b"" for message in messages]
