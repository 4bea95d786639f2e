"""An accepted socket as those who answer see it: bytes, pauses, and the ways in which it ends.

Theory of operation. A channel begins as a bare socket, on which the client's first bytes can be
awaited and garbage be sent before any handshake. `open` puts asyncio's streams, and TLS if wanted,
on top of it; from then on every byte goes through them. It ends once, by one of three hands: ours
(`reset`, `close`), the client's (whatever waits here returns or raises `ClientLeftError`), or
`detach`, which takes the TCP connection away from it alive. `end` is only half an end: our side is
shut, the client's is still read.
"""

import asyncio
import socket
import ssl
import struct
import time
from typing import NamedTuple

from .http1 import MAX_HEAD_BYTES
from .sockets import ServerProtocol, swallow, unsent_bytes, wait_for_bytes

_POLL_S = 0.001
_UNSENT_TIMEOUT_S = 1.0


class ClientLeftError(ConnectionError):
    """The client closed the connection while we were waiting."""


class _Streams(NamedTuple):
    """What asyncio puts on top of the socket."""

    protocol: ServerProtocol
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Channel:
    """One accepted connection to a client, over TCP or TLS.

    Args:
        sock: The accepted socket, which does not block; it belongs to the channel from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._streams: _Streams | None = None

    async def open(self, context: ssl.SSLContext | None) -> asyncio.StreamReader:
        """Shake hands under *context*, or not at all when it is None.

        Returns:
            What the client sends.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(MAX_HEAD_BYTES, loop)
        protocol = ServerProtocol(reader, loop)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, self._sock, ssl=context)
        # With no room in the buffer, drain() waits until the kernel has every byte. Under TLS a
        # limit of zero pauses for ever: asyncio/sslproto.py pauses at size >= high, others at >.
        transport.set_write_buffer_limits(high=0 if context is None else 1, low=0)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._streams = _Streams(protocol, reader, writer)
        return reader

    async def first_bytes(self, timeout_s: float | None = None) -> None:
        """Wait until the client has sent something or left; at most *timeout_s* seconds if given.

        Nothing is read. Only before `open`.
        """
        await wait_for_bytes(self._sock, timeout_s)

    async def send(self, data: bytes) -> None:
        """Write *data* and wait until the kernel has it."""
        if self._streams is None:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        else:
            self._streams.writer.write(data)
            await self._streams.writer.drain()

    async def pause(self, wait_s: float) -> None:
        """Wait *wait_s* seconds.

        Raises:
            ClientLeftError: The client left meanwhile.
        """
        if wait_s > 0:
            try:
                await asyncio.wait_for(self.stall(), wait_s)
            except TimeoutError:
                return
            raise ClientLeftError

    async def stall(self) -> None:
        """Send nothing until the client leaves."""
        if self._streams is None:
            await swallow(self._sock)
        else:
            await self._streams.protocol.left.wait()

    async def end(self) -> None:
        """Send FIN, and read on until the client leaves, lest unread bytes turn it into a reset."""
        self._sock.shutdown(socket.SHUT_WR)
        await self.stall()

    async def reset(self) -> None:
        """Send RST, after every byte that was written before."""
        # The kernel holds small segments back until the first ones are acknowledged, and a reset
        # discards what it holds. No event tells when it holds nothing.
        deadline_s = time.monotonic() + _UNSENT_TIMEOUT_S
        while unsent_bytes(self._sock) and time.monotonic() < deadline_s:
            await self.pause(_POLL_S)
        # Closing with a linger time of zero discards the connection: socket(7), tcp(7).
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._abort()

    def close(self) -> None:
        """Close as a server closes an idle connection: TLS close_notify if any, then FIN."""
        if self._streams is not None:
            self._streams.writer.close()
        self._abort()

    async def wait_closed(self) -> None:
        """Wait until our side is closed."""
        if self._streams is not None:
            await self._streams.protocol.lost.wait()

    def detach(self) -> socket.socket | None:
        """Take the TCP connection out, and leave the channel without one.

        Returns:
            A socket that owns the connection, with neither TLS nor streams on it; None when the
            connection is closed already.
        """
        if self._sock.fileno() < 0:
            return None
        # The duplicate keeps the TCP connection open when the transport closes its own descriptor.
        sock = self._sock.dup()
        sock.setblocking(False)
        if self._streams is not None:
            self._streams.writer.transport.abort()
        return sock

    def _abort(self) -> None:
        if self._streams is None:
            self._sock.close()
        else:
            self._streams.writer.transport.abort()
