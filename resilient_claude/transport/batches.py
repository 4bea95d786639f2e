"""The events of a response that httpx2 or the SDK has opened, in batches of one read each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, TypeVar, cast

import aiohttp
import httpx2

from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.response.document import DOCUMENT_BYTES, is_json, read_document
from resilient_claude.response.sse import Event, EventDecoder

from .body import ERROR_BODY_S

if TYPE_CHECKING:
    import anthropic

_T = TypeVar("_T")

STREAM_TYPES = frozenset(
    {
        "text/event-stream",
        "text/plain",
        "application/octet-stream",
        "binary/octet-stream",
        "application/x-ndjson",
        "application/ndjson",
        "",
    }
)
"""What gateways call an event stream; a response of any other type is not read as one."""


def content_type(headers: Mapping[str, str]) -> str:
    """What a response says that it is: in lower case, without parameters."""
    # Two headers of one name may have become one: "text/event-stream, text/event-stream".
    first, _, _ = headers.get("content-type", "").partition(",")
    return first.partition(";")[0].strip().lower()


async def event_batches(
    response: httpx2.Response, stream: anthropic.AsyncStream[object] | None = None
) -> AsyncGenerator[list[Event], None]:
    """The events of any *response*, read by read, by httpx2 or, where it knows better, the SDK.

    Args:
        response: whose body is read.
        stream: the SDK's own reader of it, if there is one.

    Raises:
        Fault: it is no event stream; or as `EventDecoder` says.
    """
    kind = content_type(response.headers)
    if kind == "application/vnd.amazon.eventstream" and stream is not None:
        async for event in _giving_way(stream):  # Bedrock's binary framing, which the SDK decodes
            yield [cast(Event, event)]
        return
    if kind not in STREAM_TYPES:
        fault = read_document(await _beginning(response)) if is_json(kind) else None
        raise fault or malformed(
            f"HTTP {response.status_code} with content type {kind[:100]}, not an event stream"
        )
    decoder = EventDecoder()
    async with aclosing(response.aiter_bytes()) as source:
        async for data in _giving_way(source):
            for number, events in enumerate(decoder.steps(data)):
                if number:
                    await asyncio.sleep(0)  # a long read: others get their turn first
                yield events
    if last := decoder.finish():
        yield last


async def _beginning(response: httpx2.Response) -> bytes:
    """As much of a body that is no stream as comes soon, and as is read of a document."""
    body = b""
    with suppress(TimeoutError, aiohttp.ClientError, httpx2.HTTPError, Fault):
        async with asyncio.timeout(ERROR_BODY_S), aclosing(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > DOCUMENT_BYTES:
                    break
    return body


PIECES_AT_ONCE = 32
"""How many pieces are handled until others get their turn: of httpx2 or the SDK, 50 us each.

One read of theirs may hold 11,000, if its chunks have a byte each.
"""


async def _giving_way(pieces: AsyncIterable[_T]) -> AsyncGenerator[_T, None]:
    """*pieces*, with a turn for others now and then, however many have come at once."""
    number = 0
    async for piece in pieces:
        number += 1
        if number % PIECES_AT_ONCE == 0:
            await asyncio.sleep(0)
        yield piece
