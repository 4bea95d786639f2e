"""Playing a step on a connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from resilient_claude.testing import http1, wire
from resilient_claude.testing.http1 import BadRequestError, RecordedRequest
from resilient_claude.testing.models_list import model, model_list
from resilient_claude.testing.script import (
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
from resilient_claude.testing.validation import validate, validate_headers

if TYPE_CHECKING:
    from resilient_claude.testing.connection import Connection

FILLER_EVERY_S = 0.02
_DELTAS = ("text", "thinking", "tool_json")


async def play(connection: Connection, step: Step, request: RecordedRequest) -> bool:
    """Answer *request* with *step*, or with the documented error if it breaks the API's rules.

    Returns:
        Whether the connection can serve another request.
    """
    error = validate(request.headers, request.raw_body) if connection.strict else None
    if isinstance(error or step, HttpError):
        await _send_error(connection, error or step)  # type: ignore[arg-type]
        return True
    if isinstance(step, Raw):
        headers = {"content-type": step.content_type, **_lower(step.headers)}
        await _send(connection, step.status, headers, _bytes(step.body))
        return True
    if isinstance(step, Answer) and not _wants_stream(request):
        await connection.pause(step.first_byte_s)
        serial = connection.ledger.serial()
        body = wire.message(step, model=_model(request), serial=serial)
        await _send_json(connection, 200, {}, body, serial)
        return True
    assert isinstance(step, Answer | Break)
    return await _Stream(connection, step, request).play()


async def play_other(connection: Connection, request: RecordedRequest) -> None:
    """Answer a request that is none for a message: the list of models, one of them, or 404."""
    error = validate_headers(request.headers) if connection.strict else None
    base, _, name = request.path.rstrip("/").partition("/v1/models/")
    if error is None and request.method == "GET" and (name or base == "/v1/models"):
        body = model(name) if name else model_list()
        await _send_json(connection, 200, {}, body, connection.ledger.serial())
        return
    await _send_error(connection, error or HttpError(404, message="Not found"))


async def refuse(connection: Connection, error: BadRequestError) -> None:
    """Answer a request that could not be read."""
    headers = {"connection": "close"}
    await _send_error(connection, HttpError(error.status, message=str(error), headers=headers))


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
        self._pieces = wire.pieces(self._answer, model=_model(request), serial=self._serial)
        self._waits_s = _waits(self._answer, [piece.point for piece in self._pieces])

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
            if not await self._fail(step, cut):
                return False
            if not isinstance(step.how, Garbage):
                return await self._terminate()
        await self._play_pieces(cut or 0, len(self._pieces))
        return await self._terminate()

    async def _terminate(self) -> bool:
        await self._connection.send(http1.TERMINATOR)
        return True

    async def _play_pieces(self, start: int, stop: int) -> None:
        for index in range(start, stop):
            await self._connection.pause(self._waits_s[index])
            await self._send(self._pieces[index].data)

    async def _send(self, data: bytes) -> None:
        size = self._answer.drip_bytes or len(data) or 1
        for start in range(0, len(data), size):
            await self._connection.send(http1.chunk(data[start : start + size]))

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
            await self._connection.pause(FILLER_EVERY_S)


async def _send_error(connection: Connection, error: HttpError) -> None:
    serial = connection.ledger.serial()
    request_id = error.request_id or http1.request_id(serial)
    headers = {**_lower(error.headers), "request-id": request_id}
    if isinstance(error.body, bytes | str):
        headers = {"content-type": "application/json", **headers}
        await _send(connection, error.status, headers, _bytes(error.body))
        return
    body = error.body or wire.error_body(error.error_type, error.message, request_id)
    await _send_json(connection, error.status, headers, body, serial)


async def _send_json(
    connection: Connection,
    status: int,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    serial: int,
) -> None:
    regular = {"content-type": "application/json", "request-id": http1.request_id(serial)}
    await _send(connection, status, {**regular, **headers}, json.dumps(body).encode())


async def _send(
    connection: Connection, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    length = {"content-length": str(len(body))}
    await connection.send(http1.head(status, {**length, **headers}) + body)


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


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


def _wants_stream(request: RecordedRequest) -> bool:
    return isinstance(request.body, dict) and request.body.get("stream") is True


def _model(request: RecordedRequest) -> str:
    name = request.body.get("model") if isinstance(request.body, dict) else None
    return name if isinstance(name, str) else "claude-sonnet-5-5"
