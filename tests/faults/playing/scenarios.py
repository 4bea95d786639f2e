"""Who asks for the turn: the application, a session, a fallback, or somebody who hangs up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from livekit.agents import Agent, AgentSession, APIError, function_tool, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from resilient_claude import ResilientClaudeLLM
from tests.faults.catalogue.table import OTHER_TEXT, PROMPT, Scenario, limits_of
from tests.support.listening import conversation

from .servers import Claude

if TYPE_CHECKING:
    from .play import Play


@function_tool
async def book(guests: int) -> str:
    """Book a table.

    Args:
        guests: how many people come.
    """
    raise AssertionError("nobody runs it here")


async def read(play: Play, stream: llm.LLMStream) -> None:
    """Read *stream* to its end, whatever the end is."""
    async with stream:
        try:
            async for chunk in stream:
                play.seen.calls += play.hear(chunk)
        except Exception as exc:
            play.fail(exc)


async def direct(play: Play, adapter: ResilientClaudeLLM, claude: Claude) -> None:
    """`chat()`, read to its end."""
    play.begin()
    await read(play, adapter.chat(chat_ctx=conversation(PROMPT), tools=[book]))


async def cancel(play: Play, adapter: ResilientClaudeLLM, claude: Claude) -> None:
    """`chat()`, and `aclose()` in the middle of the fault."""
    play.begin()
    stream = adapter.chat(chat_ctx=conversation(PROMPT), tools=[book])
    reading = asyncio.create_task(read(play, stream))
    await play.in_the_fault(claude)
    async with play.closing():
        await stream.aclose()
    await reading


async def fallback(play: Play, adapter: ResilientClaudeLLM, claude: Claude) -> None:
    """`FallbackAdapter`, whose second provider is healthy."""
    other = OtherLLM()
    both = llm.FallbackAdapter([adapter, other], attempt_timeout=limits_of(play.cell).fallback_s)
    play.begin()
    await read(play, both.chat(chat_ctx=conversation(PROMPT), tools=[book]))
    play.seen.other_asked = other.asked
    probe = both._status[0].recovering_task
    if probe is not None:
        await probe
    await both.aclose()


@asynccontextmanager
async def session_with(
    play: Play, adapter: ResilientClaudeLLM
) -> AsyncIterator[AgentSession[None]]:
    """A session in text mode that is closed whatever happens."""
    # Its prewarm would meet the fault in place of the turn.
    adapter._prewarm_task = asyncio.create_task(asyncio.sleep(0))
    session: AgentSession[None] = AgentSession(llm=adapter)
    session.on("error", lambda event: _session_failed(play, event.error))
    await session.start(BookingAgent(play))
    try:
        yield session
    finally:
        play.seen.said = "".join(
            item.text_content or ""
            for item in session.history.items
            if item.type == "message" and item.role == "assistant"
        )
        await session.aclose()


def _session_failed(play: Play, error: Any) -> None:
    if not error.recoverable:
        play.fail(error.error)


async def in_session(play: Play, adapter: ResilientClaudeLLM, claude: Claude) -> None:
    """`AgentSession.run` in text mode."""
    async with session_with(play, adapter) as session:
        play.begin()
        # What it raises is what `on("error")` has told, if anything.
        with suppress(APIError):
            await session.run(user_input=PROMPT)


async def barge_in(play: Play, adapter: ResilientClaudeLLM, claude: Claude) -> None:
    """`AgentSession.interrupt` in the middle of the fault."""
    async with session_with(play, adapter) as session:
        play.begin()
        speech = session.generate_reply(user_input=PROMPT)
        await play.in_the_fault(claude)
        async with play.closing():
            session.interrupt()
            await speech


class BookingAgent(Agent):
    """Books tables, and notes how often it was made to."""

    def __init__(self, play: Play) -> None:
        super().__init__(instructions="You are a receptionist.")
        self._play = play

    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        """Livekit's own, listened to."""
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            if isinstance(chunk, llm.ChatChunk):
                self._play.hear(chunk)
            yield chunk

    @function_tool
    async def book(self, guests: int) -> str:
        """Book a table.

        Args:
            guests: how many people come.
        """
        self._play.seen.calls.append(("book", json.dumps({"guests": guests})))
        return "booked"


class OtherLLM(llm.LLM[str]):
    """The other provider, which never fails."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def chat(self, **arguments: Any) -> llm.LLMStream:
        """Say `OTHER_TEXT`."""
        self.asked += 1
        context, tools = arguments["chat_ctx"], arguments.get("tools") or []
        options: APIConnectOptions = arguments.get("conn_options", DEFAULT_API_CONNECT_OPTIONS)
        return _OtherStream(self, chat_ctx=context, tools=tools, conn_options=options)


class _OtherStream(llm.LLMStream):
    async def _run(self) -> None:
        delta = llm.ChoiceDelta(role="assistant", content=OTHER_TEXT)
        self._event_ch.send_nowait(llm.ChatChunk(id="other", delta=delta))


SCENARIOS = {
    Scenario.DIRECT: direct,
    Scenario.CLIENT: direct,
    Scenario.RAISE: direct,
    Scenario.SESSION: in_session,
    Scenario.FALLBACK: fallback,
    Scenario.CANCEL: cancel,
    Scenario.BARGE_IN: barge_in,
}
