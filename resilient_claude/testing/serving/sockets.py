"""What asyncio does not offer for sockets and stream protocols."""

import asyncio
import socket
import sys

READ_BYTES = 65536
# linux/sockios.h: the bytes that have not been sent yet.
_SIOCOUTQNSD = 0x894B


class ServerProtocol(asyncio.StreamReaderProtocol):
    """Tells when the client has left, whether or not anybody reads.

    Attributes:
        left: Set when the client has closed its side, or the connection is lost.
        lost: Set when the connection is closed on our side.
    """

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.left = asyncio.Event()
        self.lost = asyncio.Event()

    def eof_received(self) -> bool | None:
        """Note that the client has closed its side."""
        self.left.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is closed."""
        super().connection_lost(exc)
        self.left.set()
        self.lost.set()


def unsent_bytes(sock: socket.socket) -> int:
    """Count the bytes the kernel holds back; 0 where it does not tell."""
    if sys.platform != "linux":  # pragma: no cover -- the tests run on Linux
        return 0
    import fcntl  # there is none on Windows

    return int.from_bytes(fcntl.ioctl(sock, _SIOCOUTQNSD, bytes(4)), sys.byteorder)


async def wait_for_bytes(sock: socket.socket, timeout_s: float | None) -> None:
    """Wait until *sock* has something to read, and leave it there; at most *timeout_s* seconds."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), timeout_s)
    except TimeoutError:
        return
    finally:
        loop.remove_reader(sock)


async def swallow(sock: socket.socket) -> None:
    """Read until the client leaves."""
    while await asyncio.get_running_loop().sock_recv(sock, READ_BYTES):
        pass


async def swallow_and_close(sock: socket.socket) -> None:
    """Read until the client leaves, however it does, and close *sock*."""
    try:
        await swallow(sock)
    except OSError:
        return  # The client reset the connection: it has left.
    finally:
        sock.close()
