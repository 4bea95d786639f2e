"""Sessions in text mode, without sound, and what the agent said in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import Agent, AgentSession, llm


@asynccontextmanager
async def text_session(
    model: llm.LLM[Any], agent: Agent, **arguments: Any
) -> AsyncIterator[AgentSession[None]]:
    """A session that is closed whatever happens, and *model* with it."""
    session: AgentSession[None] = AgentSession(llm=model, **arguments)
    await session.start(agent)
    try:
        yield session
    finally:
        await session.aclose()
        await model.aclose()


def said(session: AgentSession[Any]) -> list[str]:
    """What the agent said, according to the history."""
    items = session.history.items
    return [i.text_content or "" for i in items if i.type == "message" and i.role == "assistant"]
