"""Answers that are played to their end: when each byte goes out, and what is refused."""

from __future__ import annotations

import time

import pytest

from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude
from resilient_claude.testing.script import wire
from tests.testing.raw_client import (
    BODY,
    RawClient,
    dechunk,
    eventually,
    parse_events,
    split_head,
)

END = b"0\r\n\r\n"


def test_an_answer_is_one_event_per_chunk() -> None:
    """A client sees each event as soon as it is sent."""
    with SimulatedClaude(Answer("One two.")) as claude, RawClient(claude) as raw:
        raw.send()
        _, headers, rest = split_head(raw.read_until(END))

    pieces = [p.data for p in wire.pieces(Answer("One two."), model="claude-sonnet-5-5")]
    assert dechunk(rest) == (pieces, True)
    assert headers["transfer-encoding"] == "chunked"
    assert headers["content-type"] == "text/event-stream; charset=utf-8"


def test_drip_bytes_cuts_the_stream_anywhere() -> None:
    """A parser must not rely on whole events, lines or characters."""
    answer = Answer("Größe ✓", drip_bytes=3)
    with SimulatedClaude(answer) as claude, RawClient(claude) as raw:
        raw.send()
        chunks, _ = dechunk(split_head(raw.read_until(END))[2])

    assert {len(chunk) for chunk in chunks} <= {1, 2, 3}
    assert b"".join(chunks) == b"".join(
        p.data for p in wire.pieces(answer, model="claude-sonnet-5-5")
    )


def test_drip_bytes_joins_events_too() -> None:
    """A proxy that buffers sends many events in one read, and cuts wherever its buffer ends."""
    answer = Answer("One two three.", drip_bytes=300)
    with SimulatedClaude(answer) as claude, RawClient(claude) as raw:
        raw.send()
        chunks, terminated = dechunk(split_head(raw.read_until(END))[2])

    assert terminated
    assert {len(chunk) for chunk in chunks[:-1]} == {300}
    assert b"".join(chunks) == b"".join(
        p.data for p in wire.pieces(answer, model="claude-sonnet-5-5")
    )


def test_drip_bytes_holds_nothing_back_over_a_wait() -> None:
    """Whoever reads the first deltas must not wait for the buffer to fill."""
    answer = Answer("One two.", first_token_s=60, drip_bytes=100_000)
    with SimulatedClaude(answer) as claude, RawClient(claude) as raw:
        raw.send()
        chunks, terminated = dechunk(split_head(raw.read_until_quiet())[2])

    assert not terminated
    assert [event["type"] for event in parse_events(b"".join(chunks))] == ["message_start", "ping"]


def test_drip_bytes_holds_nothing_back_before_a_break() -> None:
    """The break is at its point, however the bytes are cut."""
    answer = Answer("One two three.", drip_bytes=100_000)
    step = Break("reset", at="text", answer=answer, after_pieces=2)
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        chunks, terminated = dechunk(split_head(raw.read_to_reset()[0])[2])

    assert not terminated
    assert b"".join(chunks).count(b"text_delta") == 2


def test_the_three_waits_are_where_they_should_be() -> None:
    """Time to headers, to the first token, and between tokens are different clocks."""
    answer = Answer(pieces=["a", "b", "c"], first_byte_s=0.04, first_token_s=0.05, piece_s=0.03)
    with SimulatedClaude(answer) as claude, RawClient(claude) as raw:
        start_s = time.monotonic()
        raw.send()
        times_s: dict[bytes, float] = {}
        for mark in (b"HTTP", b"event: ping", b"content_block_start", b'"b"', b'"c"'):
            seen = b""
            while mark not in seen:
                seen += raw.sock.recv(1)
            times_s[mark] = time.monotonic() - start_s

    headers_s, ping_s, block_s, b_s, c_s = times_s.values()
    assert headers_s >= 0.04
    assert ping_s < headers_s + 0.045
    assert block_s >= 0.09
    assert b_s >= 0.12
    assert c_s >= 0.15


def test_a_client_that_leaves_in_a_pause_frees_the_connection() -> None:
    """Barge-in closes connections in the middle of an answer."""
    with SimulatedClaude(Answer("a b", piece_s=60)) as claude:
        with RawClient(claude) as raw:
            raw.send()
            raw.read_until_quiet()

        assert eventually(lambda: claude.open_connections == 0)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/models", 200, b'"has_more": false'),
        ("GET", "/v1/models/claude-opus-5-5?x=1", 200, b'"id": "claude-opus-5-5"'),
        ("POST", "/v1/messages/count_tokens", 404, b'"not_found_error"'),
        ("GET", "/v1/messages", 404, b'"not_found_error"'),
        ("GET", "/v1/modelsettings", 404, b'"not_found_error"'),
        ("POST", "/v1/v1/messages", 404, b"Not found: /v1/v1/messages"),
    ],
)
def test_other_requests_consume_no_step(method: str, path: str, status: int, text: bytes) -> None:
    """Prewarming must not shift the script."""
    with SimulatedClaude(HttpError(500)) as claude, RawClient(claude) as raw:
        raw.send(method=method, path=path)
        response = raw.read_until(b"}")

        assert response.startswith(b"HTTP/1.1 %d " % status)
        assert text in response
        assert [each.path for each in claude.other_requests] == [path.partition("?")[0]]
        raw.send()
        assert b"HTTP/1.1 500 " in raw.read_until(b'"}')


def test_an_invalid_request_gets_the_documented_error_and_consumes_its_step() -> None:
    """A strict server finds what a lenient one would let through."""
    with SimulatedClaude(Answer("a"), default=Answer("z")) as claude, RawClient(claude) as raw:
        raw.send({**BODY, "user": "me"})
        response = raw.read_until(b'"}')
        assert response.startswith(b"HTTP/1.1 400 Bad Request")
        assert b"user: Extra inputs are not permitted" in response
        raw.send()

        assert b'"text":"z"' in raw.read_until(END)


def test_a_server_that_is_not_strict_takes_anything() -> None:
    """For gateways with rules of their own."""
    with SimulatedClaude(strict=False) as claude, RawClient(claude) as raw:
        raw.send({"stream": True, "user": "me"}, headers={"a": "b"})

        assert b"message_stop" in raw.read_until(END)
