"""The listening socket and the connections accepted from it; lives on the server's loop."""

import asyncio
import socket
import ssl

from resilient_claude.testing.rules.endpoints import ENDPOINTS, Endpoint

from .connection import Connection, ConnectionState
from .handshakes import TlsMode
from .ledger import Ledger

HOST = "127.0.0.1"
_BACKLOG = 128


class Listener:
    """A port of 127.0.0.1 that is bound from construction on, and listens when told.

    Only the constructor may be called from another thread than the loop's.

    Attributes:
        port: The port.
        accepted: All connections ever accepted, in order.
        tls_mode: What new connections meet.
    """

    def __init__(
        self,
        ledger: Ledger,
        context: ssl.SSLContext | None,
        *,
        strict: bool,
        endpoint: Endpoint = ENDPOINTS["anthropic"],
    ) -> None:
        self.accepted: list[Connection] = []
        self.tls_mode: TlsMode = "normal"
        self._ledger = ledger
        self._context = context
        self._strict = strict
        self._endpoint = endpoint
        self._listening = False
        self._sock = _bound_socket(0)
        self.port: int = self._sock.getsockname()[1]

    def listen(self) -> None:
        """Accept connections."""
        if not self._listening:
            self._sock.listen(_BACKLOG)
            asyncio.get_running_loop().add_reader(self._sock, self._accept)
            self._listening = True

    def refuse(self) -> None:
        """Have the kernel refuse connections."""
        if self._listening:
            self._accept()
            self._listening = False
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            # Bound but not listening: connecting is refused and nobody else gets the port.
            self._sock = _bound_socket(self.port)

    def open_connections(self) -> list[Connection]:
        """List the connections that are open on our side, those in the backlog included."""
        if self._listening:
            self._accept()
        return [each for each in self.accepted if not each.task.done()]

    def drop_idle(self) -> None:
        """Close the connections that wait for a request."""
        for connection in self.open_connections():
            if connection.state is ConnectionState.IDLE:
                connection.close()

    def go_dark(self) -> None:
        """Let the open connections swallow bytes for ever."""
        for connection in self.open_connections():
            connection.go_dark()

    async def close(self) -> None:
        """Close the port and every connection, and wait for their tasks."""
        self.refuse()
        self._sock.close()
        tasks = [task for each in self.accepted for task in each.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def bug(self) -> BaseException | None:
        """Return what a task failed with that is no fault of the network's; after `close`."""
        tasks = [task for each in self.accepted for task in each.tasks if not task.cancelled()]
        return next((exc for exc in (task.exception() for task in tasks) if exc), None)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            # Asyncio does it only for sockets made with an explicit IPPROTO_TCP; without it, every
            # answer on a kept-alive connection takes the 40 ms of a delayed acknowledgement.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(
                sock,
                len(self.accepted) + 1,
                self._ledger,
                context=self._context,
                tls_mode=self.tls_mode,
                strict=self._strict,
                endpoint=self._endpoint,
            )
            self.accepted.append(connection)


def _bound_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    # Connections of the previous listener may still occupy the port.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    return sock
