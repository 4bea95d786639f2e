"""livekit's private names: each test says what an upgrade has taken away."""

from __future__ import annotations

from livekit.agents import Agent
from livekit.agents.llm import ChatMessage

from resilient_claude.voice.session_internals import items_of


def test_the_items_of_an_agent_s_history() -> None:
    """`Agent._chat_ctx`: the public `chat_ctx` is a copy that cannot be changed."""
    agent = Agent(instructions="x")
    items_of(agent).append(ChatMessage(role="assistant", content=["One mom"]))

    assert [item.type for item in agent.chat_ctx.items] == ["message"], (
        "livekit's Agent keeps its history elsewhere: hold lines that were cut short would stay "
        "in it; see resilient_claude/voice/session_internals.py"
    )
