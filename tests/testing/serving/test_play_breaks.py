"""Every point x every way to break, at the level of bytes."""

from __future__ import annotations

import errno
import time
from typing import Any

import pytest

from resilient_claude.testing import (
    Answer,
    Break,
    Garbage,
    SimulatedClaude,
    SseError,
    ToolUse,
)
from resilient_claude.testing.script import wire
from resilient_claude.testing.script.breaks import How, Point
from tests.testing.raw_client import RawClient, dechunk, eventually, parse_events, split_head

ANSWER = Answer("One two three.", thinking="Let me see.", tools=[ToolUse("find", {"n": 4711})])
BYTES = [piece.data for piece in wire.pieces(ANSWER, model="claude-sonnet-5-5")]
# How many pieces of ANSWER have been sent at each point, counted by hand.
SENT: dict[Point, int] = {
    "headers": 0,
    "message_start": 1,
    "block_start": 2,
    "thinking": 5,
    "after_thinking": 8,
    "text": 11,
    "after_text": 13,
    "tool_json": 16,
    "after_tool": 18,
    "before_stop": 19,
    "after_stop": 20,
}
IN_STREAM = list(SENT)
END = b"0\r\n\r\n"


def answer_of(response: bytes) -> tuple[list[bytes], bool]:
    """The chunks of a streamed response, and whether the body is terminated."""
    status, headers, rest = split_head(response)
    assert status == "HTTP/1.1 200 OK"
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["request-id"].startswith("req_")
    return dechunk(rest)


@pytest.mark.parametrize("at", IN_STREAM)
def test_reset_in_stream_is_a_real_econnreset_after_every_byte(at: Point) -> None:
    """A retry must see the operating system's error, and the output that came before it."""
    with SimulatedClaude(Break("reset", at=at, answer=ANSWER)) as claude, RawClient(claude) as raw:
        raw.send()
        response, error = raw.read_to_reset()

    assert error.errno == errno.ECONNRESET
    assert answer_of(response) == (BYTES[: SENT[at]], False)


def test_reset_at_accept_reads_nothing() -> None:
    """The step belongs to the connection: no request is recorded."""
    with SimulatedClaude(Break("reset", at="accept")) as claude, RawClient(claude) as raw:
        response, error = raw.read_to_reset()

        assert (response, error.errno) == (b"", errno.ECONNRESET)
        assert claude.requests == []


def test_reset_at_request_answers_nothing() -> None:
    """The request arrived, so it may have been billed."""
    with SimulatedClaude(Break("reset", at="request")) as claude, RawClient(claude) as raw:
        raw.send()
        response, error = raw.read_to_reset()

        assert (response, error.errno) == (b"", errno.ECONNRESET)
        assert len(claude.requests) == 1


def test_reset_loses_nothing_that_a_slow_reader_has_not_read_yet() -> None:
    """A reset discards what the kernel still holds; the point would not be where it should."""
    answer = Answer(pieces=["x" * 20_000] * 100)
    step = Break("reset", at="text", answer=answer, after_pieces=99)
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        assert raw.sock.recv(1) == b"H"
        time.sleep(0.05)
        response, error = raw.read_to_reset()

    assert error.errno == errno.ECONNRESET
    assert response.count(b"text_delta") == 99


@pytest.mark.parametrize("at", IN_STREAM)
def test_close_in_stream_is_fin_within_the_chunked_body(at: Point) -> None:
    """HTTP can tell this end from a regular one."""
    with SimulatedClaude(Break("close", at=at, answer=ANSWER)) as claude, RawClient(claude) as raw:
        raw.send()

        assert answer_of(raw.read_to_end()) == (BYTES[: SENT[at]], False)


@pytest.mark.parametrize("at", ["accept", "request"])
def test_close_before_headers_is_fin_without_a_byte(at: Point) -> None:
    """What a client calls "Server disconnected without sending a response"."""
    with SimulatedClaude(Break("close", at=at)) as claude, RawClient(claude) as raw:
        raw.send()

        assert raw.read_to_end() == b""
        assert len(claude.requests) == (1 if at == "request" else 0)


@pytest.mark.parametrize("at", IN_STREAM)
def test_end_terminates_the_body_without_message_stop(at: Point) -> None:
    """Only the missing event tells it from a success; the connection can be used again."""
    with SimulatedClaude(Break("end", at=at, answer=ANSWER)) as claude, RawClient(claude) as raw:
        raw.send()
        assert answer_of(raw.read_until(END)) == (BYTES[: SENT[at]], True)

        raw.send()
        assert b"message_stop" in raw.read_until(END)
        assert claude.connections == 1


@pytest.mark.parametrize("at", IN_STREAM)
def test_stall_in_stream_is_silence_until_the_client_leaves(at: Point) -> None:
    """The connection looks healthy: only a clock can tell."""
    with SimulatedClaude(Break("stall", at=at, answer=ANSWER)) as claude:
        with RawClient(claude) as raw:
            raw.send()
            assert answer_of(raw.read_until_quiet()) == (BYTES[: SENT[at]], False)
            assert claude.open_connections == 1

        assert eventually(lambda: claude.open_connections == 0)


@pytest.mark.parametrize("at", ["accept", "request"])
def test_stall_before_headers_sends_nothing(at: Point) -> None:
    """The slow answer that never comes."""
    with SimulatedClaude(Break("stall", at=at)) as claude:
        with RawClient(claude) as raw:
            raw.send()
            assert raw.read_until_quiet() == b""
            assert claude.open_connections == 1

        assert eventually(lambda: claude.open_connections == 0)


@pytest.mark.parametrize("at", IN_STREAM)
@pytest.mark.parametrize(("how", "filler"), [("pings", wire.encode(wire.PING)), ("comments", b":")])
def test_fillers_go_on_until_the_client_leaves(at: Point, how: How, filler: bytes) -> None:
    """Bytes that are no content keep every read timeout from firing."""
    with SimulatedClaude(Break(how, at=at, answer=ANSWER)) as claude:
        with RawClient(claude) as raw:
            raw.send()
            response = b""
            while response.count(b"\r\n" + filler) < BYTES[: SENT[at]].count(filler) + 4:
                response += raw.sock.recv(65536)
            chunks, terminated = dechunk_complete(response)

        assert not terminated
        assert chunks[: SENT[at]] == BYTES[: SENT[at]]
        assert len(chunks) >= SENT[at] + 3
        assert all(chunk.startswith(filler) for chunk in chunks[SENT[at] :])
        assert eventually(lambda: claude.open_connections == 0)


@pytest.mark.parametrize("at", IN_STREAM)
def test_empty_deltas_belong_to_an_open_block(at: Point) -> None:
    """They are correct events that say nothing."""
    kinds = {"block_start": "thinking", "thinking": "thinking", "tool_json": "partial_json"}
    key = kinds.get(at, "text")
    with SimulatedClaude(Break("empty_deltas", at=at, answer=ANSWER)) as claude:
        with RawClient(claude) as raw:
            raw.send()
            response = b""
            while len(empty_deltas(response, SENT[at], key)) < 3:
                response += raw.sock.recv(65536)

        assert eventually(lambda: claude.open_connections == 0)
    opened = {event["index"] for event in events_of(response) if "content_block" in event}
    assert {event["index"] for event in empty_deltas(response, SENT[at], key)} == {max(opened)}


@pytest.mark.parametrize("at", IN_STREAM)
def test_sse_error_is_the_last_event_under_http_200(at: Point) -> None:
    """The status line said 200, so only the event tells what happened."""
    step = Break(SseError("api_error", "Internal"), at=at, answer=ANSWER)
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        chunks, terminated = answer_of(raw.read_until(END))

    assert terminated
    assert chunks[:-1] == BYTES[: SENT[at]]
    assert chunks[-1].startswith(b"event: error\ndata: ")
    assert parse_events(chunks[-1])[0]["error"] == {"type": "api_error", "message": "Internal"}


@pytest.mark.parametrize("at", IN_STREAM)
def test_garbage_in_stream_is_followed_by_the_rest(at: Point) -> None:
    """What a proxy inserts does not end the answer."""
    step = Break(Garbage(b"\xff\x00{"), at=at, answer=ANSWER)
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        chunks, terminated = answer_of(raw.read_until(END))

    assert terminated
    assert chunks == [*BYTES[: SENT[at]], b"\xff\x00{", *BYTES[SENT[at] :]]


@pytest.mark.parametrize("at", ["accept", "request"])
def test_garbage_before_headers_precedes_the_status_line(at: Point) -> None:
    """The response is no HTTP any more."""
    step = Break(Garbage(b"SSH-2.0-x\r\n"), at=at, answer=ANSWER)
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        response = raw.read_until(END)

        assert response.startswith(b"SSH-2.0-x\r\nHTTP/1.1 200 OK\r\n")
        assert answer_of(response.partition(b"\n")[2]) == (BYTES, True)
        assert len(claude.requests) == 1


def test_garbage_at_accept_precedes_the_request() -> None:
    """Some middleboxes speak first."""
    step = Break(Garbage(b"hello"), at="accept")
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        assert raw.read_until_quiet() == b"hello"


def test_a_default_at_accept_breaks_every_new_connection() -> None:
    """An outage that does not refuse."""
    with SimulatedClaude(default=Break("close", at="accept")) as claude:
        for _ in range(3):
            with RawClient(claude) as raw:
                assert raw.read_to_end() == b""

        assert claude.connections == 3


def test_empty_deltas_find_the_open_block_among_raw_events() -> None:
    """Ready events may be bytes."""
    events: list[dict[str, Any] | bytes] = [
        b": raw\n\n",
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 3, "content_block": {"type": "thinking"}},
    ]
    step = Break("empty_deltas", at="block_start", answer=Answer(events=events))
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        response = b""
        while b"thinking_delta" not in response:
            response += raw.sock.recv(65536)

    assert events_of(response)[-1]["index"] == 3


def test_accept_step_met_on_a_kept_alive_connection_breaks_at_the_request() -> None:
    """Every request consumes one step, so the script stays in order."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send()
        raw.read_until(END)
        claude.script(Break("close", at="accept"))
        raw.send()

        assert raw.read_to_end() == b""
        assert len(claude.requests) == 2


def dechunk_complete(response: bytes) -> tuple[list[bytes], bool]:
    """Like `answer_of`, without a last chunk that has not arrived in full."""
    whole, _, _ = response.rpartition(b"\n\n\r\n")
    return answer_of(whole + b"\n\n\r\n")


def events_of(response: bytes) -> list[dict[str, Any]]:
    """The events of a streamed response so far."""
    if response.count(b"\n\n\r\n") == 0:
        return []
    return parse_events(b"".join(dechunk_complete(response)[0]))


def empty_deltas(response: bytes, after: int, key: str) -> list[dict[str, Any]]:
    """The deltas after the first *after* events whose *key* is empty."""
    deltas = [event for event in events_of(response)[after:] if "delta" in event]
    return [event for event in deltas if event["delta"] and event["delta"].get(key) == ""]
