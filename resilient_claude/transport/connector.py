"""aiohttp's connections as voice calls need them: kept alive, told of, with their causes."""

from __future__ import annotations

import socket
import ssl
import warnings
from functools import lru_cache
from typing import Any

import aiohttp
import httpx2

from resilient_claude.failures.evidence import current_evidence
from resilient_claude.failures.failure import Phase

KEEPALIVE_S = 120.0
"""How long an idle connection is kept, in seconds: voice turns are 5 to 60 s apart."""

TLS_SHUTDOWN_S = 0.1
"""How long a closed TLS connection waits for its peer to say goodbye, in seconds."""


class Connector(aiohttp.TCPConnector):
    """The connections of one generation, which tell the attempt how far they have come.

    aiohttp's own hooks for that are awaited several times per request, even if they do nothing.

    Attributes:
        resolver: to be closed after the connector.
    """

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self.resolver = _Resolver()
        with warnings.catch_warnings():
            # The shutdown time-out is deprecated without a replacement before aiohttp 4.
            warnings.simplefilter("ignore", DeprecationWarning)
            super().__init__(
                ssl=ssl_context,
                keepalive_timeout=KEEPALIVE_S,
                limit=0,
                resolver=self.resolver,
                # With its cache, aiohttp shields a look-up from cancellation in a task of its own.
                use_dns_cache=False,
                socket_factory=_socket,
                # asyncio otherwise waits 30 s for a peer that went dark to end its side of TLS.
                ssl_shutdown_timeout=TLS_SHUTDOWN_S,
            )

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        """A connection for one request: one that is open, or a new one."""
        connection = await super().connect(*arguments, **options)
        # SEND starts the clock for the response. aiohttp does not tell when the last byte of the
        # request has left, so what fails from here on is called a failure of the response.
        _enter(Phase.SEND)
        _enter(Phase.RESPONSE)
        return connection


class _Resolver(aiohttp.DefaultResolver):  # type: ignore[misc, valid-type]  # aiohttp chooses
    async def resolve(self, *arguments: Any, **options: Any) -> Any:
        """The addresses of a host."""
        _enter(Phase.DNS)
        addresses = await super().resolve(*arguments, **options)
        _enter(Phase.CONNECT)
        return addresses


def _enter(phase: Phase) -> None:
    evidence = current_evidence.get()
    if evidence is not None:
        evidence.enter(phase)


def with_os_error(exc: BaseException | None) -> BaseException | None:
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
    _enter(Phase.CONNECT)
    family, kind, proto = address[0], address[1], address[2]
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # not every system has all of them
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock


_KEEPALIVE = (
    ("TCP_KEEPIDLE", 15),
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    # Milliseconds that sent data may stay without acknowledgement (Linux).
    ("TCP_USER_TIMEOUT", 4000),
)


@lru_cache(maxsize=4)
def ssl_context(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """The context for these settings, shared, since loading the bundle blocks the event loop."""
    # The arguments are the cache's key: httpx2 reads the two variables itself.
    context: ssl.SSLContext = httpx2.create_ssl_context()
    context.sslobject_class = _SSLObject
    return context


class _SSLObject(ssl.SSLObject):
    """Tells the attempt when TLS begins, of which aiohttp has no trace."""

    def do_handshake(self) -> None:
        evidence = current_evidence.get()
        if evidence is not None and evidence.phase is Phase.CONNECT:
            evidence.enter(Phase.TLS)
        super().do_handshake()
