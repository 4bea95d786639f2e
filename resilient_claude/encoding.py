"""A request's body as JSON, as the SDK would write it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from .plain_history import Message
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
    fields = []
    for key, value in body.items():
        try:
            if isinstance(value, list):
                encoded = b"[%b]" % b",".join(map(_encode_item, value))
            else:
                encoded = _encode(value)
            fields.append(b"%b:%b" % (_encode(key), encoded))
        except (TypeError, ValueError, RecursionError) as exc:
            raise TypeError(f"{key} cannot be sent as JSON") from exc
    return b"{%b}" % b",".join(fields)


def _encode_item(item: object) -> bytes:
    if not isinstance(item, (Definition, Message)):
        return _encode(item)
    if item.json is None:
        item.json = _encode_plain(item) if isinstance(item, Message) else _encode(item)
    return item.json


def _encode_plain(message: Message) -> bytes:
    try:
        return to_json(message)
    except ValueError:  # half a surrogate pair
        return _encode(message)


def _encode(value: object) -> bytes:
    # "replace" is for half a surrogate pair in a history, which is no text to the API either.
    return _ENCODER.encode(value).encode("utf-8", "replace")
