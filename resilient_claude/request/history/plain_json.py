"""The messages that a history becomes, and their JSON, which is made once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_
from typing import Any, NamedTuple

from pydantic_core import to_json

from resilient_claude.request.content import compact_json


class PlainJson(dict[str, Any]):
    """A message, or a block of the system. Several requests have the same: never change one.

    Attributes:
        json: Its JSON, in UTF-8, if it is expected to be needed again.
        exact: Whether every JSON encoder writes it alike: it holds nothing but strings, integers,
            booleans and null, in dicts and lists.
    """

    __slots__ = ("exact", "json")

    def __init__(self, *, exact: bool = True, **fields: Any) -> None:
        super().__init__(fields)
        self.json: bytes | None = None
        self.exact = exact

    def encoded(self) -> PlainJson:
        """The same, with its JSON."""
        if self.exact:
            try:
                self.json = to_json(self)
            except ValueError:  # half a surrogate pair
                self.json = compact_json(self)
        else:
            self.json = compact_json(self)
        return self


MESSAGES_OF_PIECE = 32
"""Of how many messages the JSON is kept as one piece: to join them all would take as long as to
encode them."""


class JsonPieces:
    """The JSON of a row of messages that grows, and is cut in front.

    Attributes:
        texts: It, in pieces that commas join.
        sizes: Of how many messages each piece is.
        length: Of how many messages all of them are.
    """

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.sizes: list[int] = []
        self.length = 0
        self._singles = 0  # pieces at the end that are of one message each

    def add(self, messages: Sequence[PlainJson]) -> None:
        """More *messages* come behind the others."""
        for message in messages:
            self.texts.append(message.json or message.encoded().json or b"")
            self.sizes.append(1)
            self._singles += 1
            if self._singles == MESSAGES_OF_PIECE:
                self.texts[-self._singles :] = [b",".join(self.texts[-self._singles :])]
                self.sizes[-self._singles :] = [self._singles]
                self._singles = 0
        self.length += len(messages)

    def end_of_piece(self, message: int) -> int:
        """Where a piece ends at which, or within which, *message* would begin."""
        end = 0
        for size in self.sizes:
            if end >= message:
                break
            end += size
        return end

    def begin_with(self, messages: Sequence[PlainJson], end: int) -> None:
        """Let *messages* stand in place of all before message *end*, which ends a piece."""
        known = number = 0
        while known < end and number < len(self.sizes):
            known += self.sizes[number]
            number += 1
        self._singles = min(self._singles, len(self.sizes) - number)
        self.texts[:number] = [each.json or each.encoded().json or b"" for each in messages]
        self.sizes[:number] = [1] * len(messages)
        self.length += len(messages) - known


class KnownJson(NamedTuple):
    """The JSON of the messages that a request begins with, as earlier requests have made it.

    Attributes:
        whole: All messages of the request, as they were when this was made.
        messages: The first ones; others may have been appended since.
        length: How many of them the JSON is of.
        texts: Their JSON, in pieces that commas join.
        sizes: Of how many messages each piece is.
    """

    whole: list[Any]
    messages: list[PlainJson]
    length: int
    texts: Sequence[bytes]
    sizes: Sequence[int]

    def of(self, messages: list[Any]) -> tuple[Sequence[bytes], int]:
        """The JSON of what *messages* begin with, as far as it is known, and of how many of them.

        Late messages may have been replaced since: by ones with thinking, or a mark of the cache.
        """
        if messages is self.whole:
            return self.texts, self.length
        same = [*map(is_, messages[: self.length], self.messages)]
        count = same.index(False) if False in same else len(same)
        if count == self.length:
            return self.texts, count
        known = 0
        for at, size in enumerate(self.sizes):
            if known + size > count:
                return self.texts[:at], known
            known += size
        return self.texts, known
