"""In a real AgentSession, in text mode: what the caller hears and what the tools do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from unittest import mock

import anthropic
import pytest
import yarl
from livekit.agents import (
    Agent,
    AgentSession,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    function_tool,
    llm,
)
from livekit.agents.metrics import LLMModelUsage
from livekit.agents.types import APIConnectOptions
from livekit.agents.voice.agent_session import SessionConnectOptions
from pydantic import Field

from resilient_claude import ResilientClaudeLLM, Timeouts, TurnEnded, failure_of
from resilient_claude.failures.faults import Fault
from resilient_claude.request.tools.names import api_key, api_name
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    SimulatedClaude,
    SseError,
    Step,
    ToolUse,
)
from resilient_claude.testing.script.breaks import Point
from tests.support.adapters import KEY, SHORT_S, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.proxy import Relay
from tests.support.text_sessions import said, text_session


class BookingDesk(Agent):
    """Books tables, and counts how often it was made to."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a receptionist.")
        self.booked: list[int] = []

    @function_tool
    async def book(self, guests: int) -> str:
        """Book a table.

        Args:
            guests: how many people come.
        """
        self.booked.append(guests)
        return "booked"


def call(
    adapter: llm.LLM[Any], agent: Agent | None = None, **arguments: Any
) -> AbstractAsyncContextManager[AgentSession[None]]:
    """A session in text mode, of a booking desk unless told otherwise."""
    return text_session(adapter, agent or BookingDesk(), **arguments)


GREETING = "Good evening, this is the restaurant."
NAME = "restaurant.invalid"
"""A host name that never resolves (RFC 6761), unless a test lets it."""


@dataclass(frozen=True)
class Case:
    """What attempts meet, what an operator reads about each, and what the application gets.

    Attributes:
        strikes: a step of the script, or what happens before any request is sent.
        kind: in every line about it.
        origin: likewise.
        root: the end of the error's `__cause__` chain is one of these.
        error: the class of the error, if no attempt gets any further.
        attempts: how often it is tried, if none does, where three are allowed.
    """

    strikes: Step | Literal["nobody listens", "no such host", "untrusted", "no TLS"]
    kind: str
    origin: str
    root: type[BaseException]
    error: type[APIError] = APIConnectionError
    attempts: int = 3


FAULTS = {
    "refused": Case("nobody listens", "connect", "local", ConnectionRefusedError),
    "unknown host": Case("no such host", "dns", "local", socket.gaierror),
    "untrusted": Case("untrusted", "tls", "local", ssl.SSLCertVerificationError, attempts=2),
    "plain text for TLS": Case("no TLS", "tls", "unknown", ssl.SSLError, attempts=2),
    "reset": Case(Break("reset", at="request"), "reset", "unknown", ConnectionResetError),
    "hang": Case(
        Break("stall", at="request"), "timeout", "unknown", TimeoutError, APITimeoutError, 2
    ),
    "500": Case(HttpError(500), "server", "remote", anthropic.InternalServerError, APIStatusError),
    "503": Case(HttpError(503), "server", "remote", anthropic.APIStatusError, APIStatusError),
    "529": Case(HttpError(529), "overloaded", "remote", anthropic.APIStatusError, APIStatusError),
    "429": Case(HttpError(429), "rate_limited", "remote", anthropic.RateLimitError, APIStatusError),
    "overloaded under 200": Case(
        Break(SseError(), at="block_start"), "overloaded", "remote", Fault, APIStatusError
    ),
}


@asynccontextmanager
async def struck(
    fault: Case, make_llm: MakeLLM, *, always: bool = False
) -> AsyncIterator[tuple[ResilientClaudeLLM, SimulatedClaude]]:
    """An adapter whose first attempts meet *fault*, and the Claude that answers the later ones.

    Args:
        fault: what they meet.
        make_llm: makes the adapter.
        always: whether every attempt meets it, not just the first.
    """
    scripted = not isinstance(fault.strikes, str)
    greeting: Step = Answer(GREETING)
    steps = [fault.strikes, greeting] if isinstance(fault.strikes, Step) else [greeting]
    default = fault.strikes if always and isinstance(fault.strikes, Step) else Answer("At eight.")
    tls = fault.strikes in ("untrusted", "no TLS")
    with SimulatedClaude(*([] if always else steps), default=default, tls=tls) as claude:
        async with AsyncExitStack() as stack:
            base_url, heal = await _strike(fault, claude, stack)
            adapter = make_llm(claude, base_url=base_url, **_limits(fault, always=always))
            if not always and not scripted:
                adapter.on("error", lambda event: heal())
            yield adapter, claude


def _limits(fault: Case, *, always: bool) -> dict[str, Any]:
    """Three attempts; where a clock has to run out, a short one, and a budget for two of them."""
    if fault.kind != "timeout":
        return {"retry": shrunk_policy(max_attempts=3)}
    budget = {"max_silence_s": 3 * SHORT_S} if always else {}
    return {
        "retry": shrunk_policy(max_attempts=3, **budget),
        "timeout": Timeouts(first_token_s=SHORT_S),
    }


async def _strike(
    fault: Case, claude: SimulatedClaude, stack: AsyncExitStack
) -> tuple[str, Callable[[], None]]:
    """Where the adapter finds *claude*, or does not, and what mends that."""
    match fault.strikes:
        case "nobody listens":
            claude.refuse()
            return claude.base_url, claude.listen
        case "no such host":
            return f"http://{NAME}:{port_of(claude)}", lambda: _resolve(stack)
        case "untrusted":
            other = stack.enter_context(SimulatedClaude(tls=True))
            relay = Relay(port_of(other))
            url = yarl.URL(await stack.enter_async_context(relay.listening()))
            name = f"https://localhost:{url.port}"
            return name, lambda: setattr(relay, "leads_to", port_of(claude))
        case "no TLS":
            claude.tls_mode("plaintext")
            return claude.base_url, lambda: claude.tls_mode("normal")
        case _:
            return claude.base_url, lambda: None


def port_of(claude: SimulatedClaude) -> int:
    return int(claude.base_url.rpartition(":")[2])


def _resolve(stack: AsyncExitStack) -> None:
    """Let `NAME` resolve from now on."""
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def getaddrinfo(host: Any, *arguments: Any, **more: Any) -> Any:
        return await look_up("127.0.0.1" if host == NAME else host, *arguments, **more)

    stack.enter_context(mock.patch.object(loop, "getaddrinfo", getaddrinfo))


@pytest.mark.parametrize("name", FAULTS)
async def test_the_greeting_plays_once_and_whole(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """One transient failure on the first call of a session no longer poisons it."""
    fault = FAULTS[name]
    async with struck(fault, make_llm) as (adapter, claude), call(adapter) as session:
        await session.run(user_input="Hello?")
        await session.run(user_input="When?")

        assert said(session) == [GREETING, "At eight."]
        *greetings, _ = claude.requests
        assert len(greetings) == (1 if isinstance(fault.strikes, str) else 2)
        assert len({request.raw_body for request in greetings}) == 1
    failed = lines.named("claude.attempt_failed")
    assert [(line["attempt"], line["kind"], line["origin"]) for line in failed] == [
        (1, fault.kind, fault.origin)
    ]


@pytest.mark.parametrize("name", FAULTS)
async def test_what_never_goes_away_is_told_with_its_cause(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """The application gets livekit's error, and at the end of its causes the system's own."""
    fault = FAULTS[name]
    errors: list[Any] = []
    async with struck(fault, make_llm, always=True) as (adapter, _), call(adapter) as session:
        session.on("error", lambda event: errors.append(event.error))
        with pytest.raises(fault.error):
            await session.run(user_input="Hello?")

        assert said(session) == []
    (error,) = [event.error for event in errors if not event.recoverable]
    assert type(error) is fault.error
    assert isinstance(end_of_causes(error), fault.root)
    failed = lines.named("claude.attempt_failed")
    assert [(line["attempt"], line["kind"], line["origin"]) for line in failed] == [
        (number, fault.kind, fault.origin) for number in range(1, fault.attempts + 1)
    ]
    (line,) = lines.named("claude.call_failed")
    assert (line["attempts"], line["origin"]) == (fault.attempts, fault.origin)
    assert line["root_type"] == type(end_of_causes(error)).__name__


def end_of_causes(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


class AwaitsOnce(llm.LLM[Any]):
    """What livekit's plugin did before it was mended: the request is a coroutine, made once."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.client = anthropic.AsyncAnthropic(api_key=KEY, base_url=base_url, max_retries=0)

    def chat(self, **arguments: Any) -> llm.LLMStream:
        """Ask for the next turn."""
        request = self.client.messages.create(
            model="claude-sonnet-4-6",
            max_tokens=1024,
            messages=[{"role": "user", "content": "Hello?"}],
            stream=True,
        )
        return _AwaitsOnceStream(
            self,
            request,
            chat_ctx=arguments["chat_ctx"],
            tools=arguments["tools"],
            conn_options=arguments["conn_options"],
        )

    async def aclose(self) -> None:
        await self.client.close()


class _AwaitsOnceStream(llm.LLMStream):
    def __init__(self, claude: AwaitsOnce, request: Any, **arguments: Any) -> None:
        super().__init__(claude, **arguments)
        self._request = request

    async def _run(self) -> None:
        try:
            async with await self._request as stream:
                async for event in stream:
                    if event.type == "content_block_delta":
                        delta = llm.ChoiceDelta(role="assistant", content=event.delta.text)
                        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=delta))
        except Exception as exc:
            raise APIConnectionError(retryable=True) from exc


async def test_a_request_that_is_made_once_cannot_be_tried_again() -> None:
    """The failure of livekit/agents #5805, as it was: one blip, and then only a RuntimeError.

    Every attempt of the framework awaited the same coroutine. One request was sent, its failure
    was lost behind "cannot reuse already awaited coroutine", and the caller heard nothing.
    """
    errors: list[Any] = []
    options = APIConnectOptions(max_retry=3, retry_interval=0.01)
    with SimulatedClaude(HttpError(529), default=Answer(GREETING)) as claude:
        async with call(
            AwaitsOnce(claude.base_url),
            conn_options=SessionConnectOptions(llm_conn_options=options),
        ) as session:
            session.on("error", lambda event: errors.append(event.error.error))
            with pytest.raises(APIConnectionError):
                await session.run(user_input="Hello?")

            assert said(session) == []
        assert len(claude.requests) == 1
    assert "cannot reuse already awaited coroutine" in str(end_of_causes(errors[-1]))


@pytest.mark.parametrize("at", ["tool_json", "after_tool", "before_stop"])
async def test_a_tool_runs_once_although_its_call_broke_off(at: Point, make_llm: MakeLLM) -> None:
    """livekit runs a tool when it sees the call; it must not see it twice."""
    booking = Answer(tools=[ToolUse("book", {"guests": 4})])
    agent = BookingDesk()
    with SimulatedClaude(Break("reset", at=at, answer=booking), booking, Answer("Done.")) as claude:
        async with call(make_llm(claude), agent) as session:
            await session.run(user_input="A table for four, please.")

            assert said(session) == ["Done."]
    assert agent.booked == [4]


async def test_a_lost_turn_is_an_error_event_and_the_next_turn_works(make_llm: MakeLLM) -> None:
    """The application can apologise; the session goes on."""
    errors: list[Any] = []
    with SimulatedClaude(HttpError(400), Answer("Yes?")) as claude:
        async with call(make_llm(claude)) as session:
            session.on("error", lambda event: errors.append(event.error))
            with pytest.raises(Exception, match="rejected"):
                await session.run(user_input="Hello?")
            await session.run(user_input="Are you there?")

            assert said(session) == ["Yes?"]
    (error,) = errors
    assert not error.recoverable
    failure = failure_of(error.error)
    assert failure is not None
    assert (failure.kind, failure.status) == ("rejected", 400)


async def test_recovered_failures_never_close_the_session(make_llm: MakeLLM) -> None:
    """AgentSession closes on the 4th unrecoverable error in a row; these are not."""
    steps = [step for _ in range(6) for step in (HttpError(503), Answer("Yes."))]
    with SimulatedClaude(*steps) as claude:
        async with call(make_llm(claude)) as session:
            for _ in range(6):
                await session.run(user_input="Hello?")

            assert said(session) == ["Yes."] * 6


async def test_a_fallback_moves_on_within_its_attempt_timeout(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """One attempt, one failure, the next provider."""
    with (
        SimulatedClaude(default=Break("stall", at="request")) as dark,
        SimulatedClaude(default=Answer("From the other one.")) as healthy,
    ):
        ours, other = make_llm(dark), make_llm(healthy)
        adapter = llm.FallbackAdapter([ours, other], attempt_timeout=1.5)
        async with call(adapter) as session:
            await session.run(user_input="Hello?")

            assert said(session) == ["From the other one."]
            await recovered(adapter)
        await ours.aclose()
        await other.aclose()
    line, *_ = lines.named("claude.call_failed")
    assert (line["attempts"], line["kind"]) == (1, "timeout")
    assert line["root_message"] == "attempt_s expired after 1.5 s"


async def test_when_every_provider_fails_the_error_is_the_fallback_s(make_llm: MakeLLM) -> None:
    """It has neither our failure nor a cause: who apologises must not ask for them."""
    errors: list[Any] = []
    options = SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0))
    with (
        SimulatedClaude(default=HttpError(529)) as overloaded,
        SimulatedClaude(default=HttpError(401)) as locked,
    ):
        ours, other = make_llm(overloaded), make_llm(locked)
        adapter = llm.FallbackAdapter([ours, other], attempt_timeout=5.0)
        async with call(adapter, conn_options=options) as session:
            session.on("error", lambda event: errors.append(event.error))
            with pytest.raises(APIConnectionError, match="all LLMs failed"):
                await session.run(user_input="Hello?")
            await recovered(adapter)

            assert said(session) == []
        await ours.aclose()
        await other.aclose()
    (error,) = errors
    assert isinstance(error, llm.LLMError)
    assert not error.recoverable
    assert (failure_of(error.error), error.error.__cause__) == (None, None)


async def recovered(adapter: llm.FallbackAdapter) -> None:
    """Wait until its probes of failed providers have ended."""
    probes = [status.recovering_task for status in adapter._status]
    if running := [probe for probe in probes if probe is not None]:
        await asyncio.wait(running)


async def test_a_fallback_does_not_repeat_what_was_heard(make_llm: MakeLLM) -> None:
    """After text, the other provider would begin again from the start."""
    half = Break("reset", at="text", answer=Answer("One two three.", piece_s=0.02))
    with (
        SimulatedClaude(half, default=Answer("x")) as dark,
        SimulatedClaude(default=Answer("Other.")) as healthy,
    ):
        ours = make_llm(dark, retry=shrunk_policy(on_interruption="raise"))
        other = make_llm(healthy)
        adapter = llm.FallbackAdapter([ours, other])
        async with call(adapter) as session:
            with pytest.raises(Exception, match="broke off"):
                await session.run(user_input="Hello?")
        await ours.aclose()
        await other.aclose()
        assert healthy.requests == []


async def test_a_break_is_resumed_before_a_fallback_is_asked(make_llm: MakeLLM) -> None:
    """The rest of a sentence is worth more than another voice that begins anew."""
    half = Break("reset", at="text", answer=Answer("One two three.", piece_s=0.02))
    with (
        SimulatedClaude(half, Answer("three.")) as claude,
        SimulatedClaude(default=Answer("Other.")) as healthy,
    ):
        ours, other = make_llm(claude), make_llm(healthy)
        adapter = llm.FallbackAdapter([ours, other])
        async with call(adapter) as session:
            await session.run(user_input="Hello?")
            assert session.history.items[-1].text_content == "One two three."  # type: ignore[union-attr]
        await ours.aclose()
        await other.aclose()
        assert (len(claude.requests), healthy.requests) == (2, [])


@pytest.mark.parametrize("wrong_first", [True, False])
async def test_a_broken_handler_keeps_no_error_from_the_session(
    wrong_first: bool, make_llm: MakeLLM, lines: Lines
) -> None:
    """AgentSession learns of a lost turn by an event, as the application does: no apology else."""
    seen: list[str] = []

    def wrong(event: object, and_what: object) -> None:
        seen.append("impossible")

    with SimulatedClaude(default=HttpError(400)) as claude:
        adapter = make_llm(claude)
        if wrong_first:
            adapter.on("error", wrong)
        adapter.on("error", lambda event: seen.append("application"))
        if not wrong_first:
            adapter.on("error", wrong)
        async with call(adapter) as session:
            session.on("error", lambda event: seen.append("session"))
            with pytest.raises(APIError):
                await session.run(user_input="Hello?")

    assert sorted(seen) == ["application", "session"]
    (line,) = lines.named("claude.handler_failed")
    assert (line["handled"], line["root_type"]) == ("error", "TypeError")


async def test_turns_of_nothing_do_not_close_a_session(make_llm: MakeLLM) -> None:
    """A model that is told to be silent is no outage: livekit hangs up after four of those."""
    closed: list[Any] = []
    with SimulatedClaude(default=Answer("")) as claude:
        async with call(make_llm(claude)) as session:
            session.on("close", closed.append)
            for _ in range(5):
                await session.run(user_input="Hello?")

            assert (closed, said(session)) == ([], [])
        assert len(claude.requests) == 10


async def test_max_silence_holds_in_a_session(make_llm: MakeLLM) -> None:
    """From the turn's start to the error, over all attempts."""
    forever = Break("pings", at="message_start")
    with SimulatedClaude(Answer("Yes?"), default=forever) as claude:
        async with call(make_llm(claude, retry=shrunk_policy(max_silence_s=2.0))) as session:
            # The first turn of a process loads livekit's models, which takes a second.
            await session.run(user_input="Hello?")
            loop = asyncio.get_running_loop()
            started = loop.time()
            with pytest.raises(APITimeoutError):
                await session.run(user_input="Are you there?")

            assert loop.time() - started < 3.5


# --- tools of others ------------------------------------------------------------------------------


class Counter(Agent):
    """An agent whose tools come from an MCP server that writes as it likes."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, object]]] = []
        super().__init__(
            instructions="You are at the counter.",
            tools=[
                self.tool("shop.find", {"properties": {"größe": {"type": "int"}}}),
                self.tool("x" * 200, {"type": None}),
                self.tool("pay", {"anyOf": [{"required": ["card"]}, {"required": ["cash"]}]}),
                self.tool("hopeless", {"type": "string"}),
                function_tool(untyped),
                function_tool(limited),
            ],
        )

    def tool(self, name: str, parameters: dict[str, Any]) -> llm.RawFunctionTool[..., Any]:
        async def function(raw_arguments: dict[str, object]) -> str:
            self.called.append((name, raw_arguments))
            return "done"

        return function_tool(function, raw_schema={"name": name, "parameters": parameters})


async def untyped(x) -> None:  # type: ignore[no-untyped-def]
    """Do it."""


async def limited(seats: Annotated[int, Field(ge=1, le=8)]) -> str:
    """Reserve seats."""
    return f"{seats} seats"


async def test_tools_of_others_work_and_the_hopeless_ones_mute_nobody(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """One such tool and `chat()` raised, or the API answered 400, in every turn of the call."""
    agent = Counter()
    calls = [
        ToolUse(api_name("shop.find"), {api_key("größe"): 4}),
        ToolUse(api_name("x" * 200), {}),
        ToolUse("pay", {"card": "1"}),
        ToolUse("limited", {"seats": 3}),
    ]
    with SimulatedClaude(
        Answer(tools=calls),
        Answer("All done."),
        strict=True,
    ) as claude:
        async with call(make_llm(claude), agent) as session:
            await session.run(user_input="Go on.")
            answers = said(session)
        names = [tool["name"] for tool in claude.requests[0].body["tools"]]
        (results,) = [m for m in claude.requests[1].body["messages"] if "tool_use_id" in str(m)]

    assert answers == ["All done."]
    assert agent.called == [("shop.find", {"größe": 4}), ("x" * 200, {}), ("pay", {"card": "1"})]
    assert [block["content"] for block in results["content"]] == [*["done"] * 3, "3 seats"]
    assert names == [api_name("shop.find"), api_name("x" * 200), "pay", "limited"]
    assert [line["reason"] for line in lines.named("claude.request_adjusted")] == [
        "sent without 'hopeless': it takes string, and not an object",
        "sent without 'untyped': its schema cannot be built (KeyError: 'x')",
    ]


async def test_a_session_s_usage_is_what_the_turns_say_of_each_model(make_llm: MakeLLM) -> None:
    """Who sums up by either finds the same; an attempt of which nothing was heard is in neither."""
    turns: list[TurnEnded] = []
    broken = Break("reset", at="block_start", answer=Answer("Hello.", input_tokens=50))
    with SimulatedClaude(broken, Answer("Hello.", input_tokens=30), Answer("Well.")) as claude:
        adapter = make_llm(claude, model="claude-haiku-5-5")
        adapter.on("claude_turn_ended", turns.append)
        async with call(adapter) as session:
            await session.run(user_input="Hello?")
            adapter.update_options(model="claude-sonnet-5-5")
            await session.run(user_input="And now?")
            used = [each for each in session.usage.model_usage if isinstance(each, LLMModelUsage)]
            usage = {each.model: each for each in used}

    assert [turn.model for turn in turns] == ["claude-haiku-5-5", "claude-sonnet-5-5"]
    assert turns[0].wasted_tokens > 0
    for turn in turns:
        assert (usage[turn.model].input_tokens, usage[turn.model].output_tokens) == (
            turn.usage.prompt_tokens,
            turn.usage.completion_tokens,
        )
