"""A turn that livekit may discard: what is asked for again, and when."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents.voice import SpeechHandle

from resilient_claude.turn import speculation
from resilient_claude.turn.speculation import Speculation
from tests.support.leftovers import other_tasks


@pytest.fixture
async def speech() -> SpeechHandle:  # livekit makes futures of the running loop
    return SpeechHandle.create()


async def test_outside_of_a_session_nothing_is_speculative() -> None:
    """Whoever calls `chat()` himself wants the answer."""
    alone = Speculation(None)
    await alone.hold(asyncio.Event())

    assert not alone.is_open


async def test_a_speech_that_is_scheduled_is_committed(speech: SpeechHandle) -> None:
    """It is then next in livekit's queue."""
    one = Speculation(speech)
    before = one.is_open
    speech._mark_scheduled()

    assert (before, one.is_open) == (True, False)
    await one.hold(asyncio.Event())


@pytest.mark.parametrize("end", ["scheduled", "aborted"])
async def test_a_retry_is_held_until(
    end: str, speech: SpeechHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit, or the end of the adapter; nothing is left behind."""
    monkeypatch.setattr(speculation, "HOLD_S", 60.0)
    aborted = asyncio.Event()
    holding = asyncio.create_task(Speculation(speech).hold(aborted))
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

    await one.hold(asyncio.Event())

    assert one.is_open


async def test_barge_in_ends_a_held_retry_at_once(speech: SpeechHandle) -> None:
    """Cancelling leaves nothing, in this state as in all others."""
    holding = asyncio.create_task(Speculation(speech).hold(asyncio.Event()))
    await asyncio.sleep(0)

    holding.cancel()

    with pytest.raises(asyncio.CancelledError):
        await holding
    assert other_tasks() == set()
