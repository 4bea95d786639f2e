"""Read server-sent events: bytes in, decoded `data` objects out. Pure, bounded, strict.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from pydantic_core import from_json

from resilient_claude.failures.faults import Fault, malformed

EVENT_BYTES = 8 * 1024 * 1024
"""Longest event that is accepted. The longest of the recorded streams, web results, has 27 kB."""

Event = dict[str, Any]
"""What one event's `data` holds. Its `type` is a string; nothing else of it is certain."""


def string(value: object) -> str:
    """*value*, a field of an event, if it is a string.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"must be a str, got {type(value).__name__}")
    return value


class EventDecoder:
    """Cuts a stream of bytes into events and decodes their JSON. One per attempt.

    Reads may end anywhere, inside a character too. Three facts pass from one to the next: the bytes
    of the event that is not complete, whether the byte order mark that a stream may begin with is
    behind us, and whether the last byte was a CR, whose LF may be the first of the next read.

    Comments and events without data come to nothing here. After `message_stop`, the rest of the
    read is dropped.

    Args:
        event_bytes: longest event that is accepted.
    """

    def __init__(self, *, event_bytes: int = EVENT_BYTES) -> None:
        self._event_bytes = event_bytes
        self._parts: list[bytes] = []  # of the event that is not complete
        self._parts_bytes = 0
        self._past_bom = False
        self._ended_with_cr = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that *data* completes, in order.

        Raises:
            Fault: an event is longer than allowed, lacks its data, or its data is not a JSON
                object of the type that it is named by.
        """
        if self._ended_with_cr or b"\r" in data:
            data = self._normalise(data)
        if self._parts or not self._past_bom:
            data = self._with_parts(data)
        *blocks, rest = data.split(b"\n\n")
        if rest:
            self._keep(rest)
        events: list[Event] = []
        for block in blocks:
            event = _decode(block)
            if event is not None:
                events.append(event)
                if event["type"] == "message_stop":
                    break  # the message is whole; whatever follows it is none of it
        return events

    def finish(self) -> list[Event]:
        """`message_stop`, if only the blank line after it is missing at the end of the body.

        Some recorded streams end so. Any other event without its blank line is incomplete.
        """
        try:
            events = self.feed(b"\n\n")
        except Fault:
            return []
        return [event for event in events if event["type"] == "message_stop"]

    def _with_parts(self, data: bytes) -> bytes:
        """*data* after the parts it continues, once it completes an event; else nothing.

        Parts are joined once, not with every read: the work grows with the bytes and no faster.
        """
        last = self._parts[-1] if self._parts else b""
        self._keep(data)
        if not self._past_bom and self._parts_bytes < len(codecs.BOM_UTF8):
            return b""
        if self._past_bom and b"\n\n" not in data and b"\n\n" not in last[-1:] + data[:1]:
            return b""
        whole = b"".join(self._parts)
        if not self._past_bom:
            self._past_bom = True
            whole = whole.removeprefix(codecs.BOM_UTF8)
        self._parts.clear()
        self._parts_bytes = 0
        return whole

    def _keep(self, part: bytes) -> None:
        """*part* belongs to an event that is not complete."""
        self._parts_bytes += len(part)
        if self._parts_bytes > self._event_bytes:
            raise malformed(f"an event is longer than {self._event_bytes} bytes")
        if part:
            self._parts.append(part)

    def _normalise(self, data: bytes) -> bytes:
        r"""*data* with `\r\n` and `\r` as `\n`, also where a read ended between the two."""
        if self._ended_with_cr:
            data = data.removeprefix(b"\n")
        self._ended_with_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


_TYPES = {
    name.encode(): name
    for name in (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
    )
}
"""The types of the events that make a message, by the name that the event line gives them."""


def _decode(block: bytes) -> Event | None:
    """What one event says, None if it has no data. Data without a `type` gets the event's name.

    Raises:
        Fault: a part of the message has no data, or its data is not a JSON object of its type.
    """
    name = b""
    data: bytes | None = None
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            value = line[6:] if line.startswith(b"data: ") else line[5:]
            data = value if data is None else data + b"\n" + value
        elif line.startswith(b"event:"):
            name = line[6:].strip()
    if data is None:
        if name.startswith(tuple(_TYPES)):
            raise malformed("an event of Claude's has a name and no data")
        return None
    try:
        event = from_json(data)
    except ValueError as exc:
        if name == b"ping":
            return {"type": "ping"}
        raise _not_json(data, name) from (_json_error(data) or exc)
    if not isinstance(event, dict):
        raise _not_json(data, name)
    if not isinstance(event.get("type"), str):
        event["type"] = name.decode("utf-8", "replace")
    elif name in _TYPES and event["type"] != _TYPES[name]:
        raise malformed(f"an event named {_TYPES[name]} has another type")
    return event


def _not_json(data: bytes, name: bytes) -> Fault:
    """The fault of *data*, which is not quoted: it may be speech."""
    kind = "error" if name == b"error" else "event"
    return malformed(f"the data of an {kind} is not a JSON object ({len(data)} bytes)")


def _json_error(data: bytes) -> Exception | None:
    """The standard library's error for *data*, which operators know; None if it has none."""
    try:
        json.loads(data)
    except (ValueError, RecursionError) as exc:
        return exc
    return None
