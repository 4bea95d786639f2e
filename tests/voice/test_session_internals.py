"""livekit's private names: each test says what an upgrade has taken away."""

from __future__ import annotations

from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatMessage, FallbackAdapter

from resilient_claude.voice.session_internals import items_of, limit_errors, llms_of

from ..support.scripted_llm import FAILS, ScriptedLLM


def test_the_items_of_an_agent_s_history() -> None:
    """`Agent._chat_ctx`: the public `chat_ctx` is a copy that cannot be changed."""
    agent = Agent(instructions="x")
    items_of(agent).append(ChatMessage(role="assistant", content=["One mom"]))

    assert [item.type for item in agent.chat_ctx.items] == ["message"], (
        "livekit's Agent keeps its history elsewhere: hold lines that were cut short would stay "
        "in it; see resilient_claude/voice/session_internals.py"
    )


async def test_the_llms_of_a_fallback_adapter() -> None:
    """`FallbackAdapter._llm_instances`: nothing public tells them."""
    one, other = ScriptedLLM(FAILS), ScriptedLLM(FAILS)
    fallback = FallbackAdapter([one, other])

    assert llms_of(one) == [one]
    assert llms_of(fallback) == [one, other], (
        "livekit's FallbackAdapter keeps its LLMs elsewhere: an answer of ours that is at work "
        "could be taken for one that hangs; see resilient_claude/voice/session_internals.py"
    )
    await fallback.aclose()


async def test_the_limit_of_a_session_s_errors() -> None:
    """`AgentSession._conn_options`: the public `conn_options` cannot be set."""
    session: AgentSession[Any] = AgentSession(vad=None)
    limit_errors(session, 7)

    assert session.conn_options.max_unrecoverable_errors == 7, (
        "livekit's AgentSession keeps its options elsewhere: failed generations would close it; "
        "see resilient_claude/voice/session_internals.py"
    )
