"""The body of a response: what it is cut off from is not lost with it."""

from __future__ import annotations

import asyncio

import pytest

from resilient_claude import ResilientClaudeLLM, failure_of
from resilient_claude.testing import SimulatedClaude
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.listening import conversation, fails_always, read_stream
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
