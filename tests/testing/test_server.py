"""The server over raw sockets: HTTP, control, and what stop() leaves."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import threading
import time
import warnings
from pathlib import Path

import pytest

from resilient_claude.testing import Answer, Break, HttpError, Raw, SimulatedClaude, ToolUse
from resilient_claude.testing.script import wire
from resilient_claude.testing.serving import http1
from tests.testing.raw_client import (
    BODY,
    HEADERS,
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


def test_steps_are_consumed_in_order_and_then_the_default_for_ever() -> None:
    """The script is the whole truth about what a test sees."""
    with SimulatedClaude(Answer("a"), default=Answer("z")) as claude, RawClient(claude) as raw:
        claude.script(Answer("b"))
        texts = []
        for _ in range(4):
            raw.send()
            events = parse_events(raw.read_until(END))
            texts.append("".join(e["delta"].get("text", "") for e in events if "delta" in e))

        assert texts == ["a", "b", "z", "z"]
        assert claude.connections == 1


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


def test_a_request_without_stream_gets_a_json_message() -> None:
    """As the API answers it."""
    answer = Answer("Hi.", thinking="Hm.", tools=[ToolUse("find", {"n": 1}, id="toolu_1")])
    with SimulatedClaude(answer) as claude, RawClient(claude) as raw:
        raw.send({**BODY, "stream": False})
        _, headers, body = split_head(raw.read_until(b"}"))

    assert headers["content-type"] == "application/json"
    assert b'"stop_reason": "tool_use"' in body
    assert b'{"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"n": 1}}' in body


def test_http_error_has_the_documented_body() -> None:
    """The type in the body is what a client goes by."""
    step = HttpError(429, message="Slow down", headers={"Retry-After": "3"}, request_id="req_1")
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        status, headers, body = split_head(raw.read_until(b'"req_1"}'))

    assert status == "HTTP/1.1 429 Too Many Requests"
    assert (headers["retry-after"], headers["request-id"]) == ("3", "req_1")
    assert body == (
        b'{"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}, '
        b'"request_id": "req_1"}'
    )


def test_http_errors_have_ids_of_their_own() -> None:
    """Whether a request reached Anthropic is told by its id; two errors are two requests."""
    with SimulatedClaude(default=HttpError(529)) as claude, RawClient(claude) as raw:
        ids = set()
        for _ in range(2):
            raw.send()
            headers = split_head(raw.read_until(b'"}'))[1]
            assert headers["request-id"].startswith("req_")
            ids.add(headers["request-id"])

    assert len(ids) == 2


def test_http_error_without_request_id_has_none_anywhere() -> None:
    """What a gateway in between answers does not look as if Anthropic had answered it."""
    with SimulatedClaude(HttpError(503, request_id=None)) as claude, RawClient(claude) as raw:
        raw.send()
        _, headers, body = split_head(raw.read_until(b"}}"))

    assert "request-id" not in headers
    assert body == (
        b'{"type": "error", "error": {"type": "api_error", "message": "Simulated error."}}'
    )


def test_ready_events_are_refused_without_streaming() -> None:
    """A made-up message in their place would be taken for the recorded one."""
    step = Answer(events=[{"type": "message_stop"}])
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send({**BODY, "stream": False})
        status, _, body = split_head(raw.read_until(b"}"))

    assert status == "HTTP/1.1 400 Bad Request"
    assert b"an Answer with ready events needs a request with" in body


def test_the_event_loop_is_none_of_the_application_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications install uvloop's policy, and Windows has its own: their loops differ."""

    def refuse() -> asyncio.AbstractEventLoop:
        raise AssertionError("the policy was asked for a loop")

    monkeypatch.setattr(asyncio.events, "new_event_loop", refuse)
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send()

        assert b"message_stop" in raw.read_until(END)


@pytest.mark.parametrize("body", [b"<html>", "<html>"])
def test_http_error_can_have_any_body(body: bytes | str) -> None:
    """Load balancers answer in HTML."""
    step = HttpError(502, body=body, headers={"content-type": "text/html"})
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        status, headers, rest = split_head(raw.read_until(b"<html>"))

    assert (status, rest) == ("HTTP/1.1 502 Bad Gateway", b"<html>")
    assert headers["content-type"] == "text/html"


def test_raw_is_any_complete_response() -> None:
    """A captive portal says 200."""
    step = Raw("<html>log in</html>", headers={"X-Portal": "1"})
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        status, headers, rest = split_head(raw.read_until(b"</html>"))

    assert (status, rest) == ("HTTP/1.1 200 OK", b"<html>log in</html>")
    assert headers == {"content-length": "19", "content-type": "text/html", "x-portal": "1"}


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


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1",
        b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\nabc",
    ],
)
def test_a_client_that_leaves_within_its_request_is_forgotten(sent: bytes) -> None:
    """Cancelled requests are no requests."""
    with SimulatedClaude() as claude:
        with RawClient(claude) as raw:
            raw.sock.sendall(sent)

        assert eventually(lambda: claude.connections == 1 and claude.open_connections == 0)
        assert claude.requests == claude.other_requests == []


def test_connection_close_is_honoured() -> None:
    """The client asked for it."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send(headers={**HEADERS, "connection": "close"})

        assert raw.read_to_end().endswith(END)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v1/models", 200, b'"has_more": false'),
        ("GET", "/v1/models/claude-opus-5-5?x=1", 200, b'"id": "claude-opus-5-5"'),
        ("POST", "/v1/messages/count_tokens", 404, b'"not_found_error"'),
        ("GET", "/v1/messages", 404, b'"not_found_error"'),
        ("GET", "/v1/modelsettings", 404, b'"not_found_error"'),
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


def test_a_body_that_is_no_json_is_recorded_as_none() -> None:
    """The raw bytes tell the rest."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send(b"{")
        raw.read_until(b'"}')

        assert (claude.requests[0].body, claude.requests[0].raw_body) == (None, b"{")


def test_refuse_is_a_real_econnrefused_and_listen_brings_the_port_back() -> None:
    """An outage and its end, at the same address."""
    with SimulatedClaude() as claude, RawClient(claude) as old:
        old.send()
        old.read_until(END)
        url = claude.base_url
        claude.refuse()
        claude.refuse()
        with pytest.raises(ConnectionRefusedError) as caught:
            RawClient(claude)
        assert caught.value.errno == errno.ECONNREFUSED
        assert claude.open_connections == 1

        old.send()
        assert b"message_stop" in old.read_until(END)
        claude.listen()
        claude.listen()
        with RawClient(claude) as new:
            new.send()
            assert b"message_stop" in new.read_until(END)
        assert claude.base_url == url


def test_drop_idle_closes_what_waits_and_spares_what_works() -> None:
    """The race between a client's pool and a server's keep-alive."""
    with (
        SimulatedClaude(Answer("a"), Break("stall", at="text")) as claude,
        RawClient(claude) as idle,
        RawClient(claude) as busy,
        RawClient(claude) as fresh,
    ):
        idle.send()
        idle.read_until(END)
        busy.send()
        claude.wait_for_requests(2)
        assert eventually(lambda: claude.open_connections == 3)
        claude.drop_idle()

        assert idle.read_to_end() == b""
        assert fresh.read_to_end() == b""
        assert claude.open_connections == 1
        assert b"text_delta" in busy.read_until_quiet()


@pytest.mark.parametrize("tls", [False, True])
def test_dark_connections_swallow_everything_and_new_ones_work(tls: bool) -> None:
    """A network path dies without a FIN: four pooled connections, all of them dead."""
    with SimulatedClaude(Answer("a b c", piece_s=0.02), tls=tls) as claude:
        with RawClient(claude) as busy, RawClient(claude) as idle:
            busy.send()
            claude.wait_for_requests(1)
            assert eventually(lambda: claude.connections == 2)
            claude.go_dark()
            idle.send()
            idle.sock.sendall(b"x" * 1_000_000)

            assert idle.read_until_quiet() == b""
            busy.read_until_quiet()
            assert busy.read_until_quiet() == b""
            assert len(claude.requests) == 1
            assert claude.open_connections == 2
            with RawClient(claude) as new:
                new.send()
                assert b"message_stop" in new.read_until(END)

        assert eventually(lambda: claude.open_connections == 0)


def test_a_dark_connection_that_the_client_resets_is_closed() -> None:
    """However it left, it has left."""
    with SimulatedClaude(Break("stall", at="text")) as claude, RawClient(claude) as raw:
        raw.send()
        raw.read_until_quiet()
        raw.sock.sendall(b"x")
        claude.go_dark()
        claude.go_dark()
        raw.sock.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER 0
        raw.sock.close()

        assert eventually(lambda: claude.open_connections == 0)


def test_control_takes_milliseconds() -> None:
    """Tests flip faults in the middle of an answer."""
    with SimulatedClaude() as claude:
        start_s = time.monotonic()
        for _ in range(10):
            claude.refuse()
            claude.listen()
            claude.drop_idle()
            claude.go_dark()

        assert (time.monotonic() - start_s) / 40 < 0.01


def test_control_works_from_many_threads() -> None:
    """An agent's loop and a test's thread may both steer."""
    with SimulatedClaude() as claude:

        def steer() -> None:
            claude.script(Answer("a"))
            claude.drop_idle()

        threads = [threading.Thread(target=steer) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert claude.open_connections == 0


def test_wait_for_requests_tells_how_many_came() -> None:
    """The message is what a failing test shows."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send()
        assert len(claude.wait_for_requests(1)) == 1

        with pytest.raises(TimeoutError, match=r"expected 2 requests within 0.01 s, got 1"):
            claude.wait_for_requests(2, timeout_s=0.01)


@pytest.mark.parametrize("tls", [False, True])
def test_stop_leaves_nothing(tls: bool) -> None:
    """No thread, no descriptor, no file and no warning, whatever state the connections were in."""
    gc.collect()
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    steps = (Break("stall", at="text"), Break("pings", at="headers"), Answer("a b", piece_s=60))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        claude = SimulatedClaude(*steps, tls=tls)
        claude.start()
        ca_file = claude.ca_file if tls else os.devnull
        clients = [RawClient(claude) for _ in range(6)]
        for client in clients[:3]:
            client.send()
        claude.wait_for_requests(3)
        clients[3].sock.sendall(b"POST /v1/mess")
        assert eventually(lambda: claude.connections == 6)
        claude.go_dark()
        clients += [RawClient(claude) for _ in range(2)]
        start_s = time.monotonic()
        claude.stop()
        stopped_s = time.monotonic() - start_s
        for client in clients:
            client.sock.close()
        del clients, client
        gc.collect()

    assert stopped_s < 0.5
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before
    assert Path(ca_file).exists() is not tls
    assert [str(each.message) for each in caught] == []


def test_stop_twice_is_stop_once_and_start_twice_is_an_error() -> None:
    """Fixtures and context managers may both stop."""
    claude = SimulatedClaude()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = claude.base_url
    with claude:
        with pytest.raises(RuntimeError, match="running already"):
            claude.start()
        with pytest.raises(RuntimeError, match="ca_file exists while"):
            _ = claude.ca_file
    claude.stop()

    assert claude.open_connections == 0
    with pytest.raises(RuntimeError, match="is not running"):
        claude.refuse()


def test_a_stopped_server_can_be_started_again() -> None:
    """What was recorded stays."""
    claude = SimulatedClaude()
    for _ in range(2):
        with claude, RawClient(claude) as raw:
            raw.send()
            assert b"message_stop" in raw.read_until(END)

    assert len(claude.requests) == 2


def test_a_bug_of_the_server_is_raised_by_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else our own bug would look like a network fault to the code under test."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("resilient_claude.testing.serving.play.validate", broken)
    claude = SimulatedClaude()
    claude.start()
    with RawClient(claude) as raw:
        raw.send()
        assert raw.read_to_end() == b""

    with pytest.raises(RuntimeError, match="SimulatedClaude has a bug") as caught:
        claude.stop()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
