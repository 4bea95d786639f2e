"""Attempts against a Claude on a real socket: every fault on the first of them, and on all."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

import pytest
from livekit.agents import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    llm,
)
from livekit.agents.types import APIConnectOptions

from resilient_claude import ResilientClaudeLLM, Timeouts, failure_of
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    Raw,
    SimulatedClaude,
    SseError,
    Step,
    ToolUse,
)
from resilient_claude.testing.script.breaks import How, Point
from resilient_claude.testing.serving.handshakes import TlsMode
from tests.support.adapters import KEY, SHORT_S, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import GREETING, conversation, fails_always, read_stream

# Faults before any output, and what an operator reads about the attempt that met them.
BEFORE_OUTPUT: dict[str, tuple[Step, str, str]] = {
    "reset while accepting": (Break("reset", at="accept"), "reset", "unknown"),
    "reset after the request": (Break("reset", at="request"), "reset", "unknown"),
    "reset after the headers": (Break("reset", at="headers"), "reset", "remote"),
    "closed after the request": (Break("close", at="request"), "reset", "unknown"),
    "closed after message_start": (Break("close", at="message_start"), "reset", "remote"),
    "ended after message_start": (Break("end", at="message_start"), "truncated", "remote"),
    "no response": (Break("stall", at="request"), "timeout", "unknown"),
    "no first token": (Break("stall", at="message_start"), "timeout", "unknown"),
    "pings only": (Break("pings", at="message_start"), "timeout", "unknown"),
    "500": (HttpError(500), "server", "remote"),
    "502": (HttpError(502), "server", "remote"),
    "503": (HttpError(503), "server", "remote"),
    "529": (HttpError(529), "overloaded", "remote"),
    "429": (HttpError(429), "rate_limited", "remote"),
    "overloaded under 200": (Break(SseError(), at="message_start"), "overloaded", "remote"),
    "HTML under 200": (Raw(b"<html>"), "malformed", "unknown"),
    "JSON under 200": (Raw(b"{}", content_type="application/json"), "malformed", "unknown"),
    "an error as JSON under 200": (
        Raw(
            b'{"type":"error","error":{"type":"overloaded_error"}}', content_type="application/json"
        ),
        "overloaded",
        "unknown",
    ),
    "a message as JSON under 200": (
        Raw(b'{"type":"message","content":[]}', content_type="application/json"),
        "malformed",
        "unknown",
    ),
    "nothing under 200": (Raw(b"", content_type="text/event-stream"), "malformed", "unknown"),
}


@pytest.mark.parametrize("name", BEFORE_OUTPUT)
async def test_a_fault_on_the_first_attempt_is_not_heard(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """The failure of livekit/agents #5805: one blip doomed the turn, and its cause was lost.

    The plugin awaited the request's coroutine once and then again on every retry: "cannot reuse
    already awaited coroutine", 39 s of silence. Here an attempt shares nothing with the next.
    """
    step, kind, origin = BEFORE_OUTPUT[name]
    timeout = Timeouts(first_token_s=SHORT_S) if kind == "timeout" else None
    with SimulatedClaude(step, GREETING) as claude:
        adapter = make_llm(claude, timeout=timeout)

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
        assert len(claude.requests) + ("accept" in str(step)) == 2
    failed = lines.named("claude.attempt_failed")
    assert [(line["kind"], line["origin"], line["attempt"]) for line in failed] == [
        (kind, origin, 1)
    ]
    assert len(lines.named("claude.call_recovered")) == 1


async def test_a_refused_connection_is_not_heard(make_llm: MakeLLM, lines: Lines) -> None:
    """The listener comes back after exactly one refused attempt."""
    with SimulatedClaude(GREETING) as claude:
        adapter = make_llm(claude)
        claude.refuse()
        adapter.on("error", lambda event: claude.listen())

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, len(claude.requests)) == ("Hello, this is Claude.", 1)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["origin"], line["errno"]) == ("connect", "local", 111)


@pytest.mark.parametrize("mode", ["hang", "alert", "plaintext"])
async def test_a_failed_tls_handshake_is_not_heard(
    mode: TlsMode, make_llm: MakeLLM, lines: Lines
) -> None:
    """A load balancer with one bad host."""
    timeout = Timeouts(connect_s=SHORT_S) if mode == "hang" else None
    with SimulatedClaude(GREETING, tls=True) as claude:
        adapter = make_llm(claude, timeout=timeout)
        claude.tls_mode(mode)
        adapter.on("error", lambda event: claude.tls_mode("normal"))

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["phase"], line["kind"]) == ("tls", "timeout" if mode == "hang" else "tls")


async def test_refused_always_ends_in_the_operating_system_s_error(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Promise 6: the chain reaches the ConnectionRefusedError itself."""
    with SimulatedClaude() as claude:
        claude.refuse()
        error, root = await fails_always(make_llm(claude, retry=shrunk_policy(max_attempts=3)))

    assert type(error) is APIConnectionError
    assert isinstance(root, ConnectionRefusedError)
    failed = lines.named("claude.attempt_failed")
    assert [line["attempt"] for line in failed] == [1, 2, 3]
    assert ["wait_s" in line for line in failed] == [True, True, False]
    assert lines.levels == ["WARNING", "DEBUG", "DEBUG", "ERROR"]
    (line,) = lines.named("claude.call_failed")
    assert (line["attempts"], line["origin"], line["causes"]) == (3, "local", "3 connect")


async def test_an_unknown_host_ends_in_gaierror(make_llm: MakeLLM) -> None:
    """`.invalid` never resolves (RFC 6761)."""
    with SimulatedClaude() as claude:
        adapter = make_llm(
            claude,
            base_url="http://claude.invalid",
            retry=shrunk_policy(max_attempts=3, max_silence_s=20.0),
        )
        error, root = await fails_always(adapter)

    assert isinstance(root, socket.gaierror)
    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin, failure.phase) == ("dns", "local", "dns")


async def test_an_untrusted_certificate_ends_in_the_verification_error(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates are verified, and tried once more at most."""
    with SimulatedClaude(tls=True) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url, retry=shrunk_policy())
        error, root = await fails_always(adapter)
        assert (claude.connections, len(claude.requests)) == (2, 0)

    assert isinstance(root, ssl.SSLCertVerificationError)
    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin, failure.phase) == ("tls", "local", "tls")


async def test_a_reset_always_ends_in_connection_reset(make_llm: MakeLLM) -> None:
    """And the answer to whose side it was is: the other one."""
    with SimulatedClaude(default=Break("reset", at="headers")) as claude:
        error, root = await fails_always(make_llm(claude, retry=shrunk_policy(max_attempts=2)))

    assert isinstance(root, ConnectionResetError)
    assert root.errno == errno.ECONNRESET
    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("reset", "remote")


@pytest.mark.parametrize("at", ["request", "message_start"])
@pytest.mark.parametrize("how", ["stall", "pings", "comments"])
async def test_silence_is_bounded(how: How, at: Point, make_llm: MakeLLM) -> None:
    """Promise 5: over all attempts and waits, whatever keeps the connection alive."""
    if at == "request" and how != "stall":
        at = "headers"
    with SimulatedClaude(default=Break(how, at=at)) as claude:
        adapter = make_llm(
            claude,
            retry=shrunk_policy(max_silence_s=2.0),
            timeout=Timeouts(first_token_s=0.6),
        )
        started = asyncio.get_running_loop().time()
        error, _ = await fails_always(adapter)
        elapsed_s = asyncio.get_running_loop().time() - started

    assert type(error) is APITimeoutError
    assert elapsed_s < 2 * 2.0  # twice the budget, for a loaded machine


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413])
async def test_what_cannot_get_better_makes_one_request(status: int, make_llm: MakeLLM) -> None:
    """And fails at once, with the API's status."""
    with SimulatedClaude(default=HttpError(status)) as claude:
        error, _ = await fails_always(make_llm(claude))

        assert len(claude.requests) == 1
    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.retryable) == (status, False)
    assert error.request_id


async def test_a_bug_of_ours_makes_one_request_and_is_called_a_bug(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Never a "connection error", never retried."""

    def broken(*arguments: object) -> None:
        raise KeyError("my card number")

    with SimulatedClaude(GREETING) as claude:
        monkeypatch.setattr("resilient_claude.transport.exchange.EventDecoder.feed", broken)
        error, _ = await fails_always(make_llm(claude))

        assert len(claude.requests) == 1
    assert type(error) is APIError
    (line,) = lines.named("claude.call_failed")
    assert (line["kind"], line["root_type"]) == ("bug", "KeyError")
    assert "card" not in str(error)


@pytest.mark.parametrize("status", [500, 529, 429])
async def test_the_number_of_requests_is_exactly_the_policy_s(
    status: int, make_llm: MakeLLM
) -> None:
    """Neither the SDK nor the framework adds retries of its own."""
    with SimulatedClaude(default=HttpError(status)) as claude:
        await fails_always(make_llm(claude, retry=shrunk_policy(max_attempts=3)))

        assert len(claude.requests) == 3


@pytest.mark.parametrize(
    "headers", [{"retry-after": "0.05"}, {"retry-after-ms": "50", "retry-after": "9"}]
)
async def test_retry_after_within_the_budget_is_honoured(
    headers: dict[str, str], make_llm: MakeLLM, lines: Lines
) -> None:
    """Asking earlier would be refused again."""
    with SimulatedClaude(HttpError(429, headers=headers), GREETING) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert heard.text == "Hello, this is Claude."
        assert claude.requests[1].at_s - claude.requests[0].at_s >= 0.05
    (line,) = lines.named("claude.attempt_failed")
    assert line["retry_after_s"] == 0.05


async def test_retry_after_beyond_the_budget_fails_at_once(make_llm: MakeLLM) -> None:
    """Ten seconds of silence are no kindness to a caller."""
    with SimulatedClaude(HttpError(429, headers={"retry-after": "10"}), GREETING) as claude:
        error, _ = await fails_always(make_llm(claude, retry=shrunk_policy(max_silence_s=9.0)))

        assert len(claude.requests) == 1
    assert isinstance(error, APIStatusError)


async def test_x_should_retry_false_ends_the_turn(make_llm: MakeLLM) -> None:
    """The service knows that this 500 will not go away."""
    with SimulatedClaude(HttpError(500, headers={"x-should-retry": "false"}), GREETING) as claude:
        await fails_always(make_llm(claude))

        assert len(claude.requests) == 1


@pytest.mark.parametrize("how", ["reset", "close", "end", "stall", SseError()])
async def test_after_text_was_heard_nothing_is_sent_again(
    how: Any, make_llm: MakeLLM, lines: Lines
) -> None:
    """Promise 3, where it is not to be resumed: the caller would hear the beginning twice."""
    answer = Answer("One two three four.", piece_s=0.03)
    timeout = Timeouts(stall_s=SHORT_S) if how == "stall" else None
    with SimulatedClaude(Break(how, at="text", answer=answer), GREETING) as claude:
        retry = shrunk_policy(on_interruption="raise")
        adapter = make_llm(claude, timeout=timeout, retry=retry)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    assert heard.text == "One two "
    assert isinstance(heard.error, APIError)
    assert not heard.error.retryable
    assert "broke off after 8 characters and 0 tool calls" in str(heard.error)
    (line,) = lines.named("claude.call_interrupted")
    assert (line["text_chars"], line["tool_calls"]) == (8, 0)


@pytest.mark.parametrize("at", ["tool_json", "after_tool", "before_stop"])
@pytest.mark.parametrize("how", ["reset", "close", "end", SseError()])
async def test_a_tool_call_that_broke_off_is_made_once(
    how: How, at: Point, make_llm: MakeLLM
) -> None:
    """A booking made twice loses the caller, and so does one for half the number."""
    call = Answer(tools=[ToolUse("book", {"id": 4711})])
    with SimulatedClaude(Break(how, at=at, answer=call), call) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert [(call.name, call.arguments) for call in heard.calls] == [("book", '{"id": 4711}')]


async def test_every_attempt_sends_the_same_body_anew(make_llm: MakeLLM) -> None:
    """Fresh every time, and nothing of the failed attempt in it."""
    with SimulatedClaude(HttpError(529), GREETING) as claude:
        adapter = make_llm(claude, user="caller-7", temperature=0.3, model="claude-sonnet-4-5")
        await read_stream(adapter.chat(chat_ctx=conversation("Hi there")))
        await adapter.aclose()

        first, second = claude.requests
    assert first.body == second.body
    assert first.body == {
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi there"}]}],
        "metadata": {"user_id": "caller-7"},
        "model": "claude-sonnet-4-5",
        "stream": True,
        "temperature": 0.3,
    }
    assert first.headers["content-type"] == "application/json"


async def test_error_events(make_llm: MakeLLM) -> None:
    """AgentSession ignores the recoverable ones and counts the others."""
    events: list[llm.LLMError] = []
    with SimulatedClaude(default=HttpError(503)) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=3))
        adapter.on("error", events.append)
        error, _ = await fails_always(adapter)

    assert [event.recoverable for event in events] == [True, True, False]
    assert events[-1].error is error
    assert all(failure_of(event.error) is not None for event in events)


async def test_conn_options_cap_attempts_and_waiting(make_llm: MakeLLM) -> None:
    """FallbackAdapter's `max_retry=0, timeout=...` is one attempt within that time."""
    with SimulatedClaude(default=Break("stall", at="request")) as claude:
        started = asyncio.get_running_loop().time()
        error, _ = await fails_always(
            make_llm(claude), conn_options=APIConnectOptions(max_retry=0, timeout=1.0)
        )
        elapsed_s = asyncio.get_running_loop().time() - started

        assert len(claude.requests) == 1
    assert isinstance(error, APITimeoutError)
    assert elapsed_s < 2.0
