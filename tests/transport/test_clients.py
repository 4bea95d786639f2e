"""`client=`: the SDK's other clients, whose requests, responses and transports are not ours.

Over real sockets, because what differs between them is on the wire: the platforms move the model
into the URL and sign the request, Bedrock frames its events in a binary format, and the transports
keep connections of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import pytest
from livekit.agents import APIStatusError

from resilient_claude import ResilientClaudeLLM, failure_of
from resilient_claude.testing import Answer, ToolUse
from resilient_claude.testing.script import frames, wire
from resilient_claude.testing.serving import http1
from resilient_claude.testing.serving.http1 import RecordedRequest
from tests.support.adapters import KEY, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import Heard, conversation, read_stream
from tests.support.serving import Serving, reset_when_closed

MODEL = "claude-sonnet-4-6"
BOOKING = Answer("One moment, please.", tools=[ToolUse("book", {"guests": 4}, id="toolu_1")])
RESET = b""
"""In place of a response: the connection is reset once the request was read."""
OVERLOADED = http1.head(529, {"content-length": "0"})


class Endpoint(Serving):
    """A server that answers each request with the next of *responses*, and then with the last.

    Attributes:
        requests: what was received, in order.
    """

    def __init__(self, *responses: bytes) -> None:
        super().__init__()
        self.requests: list[RecordedRequest] = []
        self._responses = list(responses)
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer request after request."""
        self._connections += 1
        ordinal = self._connections
        while await self._exchange(reader, writer, ordinal):
            pass

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ordinal: int
    ) -> bool:
        """Serve one request; whether there may be another."""
        head = await http1.read_head(reader)
        if head is None:
            return False
        body = await http1.read_body(reader, head.headers)
        self.requests.append(http1.record(head, body, connection=ordinal, at_s=0.0))
        response = self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]
        if response == RESET:
            reset_when_closed(writer)
            return False
        writer.write(response)
        await writer.drain()
        return True


# --- what the platforms answer ------------------------------------------------------------------


def sse(answer: Answer) -> bytes:
    """*answer* as Anthropic and Vertex stream it."""
    return response("text/event-stream", *(piece.data for piece in wire.pieces(answer)))


def eventstream(answer: Answer) -> bytes:
    """*answer* as Bedrock streams it."""
    return response(frames.CONTENT_TYPE, *bedrock_events(answer))


def bedrock_events(answer: Answer) -> list[bytes]:
    """The events of *answer*, each in a frame."""
    return [piece.data for piece in wire.pieces(answer, model=MODEL, framed=frames.event)]


def response(content_type: str, *chunks: bytes) -> bytes:
    """A whole response under HTTP 200."""
    head = http1.head(
        200,
        {"content-type": content_type, "transfer-encoding": "chunked", "request-id": "req_1"},
    )
    return head + b"".join(map(http1.chunk, chunks)) + http1.TERMINATOR


# --- the clients --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Client:
    """One of the SDK's clients, with retries of its own that must not happen.

    Attributes:
        make: makes it for a base URL.
        respond: an answer as its platform streams it.
        path: where it asks for a streamed message of `MODEL`.
        credential: how the header begins that it proves itself with.
        names_model: whether the body names the model, as the Messages API wants it.
    """

    make: Callable[[str], Any]
    respond: Callable[[Answer], bytes]
    path: str
    credential: str
    names_model: bool = False


def _bedrock(url: str, **credentials: Any) -> Any:
    return anthropic.AsyncAnthropicBedrock(
        base_url=url, aws_region="eu-central-1", max_retries=5, **credentials
    )


def _vertex(url: str) -> Any:
    return anthropic.AsyncAnthropicVertex(
        base_url=url, region="eu", project_id="tables", access_token="ya29.test", max_retries=5
    )


def _anthropic(url: str, **arguments: Any) -> Any:
    return anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=5, **arguments)


ON_BEDROCK = f"/model/{MODEL}/invoke-with-response-stream"
ON_VERTEX = f"/projects/tables/locations/eu/publishers/anthropic/models/{MODEL}:streamRawPredict"
CLIENTS = {
    "bedrock, signed": Client(
        lambda url: _bedrock(url, aws_access_key="AKIATEST", aws_secret_key="test"),
        eventstream,
        ON_BEDROCK,
        "AWS4-HMAC-SHA256 Credential=AKIATEST/",
    ),
    "bedrock, with a token": Client(
        lambda url: _bedrock(url, api_key="bedrock-test"),
        eventstream,
        ON_BEDROCK,
        "Bearer bedrock-test",
    ),
    "vertex": Client(_vertex, sse, ON_VERTEX, "Bearer ya29.test"),
    "httpx2": Client(_anthropic, sse, "/v1/messages", KEY, names_model=True),
    "the SDK's aiohttp": Client(
        lambda url: _anthropic(url, http_client=anthropic.DefaultAioHttpClient()),
        sse,
        "/v1/messages",
        KEY,
        names_model=True,
    ),
}


@asynccontextmanager
async def adapter_with(client: Any, **policy: Any) -> AsyncIterator[ResilientClaudeLLM]:
    """An adapter with short waits; at the end both it and *client* are closed."""
    adapter = ResilientClaudeLLM(
        model=MODEL,
        client=client,
        retry=shrunk_policy(max_attempts=3, **policy),
    )
    try:
        yield adapter
    finally:
        await adapter.aclose()
        await client.close()


async def heard_with(client: Client, endpoint: Endpoint, **policy: Any) -> Heard:
    """One turn with *client* at *endpoint*."""
    async with endpoint.listening() as url, adapter_with(client.make(url), **policy) as adapter:
        return await read_stream(adapter.chat(chat_ctx=conversation()))


def sent_credential(request: RecordedRequest) -> str:
    """The SDK's first major sends a key as `x-api-key`, the second as a bearer token."""
    sent = request.headers.get("x-api-key") or request.headers["authorization"]
    return sent.removeprefix("Bearer ") if KEY in sent else sent


@pytest.mark.parametrize("name", CLIENTS)
async def test_an_answer_arrives_whole(name: str) -> None:
    """Text and tool call, from the platform's own address, with its own credentials."""
    client = CLIENTS[name]
    endpoint = Endpoint(client.respond(BOOKING))

    heard = await heard_with(client, endpoint)

    assert (heard.text, heard.error) == ("One moment, please.", None)
    assert [(call.name, call.arguments) for call in heard.calls] == [("book", '{"guests": 4}')]
    (request,) = endpoint.requests
    assert (request.method, request.path) == ("POST", client.path)
    assert sent_credential(request).startswith(client.credential)
    assert request.body.get("model") == (MODEL if client.names_model else None)
    assert request.body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello?"}]}
    ]


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_reset_on_the_first_attempt_is_not_heard(name: str, lines: Lines) -> None:
    """With one line that says so, and the same request made anew on a new connection."""
    client = CLIENTS[name]
    endpoint = Endpoint(RESET, client.respond(BOOKING))

    heard = await heard_with(client, endpoint)

    assert (heard.text, len(heard.calls), heard.error) == ("One moment, please.", 1, None)
    first, second = endpoint.requests
    assert (first.path, first.body) == (second.path, second.body)
    assert first.connection != second.connection
    (line,) = lines.named("claude.attempt_failed")
    assert (line["attempt"], line["kind"]) == (1, "reset")
    assert line["root_type"] == "ConnectionResetError"


@pytest.mark.parametrize("name", CLIENTS)
async def test_a_reset_before_an_answer_is_anybody_s(name: str, lines: Lines) -> None:
    """Transports that do not report their phases leave it to the exception to tell how far."""
    client = CLIENTS[name]

    await heard_with(client, Endpoint(RESET, client.respond(BOOKING)))

    (line,) = lines.named("claude.attempt_failed")
    assert (line["origin"], line["phase"]) == ("unknown", "response")


@pytest.mark.parametrize("name", CLIENTS)
async def test_the_number_of_requests_is_the_policy_s(name: str, lines: Lines) -> None:
    """Retries that were set on the client would multiply with ours, and hide failures from us."""
    endpoint = Endpoint(OVERLOADED)

    heard = await heard_with(CLIENTS[name], endpoint)

    assert len(endpoint.requests) == 3
    assert isinstance(heard.error, APIStatusError)
    assert heard.error.status_code == 529
    assert [line["attempt"] for line in lines.named("claude.attempt_failed")] == [1, 2, 3]


@pytest.mark.parametrize("name", CLIENTS)
async def test_closing_the_adapter_leaves_the_client_open(name: str) -> None:
    """It is the application's, and may serve other calls."""
    client = CLIENTS[name]
    endpoint = Endpoint(client.respond(BOOKING))
    async with endpoint.listening() as url, adapter_with(client.make(url)) as first:
        await read_stream(first.chat(chat_ctx=conversation()))

        await first.aclose()

        assert not first.client.is_closed()
        second = ResilientClaudeLLM(model=MODEL, client=first.client)
        heard = await read_stream(second.chat(chat_ctx=conversation()))
        await second.aclose()
        assert (heard.text, heard.error) == ("One moment, please.", None)


@pytest.mark.parametrize("name", CLIENTS)
async def test_prewarming_never_fails_a_call(name: str) -> None:
    """Most platforms have no list of models to open a connection with."""
    client = CLIENTS[name]
    endpoint = Endpoint(client.respond(BOOKING))
    async with endpoint.listening() as url, adapter_with(client.make(url)) as adapter:
        adapter.prewarm()
        assert adapter._prewarm_task is not None
        await asyncio.wait([adapter._prewarm_task])

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))

    assert heard.error is None
    assert endpoint.requests[-1].path == client.path


# --- Bedrock's frames ---------------------------------------------------------------------------


BEDROCK = CLIENTS["bedrock, with a token"]


async def test_an_exception_of_bedrock_before_output_is_not_heard(lines: Lines) -> None:
    """It comes under HTTP 200, in a frame of its own; only its name tells what happened."""
    start, *_ = bedrock_events(BOOKING)
    failing = response(
        frames.CONTENT_TYPE, start, frames.exception("internalServerException", "Try again.")
    )
    endpoint = Endpoint(failing, eventstream(BOOKING))

    heard = await heard_with(BEDROCK, endpoint)

    assert (heard.text, len(heard.calls), heard.error) == ("One moment, please.", 1, None)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"], line["status"]) == ("server", "remote", 200)
    assert line["error_type"] == "internalServerException"


async def test_frames_that_stop_short_are_no_answer(lines: Lines) -> None:
    """botocore forgets half a frame at the end of the body without a word."""
    start, block, *_ = bedrock_events(BOOKING)
    endpoint = Endpoint(response(frames.CONTENT_TYPE, start, block[:20]), eventstream(BOOKING))

    heard = await heard_with(BEDROCK, endpoint)

    assert (heard.text, len(heard.calls), heard.error) == ("One moment, please.", 1, None)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"]) == ("truncated", "remote")


async def test_a_broken_frame_after_text_ends_the_turn_once(lines: Lines) -> None:
    """What was heard stays heard, and is not said again, where it is not to be resumed."""
    events = bedrock_events(Answer("One two three."))
    failing = response(
        frames.CONTENT_TYPE, *events[:5], frames.exception("modelStreamErrorException", "?")
    )
    endpoint = Endpoint(failing, eventstream(BOOKING))

    heard = await heard_with(BEDROCK, endpoint, on_interruption="raise")

    assert len(endpoint.requests) == 1
    assert heard.text == "One two "
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.error_type == "modelStreamErrorException"
    (line,) = lines.named("claude.call_interrupted")
    assert line["text_chars"] == 8


async def test_a_frame_whose_checksum_is_wrong_is_malformed(lines: Lines) -> None:
    """Bytes that broke on the way are no mistake in code; the next attempt gets others."""
    start, block, *_ = bedrock_events(BOOKING)
    damaged = block[:-1] + bytes([block[-1] ^ 1])
    endpoint = Endpoint(response(frames.CONTENT_TYPE, start, damaged), eventstream(BOOKING))

    heard = await heard_with(BEDROCK, endpoint)

    assert (heard.text, heard.error) == ("One moment, please.", None)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["root_type"]) == ("malformed", "ChecksumMismatch")


@pytest.mark.parametrize(
    ("name", "kind", "requests"),
    [("throttlingException", "rate_limited", 2), ("validationException", "rejected", 1)],
)
async def test_exceptions_of_bedrock_are_named_for_what_they_are(
    name: str, kind: str, requests: int, lines: Lines
) -> None:
    """A limit asks for a longer wait; a request that is wrong stays so when sent again."""
    endpoint = Endpoint(
        response(frames.CONTENT_TYPE, frames.exception(name, "?")), eventstream(BOOKING)
    )

    await heard_with(BEDROCK, endpoint)

    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], len(endpoint.requests)) == (kind, requests)


async def test_the_request_id_of_bedrock_is_in_the_line(lines: Lines) -> None:
    """AWS's support asks for it, and it proves whose side the answer came from."""
    headers = {"content-length": "0", "x-amzn-requestid": "5a1c-test"}
    endpoint = Endpoint(http1.head(503, headers), eventstream(BOOKING))

    await heard_with(BEDROCK, endpoint)

    (line,) = lines.named("claude.attempt_failed")
    assert (line["request_id"], line["origin"]) == ("5a1c-test", "remote")
