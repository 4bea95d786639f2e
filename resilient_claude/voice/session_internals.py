"""livekit's private names, each called by what it is needed for. No other module uses one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from livekit.agents import Agent, AgentSession, llm


def items_of(agent: Agent) -> list[llm.ChatItem]:
    """The items of *agent*'s history themselves: `chat_ctx` is a copy that cannot be changed.

    Source: livekit/agents/voice/agent.py, `Agent._chat_ctx`.
    """
    return agent._chat_ctx.items


def llms_of(model: object) -> list[object]:
    """The LLMs that answer for *model*: itself, or those of a `FallbackAdapter`.

    Source: livekit/agents/llm/fallback_adapter.py, `FallbackAdapter._llm_instances`.
    """
    return [*getattr(model, "_llm_instances", (model,))]


def limit_errors(session: AgentSession[Any], limit: int) -> None:
    """Let *session* close after more than *limit* unrecoverable errors in a row.

    It gets options of its own: those that it was given may be another session's, too.

    Source: livekit/agents/voice/agent_session.py, `AgentSession.conn_options`.
    """
    session._conn_options = replace(session.conn_options, max_unrecoverable_errors=limit)
