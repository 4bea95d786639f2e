"""Responses whose body is sent as a whole."""

from __future__ import annotations

import pytest

from resilient_claude.testing import Answer, HttpError, Raw, SimulatedClaude, ToolUse
from tests.testing.raw_client import (
    BODY,
    RawClient,
    split_head,
)


def test_a_request_without_stream_gets_a_json_message() -> None:
    """As the API answers it."""
    answer = Answer("Hi.", thinking="Hm.", tools=[ToolUse("find", {"n": 1}, id="toolu_1")])
    with SimulatedClaude(answer) as claude, RawClient(claude) as raw:
        raw.send({**BODY, "stream": False})
        _, headers, body = split_head(raw.read_until(b"}"))

    assert headers["content-type"] == "application/json"
    assert b'"stop_reason": "tool_use"' in body
    assert b'{"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"n": 1}}' in body


def test_http_error_has_the_documented_body() -> None:
    """The type in the body is what a client goes by."""
    step = HttpError(429, message="Slow down", headers={"Retry-After": "3"}, request_id="req_1")
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        status, headers, body = split_head(raw.read_until(b'"req_1"}'))

    assert status == "HTTP/1.1 429 Too Many Requests"
    assert (headers["retry-after"], headers["request-id"]) == ("3", "req_1")
    assert body == (
        b'{"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}, '
        b'"request_id": "req_1"}'
    )


def test_http_errors_have_ids_of_their_own() -> None:
    """Whether a request reached Anthropic is told by its id; two errors are two requests."""
    with SimulatedClaude(default=HttpError(529)) as claude, RawClient(claude) as raw:
        ids = set()
        for _ in range(2):
            raw.send()
            headers = split_head(raw.read_until(b'"}'))[1]
            assert headers["request-id"].startswith("req_")
            ids.add(headers["request-id"])

    assert len(ids) == 2


def test_http_error_without_request_id_has_none_anywhere() -> None:
    """What a gateway in between answers does not look as if Anthropic had answered it."""
    with SimulatedClaude(HttpError(503, request_id=None)) as claude, RawClient(claude) as raw:
        raw.send()
        _, headers, body = split_head(raw.read_until(b"}}"))

    assert "request-id" not in headers
    assert body == (
        b'{"type": "error", "error": {"type": "api_error", "message": "Simulated error"}}'
    )


@pytest.mark.parametrize("body", [b"<html>", "<html>"])
def test_http_error_can_have_any_body(body: bytes | str) -> None:
    """Load balancers answer in HTML."""
    step = HttpError(502, body=body, headers={"content-type": "text/html"})
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        status, headers, rest = split_head(raw.read_until(b"<html>"))

    assert (status, rest) == ("HTTP/1.1 502 Bad Gateway", b"<html>")
    assert headers["content-type"] == "text/html"


def test_raw_is_any_complete_response() -> None:
    """A captive portal says 200."""
    step = Raw("<html>log in</html>", headers={"X-Portal": "1"})
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send()
        status, headers, rest = split_head(raw.read_until(b"</html>"))

    assert (status, rest) == ("HTTP/1.1 200 OK", b"<html>log in</html>")
    assert headers == {"content-length": "19", "content-type": "text/html", "x-portal": "1"}


def test_ready_events_are_refused_without_streaming() -> None:
    """A made-up message in their place would be taken for the recorded one."""
    step = Answer(events=[{"type": "message_stop"}])
    with SimulatedClaude(step) as claude, RawClient(claude) as raw:
        raw.send({**BODY, "stream": False})
        status, _, body = split_head(raw.read_until(b"}"))

    assert status == "HTTP/1.1 400 Bad Request"
    assert b"an Answer with ready events needs a request with" in body
