"""Read server-sent events: bytes in, decoded `data` objects out. Pure, bounded, strict.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed

from .bounded_json import MOST_VALUES, read_json
from .document import DOCUMENT_BYTES, read_document

EVENT_BYTES = 1024 * 1024
"""Longest event that is accepted: the most that decodes in 20 ms, if every character is escaped.

The longest of the recorded streams, web results, has 27 kB; all that a model can write, 128,000
tokens, fits in one event.
"""

EVENT_LINES = 10_000
"""Most lines of an event that is accepted. Claude sends two."""

STEP_BYTES = 8 * 1024
"""How much of a read is decoded in one step: some 10 ms, if it is all events of a few bytes."""

JSON_ERROR_BYTES = 64 * 1024
"""Up to this length the standard library says what is wrong with JSON; beyond, it takes long."""

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

    Reads may end anywhere, inside a character too. Four facts pass from one to the next: the bytes
    of the event that is not complete, whether the byte order mark that a stream may begin with is
    behind us, whether the last byte was a CR, whose LF may be the first of the next read, and
    whether any event was complete. A body that begins with a brace may be a document and no stream:
    its beginning is kept until it ends.

    Comments, and events that say nothing, come to nothing here. After `message_stop`, the rest of
    the read is dropped.

    The work grows with the bytes and no faster. A long read can be taken in `steps`, between which
    others get their turn.

    Args:
        event_bytes: longest event that is accepted.
    """

    def __init__(self, *, event_bytes: int = EVENT_BYTES) -> None:
        self._event_bytes = event_bytes
        self._parts: list[bytes] = []  # of the event that is not complete
        self._parts_bytes = 0
        self._past_bom = False
        self._ended_with_cr = False
        self._past_first_event = False
        self._document: bytearray | None = None  # what may be one, until there is an event

    def steps(self, data: bytes) -> Iterator[list[Event]]:
        """The same as `feed` of *data*, a bounded part at a time.

        Raises:
            Fault: as `feed` does.
        """
        for start in range(0, len(data), STEP_BYTES):
            yield self.feed(data[start : start + STEP_BYTES])

    def feed(self, data: bytes) -> list[Event]:
        """The events that *data* completes, in order.

        Raises:
            Fault: an event is longer than allowed, lacks its data, or its data is not a JSON
                object of the type that it is named by.
        """
        if self._ended_with_cr or b"\r" in data:
            data = self._normalise(data)
        if self._document is not None and len(self._document) <= DOCUMENT_BYTES:
            self._document += data
        if self._parts or not self._past_bom:
            data = self._with_parts(data)
        *blocks, rest = data.split(b"\n\n")
        if rest:
            self._keep(rest)
        events: list[Event] = []
        for block in blocks:
            event = _decode(block) if block else None
            if event is not None:
                events.append(event)
                if event["type"] == "message_stop":
                    break  # the message is whole; whatever follows it is none of it
        if events:
            self._past_first_event = True
            self._document = None
        return events

    def finish(self) -> list[Event]:
        """`message_stop`, if only the blank line after it is missing at the end of the body.

        Some recorded streams end so. Any other event without its blank line is incomplete.

        Raises:
            Fault: the very first event was cut off: no foreign body, but a stream that broke. Or
                the body was a document that says what is wrong.
        """
        document = self._document
        if document is not None and (fault := read_document(bytes(document))) is not None:
            raise fault
        in_first_event = not self._past_first_event and _begins_event(b"".join(self._parts))
        try:
            last = [event for event in self.feed(b"\n\n") if event["type"] == "message_stop"]
        except Fault:
            last = []
        if in_first_event and not last:
            raise Fault(
                FailureKind.TRUNCATED, "the stream ended within its first event", retryable=True
            )
        return last

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
            if whole.lstrip()[:1] in (b"", b"{", b"["):
                self._document = bytearray(whole)
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


def _begins_event(text: bytes) -> bool:
    """Whether *text*, which may end anywhere, is the beginning of an event and no foreign body."""
    name, colon, _ = text.partition(b":")
    if colon:
        return name in _FIELDS
    return bool(name) and any(field.startswith(name) for field in _FIELDS)


_FIELDS = (b"event", b"data", b"id", b"retry", b"")
"""What a line of an event may begin with; a comment has no name."""

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

_FIRST_LINES = {b"event: " + name: name for name in _TYPES}


def _decode(block: bytes) -> Event | None:
    """What one event says, None if it says nothing. Data without a `type` gets the event's name.

    Raises:
        Fault: a part of the message has no data, or its data is not a JSON object of its type.
    """
    first, _, second = block.partition(b"\n")
    known = _FIRST_LINES.get(first)
    if known is not None and second[:6] == b"data: " and b"\n" not in second:
        name, data = known, second[6:]  # as Claude writes almost every event
    else:
        name, value = _fields_of(block)
        if value is None:
            return None
        data = value
    try:
        event = from_json(data) if len(data) <= MOST_VALUES else read_json(data)
    except ValueError as exc:
        if _says_nothing(block, name, data):
            return _unread(name, data)
        raise _not_json(data, name) from (_json_error(data) or exc)
    if not isinstance(event, dict):
        if _says_nothing(block, name, data):
            return None
        raise _not_json(data, name)
    if not isinstance(event.get("type"), str):
        event["type"] = name.decode("utf-8", "replace")
    elif name in _TYPES and event["type"] != _TYPES[name]:
        raise malformed(f"an event named {_TYPES[name]} has another type")
    return event


def _fields_of(block: bytes) -> tuple[bytes, bytes | None]:
    """The name of an event and its data, None if it has none.

    Raises:
        Fault: it is too long, or it is a part of the message and has no data.
    """
    if len(block) > EVENT_LINES and block.count(b"\n") >= EVENT_LINES:
        raise malformed(f"an event has more than {EVENT_LINES} lines")
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            name = line[6:].strip()
    if not data and name.startswith(tuple(_TYPES)):
        raise malformed("an event of Claude's has a name and no data")
    return name, b"\n".join(data) if data else None


DONE = "[DONE]"
"""The type that stands for `data: [DONE]`, with which gateways for several models end a stream."""


def _says_nothing(block: bytes, name: bytes, data: bytes) -> bool:
    """Whether an event whose *data* is not a JSON object can be passed over.

    Every event that makes a message is an object, which has a brace. So one without any is none of
    them, but one of its own name that says something else has been damaged on its way. Under a name
    that is not of the message, it is none of ours, unless it speaks of being one.
    """
    if name and name not in _TYPES:
        return not any(known in data for known in _TYPES if b"_" in known)
    if b"{" in block:
        return False
    return not name or (not data.strip() and name != b"error")


def _unread(name: bytes, data: bytes) -> Event | None:
    """What stands for data that is not JSON and may be passed over."""
    if name == b"ping":
        return {"type": "ping"}
    return {"type": DONE} if data.strip() == DONE.encode() else None


def _not_json(data: bytes, name: bytes) -> Fault:
    """The fault of *data*, which is not quoted: it may be speech."""
    kind = "error" if name == b"error" else "event"
    return malformed(f"the data of an {kind} is not a JSON object ({len(data)} bytes)")


def _json_error(data: bytes) -> Exception | None:
    """The standard library's error for *data*, which operators know; None if it has none."""
    if len(data) > JSON_ERROR_BYTES:
        return None
    try:
        json.loads(data)
    except (ValueError, RecursionError) as exc:
        return exc
    return None
