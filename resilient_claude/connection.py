"""The sockets: an httpx2 transport on aiohttp that knows how far each connection has come.

aiohttp costs about half the CPU per streamed token of httpx2's own transport, keeps the operating
system's error in `__cause__`, and offers hooks for the phases of a connection. Connections are
pooled in generations: after a transport failure the whole generation is retired, because the
connections that shared its path are dead as well.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import warnings
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from urllib.request import getproxies

import aiohttp
import httpx2

from .failures import Phase

KEEPALIVE_S = 120.0
"""How long an idle connection is kept, in seconds: voice turns are 5 to 60 s apart."""

TLS_SHUTDOWN_S = 0.1
"""How long a closed TLS connection waits for its peer to say goodbye, in seconds."""

ERROR_BODY_BYTES = 256 * 1024
"""How much of an error response is read; the SDK reads error bodies whole."""

ERROR_BODY_S = 0.5
"""How long the body of an error response is awaited, in seconds."""


class Progress:
    """How far an attempt has come. The transport below writes it, the attempt reads it.

    Attributes:
        phase: the last phase that began.
        reused: whether the request went out on a pooled connection.
    """

    def __init__(self) -> None:
        self.phase = Phase.BUILD
        self.reused = False
        self._sockets: list[socket.socket] = []

    def enter(self, phase: Phase) -> None:
        """*phase* begins. Subclasses react to it."""
        self.phase = phase

    def opened(self, sock: socket.socket) -> None:
        """A socket was made that will be connected."""
        self._sockets.append(sock)

    def tcp_connected(self) -> bool:
        """Whether one of the sockets has a peer, so that what is missing is TLS."""
        for sock in self._sockets:
            try:
                sock.getpeername()
            except OSError:
                continue
            return True
        return False


current_progress: ContextVar[Progress | None] = ContextVar("current_progress", default=None)
"""The attempt that runs in this task; the SDK has no argument to pass it through."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests through aiohttp. Has no timeouts of its own: attempts have clocks.

    Proxies are taken from the environment when there are any at construction, certificates from
    `SSL_CERT_FILE` or `SSL_CERT_DIR`, else from where httpx2 takes them.
    """

    def __init__(self) -> None:
        self._ssl = _ssl_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        self._trust_env = bool(getproxies())
        self._pool: _Pool | None = None
        self._retired: set[_Pool] = set()
        self._sessions: set[aiohttp.ClientSession] = set()
        # Nobody is told when an AgentSession ends, so nobody may have called `aclose`.
        weakref.finalize(self, _abandon, self._sessions)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request*; the body of the response is still to be read.

        Raises:
            aiohttp.ClientError: as it came; the SDK wraps it and keeps it as the cause.
        """
        progress = current_progress.get() or Progress()
        pool = self._pool
        if pool is None:
            pool = self._pool = _Pool(self._ssl, trust_env=self._trust_env)
            self._sessions.add(pool.session)
        pool.users += 1
        try:
            response = await pool.session.request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=await request.aread() or None,
                allow_redirects=False,
                trace_request_ctx=progress,
            )
        except BaseException as exc:
            _with_os_error(exc)
            await self._leave(pool)
            raise
        body = Body(response, self, pool)
        return httpx2.Response(
            status_code=response.status,
            headers=response.raw_headers,
            stream=body,
            request=request,
            extensions={"http_version": b"HTTP/1.1", BODY: body},
        )

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
        await pool.session.close()


class _Pool:
    """One generation of connections and how many requests are using it."""

    def __init__(self, ssl_context: ssl.SSLContext, *, trust_env: bool) -> None:
        self.users = 0
        self.session = aiohttp.ClientSession(
            connector=_connector(ssl_context),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[_TRACE],
            trust_env=trust_env,
            # One read may hold many events; the reader applies its own bound to each event.
            read_bufsize=2**18,
        )


BODY = "resilient_claude.body"
"""The key under which a response's `extensions` hold its `Body`."""


def _connector(ssl_context: ssl.SSLContext) -> aiohttp.TCPConnector:
    with warnings.catch_warnings():
        # The shutdown time-out is deprecated without a replacement before aiohttp 4.
        warnings.simplefilter("ignore", DeprecationWarning)
        return aiohttp.TCPConnector(
            ssl=ssl_context,
            keepalive_timeout=KEEPALIVE_S,
            limit=0,
            # With its cache, aiohttp shields a look-up from cancellation in a task of its own.
            use_dns_cache=False,
            socket_factory=_socket,
            # asyncio otherwise waits 30 s for a peer that went dark to end its side of TLS.
            ssl_shutdown_timeout=TLS_SHUTDOWN_S,
        )


class Body(httpx2.AsyncByteStream):
    """The bytes of a response as they arrive: one read returns all that has come.

    Reading here instead of through `httpx2.Response` saves four layers of async generators per
    read, of which there is one per token when tokens come one at a time.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, transport: AiohttpTransport, pool: _Pool
    ) -> None:
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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._response.status >= 400:
            yield await self._error_body()
            return
        while data := await self.read():
            yield data

    async def _error_body(self) -> bytes:
        """As much of an error's body as comes soon: its status must not be lost to a slow rest."""
        body = b""
        with suppress(TimeoutError):
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
            raise exc from _with_os_error(lost or exc.__cause__)

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


def _with_os_error(exc: BaseException | None) -> BaseException | None:
    """*exc*, with the operating system's error as its cause where aiohttp kept only its number.

    Source: aiohttp/client_proto.py, `connection_lost`: `ClientOSError(*original.args)`, whose
    cause is set only if somebody was waiting at that moment.
    """
    if isinstance(exc, aiohttp.ClientOSError) and exc.__cause__ is None and exc.errno is not None:
        # The subclass of OSError follows from the number, but OpenSSL has numbers of its own.
        kind = ssl.SSLError if "[SSL" in (exc.strerror or "") else OSError
        exc.__cause__ = kind(exc.errno, exc.strerror)
    return exc


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket that notices a dead path: aiohttp connects it.

    A connection whose peer is gone without a word (a NAT that forgot it, a network that changed)
    otherwise looks idle for minutes and swallows the next request.
    """
    family, kind, proto = address[0], address[1], address[2]
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    progress = current_progress.get()
    if progress is not None:
        progress.opened(sock)
    return sock


_KEEPALIVE = (
    ("TCP_KEEPIDLE", 15),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    # Milliseconds that sent data may stay without acknowledgement (Linux).
    ("TCP_USER_TIMEOUT", 4000),
)


@lru_cache(maxsize=4)
def _ssl_context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """The context for these settings. Loading the bundle takes 20 to 30 ms, so it is shared."""
    return httpx2.create_ssl_context()


def _enters(phase: Phase) -> Any:
    async def hook(session: object, context: SimpleNamespace, params: object) -> None:
        context.trace_request_ctx.enter(phase)

    return hook


async def _reuses(session: object, context: SimpleNamespace, params: object) -> None:
    context.trace_request_ctx.reused = True
    context.trace_request_ctx.enter(Phase.SEND)


def _trace() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(_enters(Phase.CONNECT))
    trace.on_dns_resolvehost_start.append(_enters(Phase.DNS))
    trace.on_dns_resolvehost_end.append(_enters(Phase.CONNECT))
    trace.on_connection_create_end.append(_enters(Phase.SEND))
    trace.on_connection_reuseconn.append(_reuses)
    trace.on_request_headers_sent.append(_enters(Phase.RESPONSE))
    return trace


_TRACE = _trace()
