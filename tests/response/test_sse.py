"""Reading server-sent events: any bytes in any pieces."""

from __future__ import annotations

import codecs
import json
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault
from resilient_claude.response.bounded_json import MOST_VALUES
from resilient_claude.response.document import DOCUMENT_BYTES
from resilient_claude.response.sse import (
    DONE,
    EVENT_BYTES,
    EVENT_LINES,
    STEP_BYTES,
    Event,
    EventDecoder,
)


def decode(*reads: bytes, event_bytes: int = 1000) -> list[Event]:
    decoder = EventDecoder(event_bytes=event_bytes)
    return [event for read in reads for event in decoder.feed(read)]


def encode(events: list[Event], *, line_end: str = "\n") -> bytes:
    """As Claude sends them."""
    return "".join(
        f"event: {event['type']}{line_end}"
        f"data: {json.dumps(event, ensure_ascii=False)}{line_end}{line_end}"
        for event in events
    ).encode()


EVENTS: list[Event] = [
    {"type": "ping"},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Grüße 👋"}},
    {"type": "message_stop"},
]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_cut_anywhere_the_events_are_the_same(line_end: str) -> None:
    """TCP cuts inside characters and between CR and LF."""
    data = encode(EVENTS, line_end=line_end)

    for cut in range(len(data)):
        # A final CR is held back, since its LF may follow: the next byte releases it.
        assert decode(data[:cut], data[cut:], b"\n") == EVENTS, cut


@given(st.lists(st.integers(1, 40), max_size=60))
def test_any_pieces(sizes: list[int]) -> None:
    """However the bytes are split, also one by one."""
    data = encode(EVENTS)
    reads, start = [], 0
    for size in [*sizes, len(data)]:
        reads.append(data[start : start + size])
        start += size

    assert decode(*reads) == EVENTS


def test_comments_unknown_fields_and_empty_events_vanish() -> None:
    """They are legal, and proxies send them to keep a connection alive."""
    assert decode(b": keep-alive\n\n\n\nid: 7\nretry: 10\n\nevent: x\n\n") == []


def test_data_over_several_lines_is_one_value() -> None:
    """The format allows it, though Claude does not use it."""
    assert decode(b'event: ping\ndata: {"type":\ndata:"ping"}\n\n') == [{"type": "ping"}]


def test_the_name_stands_in_for_a_missing_type() -> None:
    """Some gateways leave `type` to the event's name."""
    assert decode(b"event: message_stop\ndata: {}\n\n") == [{"type": "message_stop"}]


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b"nul", b"\xff\xfe", b"[" * 500])
def test_data_that_is_no_json_object_is_malformed(data: bytes) -> None:
    """A failure with a name, not a JSONDecodeError out of nowhere."""
    with pytest.raises(Fault, match="not a JSON object") as raised:
        decode(b"event: content_block_delta\ndata: " + data + b"\n\n")

    assert raised.value.kind is FailureKind.MALFORMED


def test_the_json_error_is_the_cause() -> None:
    """Promise 6: the chain ends in the JSON error itself."""
    with pytest.raises(Fault) as raised:
        decode(b"data: {,}\n\n")

    assert isinstance(raised.value.__cause__, json.JSONDecodeError)


def test_what_only_the_stricter_parser_rejects_has_its_error_as_the_cause() -> None:
    """Half of a surrogate pair is JSON to the standard library, and no text that can be spoken."""
    data = rb'{"type": "ping", "text": "\ud83d"}'
    assert json.loads(data)

    with pytest.raises(Fault, match="not a JSON object") as raised:
        decode(b"event: content_block_delta\ndata: " + data + b"\n\n")

    assert type(raised.value.__cause__) is ValueError


NOT_OURS = [
    b"data:",
    b"data: ",
    b"data: keep-alive",
    b"data: [1, 2]",
    b"data: 7",
    b"event: heartbeat\ndata:",
    b"event: heartbeat\ndata: still here",
    b"event: heartbeat\ndata: {still: here",
    b"event: content_block_delta\ndata:",
    b"event: message_stop\ndata: ",
    b"event: ping",
]


@pytest.mark.parametrize("data", NOT_OURS)
def test_what_is_no_event_of_claudes_is_passed_over(data: bytes) -> None:
    """Gateways send it to keep a connection alive."""
    assert decode(data + b"\n\n" + encode(EVENTS)) == EVENTS


@pytest.mark.parametrize(
    "data",
    [
        b'data: {"type": "content_block_delta", ',
        b'event: content_block_delta\ndata:\n{"type": "content_block_delta"}',
        b'event: message\ndata: {"type": "content_block_delta", ',
        b"event: content_block_delta\ndata: keep-alive",
        b"event: error\ndata:",
        b"event: error\ndata: overloaded",
    ],
)
def test_what_may_be_a_damaged_event_is_malformed(data: bytes) -> None:
    """ "Do not pay" must not become "Do pay"."""
    with pytest.raises(Fault, match="not a JSON object"):
        decode(data + b"\n\n")


@pytest.mark.parametrize("data", [b"data: [DONE]", b"data:[DONE] ", b"event: done\ndata: [DONE]"])
def test_done_is_an_event(data: bytes) -> None:
    """With it, gateways for several providers end a stream."""
    assert decode(data + b"\n\n") == [{"type": DONE}]


@pytest.mark.parametrize(
    "data",
    [
        b"data: {}\n\n" * 3_000,
        b"\n" * 40_000,
        b": x\n\n" * 8_000,
        b"event: ping\ndata: {}\n\n" * 2_000,
        b'data: {"type": "ping", "text": "' + b"x" * 50_000 + b'"}\n\n' + encode(EVENTS),
    ],
)
def test_a_long_read_is_decoded_in_bounded_steps(data: bytes) -> None:
    """Others get their turn between them; the events are the same."""
    decoder = EventDecoder()
    fed: list[int] = []
    with patch.object(EventDecoder, "feed", autospec=True, side_effect=EventDecoder.feed) as feed:
        steps = list(decoder.steps(data))
        fed += [len(call.args[1]) for call in feed.call_args_list]

    assert max(fed) <= STEP_BYTES
    assert [event for step in steps for event in step] == decode(data, event_bytes=10**6)


FIRST = b'event: message_start\ndata: {"type": "message_start", "message": {}}\n'


@pytest.mark.parametrize(
    "before", [b"", b"\xef\xbb\xbf", b": hello\n\n", b"id: 1\n", b"retry: 9\n"]
)
def test_a_stream_that_breaks_within_its_first_event_is_truncated(before: bytes) -> None:
    """Wherever that is, also where nothing but the blank line after it is missing."""
    for cut in range(1, len(FIRST) + 1):
        decoder = EventDecoder()
        assert decoder.feed(before + FIRST[:cut]) == []

        with pytest.raises(Fault, match="within its first event") as raised:
            decoder.finish()

        assert (raised.value.kind, raised.value.retryable) == (FailureKind.TRUNCATED, True), cut


@pytest.mark.parametrize("body", [b"", b"<html>", b"Log in", b'{"event: a": 1}', b": hello\n\n"])
def test_a_body_that_is_no_stream_is_no_truncated_one(body: bytes) -> None:
    """Whoever reads it sees that there was no event, and calls it what it is."""
    decoder = EventDecoder()

    assert (decoder.feed(body), decoder.finish()) == ([], [])


def test_a_stream_that_breaks_within_a_later_event_ends_there() -> None:
    """Whether that is whole is told by the message."""
    decoder = EventDecoder()
    events = decoder.feed(FIRST + b"\n" + FIRST)

    assert ([event["type"] for event in events], decoder.finish()) == (["message_start"], [])


def test_an_event_of_too_many_lines_is_malformed() -> None:
    """Claude sends two; a million of them take long to look at, whatever is in them."""
    lines = b"data:\n" * (EVENT_LINES - 2)
    assert decode(b'data: {"type":\n' + lines + b'data: "ping"}\n\n', event_bytes=10**6) == [
        {"type": "ping"}
    ]

    for line in (b"data:\n", b":\n", b"x\n"):
        with pytest.raises(Fault, match=f"more than {EVENT_LINES} lines"):
            decode(line * (EVENT_LINES + 1) + b"\n", event_bytes=10**6)


def test_an_event_of_too_many_values_is_malformed() -> None:
    """Its objects would take seconds to make."""
    with pytest.raises(Fault, match="not a JSON object") as raised:
        decode(b'data: {"a": [' + b"{}," * 100_000 + b"{}]}\n\n", event_bytes=EVENT_BYTES)

    assert str(raised.value.__cause__) == f"more than {MOST_VALUES} values"


def test_the_longest_recorded_event_is_far_below_the_limit() -> None:
    """27 kB; and an answer of 128,000 tokens fits in one event."""
    assert EVENT_BYTES >= 35 * 27_000
    assert EVENT_BYTES >= 128_000 * 8


def test_a_ping_without_json_is_still_a_ping() -> None:
    """Nothing hangs on it."""
    assert decode(b"event: ping\ndata: \n\n") == [{"type": "ping"}]


def test_an_endless_event_is_cut_off() -> None:
    """Input from the network is hostile: bounded sizes."""
    with pytest.raises(Fault, match="longer than 1000 bytes"):
        decode(*[b"data: x" * 10] * 20)


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_arbitrary_bytes_give_events_or_a_fault(reads: list[bytes]) -> None:
    """No other exception, whatever comes."""
    try:
        events = decode(*reads)
    except Fault:
        return
    assert all(isinstance(event["type"], str) for event in events)


# --- a document where a stream should be ----------------------------------------------------------

OVERLOADED = b'{"type": "error",\n\n "error": {"type": "overloaded_error"}}\n\n'


@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8], ids=["plain", "BOM"])
def test_a_document_is_read_when_it_has_ended(bom: bytes) -> None:
    """Some gateways call everything an event stream, however they answer."""
    for cut in range(len(OVERLOADED)):
        decoder = EventDecoder()
        assert decoder.feed(bom + OVERLOADED[:cut]) == []
        assert decoder.feed(OVERLOADED[cut:]) == []

        with pytest.raises(Fault) as caught:
            decoder.finish()
        assert caught.value.kind is FailureKind.OVERLOADED


def test_a_stream_with_a_brace_before_it_is_a_stream() -> None:
    """A line that is no field says nothing; what follows it may."""
    decoder = EventDecoder()

    assert decoder.feed(OVERLOADED + encode(EVENTS[:2])) == EVENTS[:2]
    assert decoder.finish() == []


def test_a_document_without_end_is_not_kept() -> None:
    """It is read for what it says, and no error has so much to say."""
    decoder = EventDecoder(event_bytes=10**9)
    for _ in range(1000):
        decoder.feed(b'{"error": "overloaded"}\n\n' * 100)

    assert decoder.finish() == []
    assert len(decoder._document or b"") < 2 * DOCUMENT_BYTES
