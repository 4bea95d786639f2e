"""One exchange over transports that are not ours: their pools, and their way to the last byte."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
from typing import Any

import anthropic
import pytest
from livekit.agents import APIError

from resilient_claude import ResilientClaudeLLM, Timeouts, TurnEnded, failure_of
from resilient_claude.response.document import WHOLE_MESSAGE
from resilient_claude.testing import Answer, Raw, SimulatedClaude
from resilient_claude.testing.script import wire
from resilient_claude.testing.serving import http1
from resilient_claude.transport.httpx2_internals import decoder_for
from tests.support.adapters import KEY, SHORT_S, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import GREETING, conversation, fails_always, read_stream
from tests.support.packing import BOMBS, STORED
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
    together = [Answer("One two three.", piece_s=0.2)] * 4  # none ends before all are asked
    with SimulatedClaude(*together, default=Answer("Hello there.")) as claude:
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


# --- JSON where a stream should be ----------------------------------------------------------------

JSON = "application/json"
SAYING = {
    "error": (Raw(b'{"error":{"type":"overloaded_error"}}', content_type=JSON), "overloaded"),
    "string": (Raw(b'{"error":"Overloaded"}', content_type=JSON), "overloaded"),
    "detail": (Raw(b'{"detail":"Bad API key"}', content_type=f"{JSON}; charset=utf-8"), "auth"),
    "problem": (Raw(b'{"title":"Forbidden"}', content_type="application/problem+json"), "auth"),
    "message": (Raw(b'{"message":"Too many requests"}', content_type=JSON), "rate_limited"),
    "called a stream": (Raw(b'{"detail":"Invalid API key"}', content_type="text/plain"), "auth"),
    "packed": (
        Raw(
            gzip.compress(b'{"error":"Overloaded"}'),
            content_type=JSON,
            headers={"content-encoding": "gzip"},
        ),
        "overloaded",
    ),
    "unknown words": (Raw(b'{"error":"Mercury is in retrograde"}', content_type=JSON), "malformed"),
    "a packed flood": (
        Raw(
            gzip.compress(b'{"error":"Overloaded' + b" " * 50_000_000 + b'"}', compresslevel=1),
            content_type=JSON,
            headers={"content-encoding": "gzip"},
        ),
        "malformed",
    ),
}


@pytest.mark.parametrize("of", ["ours", *TRANSPORTS])
@pytest.mark.parametrize("name", SAYING)
async def test_an_error_as_json_under_200_is_named(
    name: str, of: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """Only its words tell what happened; a wrong key is not asked about again."""
    step, kind = SAYING[name]
    with SimulatedClaude(default=step) as claude:
        client = {} if of == "ours" else {"client": client_for(claude, of)}
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=2), **client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await adapter.client.close()

        failure = failure_of(heard.error)
        assert failure is not None
        assert (failure.kind, failure.status, failure.origin) == (kind, 200, "unknown")
        assert len(claude.requests) == (1 if kind == "auth" else 2)


async def test_a_message_as_json_says_who_ignores_what(make_llm: MakeLLM) -> None:
    """Heard only when all of it is written, it would be a silence in every turn, and no line."""
    message = {"type": "message", "content": [{"type": "text", "text": "Hello."}]}
    whole = Raw(json.dumps(message).encode(), content_type=JSON)
    with SimulatedClaude(default=whole) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    failure = failure_of(heard.error)
    assert failure is not None
    assert (heard.text, failure.kind, failure.root_message) == ("", "malformed", WHOLE_MESSAGE)


class Dripping(Serving):
    """Says that it sends JSON, and sends it without end."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await http1.read_head(reader)
            writer.write(http1.head(200, {"content-type": JSON, "transfer-encoding": "chunked"}))
            while True:
                writer.write(http1.chunk(b"{ "))
                await asyncio.sleep(0.01)


async def test_a_document_without_end_is_not_waited_for() -> None:
    """The type of the content alone tells that it is no answer."""
    async with Dripping().listening() as url:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=url, retry=shrunk_policy(max_attempts=1))
        async with asyncio.timeout(5):
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind == "malformed"


@pytest.mark.parametrize("of", ["ours", *TRANSPORTS])
@pytest.mark.parametrize("encoding", STORED)
async def test_a_stream_that_is_packed_all_the_same_is_read_or_refused(
    encoding: str, of: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """Identity was asked for; whether its decoder is there depends on what else is installed."""
    there = decoder_for(encoding) is not None
    plain = b"".join(piece.data for piece in wire.pieces(Answer("Hello there.")))
    packed = Raw(
        STORED[encoding](plain),
        content_type="text/event-stream",
        headers={"content-encoding": encoding},
    )
    with SimulatedClaude(default=packed) as claude:
        client = {} if of == "ours" else {"client": client_for(claude, of)}
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1), **client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await adapter.client.close()

    failure = failure_of(heard.error) if heard.error else None
    told = None if failure is None else (failure.kind, failure.root_message)
    refused = "malformed", f"the body is packed ({encoding}), and identity was asked for"
    assert heard.text == ("Hello there." if there else "")
    assert told == (None if there else refused)


@pytest.mark.parametrize("encoding", STORED)
async def test_a_packed_error_keeps_its_status(encoding: str, make_llm: MakeLLM) -> None:
    """Its words are told where they can be read, and bombs cost nothing."""
    there = decoder_for(encoding) is not None
    body = STORED[encoding](b'{"error":{"type":"overloaded_error","message":"Too much."}}')
    headers = {"content-encoding": encoding}
    steps = [
        Raw(data, status=529, content_type=JSON, headers=headers)
        for data in (body, BOMBS[encoding])
    ]
    with SimulatedClaude(*steps) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        heard = [await read_stream(adapter.chat(chat_ctx=conversation())) for _ in steps]
        await adapter.aclose()

    failures = [failure_of(each.error) for each in heard if each.error]
    unread = "HTTP 529 without an API error in its body"
    assert [(f.kind, f.status, f.root_message) for f in failures if f] == [
        ("overloaded", 529, "Too much." if there else unread),
        ("overloaded", 529, unread),
    ]
