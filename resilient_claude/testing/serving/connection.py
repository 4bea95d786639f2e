"""One accepted connection: what it goes through from `accept` to its end.

Theory of operation. One task serves a connection, through the states of `ConnectionState`:

```
OPENING -> IDLE <-> ANSWERING
   |         |          |
   +---------+----------+-----> CLOSING     we or the client leave, the script breaks it
   +---------+----------+-----> DARK        the test says so, whatever it is doing
```

OPENING covers everything before the first request: a break that the script wants at `accept`, and
the TLS handshake or what stands in for it. A request makes it ANSWERING once its head has been
read, its answer IDLE again, unless one of them ends the connection. CLOSING lasts until the
transport has gone; then the task is done, and that is what closed means. DARK has a task of its own
that swallows bytes, and the cancelled first one must not touch the state any more: nothing leads
out of DARK but the client's leaving.
"""

import asyncio
import json
import socket
import ssl
from dataclasses import replace
from enum import Enum, auto
from typing import Any

from resilient_claude.testing.rules.endpoints import ENDPOINTS, Endpoint, as_plain, asks_for_message
from resilient_claude.testing.script.breaks import Break, Garbage, Step

from .channel import Channel
from .handshakes import ALERT, PLAINTEXT, TlsMode
from .http1 import BadRequestError, RecordedRequest, RequestHead, read_body, read_head
from .ledger import Ledger
from .play import break_off, play, play_other, refuse
from .sockets import swallow_and_close

_CONNECTED_AFTER_S = 0.02


class ConnectionState(Enum):
    """What a connection is doing; see the module."""

    OPENING = auto()
    IDLE = auto()
    ANSWERING = auto()
    CLOSING = auto()
    DARK = auto()


class Connection:
    """One accepted connection, served by one task.

    Args:
        sock: The accepted socket.
        ordinal: Its number, from 1.
        ledger: The script it plays, and where its requests are recorded.
        context: The server's side of TLS; None without.
        tls_mode: What the client meets in place of a handshake, if anything.
        strict: Whether requests that break the API's rules are refused.
        endpoint: Whose it is.

    Attributes:
        state: What it is doing.
        task: The task that serves it now; it is done when the connection is closed.
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
        endpoint: Endpoint = ENDPOINTS["anthropic"],
    ) -> None:
        self.state = ConnectionState.OPENING
        self._ordinal = ordinal
        self._ledger = ledger
        self._strict = strict
        self._endpoint = endpoint
        self._channel = Channel(sock)
        self._context = context
        self._tls_mode = tls_mode
        self._accept_step = ledger.accept()
        self.task = asyncio.get_running_loop().create_task(self._serve())
        self.tasks = [self.task]

    def close(self) -> None:
        """Close as a server closes an idle connection."""
        if self.state is not ConnectionState.DARK:
            self.state = ConnectionState.CLOSING
        self._channel.close()

    def go_dark(self) -> None:
        """Swallow every byte and answer none, at TCP or TLS level, until the client leaves."""
        sock = self._channel.detach()
        if sock is None:
            return
        self.state = ConnectionState.DARK
        self.task.cancel()
        self.task = asyncio.get_running_loop().create_task(swallow_and_close(sock))
        self.tasks.append(self.task)

    async def _serve(self) -> None:
        try:
            if self._accept_step is None or await self._break_at_accept(self._accept_step):
                await self._serve_opened()
        except (OSError, asyncio.IncompleteReadError):
            # Whatever the socket says, it says that the client has left.
            return
        finally:
            self.close()
            await self._channel.wait_closed()

    async def _break_at_accept(self, step: Break) -> bool:
        """Do what *step* wants before anything is read; whether to go on."""
        if isinstance(step.how, Garbage):
            await self._channel.send(step.how.data)
            return True
        # Let the client know that it is connected, lest connecting fails instead.
        await self._channel.first_bytes(_CONNECTED_AFTER_S)
        await break_off(self._channel, step.how)
        return False

    async def _serve_opened(self) -> None:
        """Shake hands as the TLS mode has it, then serve one request after the other."""
        if self._context is not None and self._tls_mode != "normal":
            await self._spoil_handshake()
            return
        reader = await self._channel.open(self._context)
        self.state = ConnectionState.IDLE
        while await self._exchange(reader):
            self.state = ConnectionState.IDLE

    async def _spoil_handshake(self) -> None:
        if self._tls_mode == "hang":
            await self._channel.stall()
            return
        await self._channel.first_bytes()
        await self._channel.send(ALERT if self._tls_mode == "alert" else PLAINTEXT)
        await self._channel.end()

    async def _exchange(self, reader: asyncio.StreamReader) -> bool:
        """Serve one request; whether there may be another."""
        try:
            head = await read_head(reader)
            if head is None:
                return False
            self.state = ConnectionState.ANSWERING
            raw_body = await read_body(reader, head.headers)
        except BadRequestError as exc:
            await refuse(self._channel, exc, serial=self._ledger.serial())
            await self._channel.end()
            return False
        return await self._answer(head, raw_body)

    async def _answer(self, head: RequestHead, raw_body: bytes) -> bool:
        channel, endpoint = self._channel, self._endpoint
        how: dict[str, Any] = {
            "serial": self._ledger.serial(),
            "strict": self._strict,
            "endpoint": endpoint,
        }
        path = head.target.partition("?")[0]
        if head.method != "POST" or not asks_for_message(endpoint, path):
            request = self._ledger.receive(head, raw_body, connection=self._ordinal)
            await play_other(channel, request, **how)
            return request.keep_alive
        request, step = self._ledger.receive_message_request(
            head, raw_body, connection=self._ordinal, step=self._take_accept_step()
        )
        plain = _plain(request, endpoint)
        may_go_on = await play(
            channel,
            step,
            request,
            counted=lambda answer: self._ledger.counted(answer, plain, serial=how["serial"]),
            **how,
        )
        return may_go_on and request.keep_alive

    def _take_accept_step(self) -> Step | None:
        """The step that `accept` consumed, for the first request alone."""
        step, self._accept_step = self._accept_step, None
        return step


def _plain(request: RecordedRequest, endpoint: Endpoint) -> RecordedRequest:
    """Return *request* as Anthropic's own API would have got it."""
    headers, body = as_plain(endpoint, request.path, request.headers, request.body)
    raw_body = request.raw_body if body is request.body else json.dumps(body).encode()
    return replace(request, headers=headers, body=body, raw_body=raw_body)
