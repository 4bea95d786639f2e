"""Responses whose body is sent as a whole: messages that do not stream, errors, anything else."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from resilient_claude.testing.rules.endpoints import ENDPOINTS, Endpoint
from resilient_claude.testing.script import frames, wire
from resilient_claude.testing.script.answers import Answer, HttpError

from . import http1
from .channel import Channel


async def send_message(
    channel: Channel,
    step: Answer,
    asked: object,
    *,
    serial: int,
    endpoint: Endpoint = ENDPOINTS["anthropic"],
) -> None:
    """Answer a request that does not stream with *step* as one JSON message.

    Args:
        channel: Where to send it.
        step: The answer.
        asked: The body of the request.
        serial: Numbers the ids in it.
        endpoint: Whose answer it is.
    """
    if step.events is not None:
        message = 'SimulatedClaude: an Answer with ready events needs a request with "stream": true'
        await send_error(channel, HttpError(400, message=message), serial=serial)
        return
    if isinstance(asked, dict) and asked.get("max_tokens") == 0:
        step = _warmed(step)
    await channel.pause(step.first_byte_s)
    body = wire.message(step, model=model_of(asked), serial=serial)
    await send_json(channel, 200, response_ids(endpoint, serial), body)


async def send_error(
    channel: Channel,
    error: HttpError,
    *,
    serial: int,
    endpoint: Endpoint = ENDPOINTS["anthropic"],
) -> None:
    """Answer with *error*, whose `request-id` is made of *serial* unless it has one."""
    request_id = error.request_id
    if request_id == "":
        request_id = http1.request_id(serial)
    headers = {name.lower(): value for name, value in error.headers.items()}
    if request_id is not None:
        headers |= dict.fromkeys(endpoint.ids, request_id)
    if endpoint.frames and error.body is None:
        name = error.type or frames.EXCEPTIONS.get(error.status, "ValidationException")
        headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/", **headers}
        await send_json(channel, error.status, headers, {"message": error.message})
        return
    if isinstance(error.body, bytes | str):
        headers = {"content-type": "application/json", **headers}
        await send(channel, error.status, headers, error.body)
        return
    body = error.body or wire.error_body(error.error_type, error.message, request_id)
    await send_json(channel, error.status, headers, body)


async def send_json(
    channel: Channel, status: int, headers: Mapping[str, str], body: Mapping[str, Any]
) -> None:
    """Answer with *body* as JSON."""
    headers = {"content-type": "application/json", **headers}
    await send(channel, status, headers, json.dumps(body).encode())


async def send(
    channel: Channel, status: int, headers: Mapping[str, str], body: bytes | str
) -> None:
    """Answer with *body*; the names of *headers* are lower-case."""
    body = body.encode() if isinstance(body, str) else body
    length = {"content-length": str(len(body))}
    await channel.send(http1.head(status, {**length, **headers}) + body)


def response_ids(endpoint: Endpoint, serial: int) -> dict[str, str]:
    """Build the headers that name a response."""
    return dict.fromkeys(endpoint.ids, http1.request_id(serial))


def model_of(body: object) -> str:
    """Return the model that the *body* of a request names, or one."""
    name = body.get("model") if isinstance(body, dict) else None
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
        content=None,
        tools=(),
        stop_reason="max_tokens",
        output_tokens=0,
    )
