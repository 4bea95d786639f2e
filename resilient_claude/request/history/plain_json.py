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
