"""One request and its response: sent past the SDK or through it, read event by event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from typing import TYPE_CHECKING, cast

import anthropic
import yarl

from resilient_claude.failures.evidence import Evidence, excerpt
from resilient_claude.failures.failure import Phase
from resilient_claude.failures.faults import malformed
from resilient_claude.failures.statuses import request_id_of
from resilient_claude.request.request import Request
from resilient_claude.response.sse import STEP_BYTES, Event, EventDecoder

from .batches import content_type, event_batches
from .body import ResponseBody
from .current_evidence import current_evidence
from .pool import AiohttpTransport
from .sdk import learn_envelope, post, raise_status_error
from .unpack import decoders_of

if TYPE_CHECKING:
    from .sdk import AnyClient

DRAIN_S = 0.05
"""How long the end of the body is awaited after `message_stop`, in seconds.

The last bytes usually come with the same packet; without reading them the connection cannot be
used again. Source: aiohttp and httpcore2, which close a connection whose body was not read whole.
"""

Read = Callable[[], Awaitable[list[Event] | None]]
"""The events of the next read, or of a bounded part of it, possibly none; None at the end."""


class Exchange:
    """One request and its response, opened by `open_exchange`.

    Attributes:
        content_type: what the response says it is, such as `text/event-stream`.
        is_framed: whether the response says where its body ends. If it does, an end that comes too
            early is raised by `read`; if not, the end of the connection is all that tells of it.
        read: reads on.
    """

    def __init__(self, headers: Mapping[str, str], read: Read) -> None:
        self.content_type = content_type(headers)
        self.is_framed = is_framed(headers)
        self.read = read

    async def drain(self) -> None:
        """Read the body to its end, if that comes at once, so that the connection can be kept."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while await self.read() is not None:
                    pass
        except Exception:  # noqa: BLE001 - the answer is whole; its connection may do what it likes
            return


async def open_exchange(
    client: AnyClient,
    transport: AiohttpTransport | None,
    request: Request,
    evidence: Evidence,
    stack: AsyncExitStack,
    *,
    connect_s: float,
) -> Exchange:
    """Send *request* and return once the response's headers are there.

    Args:
        client: the SDK's client; its own retries are switched off for this request.
        transport: our sockets below it; None below a client of the application's.
        request: what to send.
        evidence: told how far it has come.
        stack: closes the response.
        connect_s: the clock for connecting, for clients with a transport of their own, seconds.

    Raises:
        anthropic.APIStatusError: the response has an error status.
        anthropic.APIConnectionError: there is no response to a client of the application.
        Fault: the response has a status that no answer has.
        aiohttp.ClientError: there is no response to one of ours.
    """
    token = current_evidence.set(evidence)
    try:
        if transport is None:
            stream = await post(client, request, connect_s=connect_s)
            stack.push_async_callback(stream.response.aclose)
            _note(evidence, stream.response.status_code, stream.response.headers)
            _check_status(stream.response.status_code)
            exchange = await _through_sdk(stream, stack)
        else:
            sdk_client = cast(anthropic.AsyncAnthropic, client)
            body = await _send(sdk_client, request, transport, evidence, stack)
            exchange = await _past_sdk(body, stack)
    except anthropic.APIStatusError as exc:
        _note(evidence, exc.status_code, exc.response.headers)
        raise
    finally:
        current_evidence.reset(token)
    evidence.enter(Phase.FIRST_TOKEN)
    return exchange


async def rehearse(client: AnyClient, transport: AiohttpTransport | None, request: Request) -> None:
    """Learn what the SDK puts around *request*, so that the first turn need not; send nothing."""
    envelope = await learn_envelope(client, request)
    if transport is not None:
        transport.envelopes.keep(cast(anthropic.AsyncAnthropic, client), request, envelope)


def _note(evidence: Evidence, status: int, headers: Mapping[str, str]) -> None:
    """Write down what a response that has come tells of where it comes from."""
    evidence.status = status
    evidence.request_id = request_id_of(headers)
    if evidence.request_id is not None:
        return
    evidence.server = excerpt(headers.get("server"))
    evidence.via = excerpt(headers.get("via"))
    with suppress(ValueError):
        evidence.location = excerpt(yarl.URL(headers.get("location", "")).host)


def _check_status(status: int) -> None:
    """Check that a response that was no error may be an answer.

    Raises:
        Fault: it has no body, or a part of one that nobody asked for.
    """
    if status in (204, 205, 206):
        raise malformed(f"HTTP {status}, which holds no answer")


# --- past the SDK ---------------------------------------------------------------------------------


async def _send(
    client: anthropic.AsyncAnthropic,
    request: Request,
    transport: AiohttpTransport,
    evidence: Evidence,
    stack: AsyncExitStack,
) -> ResponseBody:
    """Send *request* as the SDK would, but without it.

    Raises:
        Fault: the response has a status that no answer has.
        anthropic.APIStatusError: the response has an error status.
        aiohttp.ClientError: there is no response.
    """
    envelope = transport.envelopes.find(client, request)
    if envelope is None:
        envelope = transport.envelopes.keep(client, request, await learn_envelope(client, request))
    body = await transport.send(envelope, request.content())
    stack.push_async_callback(body.aclose)
    _note(evidence, body.status, body.headers)
    if not body.is_success:
        response = body.response()
        await response.aread()
        await raise_status_error(client, request, response)
    _check_status(body.status)
    return body


async def _past_sdk(body: ResponseBody, stack: AsyncExitStack) -> Exchange:
    if body.packed or content_type(body.headers) != "text/event-stream":
        batches = await stack.enter_async_context(aclosing(event_batches(body.response())))
        return Exchange(body.headers, lambda: anext(batches, None))

    decoder = EventDecoder()
    ended = False
    steps: Iterator[list[Event]] | None = None

    async def read() -> list[Event] | None:
        nonlocal ended, steps
        if ended:
            return None
        if steps is not None:
            await asyncio.sleep(0)  # the rest of a long read: others get their turn first
            if (events := next(steps, None)) is not None:
                return events
            steps = None
        data = await body.read()
        if len(data) > STEP_BYTES:
            steps = decoder.steps(data)
            return next(steps)
        if data:
            return decoder.feed(data)
        ended = True
        return decoder.finish() or None

    return Exchange(body.headers, read)


# --- through the SDK ------------------------------------------------------------------------------


async def _through_sdk(stream: anthropic.AsyncStream[object], stack: AsyncExitStack) -> Exchange:
    """What the SDK has opened.

    Raises:
        Fault: its body is packed in a way that nobody here can unpack.
    """
    response = stream.response
    # httpx2 reads on where it has no decoder, as if nothing were packed.
    decoders_of(response.headers.get("content-encoding", ""))
    batches = await stack.enter_async_context(aclosing(event_batches(response, stream)))
    return Exchange(response.headers, lambda: anext(batches, None))


def is_framed(headers: Mapping[str, str]) -> bool:
    """Whether a response with these *headers* says where its body ends."""
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    return chunked or "content-length" in headers
