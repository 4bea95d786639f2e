"""One exchange over transports that are not ours: their pools, and their way to the last byte."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

import anthropic
import pytest
from livekit.agents import APIError

from resilient_claude import ResilientClaudeLLM, Timeouts, TurnEnded, failure_of
from resilient_claude.response.sse import EventDecoder
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.script import wire
from resilient_claude.transport.exchange import PIECES_AT_ONCE
from tests.support.adapters import KEY, SHORT_S, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import GREETING, conversation, fails_always, read_stream
from tests.support.serving import Serving

TRANSPORTS: dict[str, Any] = {
    "httpx2": lambda: None,
    "the SDK's aiohttp": anthropic.DefaultAioHttpClient,
}


def client_for(claude: SimulatedClaude, name: str) -> anthropic.AsyncAnthropic:
    """A client that the application made, on the transport *name*."""
    http_client = TRANSPORTS[name]()
    return anthropic.AsyncAnthropic(
        api_key=KEY, base_url=claude.base_url, http_client=http_client, max_retries=5
    )


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_after_a_transport_failure_no_pooled_connection_is_used(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """A pool that went dark would otherwise swallow one attempt per connection in it."""
    with SimulatedClaude(default=Answer("Hello there.", piece_s=0.02)) as claude:
        client = client_for(claude, name)
        adapter = make_llm(claude, client=client, timeout=Timeouts(first_token_s=SHORT_S))
        await asyncio.gather(
            *[read_stream(adapter.chat(chat_ctx=conversation())) for _ in range(4)]
        )
        assert claude.open_connections == 4

        claude.go_dark()
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await client.close()

        assert (heard.text, heard.error) == ("Hello there.", None)
        assert claude.connections == 5
    assert len(lines.named("claude.attempt_failed")) == 1


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_a_healthy_connection_is_used_again(name: str, make_llm: MakeLLM) -> None:
    """The body is read to its end, without which no pool takes the connection back."""
    with SimulatedClaude(default=Answer("Hello there.")) as claude:
        client = client_for(claude, name)
        adapter = make_llm(claude, client=client)
        for _ in range(3):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await client.close()

        assert [request.connection for request in claude.requests] == [1, 1, 1]


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_a_last_event_without_its_blank_line_counts(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """Some streams end with `message_stop` and one line end; the answer is whole."""
    *pieces, stop = [piece.data for piece in wire.pieces(Answer("Hello there."))]
    bare = Answer(events=[*pieces, stop.removesuffix(b"\n")])
    with SimulatedClaude(bare) as claude:
        client = client_for(claude, name)
        adapter = make_llm(claude, client=client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await client.close()

    assert (heard.text, heard.error) == ("Hello there.", None)
    assert lines.events == []


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


@pytest.mark.parametrize("name", TRANSPORTS)
async def test_a_flood_of_chunks_leaves_others_their_turns(
    name: str, monkeypatch: pytest.MonkeyPatch
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
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=url, http_client=TRANSPORTS[name]())
        task = asyncio.create_task(audio())
        adapter = ResilientClaudeLLM(client=client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        task.cancel()
        await adapter.aclose()
        await client.close()

    assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    assert 0 < most <= 2 * PIECES_AT_ONCE


class Odd(anthropic.AsyncAnthropic):
    """A client of the SDK's whose requests end in what the SDK never raises."""

    def __init__(self) -> None:
        super().__init__(api_key=KEY, base_url="http://127.0.0.1:1")

    async def post(self, *arguments: Any, **options: Any) -> Any:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")


async def test_a_client_of_somebody_s_own_fails_with_a_name(lines: Lines) -> None:
    """Whatever it lacks: an error of livekit's, one line per attempt, and an end that is told."""
    client = Odd()
    adapter = ResilientClaudeLLM(client=client, retry=shrunk_policy(max_attempts=2))
    ended: list[TurnEnded] = []
    adapter.on("claude_turn_ended", ended.append)

    heard = await read_stream(adapter.chat(chat_ctx=conversation()))

    assert isinstance(heard.error, APIError)
    assert [line["kind"] for line in lines.named("claude.attempt_failed")] == ["connect"] * 2
    assert [end.failure for end in ended] == [failure_of(heard.error)]


async def test_a_mistake_below_the_sdk_is_a_bug(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK wraps whatever it meets in a connection error; its cause tells the truth."""

    def broken(*arguments: object) -> None:
        raise KeyError("my card number")

    monkeypatch.setattr("resilient_claude.transport.pool.Connector", broken)
    with SimulatedClaude(GREETING) as claude:
        error, root = await fails_always(make_llm(claude))

    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.root_type) == ("bug", "KeyError")
    assert "card" not in str(root)
