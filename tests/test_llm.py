"""The adapter against a Claude on a real socket: every fault on the first attempt, and always."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from itertools import pairwise
from typing import Any

import anthropic
import httpx2
import pytest
from livekit.agents import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    function_tool,
    llm,
)
from livekit.agents.types import APIConnectOptions
from pydantic import PydanticUserError

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts, failure_of
from resilient_claude.failures.causes import root_cause
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
from resilient_claude.testing.script.answers import How, Point
from resilient_claude.testing.serving.tls import TlsMode
from tests.support.adapters import KEY, MakeLLM, shrunk_policy, shrunk_timeouts
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

from .benchmarks import conversation as desk

HELLO = Answer("Hello, this is Claude.")

# Faults before any output, and what an operator reads about the attempt that met them.
BEFORE_OUTPUT: dict[str, tuple[Step, str, str]] = {
    "reset while accepting": (Break("reset", at="accept"), "reset", "remote"),
    "reset after the request": (Break("reset", at="request"), "reset", "remote"),
    "reset after the headers": (Break("reset", at="headers"), "reset", "remote"),
    "closed after the request": (Break("close", at="request"), "reset", "remote"),
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
    with SimulatedClaude(step, HELLO) as claude:
        adapter = make_llm(claude)

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
    with SimulatedClaude(HELLO) as claude:
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
    with SimulatedClaude(HELLO, tls=True) as claude:
        adapter = make_llm(claude)
        claude.tls_mode(mode)
        adapter.on("error", lambda event: claude.tls_mode("normal"))

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    (line,) = lines.named("claude.attempt_failed")
    assert (line["phase"], line["kind"]) == ("tls", "timeout" if mode == "hang" else "tls")


# --- the same always ----------------------------------------------------------------------------


async def fails_always(
    adapter: ResilientClaudeLLM, **arguments: Any
) -> tuple[APIError, BaseException]:
    """The error that a turn ends with, and the end of its `__cause__` chain."""
    heard = await read_stream(adapter.chat(chat_ctx=conversation(), **arguments))
    await adapter.aclose()
    assert heard.text == ""
    assert isinstance(heard.error, APIError)
    end: BaseException = heard.error
    while end.__cause__ is not None:
        end = end.__cause__
    assert end is root_cause(heard.error)
    return heard.error, end


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
    assert [line["wait_s"] is None for line in failed] == [False, False, True]
    (line,) = lines.named("claude.call_failed")
    assert (line["attempts"], line["origin"]) == (3, "local")


async def test_an_unknown_host_ends_in_gaierror(make_llm: MakeLLM) -> None:
    """`.invalid` never resolves (RFC 6761)."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, base_url="http://claude.invalid", retry=shrunk_policy())
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
        adapter = make_llm(claude)
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

    with SimulatedClaude(HELLO) as claude:
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


# --- what a server asks for ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"retry-after": "0.05"}, {"retry-after-ms": "50", "retry-after": "9"}]
)
async def test_retry_after_within_the_budget_is_honoured(
    headers: dict[str, str], make_llm: MakeLLM, lines: Lines
) -> None:
    """Asking earlier would be refused again."""
    with SimulatedClaude(HttpError(429, headers=headers), HELLO) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert heard.text == "Hello, this is Claude."
        assert claude.requests[1].at_s - claude.requests[0].at_s >= 0.05
    (line,) = lines.named("claude.attempt_failed")
    assert line["retry_after_s"] == 0.05


async def test_retry_after_beyond_the_budget_fails_at_once(make_llm: MakeLLM) -> None:
    """Ten seconds of silence are no kindness to a caller."""
    with SimulatedClaude(HttpError(429, headers={"retry-after": "10"}), HELLO) as claude:
        error, _ = await fails_always(make_llm(claude))

        assert len(claude.requests) == 1
    assert isinstance(error, APIStatusError)


async def test_x_should_retry_false_ends_the_turn(make_llm: MakeLLM) -> None:
    """The service knows that this 500 will not go away."""
    with SimulatedClaude(HttpError(500, headers={"x-should-retry": "false"}), HELLO) as claude:
        await fails_always(make_llm(claude))

        assert len(claude.requests) == 1


# --- connections --------------------------------------------------------------------------------


async def test_a_healthy_connection_is_used_again(make_llm: MakeLLM) -> None:
    """A handshake per turn costs a caller a tenth of a second."""
    with SimulatedClaude(default=HELLO) as claude:
        adapter = make_llm(claude)
        for _ in range(3):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert [request.connection for request in claude.requests] == [1, 1, 1]


async def test_after_a_transport_failure_no_pooled_connection_is_used(make_llm: MakeLLM) -> None:
    """A pool that went dark would otherwise swallow one attempt per connection in it."""
    with SimulatedClaude(default=Answer("Hello.", piece_s=0.02)) as claude:
        adapter = make_llm(claude)
        await asyncio.gather(
            *[read_stream(adapter.chat(chat_ctx=conversation())) for _ in range(4)]
        )
        assert claude.open_connections == 4

        claude.go_dark()
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert heard.text == "Hello."
        assert claude.connections == 5


async def test_an_error_status_keeps_the_connection(make_llm: MakeLLM) -> None:
    """The exchange was fine; only its answer was no."""
    with SimulatedClaude(HttpError(529), HELLO) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert [request.connection for request in claude.requests] == [1, 1]


async def test_a_failure_does_not_disturb_another_turn(make_llm: MakeLLM) -> None:
    """Retiring the pool must not cut a stream that is being spoken."""
    slow = Answer("One two three four five six.", piece_s=0.03)
    with SimulatedClaude(slow, Break("reset", at="request"), HELLO) as claude:
        adapter = make_llm(claude)
        first = asyncio.create_task(read_stream(adapter.chat(chat_ctx=conversation())))
        await asyncio.to_thread(claude.wait_for_requests, 1)

        second = await read_stream(adapter.chat(chat_ctx=conversation()))
        heard = await first
        await adapter.aclose()

        assert (heard.text, second.text) == (
            "One two three four five six.",
            "Hello, this is Claude.",
        )


# --- nothing twice ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "close", "end", "stall", SseError()])
async def test_after_text_was_heard_nothing_is_sent_again(
    how: Any, make_llm: MakeLLM, lines: Lines
) -> None:
    """Promise 3: the caller would hear the beginning twice."""
    answer = Answer("One two three four.", piece_s=0.03)
    with SimulatedClaude(Break(how, at="text", answer=answer), HELLO) as claude:
        adapter = make_llm(claude)
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


# --- requests -----------------------------------------------------------------------------------


async def test_every_attempt_sends_the_same_body_anew(make_llm: MakeLLM) -> None:
    """Fresh every time, and nothing of the failed attempt in it."""
    with SimulatedClaude(HttpError(529), HELLO) as claude:
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


async def test_a_callable_key_is_asked_before_every_attempt(make_llm: MakeLLM) -> None:
    """A key that was rotated during an outage is found by the next attempt."""
    keys = iter(["sk-ant-one", "sk-ant-two"])
    with SimulatedClaude(HttpError(529), HELLO) as claude:
        adapter = make_llm(claude, api_key=lambda: next(keys))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        sent = [
            request.headers.get("x-api-key") or request.headers["authorization"].split()[-1]
            for request in claude.requests
        ]
    assert sent == ["sk-ant-one", "sk-ant-two"]


async def test_an_awaitable_key_is_awaited(make_llm: MakeLLM) -> None:
    """Secret managers are asked over the network."""

    async def key() -> str:
        return KEY

    with SimulatedClaude(HELLO) as claude:
        adapter = make_llm(claude, api_key=key)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == "Hello, this is Claude."


async def test_a_key_function_that_fails_is_the_caller_s_side(make_llm: MakeLLM) -> None:
    """Not a bug of the adapter, and not the network's fault."""

    def key() -> str:
        raise PermissionError("vault sealed")

    with SimulatedClaude() as claude:
        error, root = await fails_always(
            make_llm(claude, api_key=key, retry=shrunk_policy(max_attempts=2))
        )

    assert isinstance(root, PermissionError)
    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("auth", "caller")


async def test_a_client_of_the_application_stays_open(make_llm: MakeLLM) -> None:
    """It may serve other things; and with it, no API key is needed here."""
    with SimulatedClaude(HttpError(529), Break("reset", at="headers"), HELLO) as claude:
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url, max_retries=5)
        adapter = make_llm(claude, client=client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert heard.text == "Hello, this is Claude."
        assert len(claude.requests) == 3
        assert not client.is_closed()
        await client.close()


async def test_aclose_closes_a_client_of_our_own(make_llm: MakeLLM) -> None:
    """The plugin leaves it open."""
    with SimulatedClaude(HELLO) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))

        await adapter.aclose()

        assert adapter.client.is_closed()


async def test_prewarm_opens_the_connection_that_the_first_turn_uses(make_llm: MakeLLM) -> None:
    """The handshake happens while the greeting is being prepared."""
    with SimulatedClaude(HELLO) as claude:
        adapter = make_llm(claude)
        adapter.prewarm()
        assert adapter._prewarm_task is not None
        await adapter._prewarm_task

        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.other_requests) == 1
        assert claude.connections == 1


async def test_prewarm_builds_the_schemas_of_tools_while_others_run(make_llm: MakeLLM) -> None:
    """Built all at once in the first turn, they would stop the loop, and with it the audio."""
    tools = desk.tools(25)  # more than may be strict, so that some are of both kinds
    with SimulatedClaude(default=HELLO) as claude:
        adapter = make_llm(claude)
        adapter.prewarm(tools=tools)
        built = [0]
        while adapter._warming:
            await asyncio.sleep(0)
            built.append(adapter._schemas.builds)

        await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        await adapter.aclose()

    assert adapter._schemas.builds == built[-1] >= 25
    assert max(after - before for before, after in pairwise(built)) == 1


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("opening_hours", "tools must be a list, such as agent.tools, got str"),
        (desk.tools(1)[0], "tools must be a list, such as agent.tools, got FunctionTool"),
        ([print], "tools must hold livekit's tools, got builtin_function_or_method"),
    ],
)
async def test_prewarm_says_what_it_takes(tools: Any, message: str) -> None:
    """A tool where a list of them belongs is the mistake that everybody makes once."""
    adapter = ResilientClaudeLLM(api_key=KEY)

    with pytest.raises(TypeError, match=message):
        adapter.prewarm(tools=tools)

    assert (adapter._warming, adapter._prewarm_task) == (set(), None)
    await adapter.aclose()


def test_prewarm_with_tools_needs_an_event_loop() -> None:
    """In a worker's setup there is none yet, and nothing would happen."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        ResilientClaudeLLM(api_key=KEY).prewarm(tools=desk.tools(1))


async def test_prewarm_leaves_a_tool_that_cannot_be_sent_to_the_turn(make_llm: MakeLLM) -> None:
    """It answers to nobody who could do something about it."""

    @function_tool
    async def odd(what: socket.socket) -> None: ...

    with SimulatedClaude(default=HELLO) as claude:
        adapter = make_llm(claude)
        adapter.prewarm(tools=[odd])
        await asyncio.gather(*adapter._warming)

        with pytest.raises(PydanticUserError):
            adapter.chat(chat_ctx=conversation(), tools=[odd])
        await adapter.aclose()


async def test_aclose_ends_a_running_turn_with_an_error(make_llm: MakeLLM) -> None:
    """It would otherwise hang until a clock runs out, or retry against a closed client."""
    with SimulatedClaude(default=Break("stall", at="text", answer=HELLO)) as claude:
        adapter = make_llm(claude, timeout=shrunk_timeouts(stall_s=30))
        reading = asyncio.create_task(read_stream(adapter.chat(chat_ctx=conversation())))
        await asyncio.to_thread(claude.wait_for_requests, 1)
        await asyncio.sleep(0.05)

        await adapter.aclose()
        heard = await asyncio.wait_for(reading, 1)

        assert len(claude.requests) == 1
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind == "cancelled"


async def test_aclose_ends_a_turn_that_waits_for_its_next_attempt(make_llm: MakeLLM) -> None:
    """There is no exchange to end then, and the wait must not be followed by one."""
    overloaded = HttpError(529, headers={"retry-after": "0.1"})
    closing: list[asyncio.Task[None]] = []
    with SimulatedClaude(default=overloaded) as claude:
        adapter = make_llm(claude)
        adapter.on("error", lambda event: closing.append(asyncio.create_task(adapter.aclose())))

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await asyncio.gather(*closing)

        assert len(claude.requests) == 1
    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("cancelled", "local")


async def test_aclose_does_not_wait_with_a_turn_for_its_next_attempt(make_llm: MakeLLM) -> None:
    """Nothing will come of the attempt, so whoever reads the turn learns it now."""
    overloaded = HttpError(529, headers={"retry-after": "3"})
    closing: list[asyncio.Task[None]] = []
    with SimulatedClaude(default=overloaded) as claude:
        adapter = make_llm(claude, retry=RetryPolicy())
        adapter.on("error", lambda event: closing.append(asyncio.create_task(adapter.aclose())))
        started = asyncio.get_running_loop().time()

        await read_stream(adapter.chat(chat_ctx=conversation()))

        elapsed_s = asyncio.get_running_loop().time() - started
        await asyncio.gather(*closing)
    assert elapsed_s < 2.0


async def test_a_closed_adapter_says_so(make_llm: MakeLLM) -> None:
    """At once, not after a silence budget's worth of attempts."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await adapter.aclose()

        with pytest.raises(RuntimeError, match="is closed"):
            adapter.chat(chat_ctx=conversation())


async def test_a_key_function_whose_task_was_cancelled_is_no_barge_in(make_llm: MakeLLM) -> None:
    """A refresh that others share may be cancelled; the turn must not end in silence."""

    async def key() -> str:
        raise asyncio.CancelledError

    with SimulatedClaude() as claude:
        error, _ = await fails_always(
            make_llm(claude, api_key=key, retry=shrunk_policy(max_attempts=2))
        )

    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("auth", "caller")


async def test_a_barge_in_while_the_key_is_awaited_is_a_barge_in(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Whoever hung up must not be told that the vault failed."""
    asked = asyncio.Event()

    async def key() -> str:
        asked.set()
        await asyncio.Event().wait()
        return KEY

    with SimulatedClaude() as claude:
        adapter = make_llm(claude, api_key=key)
        stream = adapter.chat(chat_ctx=conversation())
        await asked.wait()

        await stream.aclose()
        await adapter.aclose()

    assert lines.events == []


async def test_a_mistake_below_the_sdk_is_a_bug(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK wraps whatever it meets in a connection error; its cause tells the truth."""

    def broken(*arguments: object) -> None:
        raise KeyError("my card number")

    monkeypatch.setattr("resilient_claude.transport.pool.Connector", broken)
    with SimulatedClaude(HELLO) as claude:
        error, root = await fails_always(make_llm(claude))

    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.root_type) == ("bug", "KeyError")
    assert "card" not in str(root)


async def test_an_error_whose_body_does_not_come_keeps_its_status(make_llm: MakeLLM) -> None:
    """A `retry-after` that is lost with it would be answered with a storm."""

    async def overloaded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 529 Overloaded\r\nrequest-id: req_1\r\nretry-after: 60\r\n"
            b"content-type: application/json\r\ncontent-length: 500\r\n\r\n{"
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(overloaded, "127.0.0.1", 0)
    with SimulatedClaude() as claude:
        port = server.sockets[0].getsockname()[1]
        adapter = make_llm(claude, base_url=f"http://127.0.0.1:{port}")
        error, _ = await fails_always(adapter)
    server.close()

    failure = failure_of(error)
    assert failure is not None
    assert (failure.status, failure.request_id, failure.retry_after_s) == (529, "req_1", 60.0)


# --- what the framework gets --------------------------------------------------------------------


async def test_usage_and_metrics(make_llm: MakeLLM) -> None:
    """Counts of the attempt that succeeded, cumulative ones assigned."""
    answer = Answer("Hi.", input_tokens=10, output_tokens=42, cache_read_tokens=5)
    metrics: list[Any] = []
    with SimulatedClaude(HttpError(529), answer) as claude:
        adapter = make_llm(claude)
        adapter.on("metrics_collected", metrics.append)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        provider = claude.base_url.removeprefix("http://")

    assert heard.usage == llm.CompletionUsage(
        completion_tokens=42,
        prompt_tokens=15,
        total_tokens=57,
        prompt_cached_tokens=5,
        cache_read_tokens=5,
        service_tier="standard",
    )
    (one,) = metrics
    assert (one.completion_tokens, one.prompt_tokens, one.cancelled) == (42, 15, False)
    assert (one.metadata.model_name, one.metadata.model_provider) == (adapter.model, provider)
    assert adapter.label == "resilient_claude.llm.ResilientClaudeLLM"


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
            make_llm(claude), conn_options=APIConnectOptions(max_retry=0, timeout=0.4)
        )
        elapsed_s = asyncio.get_running_loop().time() - started

        assert len(claude.requests) == 1
    assert isinstance(error, APITimeoutError)
    assert elapsed_s < 1.0


async def test_an_argument_that_cannot_be_sent_is_logged_once(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """A live call goes on without it; the operator learns of it, but not on every turn."""
    with SimulatedClaude(default=HELLO) as claude:
        adapter = make_llm(claude, model="claude-opus-4-7", temperature=0.3)
        for _ in range(2):
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == "Hello, this is Claude."
    (line,) = lines.named("claude.request_adjusted")
    assert (line["argument"], line["model"]) == ("temperature", "claude-opus-4-7")


# --- constructor --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"api_key": ""}, ValueError, "api_key is empty"),
        ({"api_key": "sk-ant-secret\n"}, ValueError, r"U\+000A at position 13 of 14"),
        ({"api_key": 7}, TypeError, "api_key must be a str, got int"),
        ({"max_retries": 2}, ValueError, r"max_retries must be 0, got 2.*RetryPolicy"),
        ({"timeout": "5"}, TypeError, "timeout must be resilient_claude.Timeouts"),
        ({"retry": 3}, TypeError, "retry must be a RetryPolicy, got int"),
        ({"logger": print}, TypeError, "logger must be a structlog logger"),
        ({"temperature": 3.0}, ValueError, "temperature must be from 0 to 1, got 3.0"),
        ({"max_tokens": 0}, ValueError, "max_tokens must be >= 1, got 0"),
        ({"model": ""}, ValueError, "model must be a model id, got ''"),
        ({"base_url": "nonsense"}, ValueError, "base_url must begin with http"),
        ({"client": "x"}, TypeError, "client must be an async anthropic client, got str"),
        ({"filter_thinking": "no"}, TypeError, "filter_thinking must be a bool, got 'no'"),
        ({"timeout": 0}, ValueError, "connect_s must be finite and > 0, got 0"),
    ],
)
def test_a_bad_argument_says_what_was_wrong(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """At construction, and without the key in it."""
    with pytest.raises(error, match=message) as raised:
        ResilientClaudeLLM(**{"api_key": KEY, **arguments})

    assert "secret" not in str(raised.value)


async def test_a_base_url_beside_a_client_is_an_error() -> None:
    """One of the two would be ignored in silence, and requests go where nobody meant them to."""
    client = anthropic.AsyncAnthropic(api_key=KEY)

    with pytest.raises(ValueError, match="base_url has no effect with client="):
        ResilientClaudeLLM(client=client, base_url="https://gateway.example")

    await client.close()


def test_a_missing_key_says_where_to_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most common first mistake."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    with pytest.raises(ValueError, match="pass api_key= or set ANTHROPIC_API_KEY"):
        ResilientClaudeLLM()


async def test_the_plugin_s_timeout_is_translated() -> None:
    """A drop-in takes what the plugin took."""
    adapter = ResilientClaudeLLM(api_key=KEY, timeout=httpx2.Timeout(4.0, read=25.0))

    assert adapter.timeouts == Timeouts(
        connect_s=4.0, response_s=25.0, first_token_s=25.0, stall_s=25.0, thinking_s=25.0
    )
    assert adapter.retry == RetryPolicy()
    await adapter.aclose()


# --- arguments that are not there ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "ANTHROPIC_BASE_URL must begin with http"),
        ("127.0.0.1:8080", "ANTHROPIC_BASE_URL must begin with http"),
        ("https://h/v1", "ANTHROPIC_BASE_URL must not end in /v1"),
    ],
)
def test_a_bad_address_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    """The first caller would find out, turn by turn, and no line would name the variable."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)

    with pytest.raises(ValueError, match=message):
        ResilientClaudeLLM(api_key=KEY)


@pytest.mark.parametrize("base_url", [None, ""])
def test_an_argument_that_is_none_is_one_that_is_not_given(base_url: str | None) -> None:
    """`os.getenv(...)` of a variable that is not set, as the plugin takes it."""
    adapter = ResilientClaudeLLM(api_key=KEY, base_url=base_url, max_tokens=None)

    assert adapter.provider == "api.anthropic.com"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "http://h:99999"}, "base_url is not a URL"),
        ({"base_url": 7}, "base_url must begin with http"),
        ({"base_url": "https://h/v1"}, "base_url must not end in /v1"),
        ({"base_url": "https://h/v1/"}, "base_url must not end in /v1"),
        ({"api_key": ""}, "api_key is empty: pass api_key= or set ANTHROPIC_API_KEY"),
        ({"client": anthropic.AsyncAnthropic(api_key="k")}, "api_key has no effect with client="),
    ],
)
def test_what_cannot_work_is_said_at_construction(arguments: dict[str, Any], message: str) -> None:
    """In the first call, somebody is on the phone."""
    with pytest.raises(ValueError, match=message):
        ResilientClaudeLLM(**{"api_key": KEY, **arguments})
