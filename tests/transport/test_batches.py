"""The events of responses that httpx2 or the SDK has opened."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from resilient_claude import ResilientClaudeLLM
from resilient_claude.response.sse import EventDecoder
from resilient_claude.testing.script import wire
from resilient_claude.transport.batches import PIECES_AT_ONCE, content_type
from tests.support.adapters import KEY
from tests.support.listening import GREETING, conversation, read_stream
from tests.support.serving import Serving


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("text/event-stream", "text/event-stream"),
        ("Text/Event-Stream; charset=utf-8", "text/event-stream"),
        ("text/event-stream, text/event-stream", "text/event-stream"),
        ("", ""),
    ],
)
def test_a_content_type_is_what_stands_before_its_parameters(header: str, kind: str) -> None:
    """Proxies double the header, and HTTP joins what has one name."""
    assert content_type({"content-type": header}) == kind


class Crumbs(Serving):
    """Answers in chunks of one byte each, all of them at once."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b":\n" * 5_000 + b"".join(piece.data for piece in wire.pieces(GREETING))
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        writer.write(head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        await writer.drain()
        await reader.read()


@pytest.mark.parametrize("transport", [None, anthropic.DefaultAioHttpClient])
async def test_a_flood_of_chunks_leaves_others_their_turns(
    transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpx2 hands on each chunk by itself, 11,000 of one read without a pause: half a second."""
    pieces = most = 0
    feed = EventDecoder.feed

    def counted(self: EventDecoder, data: bytes) -> Any:
        nonlocal pieces
        pieces += 1
        return feed(self, data)

    async def audio() -> None:
        nonlocal pieces, most
        while True:
            most, pieces = max(most, pieces), 0
            await asyncio.sleep(0)

    monkeypatch.setattr(EventDecoder, "feed", counted)
    async with Crumbs().listening() as url:
        http_client = None if transport is None else transport()
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=url, http_client=http_client)
        task = asyncio.create_task(audio())
        adapter = ResilientClaudeLLM(client=client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        task.cancel()
        await adapter.aclose()
        await client.close()

    assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    assert 0 < most <= 2 * PIECES_AT_ONCE
