"""The body of a response: what it is cut off from is not lost with it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anthropic
import pytest

from resilient_claude import Failure, ResilientClaudeLLM, failure_of
from resilient_claude.response.sse import EventDecoder
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.script import wire
from resilient_claude.transport.body import READ_BYTES
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.listening import conversation, fails_always, read_stream
from tests.support.packing import gzip_bomb
from tests.support.serving import Serving, reset_when_closed


class CutOff(Serving):
    """Answers with a status and the beginning of what it has to say about it."""

    def __init__(self, head: bytes, *, reset: bool) -> None:
        super().__init__()
        self._head = head
        self._reset = reset

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._head)
        await writer.drain()
        if self._reset:
            reset_when_closed(writer)
        writer.close()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: 100\r\n\r\n{",
        b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_a_status_is_not_lost_with_its_body(rest: bytes, reset: bool) -> None:
    """A wrong key would be tried again, and called a network error."""
    server = CutOff(b"HTTP/1.1 401 Unauthorized\r\nrequest-id: req_1\r\n" + rest, reset=reset)
    async with server.listening() as url:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=url, retry=shrunk_policy())
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    failure = failure_of(heard.error)
    assert failure is not None
    named = failure.kind, failure.status, failure.request_id, failure.retryable
    assert named == ("auth", 401, "req_1", False)


async def test_an_error_whose_body_does_not_come_keeps_its_status(make_llm: MakeLLM) -> None:
    """A `retry-after` that is lost with it would be answered with a storm."""

    async def overloaded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 529 Overloaded\r\nrequest-id: req_1\r\nretry-after: 60\r\n"
            b"content-type: application/json\r\ncontent-length: 500\r\n\r\n{"
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(overloaded, "127.0.0.1", 0)
    with SimulatedClaude() as claude:
        port = server.sockets[0].getsockname()[1]
        adapter = make_llm(claude, base_url=f"http://127.0.0.1:{port}")
        error, _ = await fails_always(adapter)
    server.close()

    failure = failure_of(error)
    assert failure is not None
    assert (failure.status, failure.request_id, failure.retry_after_s) == (529, "req_1", 60.0)


BOMB = partial(gzip_bomb, 2**27)
LOST: Mapping[str, tuple[str, bytes | Callable[[], bytes]]] = {
    "packed in layers": ("content-encoding: gzip, gzip", BOMB),
    "packed too often": ("content-encoding: " + "gzip, " * 9 + "gzip", BOMB),
    "not packed": ("content-encoding: gzip", b"{}"),
    "a codec that is no charset": ("content-type: application/json; charset=zlib_codec", b"{}"),
    "a codec that does not exist": ("content-type: application/json; charset=nonsense", b"{}"),
    "another charset": ("content-type: application/json; charset=utf-16", b"{}\xff"),
    "no JSON": ("content-type: application/json", b"[" * 100_000),
    "a number without end": ("content-type: application/json", b"1" * 100_000),
    "another JSON": ("content-type: application/json", b'[{"error": 1}]'),
}


@pytest.mark.parametrize("name", LOST)
async def test_a_status_is_not_lost_to_what_its_body_is(name: str) -> None:
    """`overloaded` and `malformed` are two different people's work."""
    header, made = LOST[name]
    body = made() if callable(made) else made
    head = f"HTTP/1.1 529 Overloaded\r\nrequest-id: req_1\r\n{header}\r\n"
    length = f"content-length: {len(body)}\r\n\r\n"
    failure = await failure_after((head + length).encode() + body)

    assert (failure.kind, failure.status, failure.request_id) == ("overloaded", 529, "req_1")


async def test_a_status_is_not_lost_to_the_sdk_s_error_making(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever it stumbles over in a body that nobody has thought of."""

    def broken(*arguments: object, **options: object) -> None:
        raise KeyError("no")

    monkeypatch.setattr(anthropic.AsyncAnthropic, "_make_status_error", broken)
    failure = await failure_after(b"HTTP/1.1 529 No\r\nrequest-id: r\r\ncontent-length: 0\r\n\r\n")

    assert (failure.kind, failure.status, failure.request_id) == ("overloaded", 529, "r")


@pytest.mark.parametrize("status", [204, 205, 206])
async def test_a_response_without_an_answer_is_called_by_its_status(status: int) -> None:
    """Its line said HTTP 200, or that the body was empty."""
    head = f"HTTP/1.1 {status} -\r\nrequest-id: req_1\r\ncontent-length: 0\r\n\r\n"
    failure = await failure_after(head.encode())

    assert (failure.kind, failure.status) == ("malformed", status)
    assert str(status) in failure.root_message


async def test_a_packed_stream_is_read_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 kB of it held the loop for 7.5 s."""
    sizes: list[int] = []
    feed = EventDecoder.feed

    def counted(self: EventDecoder, data: bytes) -> Any:
        sizes.append(len(data))
        return feed(self, data)

    monkeypatch.setattr(EventDecoder, "feed", counted)
    body = gzip.compress(b": a comment\n\n" * 200_000 + b"".join(PIECES))
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
        b"content-length: %d\r\n\r\n" % len(body)
    )
    async with CutOff(head + body, reset=False).listening() as url:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=url)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert (heard.text, heard.error) == ("Hi.", None)
    assert max(sizes) <= READ_BYTES
    assert sum(sizes) > 2_000_000


async def failure_after(response: bytes) -> Failure:
    """What an attempt that gets *response* fails with."""
    async with CutOff(response, reset=False).listening() as url:
        policy = shrunk_policy(max_attempts=1)
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=url, retry=policy)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
    failure = failure_of(heard.error)
    assert failure is not None
    return failure


PIECES = [piece.data for piece in wire.pieces(Answer("Hi."))]
