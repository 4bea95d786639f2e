"""Playing a step on a channel."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from resilient_claude.testing.rules.endpoints import ENDPOINTS, Endpoint, as_plain, validate_on
from resilient_claude.testing.rules.validation import validate_headers
from resilient_claude.testing.script import frames, wire
from resilient_claude.testing.script.answers import Answer, HttpError, Raw
from resilient_claude.testing.script.breaks import (
    POINTS_BEFORE_HEADERS,
    Break,
    Garbage,
    How,
    SseError,
    Step,
)

from . import http1
from .channel import Channel
from .http1 import BadRequestError, RecordedRequest
from .models_list import model, model_list
from .responses import model_of, response_ids, send, send_error, send_json, send_message
from .showing import as_shown, break_as_shown

FILLER_EVERY_S = 0.02


async def play(
    channel: Channel,
    step: Step,
    request: RecordedRequest,
    *,
    serial: int,
    strict: bool,
    counted: Callable[[Answer], Answer],
    endpoint: Endpoint = ENDPOINTS["anthropic"],
) -> bool:
    """Answer *request* with *step*.

    Args:
        channel: Where to answer.
        step: What to answer.
        request: What asked for it.
        serial: Numbers the ids in the response.
        strict: Answer a request that breaks the API's rules with the documented error instead.
        counted: Counts the tokens of the request into its answer.
        endpoint: Whose answer it is.

    Returns:
        Whether the connection can serve another request.
    """
    if strict:
        asked = request.path, request.headers, request.raw_body, request.body
        step = validate_on(endpoint, *asked) or step
    body = as_plain(endpoint, request.path, request.headers, request.body)[1]
    if isinstance(step, Answer):
        step = counted(as_shown(step, body))
    elif isinstance(step, Break):
        step = break_as_shown(step, body)
        if step.at not in POINTS_BEFORE_HEADERS:
            step = replace(step, answer=counted(step.answer))
    if isinstance(step, HttpError):
        await send_error(channel, step, serial=serial, endpoint=endpoint)
        return True
    if isinstance(step, Raw):
        headers = {name.lower(): value for name, value in step.headers.items()}
        headers = {"content-type": step.content_type, **headers}
        await send(channel, step.status, headers, step.body)
        return True
    if isinstance(step, Answer) and not (isinstance(body, dict) and body.get("stream") is True):
        await send_message(channel, step, body, serial=serial, endpoint=endpoint)
        return True
    return await _Stream(channel, step, model_of(body), serial, endpoint).play()


async def play_other(
    channel: Channel,
    request: RecordedRequest,
    *,
    serial: int,
    strict: bool,
    endpoint: Endpoint = ENDPOINTS["anthropic"],
) -> None:
    """Answer a request that is none for a message: the list of models, one of them, or 404."""
    if request.method == "HEAD":  # the answer to which has no body
        await channel.send(http1.head(404, response_ids(endpoint, serial)))
        return
    headers, _ = as_plain(endpoint, request.path, request.headers, None)
    path = request.path.removeprefix(endpoint.base_path).rstrip("/")
    base, _, name = path.partition("/v1/models/")
    # What is asked where there is nothing is a 404, whatever its headers are.
    error = HttpError(404, message=f"Not found: {request.path}")
    if request.method == "GET" and endpoint.lists_models and (name or base == "/v1/models"):
        wrong = validate_headers(headers) if strict else None
        body = model(name) if name else model_list()
        if wrong is None and body is not None:
            await send_json(channel, 200, response_ids(endpoint, serial), body)
            return
        error = wrong or HttpError(404, message=f"model: {name}")
    await send_error(channel, error, serial=serial, endpoint=endpoint)


async def refuse(channel: Channel, error: BadRequestError, *, serial: int) -> None:
    """Answer a request that could not be read."""
    headers = {"connection": "close"}
    refusal = HttpError(error.status, message=str(error), headers=headers)
    await send_error(channel, refusal, serial=serial)


async def break_off(channel: Channel, how: How) -> None:
    """End *channel* in one of the ways that send nothing more."""
    if how == "reset":
        await channel.reset()
    elif how == "close":
        await channel.end()
    else:
        assert how == "stall", how
        await channel.stall()


class _Stream:
    """One streamed answer, played until it ends or breaks."""

    def __init__(
        self, channel: Channel, step: Answer | Break, model: str, serial: int, endpoint: Endpoint
    ) -> None:
        self._channel = channel
        self._break = step if isinstance(step, Break) else None
        self._answer = step.answer if isinstance(step, Break) else step
        self._serial = serial
        self._endpoint = endpoint
        framed = frames.event if endpoint.frames else None
        self._pieces = wire.pieces(self._answer, model=model, serial=serial, framed=framed)
        self._waits_s = _waits(self._answer, self._pieces)
        self._unsent = bytearray()

    async def play(self) -> bool:
        """Play it; whether the connection can serve another request."""
        step = self._break
        if step is not None and step.at in POINTS_BEFORE_HEADERS and not await self._fail(step, 0):
            return False
        await self._channel.pause(self._answer.first_byte_s)
        await self._channel.send(http1.head(200, _stream_headers(self._endpoint, self._serial)))
        cut = None
        if step is not None and step.at not in POINTS_BEFORE_HEADERS:
            cut = step.pieces_sent()
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
        await self._channel.send(http1.TERMINATOR)
        return True

    async def _play_pieces(self, start: int, stop: int) -> None:
        for index in range(start, stop):
            await self._pause(self._waits_s[index])
            await self._send(self._pieces[index].data)

    async def _pause(self, wait_s: float) -> None:
        if wait_s > 0:
            await self._flush()
        await self._channel.pause(wait_s)

    async def _send(self, data: bytes) -> None:
        self._unsent += data
        size = self._answer.drip_bytes
        if size is None:
            await self._flush()
            return
        while len(self._unsent) >= size:
            await self._channel.send(http1.chunk(bytes(self._unsent[:size])))
            del self._unsent[:size]

    async def _flush(self) -> None:
        # An empty chunk would be the end of the body.
        if self._unsent:
            await self._channel.send(http1.chunk(bytes(self._unsent)))
            self._unsent.clear()

    async def _fail(self, step: Break, cut: int) -> bool:
        """Do what breaks the answer after *cut* pieces; whether the connection lives on."""
        how = step.how
        if isinstance(how, Garbage):
            if step.at == "request":
                await self._channel.send(how.data)
            elif step.at != "accept":  # there, it went out before the request was read
                await self._send(how.data)
            return True
        if isinstance(how, SseError):
            await self._send(self._error_event(how))
            return True
        if how == "end":
            return True
        if how in ("pings", "comments", "empty_deltas"):
            await self._fill(how, cut)
        await break_off(self._channel, how)
        return False

    def _error_event(self, how: SseError) -> bytes:
        if self._endpoint.frames:
            return frames.exception(how.type, how.message)
        body = wire.error_body(how.type, how.message, http1.request_id(self._serial))
        return self._encoded(body)

    def _encoded(self, event: wire.Event) -> bytes:
        if self._endpoint.frames:
            return frames.event(event)
        return wire.encode(event, self._answer.line_end)

    async def _fill(self, how: str, cut: int) -> NoReturn:
        """Send what is no content until the client leaves, which the pause raises."""
        if how == "comments" and not self._endpoint.frames:
            once, always = [], wire.COMMENT
        else:
            sent = wire.events(self._answer, model="", serial=self._serial)[:cut]
            events = wire.empty_delta(sent) if how == "empty_deltas" else [wire.PING]
            *once, always = [self._encoded(event) for event in events]
        for data in once:
            await self._send(data)
        while True:
            await self._send(always)
            await self._pause(FILLER_EVERY_S)


def _waits(answer: Answer, pieces: list[wire.Piece]) -> list[float]:
    """Return the seconds to wait before each piece of *answer*."""
    waits_s = []
    begun = flowing = False
    for point, _, wait_s in pieces:
        if point == "block_start" and not begun:
            begun, wait_s = True, wait_s + answer.first_token_s
        elif point in wire.DELTA_POINTS.values():
            flowing, wait_s = True, wait_s + (answer.piece_s if flowing else 0.0)
        waits_s.append(wait_s)
    return waits_s


def _stream_headers(endpoint: Endpoint, serial: int) -> dict[str, str]:
    kind = frames.CONTENT_TYPE if endpoint.frames else "text/event-stream; charset=utf-8"
    return {
        "content-type": kind,
        "cache-control": "no-cache",
        "transfer-encoding": "chunked",
        **response_ids(endpoint, serial),
    }
