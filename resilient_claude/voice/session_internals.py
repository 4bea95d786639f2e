"""livekit's private names, each called by what it is needed for. No other module uses one."""

from __future__ import annotations

from livekit.agents import Agent, llm


def items_of(agent: Agent) -> list[llm.ChatItem]:
    """The items of *agent*'s history themselves: `chat_ctx` is a copy that cannot be changed.

    Source: livekit/agents/voice/agent.py, `Agent._chat_ctx`.
    """
    return agent._chat_ctx.items
