"""A request's body as JSON, as the SDK would write it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from resilient_claude.request.history.plain_json import KnownJson, PlainJson
from resilient_claude.request.tools.schemas import Definition


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
ENCODER = _Encoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
"""Writes any value that the SDK takes in a body."""


def encode(body: Mapping[str, Any], known: KnownJson | None = None) -> bytes:
    """*body* as JSON, in UTF-8; *known* may be what its messages begin with.

    Raises:
        TypeError: a field is not JSON; the message names it.
    """
    parts = [b"{"]
    for key, value in body.items():
        try:
            parts += (b"," if len(parts) > 1 else b"", _encoded_key(key))
            if isinstance(value, list):
                parts += (b"[", _encode_items(value, known if key == "messages" else None), b"]")
            else:
                parts.append(_encoded_number(value) if type(value) in _NUMBERS else _encode(value))
        except (TypeError, ValueError, RecursionError) as exc:
            raise TypeError(f"{key} cannot be sent as JSON") from exc
    parts.append(b"}")
    return b"".join(parts)


def _encode_items(items: list[Any], known: KnownJson | None) -> bytes:
    """The tools, or the messages: up to what is new, earlier requests have encoded them."""
    texts: list[bytes] = []
    count = 0
    if known is not None:
        begin, count = known.of(items)
        texts += begin
    for at in range(count, len(items)):
        item = items[at]
        if type(item) not in _LASTING or (text := item.json) is None:
            texts.append(_encode(items[at:])[1:-1])
            break
        texts.append(text)
    return b",".join(texts)


_LASTING = (PlainJson, Definition)


@lru_cache(maxsize=64)
def _encoded_key(key: str) -> bytes:
    return _encode(key) + b":"


_NUMBERS = (int, bool)


@lru_cache(maxsize=64, typed=True)  # 1 is no True
def _encoded_number(value: int) -> bytes:
    return _encode(value)


def _encode(value: object) -> bytes:
    if type(value) in (str, int, bool) or _is_plain_list(value):
        try:
            return to_json(value)  # what every encoder writes alike, and this one sooner
        except ValueError:  # half a surrogate pair, or too deep for it
            pass
    # "replace" is for half a surrogate pair in a history, which is no text to the API either.
    return ENCODER.encode(value).encode("utf-8", "replace")


def _is_plain_list(value: object) -> bool:
    if not isinstance(value, list):
        return False
    for item in value:  # noqa: SIM110 - each turn of a generator is one more call
        if type(item) is not PlainJson or not item.exact:
            return False
    return True
