"""JSON from the network, read in a time that is bounded whatever stands in it. Pure.

A parser makes an object of every value, and values of two bytes take a hundred times as long as one
long string: so it is the values that are counted, before any is made.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

MOST_VALUES = 20_000
"""Most values that are read at once: some 10 ms. The most in a recorded event are 130."""


def read_json(data: bytes, *, allow_inf_nan: bool = True) -> Any:
    """What *data* says.

    Raises:
        ValueError: it is no JSON, or has more than `MOST_VALUES` values.
    """
    if len(data) > MOST_VALUES and not is_bounded(data):
        raise ValueError(f"more than {MOST_VALUES} values")
    return from_json(data, allow_inf_nan=allow_inf_nan)


def is_bounded(data: bytes) -> bool:
    """Whether *data*, if it is JSON, has at most `MOST_VALUES` values.

    Each but the first of a list or an object has a comma before it, each first one a bracket. Only
    where that makes too many, those inside of strings are told apart: a page that was fetched may
    be a table with many commas, and is one value.
    """
    if _separators(data) <= MOST_VALUES:
        return True
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 4 * MOST_VALUES:  # keys and values, with a quotation mark on each side
        return False
    return _separators(b"".join(plain.split(b'"')[::2])) <= MOST_VALUES


def _separators(data: bytes) -> int:
    return data.count(b",") + data.count(b"{") + data.count(b"[")


def weight_of(value: Any) -> int:
    """How much is kept with *value*, in characters: its text, and what each value takes itself."""
    weight, left = 0, [value]
    while left:
        each = left.pop()
        weight += VALUE_CHARS
        if isinstance(each, str):
            weight += len(each)
        elif isinstance(each, list):
            left += each
        elif isinstance(each, dict):
            weight += sum(map(len, each))
            left += each.values()
    return weight


VALUE_CHARS = 64
"""What a value weighs beside its text, in characters: about what its object takes in memory."""
