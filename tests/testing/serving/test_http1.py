"""Requests as they are read and recorded, and what is none."""

from __future__ import annotations

import pytest

from resilient_claude.testing import SimulatedClaude
from resilient_claude.testing.serving import http1
from tests.testing.raw_client import (
    BODY,
    HEADERS,
    RawClient,
)

END = b"0\r\n\r\n"


def test_a_request_is_recorded_as_it_was_sent() -> None:
    """Tests look at what the code under test sent, not at what it meant."""
    with SimulatedClaude() as claude, RawClient(claude) as first, RawClient(claude) as raw:
        first.send()
        first.read_until(END)
        raw.send(path="/v1/messages?beta=true", headers={**HEADERS, "X-Twice": "a"})
        raw.read_until(END)
        one, two = claude.requests

    assert (two.method, two.path, two.query) == ("POST", "/v1/messages", "beta=true")
    assert two.headers["x-twice"] == "a"
    assert (two.body, two.body) == (BODY, BODY)
    assert two.raw_body.startswith(b'{"model"')
    assert (one.connection, two.connection) == (1, 2)
    assert 0 <= one.at_s <= two.at_s < 5


def test_a_repeated_header_is_joined() -> None:
    """As HTTP has it."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send(headers={**HEADERS, "A": "1", "a": "2"})
        raw.read_until(END)

        assert claude.requests[0].headers["a"] == "1, 2"


def test_a_chunked_request_body_is_read() -> None:
    """Clients may stream what they send."""
    body = b'{"stream": true}'
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    with SimulatedClaude(strict=False) as claude, RawClient(claude) as raw:
        raw.sock.sendall(
            f"POST /v1/messages HTTP/1.1\r\ntransfer-encoding: chunked\r\n{head}\r\n".encode()
            + b"4;x=y\r\n%b\r\n%x\r\n%b\r\n0\r\ntrailer: 1\r\n\r\n"
            % (body[:4], len(body) - 4, body[4:])
        )
        raw.read_until(END)

        assert claude.requests[0].raw_body == body


def test_a_body_that_is_no_json_is_recorded_as_none() -> None:
    """The raw bytes tell the rest."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send(b"{")
        raw.read_until(b'"}')

        assert (claude.requests[0].body, claude.requests[0].raw_body) == (None, b"{")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"GET / HTTP/1.1\r\na: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(
    request_bytes: bytes, status: int
) -> None:
    """Nothing a client sends can hang the server."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.sock.sendall(request_bytes)
        response = raw.read_to_end()

        assert response.startswith(b"HTTP/1.1 %d " % status)
        assert claude.requests == []


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_32_mib_is_413(chunked: bool) -> None:
    """The client has sent it all before it reads, so it is swallowed first."""
    size = http1.MAX_BODY_BYTES + 1
    name = "transfer-encoding: chunked" if chunked else f"content-length: {size}"
    body = b"a" * size
    if chunked:
        body = b"%x\r\n%b\r\n1\r\na\r\n0\r\n\r\n" % (size, body)
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.sock.sendall(f"POST /v1/messages HTTP/1.1\r\n{name}\r\n\r\n".encode() + body)
        response = raw.read_to_end()

    assert response.startswith(b"HTTP/1.1 413 Payload Too Large")
    assert b'"type": "request_too_large"' in response
