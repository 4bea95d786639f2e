"""A server for what `SimulatedClaude` cannot play. It runs in the loop of the test.

It sends bytes as they are told, however wrong, and can wait until the caller has heard something
before it breaks: otherwise the break may overtake the text, and nobody could say what must be
heard.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from resilient_claude.testing.script import wire
from resilient_claude.testing.script.answers import Answer
from resilient_claude.testing.script.breaks import SseError
from resilient_claude.testing.serving import http1
from resilient_claude.testing.serving.handshakes import ServerCertificates

REQUEST_ID = "req_of_the_raw_server"
_UNHEARD_S = 10.0


@dataclass(frozen=True)
class Send:
    """Write these bytes at once."""

    data: bytes


@dataclass(frozen=True)
class UntilHeard:
    """Go on once the caller has heard exactly this."""

    text: str


@dataclass(frozen=True)
class Forever:
    """Write these bytes again and again until the client leaves; none: wait for that."""

    data: bytes = b""
    every_s: float = 0.02


@dataclass(frozen=True)
class Finish:
    """End the connection: RST, or FIN (under TLS without close_notify)."""

    how: Literal["reset", "close"]


@dataclass(frozen=True)
class RawScript:
    """What one `POST /v1/messages` gets. The connection lives on unless an action ends it."""

    actions: tuple[Send | UntilHeard | Forever | Finish, ...]


class HeardText:
    """What the caller has heard so far. Whoever reads the stream tells it."""

    def __init__(self) -> None:
        self.text = ""
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    def hear(self, text: str) -> None:
        """The caller has heard *text*."""
        self.text += text
        for awaited, future in self._waiting:
            if awaited == self.text and not future.done():
                future.set_result(None)

    async def until(self, text: str) -> None:
        """Wait until exactly *text* was heard.

        Raises:
            TimeoutError: it was not.
        """
        if self.text == text:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        await asyncio.wait_for(future, _UNHEARD_S)


class RawServer:
    """Plays one script per `POST /v1/messages`, then the last one for ever.

    Attributes:
        requests: how many there were.
        connections: how many were accepted.
    """

    def __init__(
        self, scripts: Sequence[RawScript], heard_text: HeardText, *, tls: bool = False
    ) -> None:
        self.requests = 0
        self.connections = 0
        self._scripts = list(scripts)
        self._heard_text = heard_text
        self._certificates = ServerCertificates.issue() if tls else None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"https://localhost:{port}" if self._certificates else f"http://127.0.0.1:{port}"

    @property
    def ca_file(self) -> str | None:
        return str(self._certificates.ca_path) if self._certificates else None

    @property
    def open_connections(self) -> int:
        return len(self._open)

    async def start(self) -> None:
        context = self._certificates.context if self._certificates else None
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._certificates is not None:
            self._certificates.remove()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            pass  # the client has left, or the test is over: either way, so are we
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; whether there may be another."""
        head = await http1.read_head(reader)
        if head is None:
            return False
        await http1.read_body(reader, head.headers)
        self.requests += 1
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        for action in script.actions:
            match action:
                case Send(data):
                    writer.write(data)
                    await writer.drain()
                case UntilHeard(text):
                    await self._heard_text.until(text)
                case Forever(data, every_s):
                    await _forever(reader, writer, data, every_s)
                    return False
                case Finish(how):
                    await _finish(reader, writer, how)
                    return False
        return True


async def _forever(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, every_s: float
) -> None:
    left = asyncio.ensure_future(reader.read())
    try:
        while not left.done():
            writer.write(data)
            await writer.drain()
            await asyncio.wait([left], timeout=every_s if data else None)
    finally:
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)


async def _finish(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, how: Literal["reset", "close"]
) -> None:
    sock = writer.get_extra_info("socket")
    if how == "close":
        sock.shutdown(socket.SHUT_WR)
        await reader.read()  # unread bytes would turn the FIN into a reset
        return
    # Closing with a linger time of zero discards the connection: socket(7), tcp(7).
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# --- scripts ------------------------------------------------------------------------------------

How = Literal["reset", "close", "end", "stall", "pings", "comments", "empty_deltas"] | SseError


def head(status: int = 200, **headers: str) -> bytes:
    """Status line and headers of a streamed answer; underscores in names are hyphens."""
    regular = {
        "content-type": "text/event-stream; charset=utf-8",
        "transfer-encoding": "chunked",
        "request-id": REQUEST_ID,
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    merged = {name: value for name, value in {**regular, **given}.items() if value}
    return http1.head(status, merged)


def streamed(*parts: bytes, **headers: Any) -> RawScript:
    """A whole response whose body is *parts*, each one chunk and all in one write."""
    body = b"".join(http1.chunk(part) for part in parts)
    return RawScript((Send(head(**headers) + body + http1.TERMINATOR),))


def sse(events: Sequence[Mapping[str, Any] | bytes]) -> bytes:
    """*events* as they are sent; bytes stand as they are."""
    return b"".join(e if isinstance(e, bytes) else wire.encode(e) for e in events)


def answer_events(answer: Answer) -> list[dict[str, Any]]:
    """The events of *answer*, to be changed."""
    events = wire.events(answer, model="claude-sonnet-4-6", serial=1)
    return [dict(event) for event in events if not isinstance(event, bytes)]


def broken_after(heard: str, answer: Answer, at: str, how: How | bytes, *, count: int) -> RawScript:
    """*answer* up to its *count*th piece at the point *at*; once *heard* is heard, it breaks.

    Bytes instead of a way to break are sent there, and then the regular end of the body.
    """
    pieces = wire.pieces(answer)
    index = [number for number, piece in enumerate(pieces) if piece.point == at][count - 1] + 1
    sent = b"".join(http1.chunk(piece.data) for piece in pieces[:index])
    started = (Send(head() + sent), UntilHeard(heard))
    if isinstance(how, bytes):
        return RawScript((*started, Send(http1.chunk(how) + http1.TERMINATOR)))
    if isinstance(how, SseError):
        error = wire.encode(wire.error_body(how.type, how.message, REQUEST_ID))
        return RawScript((*started, Send(http1.chunk(error) + http1.TERMINATOR)))
    match how:
        case "reset" | "close":
            return RawScript((*started, Finish(how)))
        case "end":
            return RawScript((*started, Send(http1.TERMINATOR)))
        case "stall":
            return RawScript((*started, Forever()))
        case "pings":
            return RawScript((*started, Forever(http1.chunk(wire.encode(wire.PING)))))
        case "comments":
            return RawScript((*started, Forever(http1.chunk(wire.COMMENT))))
        case "empty_deltas":
            *once, again = wire.empty_delta(answer_events(answer)[:index])
            first = Send(b"".join(http1.chunk(wire.encode(event)) for event in once))
            return RawScript((*started, first, Forever(http1.chunk(wire.encode(again)))))


def whole(answer: Answer) -> RawScript:
    """*answer* as `SimulatedClaude` plays it."""
    return streamed(*(piece.data for piece in wire.pieces(answer)))


def error_event(error_type: str, message: str) -> bytes:
    """An `error` event."""
    return wire.encode(wire.error_body(error_type, message, REQUEST_ID))


def json_response(status: int, body: Mapping[str, Any]) -> bytes:
    """A complete response of Anthropic's with a JSON body."""
    data = json.dumps(body).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(data)),
        "request-id": REQUEST_ID,
    }
    return http1.head(status, headers) + data
