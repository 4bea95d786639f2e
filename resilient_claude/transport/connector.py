"""aiohttp's connections as voice calls need them: kept alive, told of, with their causes."""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import warnings
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from resilient_claude.failures.failure import Phase

from .aiohttp_internals import use_protocol
from .current_evidence import current_evidence
from .protocol import Protocol

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
        use_protocol(self, Protocol)

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        """A connection for one request: one that is open and has been silent, or a new one."""
        try:
            connection: Any = await super().connect(*arguments, **options)
            while not _usable(connection.protocol):
                connection.close()
                connection = await super().connect(*arguments, **options)
        except aiohttp.ClientError as exc:
            _name_end_of_handshake(exc)
            raise
        connection.protocol.idle = False
        evidence = current_evidence.get()
        if evidence is not None:
            transport = connection.transport  # None if it was lost at this moment
            if transport is not None and (address := transport.get_extra_info("peername")):
                evidence.peer = _host_and_port(address)
            # SEND starts the clock for the response. aiohttp does not tell when the last byte of
            # the request has left, so what fails from here on is a failure of the response.
            evidence.enter(Phase.SEND)
            evidence.enter(Phase.RESPONSE)
        return connection

    def _release(self, key: Any, protocol: ResponseHandler, **options: Any) -> None:
        """A connection is given back. Source: aiohttp/connector.py, `BaseConnector._release`."""
        super()._release(key, protocol, **options)
        if isinstance(protocol, Protocol):
            protocol.idle = True


def _usable(protocol: Protocol) -> bool:
    """Whether nothing has come that the next request would take for its answer, not even an end."""
    return not protocol.idle or not (protocol.unasked or _readable(protocol.transport))


def _readable(transport: asyncio.Transport | None) -> bool:
    """Whether something has come that the event loop has not seen yet."""
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None:
        return False
    if not hasattr(select, "poll"):  # Windows, whose select() takes any number of a socket
        return bool(select.select([sock.fileno()], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


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


def _host_and_port(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _name_end_of_handshake(exc: BaseException) -> None:
    """Say in the cause of *exc* that the peer ended the connection in its handshake, if it did.

    asyncio raises a ConnectionResetError for it that says nothing. A real reset has a number.
    Source: asyncio/sslproto.py, `SSLProtocol.eof_received`.
    """
    evidence = current_evidence.get()
    cause = exc.__cause__
    if evidence is None or evidence.phase is not Phase.TLS:
        return
    for error in (exc, cause):
        if isinstance(error, ConnectionResetError) and not error.args:
            error.args = (HANDSHAKE_ENDED,)
            evidence.handshake_ended = True


HANDSHAKE_ENDED = "the peer ended the connection (FIN) during the TLS handshake"


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
    evidence = current_evidence.get()
    if evidence is not None and address[4:]:
        evidence.peer = _host_and_port(address[4])
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
