"""The sockets: an httpx2 transport on aiohttp that knows how far each connection has come.

aiohttp costs less CPU per streamed token than httpx2's own transport, keeps the operating system's
error in `__cause__`, and lets `connector` follow a connection from phase to phase. Connections are
pooled in generations: after a transport failure the whole generation is retired, because the
connections that shared its path are dead as well.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import weakref
from contextlib import suppress
from functools import partial

import aiohttp
import httpx2

from resilient_claude.failures.evidence import Evidence

from .aiohttp_internals import header_limits, idle_connections
from .body import ResponseBody
from .certificates import Certificates
from .connector import Connector, with_os_error
from .current_evidence import current_evidence
from .envelope import Envelope, Envelopes
from .head import HEAD_BYTES
from .proxies import Proxies

CLOSE_S = 0.5
"""How long closing waits for connections to end in good order, in seconds."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests through aiohttp. Has no timeouts of its own: attempts have clocks.

    Proxies are taken from the environment when there are any at construction, certificates from
    `SSL_CERT_FILE` or `SSL_CERT_DIR`, else from where httpx2 takes them.

    Raises:
        ValueError: the environment names a proxy or certificates that cannot be used.
    """

    def __init__(self) -> None:
        self._certificates = Certificates()
        self._proxies = Proxies()
        self.envelopes = Envelopes()
        self._pool: _Pool | None = None
        self._retired: set[_Pool] = set()
        self._sessions: set[aiohttp.ClientSession] = set()
        # Nobody is told when an AgentSession ends, so nobody may have called `aclose`.
        weakref.finalize(self, _abandon, self._sessions)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request*, one that the SDK made.

        Raises:
            aiohttp.ClientError: as it came; the SDK wraps it and keeps it as the cause.
        """
        body = await self.send(Envelope.of(request), await request.aread())
        return body.response()

    async def send(self, envelope: Envelope, content: bytes) -> ResponseBody:
        """Send *content* in *envelope*; the body of the response is still to be read.

        Raises:
            aiohttp.ClientError: as it came.
        """
        evidence = current_evidence.get() or Evidence()
        pool = self._pool or self._new_pool(await self._certificates.context())
        pool.users += 1
        headers = envelope.headers_for(content)
        proxy, credentials = self._proxies.of(envelope.url)
        evidence.proxy = None if proxy is None else f"{proxy.host}:{proxy.port}"
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
        return ResponseBody(response, partial(self._leave, pool))

    def _new_pool(self, context: ssl.SSLContext) -> _Pool:
        if self._pool is None:  # another request may have waited for the context as well
            self._pool = _Pool(context)
            self._sessions.add(self._pool.session)
        return self._pool

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
            **header_limits(HEAD_BYTES),  # type: ignore[arg-type]
        )


def _payload(content: bytes) -> bytes | io.BytesIO | None:
    # aiohttp sends bytes in one piece, and warns of what that does to the event loop above 1 MiB.
    return io.BytesIO(content) if len(content) > _LARGE_BYTES else content or None


_LARGE_BYTES = 2**20


def _abandon(sessions: set[aiohttp.ClientSession]) -> None:
    """Let go of *sessions* that nobody closed, without aiohttp's complaints on stderr.

    Runs when the transport is collected or the interpreter ends; the event loop may be gone. The
    operating system closes the sockets.
    """
    for session in sessions:
        for connection in idle_connections(session.connector):  # `__del__` complains of any
            with suppress(RuntimeError):  # the event loop is closed
                connection.close()
        session.detach()
