"""One attempt: send the request, decode the events of the response, watch the phase clocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, cast

import anthropic
import httpx2

from .clocks import Clocks
from .connection import BODY, AiohttpTransport, Envelope, answered
from .failures import Phase, malformed
from .progress import current_progress
from .request import Request
from .sse import Event, EventDecoder
from .statuses import request_id_of

if TYPE_CHECKING:
    from .arguments import AnyClient

DRAIN_S = 0.05
"""How long the end of the body is awaited after `message_stop`, in seconds.

The last bytes usually come with the same packet; without reading them the connection cannot be
used again. Source: aiohttp and httpcore2, which close a connection whose body was not read whole.
"""


class Exchange:
    """One request and its response, opened by `open_exchange`.

    Attributes:
        request_id: the response's `request-id` header.
        content_type: what the response says it is, such as `text/event-stream`.
    """

    def __init__(
        self, response: httpx2.Response, read: Callable[[], Awaitable[list[Event] | None]]
    ) -> None:
        self.request_id = request_id_of(response.headers)
        self.content_type = _content_type(response)
        self.read = read
        """The events of the next read, possibly none; None at the end of the body."""

    async def drain(self) -> None:
        """Read the body to its end, if that comes at once, so that the connection can be kept."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while await self.read() is not None:
                    pass
        except Exception:  # noqa: BLE001 - the answer is whole; its connection may do what it likes
            return


async def open_exchange(
    client: AnyClient, request: Request, clocks: Clocks, stack: AsyncExitStack
) -> Exchange:
    """Send *request* and return once the response's headers are there.

    Args:
        client: the SDK's client; its own retries are switched off for this request.
        request: what to send.
        clocks: watches the attempt; told how far it has come.
        stack: closes the response.

    Raises:
        anthropic.APIStatusError: the response has an error status.
        anthropic.APIConnectionError: there is no response.
        StreamFault: the response is not an event stream.
    """
    token = current_progress.set(clocks)
    try:
        response, stream = await _send(client, request, connect_s=clocks.connect_s)
    finally:
        current_progress.reset(token)
    stack.push_async_callback(response.aclose)
    clocks.enter(Phase.FIRST_TOKEN)
    return Exchange(response, await _reader(response, stream, stack))


async def _send(
    client: AnyClient, request: Request, *, connect_s: float
) -> tuple[httpx2.Response, anthropic.AsyncStream[object] | None]:
    """Send *request* through the SDK, or past it once it is known what the SDK makes of it.

    Around the body, the SDK puts the same headers in every turn, and building them costs time. What
    an error status means is left to the SDK all the same.
    """
    transport = _transport_of(client)
    if not isinstance(transport, AiohttpTransport) or type(client) is not anthropic.AsyncAnthropic:
        stream = await _post(client, request, connect_s=connect_s)
        return stream.response, stream
    envelope = transport.envelopes.get(client, {}).get(_depends_on(client, request))
    response = None
    if envelope is not None:
        response = await transport.send(envelope, request.content())
        if response.is_success:
            return response, None
    stream = await _learn(client, request, transport, connect_s=connect_s, answer=response)
    return stream.response, stream


async def rehearse(client: AnyClient, request: Request, *, connect_s: float) -> None:
    """Learn what the SDK puts around *request*, without sending it.

    The first turn then goes past the SDK too, whose code is slow the first time that it runs.
    """
    transport = _transport_of(client)
    if isinstance(transport, AiohttpTransport) and type(client) is anthropic.AsyncAnthropic:
        headers = {"content-type": "text/event-stream"}
        answer = httpx2.Response(200, headers=headers, content=b"")
        stream = await _learn(client, request, transport, connect_s=connect_s, answer=answer)
        await stream.close()


async def _learn(
    client: anthropic.AsyncAnthropic,
    request: Request,
    transport: AiohttpTransport,
    *,
    connect_s: float,
    answer: httpx2.Response | None,
) -> anthropic.AsyncStream[object]:
    """Send *request* through the SDK, or hand it the *answer* that has come; keep the envelope."""
    key = _depends_on(client, request)
    token = answered.set(answer)
    try:
        stream = await _post(client, request, connect_s=connect_s)
    finally:
        answered.reset(token)
    envelopes = transport.envelopes.setdefault(client, {})
    if len(envelopes) >= _ENVELOPES:
        envelopes.clear()
    envelopes[key] = Envelope.of(stream.response.request)
    return stream


def _depends_on(client: anthropic.AsyncAnthropic, request: Request) -> Hashable:
    """All that the envelope of *request* depends on."""
    credentials = (client.api_key, client.auth_token)
    return (*credentials, client.base_url, repr(request.headers), repr(request.query))


_ENVELOPES = 64
"""How many envelopes of a client are kept: more come only of keys and headers that rotate."""


async def _post(
    client: AnyClient, request: Request, *, connect_s: float
) -> anthropic.AsyncStream[object]:
    return await client.post(
        "/v1/messages",
        cast_to=object,
        stream=True,
        stream_cls=anthropic.AsyncStream[object],
        **_body(client, request),
        options=cast(Any, _options(request, connect_s=connect_s)),
    )


async def fresh_connections(client: AnyClient) -> None:
    """After a transport failure: no later request uses a connection that was open before.

    A client that the application made keeps its own pool; its idle connections are closed, as far
    as they can be reached: those of httpx2's own transport and of the SDK's aiohttp one.
    """
    transport = _transport_of(client)
    if isinstance(transport, AiohttpTransport):
        await transport.retire_connections()
        return
    connector = getattr(getattr(transport, "client", None), "connector", None)
    # Private to aiohttp, whose `close()` would end connections in use; absent: nothing to close.
    for idle in getattr(connector, "_conns", {}).values():
        while idle:
            idle.pop()[0].close()
    pool = getattr(transport, "_pool", None)  # private to httpx2; absent: nothing to close
    for connection in list(getattr(pool, "connections", ())):
        if connection.is_idle():
            await connection.aclose()


def is_observed(client: AnyClient) -> bool:
    """Whether the client's transport is ours, which reports the phases of a connection."""
    return isinstance(_transport_of(client), AiohttpTransport)


def _transport_of(client: AnyClient) -> object:
    # Private to the SDK and to httpx2, which have no public way to it; absent: not ours.
    return getattr(getattr(client, "_client", None), "_transport", None)


def _body(client: AnyClient, request: Request) -> dict[str, Any]:
    """The request's body: ready-made bytes, or a dict for the clients that rewrite it.

    Bedrock, Vertex and the other platforms move the model into the URL, so they need the dict.
    """
    if type(client) is anthropic.AsyncAnthropic:
        return {"content": request.content()}
    return {"body": request.body}


def _options(request: Request, *, connect_s: float) -> dict[str, Any]:
    # `identity`: a compressed stream arrives in larger, later pieces and costs CPU to unpack.
    return {
        "headers": {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **request.headers,
        },
        "params": dict(request.query),
        "max_retries": 0,
        # For clients with a transport of their own; ours has no timeouts, the clocks watch it.
        "timeout": httpx2.Timeout(None, connect=connect_s),
    }


async def _reader(
    response: httpx2.Response,
    stream: anthropic.AsyncStream[object] | None,
    stack: AsyncExitStack,
) -> Callable[[], Awaitable[list[Event] | None]]:
    """What reads the events of *response*, each time all that have come."""
    body = response.extensions.get(BODY)
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    if body is None or encoded or _content_type(response) != "text/event-stream":
        batches = await stack.enter_async_context(aclosing(_batches(response, stream)))
        return lambda: anext(batches, None)

    decoder = EventDecoder()
    ended = False

    async def read() -> list[Event] | None:
        nonlocal ended
        if ended:
            return None
        data = await body.read()
        if data:
            return decoder.feed(data)
        ended = True
        return decoder.finish() or None

    return read


async def _batches(
    response: httpx2.Response, stream: anthropic.AsyncStream[object] | None
) -> AsyncGenerator[list[Event], None]:
    """The events of any response, through httpx2 or, where it knows better, the SDK."""
    kind = _content_type(response)
    if kind == "application/vnd.amazon.eventstream" and stream is not None:
        async for event in stream:  # Bedrock's binary framing, which the SDK decodes
            yield [cast(Event, event)]
        return
    if kind not in ("text/event-stream", ""):
        raise malformed(
            f"HTTP {response.status_code} with content type {kind[:100]}, not an event stream"
        )
    decoder = EventDecoder()
    async with aclosing(response.aiter_bytes()) as source:
        async for data in source:
            yield decoder.feed(data)
    if last := decoder.finish():
        yield last


def _content_type(response: httpx2.Response) -> str:
    content_type: str = response.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower()
