"""Responses whose body is sent as a whole: messages that do not stream, errors, anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from resilient_claude.testing.script import wire
from resilient_claude.testing.script.answers import Answer, HttpError
from resilient_claude.testing.serving import http1

from .http1 import RecordedRequest

if TYPE_CHECKING:
    from .connection import Connection


async def send_message(connection: Connection, step: Answer, request: RecordedRequest) -> None:
    """Answer a request that does not stream with *step* as one JSON message."""
    if step.events is not None:
        message = 'SimulatedClaude: an Answer with ready events needs a request with "stream": true'
        await send_error(connection, HttpError(400, message=message))
        return
    if isinstance(request.body, dict) and request.body.get("max_tokens") == 0:
        step = _warmed(step)
    await connection.pause(step.first_byte_s)
    serial = connection.ledger.serial()
    headers = {"request-id": http1.request_id(serial)}
    body = wire.message(step, model=model_of(request), serial=serial)
    await send_json(connection, 200, headers, body)


async def send_error(connection: Connection, error: HttpError) -> None:
    """Answer with *error*."""
    request_id = error.request_id
    if request_id == "":
        request_id = http1.request_id(connection.ledger.serial())
    headers = {name.lower(): value for name, value in error.headers.items()}
    if request_id is not None:
        headers["request-id"] = request_id
    if isinstance(error.body, bytes | str):
        headers = {"content-type": "application/json", **headers}
        await send(connection, error.status, headers, error.body)
        return
    body = error.body or wire.error_body(error.error_type, error.message, request_id)
    await send_json(connection, error.status, headers, body)


async def send_json(
    connection: Connection, status: int, headers: Mapping[str, str], body: Mapping[str, Any]
) -> None:
    """Answer with *body* as JSON."""
    headers = {"content-type": "application/json", **headers}
    await send(connection, status, headers, json.dumps(body).encode())


async def send(
    connection: Connection, status: int, headers: Mapping[str, str], body: bytes | str
) -> None:
    """Answer with *body*; the names of *headers* are lower-case."""
    body = body.encode() if isinstance(body, str) else body
    length = {"content-length": str(len(body))}
    await connection.send(http1.head(status, {**length, **headers}) + body)


def model_of(request: RecordedRequest) -> str:
    """Return the model that *request* names, or one."""
    name = request.body.get("model") if isinstance(request.body, dict) else None
    return name if isinstance(name, str) else "claude-sonnet-5-5"


def _warmed(answer: Answer) -> Answer:
    """Return what a request with `max_tokens` 0 gets for *answer*: its usage, and no output.

    Source: platform.claude.com, "Prompt caching", "Pre-warming the cache".
    """
    return replace(
        answer,
        text="",
        pieces=None,
        thinking=None,
        tools=(),
        stop_reason="max_tokens",
        output_tokens=0,
    )
