"""What is made of the answers to `GET /v1/models/{model}`, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anthropic
import pytest

from resilient_claude.failures.evidence import Evidence
from resilient_claude.testing import SimulatedClaude
from resilient_claude.transport.models_endpoint import (
    LONGEST_ANSWER_BYTES,
    UnknownModelError,
    describe_model,
)
from tests.support.adapters import KEY
from tests.support.platform_clients import CLIENTS

MODEL = "claude-sonnet-4-6"
Connect = Callable[[str], anthropic.AsyncAnthropic]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes clients of the SDK, and closes them."""
    clients: list[anthropic.AsyncAnthropic] = []

    def make(base_url: str) -> anthropic.AsyncAnthropic:
        clients.append(anthropic.AsyncAnthropic(api_key=KEY, base_url=base_url, max_retries=0))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


@contextmanager
def gateway(status: int, body: bytes) -> Iterator[str]:
    """A server that answers every GET so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def error(message: str, kind: str = "not_found_error") -> bytes:
    """An error as the API writes it."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


async def test_a_model_is_described(connect: Connect) -> None:
    """As the API describes it."""
    with SimulatedClaude() as claude:
        found = await describe_model(connect(claude.base_url), "claude-haiku-4-5", Evidence())

    assert isinstance(found, dict)
    assert found["id"] == "claude-haiku-4-5-20251001"


async def test_a_model_that_is_none_is_known_before_the_first_call(connect: Connect) -> None:
    """The API names it in its 404."""
    with SimulatedClaude() as claude, pytest.raises(UnknownModelError) as caught:
        await describe_model(connect(claude.base_url), "claude-sonet-4-6", Evidence())

    assert caught.value.error.status_code == 404


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""),
        (404, b"<html>not found</html>"),
        (404, error("Not found")),
        (404, error(f"model: {MODEL}", "other_error")),
        (404, json.dumps({"error": MODEL}).encode()),
        (404, json.dumps([MODEL]).encode()),
        (404, json.dumps({"error": {"type": "not_found_error", "message": 3}}).encode()),
        (405, error("Method not allowed")),
        (501, b""),
        (200, b""),
        (200, b"<html>hello</html>"),
        (200, b"[" * 100_000),
        (200, b'{"a": "' + b"x" * LONGEST_ANSWER_BYTES + b'"}'),
    ],
)
async def test_a_gateway_without_the_endpoint_says_nothing(
    connect: Connect, status: int, body: bytes
) -> None:
    """It serves messages, and that is all that is wanted of it."""
    with gateway(status, body) as base_url:
        assert await describe_model(connect(base_url), MODEL, Evidence()) is None


async def test_a_key_that_is_refused_is_an_error(connect: Connect) -> None:
    """As it will be in every turn."""
    body = error("invalid x-api-key", "authentication_error")
    with gateway(401, body) as base_url, pytest.raises(anthropic.AuthenticationError):
        await describe_model(connect(base_url), MODEL, Evidence())


async def test_a_client_that_cannot_ask_gets_a_connection() -> None:
    """Some platforms' clients have no models; a first turn waits for TCP and TLS all the same."""
    with SimulatedClaude(platform="foundry") as claude:
        client = CLIENTS["foundry"](claude.base_url)
        told = await describe_model(client, MODEL, Evidence())
        await client.close()

        assert (told, claude.connections) == (None, 1)
