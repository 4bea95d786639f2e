"""The sockets: an httpx2 transport on aiohttp that knows how far each connection has come.

aiohttp costs less CPU per streamed token than httpx2's own transport, keeps the operating system's
error in `__cause__`, and lets `sockets` follow a connection from phase to phase. Connections are
pooled in generations: after a transport failure the whole generation is retired, because the
connections that shared its path are dead as well.
"""

from __future__ import annotations

import asyncio
import io
import os
import ssl
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import httpx2

from .envelopes import Envelope, Envelopes, Shown, answered, asked_to_show
from .progress import Progress, current_progress
from .proxies import Proxies
from .sockets import Connector, ssl_context, with_os_error

CLOSE_S = 0.5
"""How long closing waits for connections to end in good order, in seconds."""

ERROR_BODY_BYTES = 256 * 1024
"""How much of an error response is read; the SDK reads error bodies whole."""

ERROR_BODY_S = 0.5
"""How long the body of an error response is awaited, in seconds."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests through aiohttp. Has no timeouts of its own: attempts have clocks.

    Proxies are taken from the environment when there are any at construction, certificates from
    `SSL_CERT_FILE` or `SSL_CERT_DIR`, else from where httpx2 takes them.
    """

    def __init__(self) -> None:
        self._ssl = ssl_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        self._proxies = Proxies()
        self.envelopes = Envelopes()
        self._pool: _Pool | None = None
        self._retired: set[_Pool] = set()
        self._sessions: set[aiohttp.ClientSession] = set()
        # Nobody is told when an AgentSession ends, so nobody may have called `aclose`.
        weakref.finalize(self, _abandon, self._sessions)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request*, unless its response has come already or it is only to be looked at.

        Raises:
            aiohttp.ClientError: as it came; the SDK wraps it and keeps it as the cause.
            Shown: *request* is only to be looked at; the SDK wraps that as well.
        """
        if asked_to_show.get():
            raise Shown(request)
        answer = answered.get()
        if answer is not None:
            return answer
        body = await self.send(Envelope.of(request), await request.aread())
        return body.response()

    async def send(self, envelope: Envelope, content: bytes) -> Body:
        """Send *content* in *envelope*; the body of the response is still to be read.

        Raises:
            aiohttp.ClientError: as it came.
        """
        progress = current_progress.get() or Progress()
        pool = self._pool
        if pool is None:
            pool = self._pool = _Pool(self._ssl)
            self._sessions.add(pool.session)
        pool.users += 1
        headers = envelope.headers_for(content)
        proxy, credentials = self._proxies.of(envelope.url)
        progress.proxied = proxy is not None
        if envelope.url.scheme == "http":  # there is no CONNECT to send them with
            headers.update(credentials)
        try:
            response = await pool.session.request(
                envelope.method,
                envelope.url,
                headers=headers,
                proxy=proxy,
                proxy_headers=credentials or None,
                data=_payload(content),
                allow_redirects=False,
            )
        except BaseException as exc:  # a cancelled request has left its pool as well
            with_os_error(exc)
            await self._leave(pool)
            raise
        return Body(response, self, pool)

    async def retire_connections(self) -> None:
        """Let no later request use a connection that is open now; requests under way go on."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._retired.add(pool)
            await self._close_if_unused(pool)

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        pools = [*self._retired, *([self._pool] if self._pool is not None else [])]
        self._pool = None
        self._retired.clear()
        for pool in pools:
            await self._close(pool)

    async def _leave(self, pool: _Pool) -> None:
        pool.users -= 1
        if pool in self._retired:
            await self._close_if_unused(pool)

    async def _close_if_unused(self, pool: _Pool) -> None:
        if pool.users == 0:
            self._retired.discard(pool)
            await self._close(pool)

    async def _close(self, pool: _Pool) -> None:
        self._sessions.discard(pool.session)
        try:
            with suppress(TimeoutError):  # a peer that reads nothing keeps what was not sent
                async with asyncio.timeout(CLOSE_S):
                    await pool.session.close()
        finally:
            await pool.connector.resolver.close()


class _Pool:
    """One generation of connections and how many requests are using it."""

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self.users = 0
        self.connector = Connector(ssl_context)
        self.session = aiohttp.ClientSession(
            connector=self.connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            # One read may hold many events; the reader applies its own bound to each event.
            read_bufsize=2**18,
        )


class Body(httpx2.AsyncByteStream):
    """The bytes of a response as they arrive: one read returns all that has come.

    Reading here instead of through `httpx2.Response` saves four layers of async generators per
    read, of which there is one per token when tokens come one at a time.

    Attributes:
        status: of HTTP.
        headers: the response's, whatever their capitals.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, transport: AiohttpTransport, pool: _Pool
    ) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._protocol = response.connection.protocol if response.connection is not None else None
        self._transport = transport
        self._pool: _Pool | None = pool
        self._closed = self._protocol.closed if self._protocol is not None else None
        if self._closed is None:
            self._connection_lost()
        else:
            self._closed.add_done_callback(self._connection_lost)

    def _connection_lost(self, closed: asyncio.Future[None] | None = None) -> None:
        """Wake the reader, whom aiohttp forgets when it closes over a chunk that is none.

        Source: aiohttp/_http_parser.pyx, `feed_data`, which drops the payload before it raises.
        """
        _retrieve(closed)
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("Response payload is not completed"))

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
        pool, self._pool = self._pool, None
        if pool is not None:
            await self._transport._leave(pool)


def _payload(content: bytes) -> bytes | io.BytesIO | None:
    # aiohttp sends bytes in one piece, and warns of what that does to the event loop above 1 MiB.
    return io.BytesIO(content) if len(content) > _LARGE_BYTES else content or None


_LARGE_BYTES = 2**20


def _retrieve(closed: asyncio.Future[None] | None) -> None:
    """Look at how the connection ended, so that asyncio does not report that nobody did."""
    if closed is not None and not closed.cancelled():
        closed.exception()


def _abandon(sessions: set[aiohttp.ClientSession]) -> None:
    """Let go of *sessions* that nobody closed, without aiohttp's complaints on stderr.

    Runs when the transport is collected or the interpreter ends; the event loop may be gone. The
    operating system closes the sockets.
    """
    for session in sessions:
        idle = getattr(session.connector, "_conns", None)  # private: what its `__del__` looks at
        for connections in (idle or {}).values():
            for connection, *_ in connections:
                with suppress(RuntimeError):  # the event loop is closed
                    connection.close()
        if idle is not None:
            idle.clear()
        session.detach()
