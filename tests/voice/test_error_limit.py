"""livekit's limit of errors is out of force for the LLM's, and for no others."""

from __future__ import annotations

import asyncio
from dataclasses import make_dataclass
from typing import Any

import pytest
from livekit.agents import AgentSession, ErrorEvent
from livekit.agents.voice.agent_session import SessionConnectOptions

from resilient_claude.voice.error_limit import ErrorLimit

from ..support.scripted_llm import ScriptedLLM, Turn


def a_session(options: Any = None) -> AgentSession[Any]:
    given = {} if options is None else {"conn_options": options}
    return AgentSession(llm=ScriptedLLM(Turn("Hi.")), vad=None, **given)


async def test_it_is_raised_and_given_back() -> None:
    """An application that detaches has its session as it was."""
    session = a_session(SessionConnectOptions(max_unrecoverable_errors=5))
    limit = ErrorLimit(session)
    assert session.conn_options.max_unrecoverable_errors > 1000
    limit.give_back()
    limit.give_back()

    assert session.conn_options.max_unrecoverable_errors == 5


@pytest.mark.parametrize("kind", ["tts_error", "stt_error"])
async def test_it_is_in_force_for_other_components(kind: str) -> None:
    """A session that hears nothing, or cannot speak, must end."""
    session = a_session()
    limit = ErrorLimit(session)
    error = make_dataclass("Error", ["type"])(kind)

    session.emit("error", ErrorEvent(error=error, source=None))
    assert session.conn_options.max_unrecoverable_errors == 3
    await asyncio.sleep(0)
    assert session.conn_options.max_unrecoverable_errors > 1000
    session.emit("error", ErrorEvent(error=error, source=None))
    limit.give_back()
    await asyncio.sleep(0)
    assert session.conn_options.max_unrecoverable_errors == 3


async def test_an_error_of_the_llm_does_not_count() -> None:
    """Lost turns are counted, and not generations."""
    session = a_session()
    ErrorLimit(session)
    error = make_dataclass("Error", ["type"])("llm_error")

    session.emit("error", ErrorEvent(error=error, source=None))

    assert session.conn_options.max_unrecoverable_errors > 1000


async def test_frozen_options_are_raised_too() -> None:
    """Should livekit freeze its dataclass one day."""
    frozen = make_dataclass("Frozen", [("max_unrecoverable_errors", int, 3)], frozen=True)
    session = a_session(frozen())
    limit = ErrorLimit(session)
    assert session.conn_options.max_unrecoverable_errors > 1000
    limit.give_back()

    assert session.conn_options.max_unrecoverable_errors == 3


async def test_sessions_that_share_options_do_not_share_the_limit() -> None:
    """A worker may have one set of options for all of its sessions."""
    options = SessionConnectOptions(max_unrecoverable_errors=5)
    sessions = [a_session(options), a_session(options)]
    first, second = [ErrorLimit(session) for session in sessions]
    first.give_back()
    assert sessions[1].conn_options.max_unrecoverable_errors > 1000
    second.give_back()

    assert [each.conn_options.max_unrecoverable_errors for each in sessions] == [5, 5]
    assert options.max_unrecoverable_errors == 5
