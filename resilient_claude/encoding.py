"""A request's body as JSON, as the SDK would write it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from .plain_history import PlainMessages
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
            if key == "tools" and isinstance(value, list):
                text = f"[{','.join(map(_encode_tool, value))}]"
            elif isinstance(value, PlainMessages):
                text = _encode_plain(value)
            else:
                text = _ENCODER.encode(value)
            fields.append(f"{_ENCODER.encode(key)}:{text}")
        except (TypeError, ValueError, RecursionError) as exc:
            raise TypeError(f"{key} cannot be sent as JSON") from exc
    # "replace" is for half a surrogate pair in a history, which is no text to the API either.
    return f"{{{','.join(fields)}}}".encode("utf-8", "replace")


def _encode_plain(messages: PlainMessages) -> str:
    try:
        return to_json(messages).decode()
    except ValueError:  # half a surrogate pair
        return _ENCODER.encode(messages)


def _encode_tool(definition: object) -> str:
    if not isinstance(definition, Definition):
        return _ENCODER.encode(definition)
    if definition.text is None:
        definition.text = _ENCODER.encode(definition)
    return definition.text
