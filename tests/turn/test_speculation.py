"""A turn that livekit may discard: what is asked for again, and when."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.agent_activity import _SpeechHandleContextVar

from resilient_claude import FailureKind, failure_of
from resilient_claude.testing import HttpError, SimulatedClaude
from resilient_claude.turn import speculation
from resilient_claude.turn.speculation import Speculation
from tests.support.adapters import MakeLLM, shrunk_policy
from tests.support.leftovers import other_tasks
from tests.support.listening import conversation, read_stream


@pytest.fixture
async def speech() -> SpeechHandle:  # livekit makes futures of the running loop
    return SpeechHandle.create()


async def test_outside_of_a_session_nothing_is_speculative() -> None:
    """Whoever calls `chat()` himself wants the answer."""
    alone = Speculation(None)
    await alone.hold(asyncio.Event(), at_most_s=60)

    assert not alone.is_open


async def test_a_speech_that_is_scheduled_is_committed(speech: SpeechHandle) -> None:
    """It is then next in livekit's queue."""
    one = Speculation(speech)
    before = one.is_open
    speech._mark_scheduled()

    assert (before, one.is_open) == (True, False)
    await one.hold(asyncio.Event(), at_most_s=60)


@pytest.mark.parametrize("end", ["scheduled", "aborted"])
async def test_a_retry_is_held_until(
    end: str, speech: SpeechHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit, or the end of the adapter; nothing is left behind."""
    monkeypatch.setattr(speculation, "HOLD_S", 60.0)
    aborted = asyncio.Event()
    holding = asyncio.create_task(Speculation(speech).hold(aborted, at_most_s=60))
    await asyncio.sleep(0)
    assert not holding.done()

    speech._mark_scheduled() if end == "scheduled" else aborted.set()
    await holding

    assert other_tasks() == set()


async def test_a_caller_who_never_comes_to_his_end_holds_no_retry_for_ever(
    speech: SpeechHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn detector may wait for seconds: the answer had better be there by then."""
    monkeypatch.setattr(speculation, "HOLD_S", 0.01)
    one = Speculation(speech)

    await one.hold(asyncio.Event(), at_most_s=60)

    assert one.is_open


async def test_barge_in_ends_a_held_retry_at_once(speech: SpeechHandle) -> None:
    """Cancelling leaves nothing, in this state as in all others."""
    holding = asyncio.create_task(Speculation(speech).hold(asyncio.Event(), at_most_s=60))
    await asyncio.sleep(0)

    holding.cancel()

    with pytest.raises(asyncio.CancelledError):
        await holding
    assert other_tasks() == set()


async def test_a_held_retry_keeps_to_the_budget(make_llm: MakeLLM) -> None:
    """The last attempt starts while it may, and what ends the turn is what Claude answered."""
    with SimulatedClaude(default=HttpError(529)) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_silence_s=1.5))
        token = _SpeechHandleContextVar.set(SpeechHandle.create())
        try:
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        finally:
            _SpeechHandleContextVar.reset(token)
        await adapter.aclose()

    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind is FailureKind.OVERLOADED
