"""Hostile bytes: no exception but a fault, bounded memory, work that grows with the bytes."""

from __future__ import annotations

import json
import re
import tracemalloc
from contextlib import suppress
from itertools import cycle
from typing import Any, NoReturn
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.faults import Fault
from resilient_claude.response import message
from resilient_claude.response.sse import DONE, Event, EventDecoder
from resilient_claude.response.translator import Translator

from .profiles import searched
from .stream_strategies import cut_into, read

SIZES = st.lists(st.integers(1, 40), max_size=4)
FRAGMENTS = st.sampled_from(
    [
        *(b"data:", b"data: ", b"event: ", b"event: ping", b"id: 1", b": x", b"retry:1", b"odd"),
        *(b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\r"),
        *(
            b"{",
            b"}",
            b"[]",
            b"7",
            b"[DONE]",
            b"event: error",
            b"\xff",
            b"\xc3",
            b"\x00",
            b'{"a":1}',
            b'{"type":7}',
        ),
        *(b'{"type":"ping"}', b'{"type":"message_stop"}', b'{"type":"error","error":{}}'),
    ]
)


# --- no other exception -------------------------------------------------------------------------


@searched(200)
@given(st.lists(st.binary(max_size=300), max_size=12))
def test_arbitrary_bytes_are_a_fault_at_worst(reads: list[bytes]) -> None:
    """Whatever a proxy or a captive portal puts there."""
    assert read(*reads).calls == []


@searched(400)
@given(st.lists(FRAGMENTS, max_size=40), SIZES)
def test_almost_events_are_a_fault_at_worst(fragments: list[bytes], sizes: list[int]) -> None:
    """Bytes that look like the format get deeper into the reader than noise does."""
    assert read(*cut_into(b"".join(fragments), sizes)).calls == []


_STRANGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "x", "text", "tool_use", "thinking", "text_delta", "input_json_delta"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "id", "name", "text", "input", "usage", "partial_json"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)
_ODD = st.sampled_from([None, 0, 7, -1, 1.5, False, True, [], [1], {}, {"a": 1}, "", "x", "{"])
_BLOCKS: list[dict[str, Any]] = [
    {"type": "text", "text": ""},
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "tool_use", "id": "t", "name": "book", "input": {}},
    {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {}},
]
_VALID: dict[str, Any] = {
    "message": {"id": "m", "usage": {"input_tokens": 1}},
    "index": 0,
    "delta": {"type": "text_delta", "text": "Hi", "stop_reason": "end_turn", "partial_json": "{}"},
    "error": {"type": "overloaded_error", "message": "m"},
    "usage": {"output_tokens": 3},
}
_READ_BY = {
    "message_start": ["message"],
    "content_block_start": ["content_block", "content_block", "index"],
    "content_block_delta": ["delta", "delta", "index"],
    "message_delta": ["delta", "usage"],
    "error": ["error"],
}
_TYPES = ["message_start", "content_block_start", "content_block_delta", "content_block_stop"]
_ALL_TYPES = [*_TYPES, "message_delta", "message_stop", "error", "ping", "a_new_one"]


@st.composite
def strange_events(draw: st.DrawFn) -> list[Event]:
    """Events of known types, in likely order, whose fields may be anything."""
    events = []
    for kind in [*_TYPES[: draw(st.integers(0, 4))], *draw(st.lists(st.sampled_from(_ALL_TYPES)))]:
        fields = {**_VALID, "content_block": draw(st.sampled_from(_BLOCKS))}
        name = draw(st.sampled_from(_READ_BY.get(kind, sorted(fields))))
        match draw(st.sampled_from(["as it is", "as it is", "odd", "odd inside", "missing"])):
            case "odd":
                fields[name] = draw(_STRANGE)
            case "odd inside" if isinstance(fields[name], dict):
                inside = draw(st.sampled_from(sorted(fields[name])))
                fields[name] = {**fields[name], inside: draw(_ODD)}
            case "missing":
                del fields[name]
        events.append({"type": kind, **fields})
    return events


@searched(400)
@given(strange_events())
def test_events_of_any_shape_are_a_fault_at_worst(events: list[Event]) -> None:
    """Valid JSON with the wrong things in it; also what would be sent back after a pause."""
    translator = Translator()
    with suppress(Fault):
        for event in events:
            translator.feed([event])
        translator.finish(may_be_empty=False)
    with suppress(Fault):
        json.dumps(translator.content())
    translator.message.usage.to_livekit()


# --- the same as the specification --------------------------------------------------------------


def specified(data: bytes) -> tuple[list[Event], bool]:
    """The events of *data* by the letter of the format, and whether one of them is no event.

    What is no JSON object says nothing, unless it may have been an event of Claude's.
    """
    events: list[Event] = []
    name = block = b""
    values: list[bytes] = []
    *lines, _ = re.split(rb"\r\n|\r|\n", data)
    for line in lines:
        field, _, value = line.partition(b":")
        block += line
        if not line:
            if values:
                text = b"\n".join(values)
                event = _json_object(text)
                if event is None:
                    if name == b"error" or (not name and b"{" in block):
                        return events, True
                    event = _stands_for(name, text)
                elif not isinstance(event.get("type"), str):
                    event["type"] = name.decode("utf-8", "replace")
                events += [] if event is None else [event]
            elif name.startswith(b"error"):
                return events, True
            name, values, block = b"", [], b""
        elif field == b"event":
            name = value.strip()
        elif field == b"data" and b":" in line:
            values.append(value.removeprefix(b" "))
    return events, False


def _stands_for(name: bytes, data: bytes) -> Event | None:
    with suppress(ValueError):
        json.loads(data.decode())
        return None  # it is JSON, and no object
    if name == b"ping":
        return {"type": "ping"}
    return {"type": DONE} if data.strip() == b"[DONE]" else None


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data.decode())
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


@searched(400)
@given(st.lists(FRAGMENTS, max_size=40), SIZES)
def test_reading_is_as_specified_however_it_is_cut(
    fragments: list[bytes], sizes: list[int]
) -> None:
    """CR, LF or both, several data lines, reads that end between CR and LF."""
    data = b"".join(fragments)
    decoder, events, faulty = EventDecoder(), [], False
    try:
        for part in cut_into(data, sizes):
            events += decoder.feed(part)
    except Fault:
        faulty = True

    wanted, wanted_fault = specified(data)
    assert faulty == wanted_fault
    assert events == wanted[: len(events)]
    assert faulty or len(events) == len(wanted)


# --- bounded memory -----------------------------------------------------------------------------


@searched(50)
@given(
    st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5),
    st.integers(10, 2_000),
)
def test_an_event_without_end_is_given_up(parts: list[bytes], event_bytes: int) -> None:
    """Whatever it consists of, not much more than the limit is ever kept."""
    endless = cycle(part.replace(b"\n", b" ").replace(b"\r", b" ") for part in parts)
    decoder, fed = EventDecoder(event_bytes=event_bytes), 0
    try:
        for part in endless:
            fed += len(part)
            decoder.feed(part)
            assert fed <= event_bytes + 200, "still kept"
    except Fault as fault:
        assert "longer than" in str(fault)  # noqa: PT017 - it has to come at the right moment


def test_memory_does_not_grow_with_the_stream() -> None:
    """Endless small events and comments leave nothing behind."""
    decoder = EventDecoder()
    data = b'event: ping\ndata: {"type":"ping"}\n\n: a comment\n\n' * 100
    decoder.feed(data)
    tracemalloc.start()

    for _ in range(400):
        decoder.feed(data)
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert left < 500_000  # of 2 MB


def _start(index: int, content: dict[str, Any]) -> list[Event]:
    start = {"type": "content_block_start", "index": index, "content_block": content}
    return [start, {"type": "content_block_stop", "index": index}]


def _deltas(index: int, **delta: Any) -> list[Event]:
    return [{"type": "content_block_delta", "index": 0, "delta": delta}] if index else []


ENDLESS: dict[str, Any] = {
    "text": lambda i: _deltas(i, type="text_delta", text="x" * 10),
    "tool input": lambda i: _deltas(i, type="input_json_delta", partial_json="x" * 10),
    "citations": lambda i: _deltas(i, type="citations_delta", citation={"quote": "x" * 10}),
    "signatures": lambda i: _deltas(i, type="signature_delta", signature="x" * 10),
    "blocks": lambda i: _start(i, {"type": "text", "text": ""}),
    "results": lambda i: _start(i, {"type": "web_search_tool_result", "content": [f"{i:01000}"]}),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_message_without_end_is_given_up_or_forgotten(what: str) -> None:
    """Every kind of content counts towards the longest message."""
    with patch.object(message, "LONGEST_MESSAGE_CHARS", 10_000):
        translator = Translator()
        translator.feed([{"type": "message_start", "message": {"id": "m"}}])
        translator.feed(_start(0, {"type": "text", "text": ""})[:1])
        if what in ("blocks", "results"):
            translator.feed([{"type": "content_block_stop", "index": 0}])
        tracemalloc.start()
        try:
            for index in range(1, 20_000):
                translator.feed(ENDLESS[what](index))
        except Fault:
            pass  # being forgotten is as good
        finally:
            left, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()

    assert left < 4_000_000  # of 20 MB, where 10 kB were allowed


# --- work that grows with the bytes --------------------------------------------------------------


class CountedBytes(bytes):
    """Bytes that count how many of them are looked at or copied.

    It sees what is done to a read itself and to what is made of it by adding and replacing.
    """

    work = 0

    @classmethod
    def _count(cls, *values: bytes) -> None:
        cls.work += sum(map(len, values))

    def __radd__(self, other: bytes) -> CountedBytes:
        if not isinstance(other, bytes):
            return NotImplemented
        self._count(other, self)
        return CountedBytes(bytes(other) + bytes(self))

    def __add__(self, other: Any) -> CountedBytes:
        self._count(self, other)
        return CountedBytes(bytes(self) + bytes(other))

    def __contains__(self, other: Any) -> bool:
        self._count(self)
        return super().__contains__(other)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        if not isinstance(part, bytes):
            return part
        self._count(part)
        return CountedBytes(part)

    def replace(self, *arguments: Any) -> CountedBytes:
        self._count(self)
        return CountedBytes(super().replace(*arguments))

    def split(self, *arguments: Any, **keywords: Any) -> Any:
        self._count(self)
        return super().split(*arguments, **keywords)

    def find(self, *arguments: Any) -> int:
        self._count(self)
        return super().find(*arguments)

    def partition(self, *arguments: Any) -> Any:
        self._count(self)
        return super().partition(*arguments)

    def _unknown(self, *arguments: Any, **keywords: Any) -> NoReturn:
        raise NotImplementedError("count this too")

    rsplit = rpartition = splitlines = index = rfind = rindex = _unknown


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("event_bytes", "read_bytes"), [(200, 1), (200, 70), (10_000, 1), (50_000, 1_400)]
)
def test_work_grows_with_the_bytes_and_no_faster(
    line_end: bytes, event_bytes: int, read_bytes: int
) -> None:
    """A long event in small reads must not be searched from its beginning with every read."""
    event = b"data: {%s}" % (b" " * (event_bytes - 8)) + 2 * line_end
    data = event * (50_000 // event_bytes)
    decoder = EventDecoder()
    CountedBytes.work = 0

    for start in range(0, len(data), read_bytes):
        decoder.feed(CountedBytes(data[start : start + read_bytes]))

    assert CountedBytes.work <= 20 * len(data)
