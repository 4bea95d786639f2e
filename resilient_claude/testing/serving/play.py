"""Playing a step on a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from resilient_claude.testing.rules.request import validate, validate_headers
from resilient_claude.testing.script import wire
from resilient_claude.testing.script.answers import (
    POINTS_BEFORE_HEADERS,
    Answer,
    Break,
    Garbage,
    How,
    HttpError,
    Raw,
    SseError,
    Step,
)
from resilient_claude.testing.serving import http1

from .http1 import BadRequestError, RecordedRequest
from .models_list import model, model_list
from .responses import model_of, send, send_error, send_json, send_message

if TYPE_CHECKING:
    from .connection import Connection

FILLER_EVERY_S = 0.02
_DELTAS = ("text", "thinking", "tool_json")


async def play(connection: Connection, step: Step, request: RecordedRequest) -> bool:
    """Answer *request* with *step*, or with the documented error if it breaks the API's rules.

    Returns:
        Whether the connection can serve another request.
    """
    error = validate(request.headers, request.raw_body) if connection.strict else None
    if isinstance(error or step, HttpError):
        await send_error(connection, error or step)  # type: ignore[arg-type]
        return True
    if isinstance(step, Raw):
        headers = {name.lower(): value for name, value in step.headers.items()}
        headers = {"content-type": step.content_type, **headers}
        await send(connection, step.status, headers, step.body)
        return True
    if isinstance(step, Answer) and not _wants_stream(request):
        await send_message(connection, step, request)
        return True
    assert isinstance(step, Answer | Break)
    return await _Stream(connection, step, request).play()


async def play_other(connection: Connection, request: RecordedRequest) -> None:
    """Answer a request that is none for a message: the list of models, one of them, or 404."""
    error = validate_headers(request.headers) if connection.strict else None
    base, _, name = request.path.rstrip("/").partition("/v1/models/")
    if error is None and request.method == "GET" and (name or base == "/v1/models"):
        body = model(name) if name else model_list()
        headers = {"request-id": http1.request_id(connection.ledger.serial())}
        await send_json(connection, 200, headers, body)
        return
    await send_error(connection, error or HttpError(404, message="Not found"))


async def refuse(connection: Connection, error: BadRequestError) -> None:
    """Answer a request that could not be read."""
    headers = {"connection": "close"}
    await send_error(connection, HttpError(error.status, message=str(error), headers=headers))


async def break_off(connection: Connection, how: How) -> None:
    """End *connection* in one of the ways that send nothing more."""
    if how == "reset":
        await connection.reset()
    elif how == "close":
        await connection.end()
    else:
        assert how == "stall", how
        await connection.stall()


class _Stream:
    """One streamed answer, played until it ends or breaks."""

    def __init__(self, connection: Connection, step: Answer | Break, request: RecordedRequest):
        self._connection = connection
        self._break = step if isinstance(step, Break) else None
        self._answer = step.answer if isinstance(step, Break) else step
        self._serial = connection.ledger.serial()
        self._pieces = wire.pieces(self._answer, model=model_of(request), serial=self._serial)
        self._waits_s = _waits(self._answer, [piece.point for piece in self._pieces])
        self._unsent = bytearray()

    async def play(self) -> bool:
        """Play it; whether the connection can serve another request."""
        step = self._break
        if step is not None and step.at in POINTS_BEFORE_HEADERS and not await self._fail(step, 0):
            return False
        await self._connection.pause(self._answer.first_byte_s)
        await self._connection.send(http1.head(200, _stream_headers(self._serial)))
        cut = None
        if step is not None and step.at not in POINTS_BEFORE_HEADERS:
            cut = wire.pieces_until(step)
            await self._play_pieces(0, cut)
            await self._flush()
            if not await self._fail(step, cut):
                return False
            if not isinstance(step.how, Garbage):
                return await self._terminate()
        await self._play_pieces(cut or 0, len(self._pieces))
        return await self._terminate()

    async def _terminate(self) -> bool:
        await self._flush()
        await self._connection.send(http1.TERMINATOR)
        return True

    async def _play_pieces(self, start: int, stop: int) -> None:
        for index in range(start, stop):
            await self._pause(self._waits_s[index])
            await self._send(self._pieces[index].data)

    async def _pause(self, wait_s: float) -> None:
        if wait_s > 0:
            await self._flush()
        await self._connection.pause(wait_s)

    async def _send(self, data: bytes) -> None:
        self._unsent += data
        size = self._answer.drip_bytes
        if size is None:
            await self._flush()
            return
        while len(self._unsent) >= size:
            await self._connection.send(http1.chunk(bytes(self._unsent[:size])))
            del self._unsent[:size]

    async def _flush(self) -> None:
        # An empty chunk would be the end of the body.
        if self._unsent:
            await self._connection.send(http1.chunk(bytes(self._unsent)))
            self._unsent.clear()

    async def _fail(self, step: Break, cut: int) -> bool:
        """Do what breaks the answer after *cut* pieces; whether the connection lives on."""
        how = step.how
        if isinstance(how, Garbage):
            if step.at == "request":
                await self._connection.send(how.data)
            elif step.at != "accept":  # there, it went out before the request was read
                await self._send(how.data)
            return True
        if isinstance(how, SseError):
            body = wire.error_body(how.type, how.message, http1.request_id(self._serial))
            await self._send(wire.encode(body, self._answer.line_end))
            return True
        if how == "end":
            return True
        if how in ("pings", "comments", "empty_deltas"):
            await self._fill(how, cut)
        await break_off(self._connection, how)
        return False

    async def _fill(self, how: str, cut: int) -> NoReturn:
        """Send what is no content until the client leaves, which the pause raises."""
        if how == "comments":
            once, always = [], wire.COMMENT
        else:
            sent = wire.events(self._answer, model="", serial=self._serial)[:cut]
            events = [wire.PING] if how == "pings" else wire.empty_delta(sent)
            *once, always = [wire.encode(event, self._answer.line_end) for event in events]
        for data in once:
            await self._send(data)
        while True:
            await self._send(always)
            await self._pause(FILLER_EVERY_S)


def _waits(answer: Answer, points: list[str]) -> list[float]:
    """Return the seconds to wait before each piece of *answer*."""
    waits_s = []
    begun = flowing = False
    for point in points:
        wait_s = 0.0
        if point == "block_start" and not begun:
            begun, wait_s = True, answer.first_token_s
        elif point in _DELTAS:
            flowing, wait_s = True, answer.piece_s if flowing else 0.0
        waits_s.append(wait_s)
    return waits_s


def _stream_headers(serial: int) -> dict[str, str]:
    return {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "transfer-encoding": "chunked",
        "request-id": http1.request_id(serial),
    }


def _wants_stream(request: RecordedRequest) -> bool:
    return isinstance(request.body, dict) and request.body.get("stream") is True
