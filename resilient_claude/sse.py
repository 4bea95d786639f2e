"""Read server-sent events: bytes in, decoded `data` objects out. Pure, bounded, strict.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from pydantic_core import from_json

from .failures import FailureKind, StreamFault

EVENT_BYTES = 8 * 1024 * 1024
"""Longest event that is accepted. Claude's longest, a page of web search results, has 50 kB."""

Event = dict[str, Any]


class EventDecoder:
    """Cuts a stream of bytes into events and decodes their JSON. One per attempt.

    Comments and empty events vanish here. Reads may end anywhere, inside a character too.
    """

    def __init__(self, *, event_bytes: int = EVENT_BYTES) -> None:
        self._event_bytes = event_bytes
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that *data* completes, in order.

        Raises:
            StreamFault: an event is longer than allowed, or its data is not a JSON object.
        """
        data = self._rest + data
        if not self._begun and len(data) >= len(codecs.BOM_UTF8):
            self._begun = True
            data = data.removeprefix(codecs.BOM_UTF8)
        if b"\r" in data:
            data = self._normalise(data)
        *blocks, self._rest = data.split(b"\n\n")
        if len(self._rest) > self._event_bytes:
            raise StreamFault(
                FailureKind.MALFORMED,
                f"an event is longer than {self._event_bytes} bytes",
                retryable=True,
            )
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
        except StreamFault:
            return []
        return [event for event in events if event["type"] == "message_stop"]

    def _normalise(self, data: bytes) -> bytes:
        r"""*data* with `\r\n` and `\r` as `\n`; a final `\r` stays, its `\n` may be to come."""
        held = b"\r" if data.endswith(b"\r") else b""
        body = data[: len(data) - len(held)]
        return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held


def _decode(block: bytes) -> Event | None:
    """One event's data, or None where it has none. `type` comes from the data, else the name."""
    name = b""
    data: bytes | None = None
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            value = line[6:] if line.startswith(b"data: ") else line[5:]
            data = value if data is None else data + b"\n" + value
        elif line.startswith(b"event:"):
            name = line[6:].strip()
    if data is None:
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
    return event


def _not_json(data: bytes, name: bytes) -> StreamFault:
    kind = "error" if name == b"error" else "event"
    return StreamFault(
        FailureKind.MALFORMED,
        f"the data of an {kind} is not a JSON object ({len(data)} bytes)",
        retryable=True,
    )


def _json_error(data: bytes) -> Exception | None:
    """The standard library's error for *data*, which operators know; None if it has none."""
    try:
        json.loads(data)
    except (ValueError, RecursionError) as exc:
        return exc
    return None
