"""The body of a response, as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress

import aiohttp
import httpx2

from resilient_claude.failures.faults import Fault

from .aiohttp_internals import closing_of, fail_reader, protocol_of
from .connector import with_os_error
from .unpack import Unpacker

ERROR_BODY_BYTES = 256 * 1024
"""How much of an error response is read; the SDK reads error bodies whole."""


READ_BYTES = 2**15
"""How much one read returns at most; what it holds is handled before others have their turn."""

UNPACKED_BYTES = 2**22
"""How much is unpacked of an error response, over all layers of what it is packed in."""

ERROR_BODY_S = 0.5
"""How long the body of an error response is awaited, in seconds."""


class ResponseBody(httpx2.AsyncByteStream):
    """The bytes of a response as they arrive: one read returns all that has come.

    Reading here instead of through `httpx2.Response` saves four layers of async generators per
    read, of which there is one per token when tokens come one at a time.

    Args:
        response: aiohttp's.
        leave: called once, when the body is closed.

    Attributes:
        status: of HTTP.
        headers: the response's, whatever their capitals.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, leave: Callable[[], Awaitable[None]]
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._protocol = protocol_of(response)
        self._rest = b""
        self._leave: Callable[[], Awaitable[None]] | None = leave
        self._closed = closing_of(self._protocol) if self._protocol is not None else None
        if self._closed is None:
            self._connection_lost()
        else:
            self._closed.add_done_callback(self._connection_lost)

    def _connection_lost(self, closed: asyncio.Future[None] | None = None) -> None:
        """The connection is gone: whoever waits for more of the body is told.

        aiohttp does that itself, unless it closes the connection because of a chunk that breaks the
        rules. Source: aiohttp/_http_parser.pyx, `feed_data`, which drops the payload, then raises.
        """
        _retrieve(closed)
        fail_reader(self._response, aiohttp.ClientPayloadError("Response payload is not completed"))

    @property
    def is_success(self) -> bool:
        """Whether the request was answered."""
        return 200 <= self.status < 300

    def response(self) -> httpx2.Response:
        """The response as the SDK knows it, which reads from here."""
        return httpx2.Response(
            status_code=self.status,
            headers=list(self._plain_headers()),
            stream=self,
            extensions={"http_version": b"HTTP/1.1"},
        )

    def _plain_headers(self) -> Iterator[tuple[bytes, bytes]]:
        """The headers of the body as it is read from here: unpacked, and in UTF-8."""
        for name, value in self._response.raw_headers:
            kind = name.lower()
            if kind == b"content-type":  # the name of a charset may be that of any codec of Python
                yield name, value.partition(b";")[0]
            elif kind != b"content-encoding":
                yield name, value

    @property
    def packed(self) -> bool:
        """Whether the body is packed, though `identity` was asked for."""
        encoding = self.headers.get("content-encoding", "identity")
        return encoding.strip().lower() != "identity"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self.is_success:
            yield await self._error_body()
            return
        async for data in self._unpacked(most=None):
            if data:
                yield data

    async def _unpacked(self, *, most: int | None) -> AsyncGenerator[bytes]:
        """The body in pieces of at most `READ_BYTES`; empty ones are steps on the way to more.

        Raises:
            Fault: it is not packed as its headers say.
            aiohttp.ClientPayloadError: the body stopped short.
        """
        encodings = self.headers.getall("content-encoding", ())
        unpacker = Unpacker(",".join(encodings), most=most)
        while data := await self.read():
            if not unpacker.packed:
                yield data
                continue
            for step in unpacker.steps(data):
                for start in range(0, len(step) or 1, READ_BYTES):
                    await asyncio.sleep(0)
                    yield step[start : start + READ_BYTES]

    async def _error_body(self) -> bytes:
        """As much of an error's body as comes soon: its status must not be lost to the rest."""
        body = b""
        with suppress(TimeoutError, aiohttp.ClientError, Fault):
            pieces = self._unpacked(most=UNPACKED_BYTES)
            async with asyncio.timeout(ERROR_BODY_S), aclosing(pieces):
                async for data in pieces:
                    body += data
                    if len(body) >= ERROR_BODY_BYTES:
                        break
        return body[:ERROR_BODY_BYTES]

    async def read(self) -> bytes:
        """The bytes that have arrived, at least one; none at the end of the body.

        Raises:
            aiohttp.ClientPayloadError: the body stopped short; its cause tells why.
        """
        if self._rest:
            await asyncio.sleep(0)
            return self._piece(self._rest)
        try:
            data = await self._response.content.readany()
        except aiohttp.ClientPayloadError as exc:
            # aiohttp tells that the body stopped short, and keeps the reason with the connection.
            lost = self._protocol.exception() if self._protocol is not None else None
            raise exc from with_os_error(lost or exc.__cause__)
        return data if len(data) <= READ_BYTES else self._piece(data)

    def _piece(self, data: bytes) -> bytes:
        self._rest = data[READ_BYTES:]
        return data[:READ_BYTES]

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        # Synchronous up to here, so that cancelling never waits for the peer. A response that
        # was read to its end has given its connection back already.
        self._response.close()
        if self._closed is not None:
            self._closed.remove_done_callback(self._connection_lost)
            self._closed.remove_done_callback(_retrieve)
            self._closed.add_done_callback(_retrieve)
        leave, self._leave = self._leave, None
        if leave is not None:
            await leave()


def _retrieve(closed: asyncio.Future[None] | None) -> None:
    """Look at how the connection ended, so that asyncio does not report that nobody did."""
    if closed is not None and not closed.cancelled():
        closed.exception()
