"""The body of a response, as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import aiohttp
import httpx2

from .aiohttp_internals import closing_of, fail_reader, protocol_of
from .connector import with_os_error

ERROR_BODY_BYTES = 256 * 1024
"""How much of an error response is read; the SDK reads error bodies whole."""


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
            headers=self._response.raw_headers,
            stream=self,
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self.is_success:
            yield await self._error_body()
            return
        while data := await self.read():
            yield data

    async def _error_body(self) -> bytes:
        """As much of an error's body as comes soon: its status must not be lost to a slow rest."""
        body = b""
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(ERROR_BODY_S):
                while len(body) < ERROR_BODY_BYTES and (data := await self.read()):
                    body += data
        return body[:ERROR_BODY_BYTES]

    async def read(self) -> bytes:
        """The bytes that have arrived, at least one; none at the end of the body.

        Raises:
            aiohttp.ClientPayloadError: the body stopped short; its cause tells why.
        """
        try:
            return await self._response.content.readany()
        except aiohttp.ClientPayloadError as exc:
            # aiohttp tells that the body stopped short, and keeps the reason with the connection.
            lost = self._protocol.exception() if self._protocol is not None else None
            raise exc from with_os_error(lost or exc.__cause__)

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
