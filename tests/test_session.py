"""In a real AgentSession, in text mode: what the caller hears and what the tools do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool, llm

from resilient_claude import failure_of
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    SimulatedClaude,
    SseError,
    Step,
    ToolUse,
)
from resilient_claude.testing.script import Point

from .conftest import Lines, MakeLLM, shrunk_policy


class Receptionist(Agent):
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


@asynccontextmanager
async def call(
    adapter: llm.LLM[Any], agent: Agent | None = None
) -> AsyncIterator[AgentSession[None]]:
    """A session in text mode that is closed whatever happens."""
    session: AgentSession[None] = AgentSession(llm=adapter)
    await session.start(agent or Receptionist())
    try:
        yield session
    finally:
        await session.aclose()
        await adapter.aclose()


def said(session: AgentSession[None]) -> list[str]:
    """What the agent said, in order."""
    return [
        item.text_content or ""
        for item in session.history.items
        if item.type == "message" and item.role == "assistant"
    ]


GREETING = "Good evening, this is the restaurant."
FAULTS: dict[str, Step] = {
    "reset": Break("reset", at="request"),
    "hang": Break("stall", at="request"),
    "500": HttpError(500),
    "529": HttpError(529),
    "429": HttpError(429),
    "overloaded under 200": Break(SseError(), at="block_start"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_the_greeting_plays_once_and_whole(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """One transient failure on the first call of a session no longer poisons it."""
    with SimulatedClaude(FAULTS[name], Answer(GREETING), Answer("At eight.")) as claude:
        async with call(make_llm(claude)) as session:
            await session.run(user_input="Hello?")
            await session.run(user_input="When?")

            assert said(session) == [GREETING, "At eight."]
        assert len(claude.requests) == 3
        assert len({request.raw_body for request in claude.requests[:2]}) == 1
    assert len(lines.named("claude.attempt_failed")) == 1


@pytest.mark.parametrize("at", ["tool_json", "after_tool", "before_stop"])
async def test_a_tool_runs_once_although_its_call_broke_off(at: Point, make_llm: MakeLLM) -> None:
    """livekit runs a tool when it sees the call; it must not see it twice."""
    booking = Answer(tools=[ToolUse("book", {"guests": 4})])
    agent = Receptionist()
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


async def test_a_fallback_moves_on_within_its_attempt_timeout(make_llm: MakeLLM) -> None:
    """One attempt, one failure, the next provider."""
    with (
        SimulatedClaude(default=Break("stall", at="request")) as dark,
        SimulatedClaude(default=Answer("From the other one.")) as healthy,
    ):
        ours, other = make_llm(dark), make_llm(healthy)
        adapter = llm.FallbackAdapter([ours, other], attempt_timeout=0.2)
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with call(adapter) as session:
            await session.run(user_input="Hello?")
            elapsed_s = loop.time() - started

            assert said(session) == ["From the other one."]
            for status in adapter._status:
                if status.recovering_task is not None:
                    await asyncio.wait([status.recovering_task])
        await ours.aclose()
        await other.aclose()
    assert elapsed_s < 1.0


async def test_a_fallback_does_not_repeat_what_was_heard(make_llm: MakeLLM) -> None:
    """After text, the other provider would begin again from the start."""
    half = Break("reset", at="text", answer=Answer("One two three.", piece_s=0.02))
    with (
        SimulatedClaude(half, default=Answer("x")) as dark,
        SimulatedClaude(default=Answer("Other.")) as healthy,
    ):
        ours, other = make_llm(dark), make_llm(healthy)
        adapter = llm.FallbackAdapter([ours, other])
        async with call(adapter) as session:
            with pytest.raises(Exception, match="broke off"):
                await session.run(user_input="Hello?")
        await ours.aclose()
        await other.aclose()
        assert healthy.requests == []


async def test_max_silence_holds_in_a_session(make_llm: MakeLLM) -> None:
    """From the turn's start to the error, over all attempts."""
    with SimulatedClaude(default=Break("pings", at="message_start")) as claude:
        async with call(make_llm(claude, retry=shrunk_policy(max_silence_s=0.5))) as session:
            loop = asyncio.get_running_loop()
            started = loop.time()
            with pytest.raises(Exception, match="timeout"):
                await session.run(user_input="Hello?")

            assert loop.time() - started < 1.0
