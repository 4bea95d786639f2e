"""One accepted connection: its transport, its requests, and the ways in which it ends."""

import asyncio
import socket
import ssl
import struct
import time

from resilient_claude.testing.script.answers import Garbage

from .http1 import MAX_HEAD_BYTES, BadRequestError, Head, read_body, read_head
from .ledger import MESSAGES_PATH, Ledger
from .play import break_off, play, play_other, refuse
from .sockets import READ_BYTES, Protocol, swallow, swallow_and_close, unsent_bytes, wait_for_bytes
from .tls import ALERT, PLAINTEXT, TlsMode

_POLL_S = 0.001
_UNSENT_TIMEOUT_S = 1.0
_CONNECTED_AFTER_S = 0.02


class ClientLeftError(ConnectionError):
    """The client closed the connection while we were waiting."""


class Connection:
    """One accepted connection, served by one task.

    Attributes:
        ordinal: Its number, from 1.
        idle: Whether it waits for a request.
        task: The task that serves it now.
        tasks: All tasks that have served it: going dark starts another.
    """

    def __init__(
        self,
        sock: socket.socket,
        ordinal: int,
        ledger: Ledger,
        *,
        context: ssl.SSLContext | None,
        tls_mode: TlsMode,
        strict: bool,
    ) -> None:
        self.ordinal = ordinal
        self.idle = False
        self.ledger = ledger
        self.strict = strict
        self._sock = sock
        self._context = context
        self._tls_mode = tls_mode
        self._protocol: Protocol | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._step = ledger.accept()
        self.task = asyncio.get_running_loop().create_task(self._serve())
        self.tasks = [self.task]

    async def send(self, data: bytes) -> None:
        """Write *data* and wait until the kernel has it."""
        assert self._writer is not None
        self._writer.write(data)
        await self._writer.drain()

    async def pause(self, wait_s: float) -> None:
        """Wait *wait_s* seconds.

        Raises:
            ClientLeftError: The client left meanwhile.
        """
        if wait_s > 0:
            try:
                await asyncio.wait_for(self._client_left(), wait_s)
            except TimeoutError:
                return
            raise ClientLeftError

    async def stall(self) -> None:
        """Send nothing until the client leaves."""
        await self._client_left()

    async def end(self) -> None:
        """Send FIN, and read on until the client leaves, lest unread bytes turn it into a reset."""
        self._sock.shutdown(socket.SHUT_WR)
        await self._client_left()

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
        if self._writer is not None:
            self._writer.close()
        self._abort()

    def go_dark(self) -> None:
        """Swallow every byte and answer none, at TCP or TLS level, until the client leaves."""
        if self._sock.fileno() < 0:
            return
        # The duplicate keeps the TCP connection open when the transport closes its own descriptor.
        sock = self._sock.dup()
        sock.setblocking(False)
        self.idle = False
        if self._writer is not None:
            self._writer.transport.abort()
        self.task.cancel()
        self.task = asyncio.get_running_loop().create_task(swallow_and_close(sock))
        self.tasks.append(self.task)

    async def _serve(self) -> None:
        try:
            if await self._break_at_accept() and await self._open():
                self.idle = True
                while await self._exchange():
                    self.idle = True
        except (OSError, asyncio.IncompleteReadError):
            # Whatever the socket says, it says that the client has left.
            return
        finally:
            self.idle = False
            self.close()
            if self._protocol is not None:
                await self._protocol.lost.wait()

    async def _break_at_accept(self) -> bool:
        """Break before anything is read if the script says so; whether to go on."""
        if self._step is None:
            return True
        how = self._step.how
        if isinstance(how, Garbage):
            await asyncio.get_running_loop().sock_sendall(self._sock, how.data)
            return True
        # Let the client know that it is connected, lest connecting fails instead.
        await wait_for_bytes(self._sock, _CONNECTED_AFTER_S)
        await break_off(self, how)
        return False

    async def _open(self) -> bool:
        """Make the connection ready for requests; whether that succeeded."""
        if self._context is None or self._tls_mode == "normal":
            await self._connect()
            return True
        loop = asyncio.get_running_loop()
        if self._tls_mode != "hang":
            await loop.sock_recv(self._sock, READ_BYTES)
            answer = ALERT if self._tls_mode == "alert" else PLAINTEXT
            await loop.sock_sendall(self._sock, answer)
            self._sock.shutdown(socket.SHUT_WR)
        await self._client_left()
        return False

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(MAX_HEAD_BYTES, loop)
        protocol = Protocol(reader, loop)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, self._sock, ssl=self._context
        )
        # With no room in the buffer, drain() waits until the kernel has every byte. Under TLS a
        # limit of zero pauses for ever: asyncio/sslproto.py pauses at size >= high, others at >.
        transport.set_write_buffer_limits(high=0 if self._context is None else 1, low=0)
        self._protocol = protocol
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        self._reader = reader

    async def _exchange(self) -> bool:
        """Serve one request; whether there may be another."""
        try:
            head = await read_head(self._reader)
            if head is None:
                return False
            self.idle = False
            raw_body = await read_body(self._reader, head.headers)
        except BadRequestError as exc:
            await refuse(self, exc)
            await self.end()
            return False
        return await self._answer(head, raw_body)

    async def _answer(self, head: Head, raw_body: bytes) -> bool:
        if head.method != "POST" or head.target.partition("?")[0] != MESSAGES_PATH:
            request = self.ledger.receive(head, raw_body, connection=self.ordinal)
            await play_other(self, request)
            return request.keep_alive
        request, step = self.ledger.receive_message_request(
            head, raw_body, connection=self.ordinal, step=self._step
        )
        self._step = None
        return await play(self, step, request) and request.keep_alive

    async def _client_left(self) -> None:
        if self._protocol is None:
            await swallow(self._sock)
        else:
            await self._protocol.left.wait()

    def _abort(self) -> None:
        if self._writer is None:
            self._sock.close()
        else:
            self._writer.transport.abort()
