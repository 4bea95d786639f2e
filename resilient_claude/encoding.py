"""A request's body as JSON, as the SDK would write it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from .plain_history import Plain
from .tools import Definition


class _Encoder(json.JSONEncoder):
    """What the SDK accepts in a body besides plain JSON. Source: anthropic/_utils/_json.py."""

    def default(self, o: Any) -> Any:
        if isinstance(o, date):
            return o.isoformat()
        if isinstance(o, BaseModel):
            return o.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if isinstance(o, Mapping):
            return dict(o)
        if isinstance(o, (Sequence, AbstractSet, Iterator)) and not isinstance(
            o, (bytes, bytearray, memoryview)
        ):
            return list(o)
        return super().default(o)


# The search for cycles costs time; a cycle ends in a RecursionError instead.
_ENCODER = _Encoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)


def encode(body: Mapping[str, Any]) -> bytes:
    """*body* as JSON, in UTF-8.

    Raises:
        TypeError: a field is not JSON; the message names it.
    """
    parts = [b"{"]
    for key, value in body.items():
        parts += (b"," if len(parts) > 1 else b"", _encode(key), b":")
        try:
            if isinstance(value, list):
                parts += (b"[", _encode_items(value), b"]")
            else:
                parts.append(_encode(value))
        except (TypeError, ValueError, RecursionError) as exc:
            raise TypeError(f"{key} cannot be sent as JSON") from exc
    return b"".join((*parts, b"}"))


def _encode_items(items: list[Any]) -> bytes:
    # The messages and the tools of a request, most of which an earlier one has encoded.
    return b",".join(
        [
            (item.json or _encode_for_good(item)) if type(item) in _LASTING else _encode(item)
            for item in items
        ]
    )


_LASTING = (Definition, Plain)


def _encode_for_good(item: Definition | Plain) -> bytes:
    item.json = _encode(item)
    return item.json


def _encode(value: object) -> bytes:
    if type(value) in _PLAIN:
        try:
            return to_json(value)
        except ValueError:  # half a surrogate pair
            pass
    # "replace" is for half a surrogate pair in a history, which is no text to the API either.
    return _ENCODER.encode(value).encode("utf-8", "replace")


# Every encoder writes them alike, and this one sooner.
_PLAIN = (Plain, str, int, bool)
