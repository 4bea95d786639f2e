"""livekit's own limit of errors, out of force for the LLM's while `care` counts lost turns.

livekit closes a session after `max_unrecoverable_errors` failed *generations* in a row, of which
one sentence can cause four, and forgets them whenever the agent speaks, if only a hold line. The
limit is one for all components. Those of the STT and the TTS are nobody else's to count: for
the time of such an error the limit is what it was.
"""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentSession, ErrorEvent

from .session_internals import limit_errors

UNLIMITED = 1_000_000


class ErrorLimit:
    """The limit of one session, raised until `give_back`."""

    def __init__(self, session: AgentSession[Any]) -> None:
        self._session = session
        self._given = session.conn_options.max_unrecoverable_errors
        self._attached = True
        self._raise()
        session.on("error", self._for_this_error)

    def give_back(self) -> None:
        """The limit is what it was."""
        if self._attached:
            self._attached = False
            self._session.off("error", self._for_this_error)
            limit_errors(self._session, self._given)

    def _for_this_error(self, event: ErrorEvent) -> None:
        # The session compares its count with the limit when all handlers have returned.
        # Source: livekit/agents/voice/agent_activity.py, `AgentActivity._on_error`.
        if getattr(event.error, "type", None) != "llm_error":
            limit_errors(self._session, self._given)
            asyncio.get_running_loop().call_soon(self._raise)

    def _raise(self) -> None:
        if self._attached:
            limit_errors(self._session, max(UNLIMITED, self._given))
