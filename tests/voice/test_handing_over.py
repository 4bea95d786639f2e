"""Giving up: the application takes over, or the call ends politely."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import Agent, AgentSession

from resilient_claude.testing.voice import Says
from resilient_claude.voice import GiveUp, keep_caller_informed
from resilient_claude.voice.arguments import CLOSING

from ..support.attended_calls import QUESTION, play
from ..support.scripted_llm import FAILS, ScriptedLLM


async def given_up(*, closes: bool, **care: Any) -> tuple[list[str], bool]:
    """What was said of a call whose first turn is one too many, and whether it was closed.

    One that *closes* is waited for.
    """
    session: AgentSession[Any] = AgentSession(llm=ScriptedLLM(FAILS), vad=None)
    closed, given = asyncio.Event(), asyncio.Event()
    session.on("close", lambda _: closed.set())
    informed = keep_caller_informed(session, max_apologies=0, **care)
    informed.on("give_up", lambda _: given.set())
    await session.start(Agent(instructions="x"))
    session.generate_reply(user_input="Are you open?")
    async with asyncio.timeout(30):
        await given.wait()
        if closes:
            await closed.wait()
    await informed.aclose()
    was_closed = closed.is_set()
    await session.aclose()
    said = [i for i in session.history.items if i.type == "message" and i.role == "assistant"]
    return [item.text_content or "" for item in said], was_closed


async def test_by_default_a_sentence_closes_the_session() -> None:
    """A caller who is left in the line has been forgotten."""
    assert await given_up(closes=True) == ([CLOSING], True)


async def test_the_application_hands_over() -> None:
    """Nothing is said or closed beside it."""
    given: list[GiveUp] = []

    async def transfer(payload: GiveUp) -> None:
        await asyncio.sleep(0.01)
        given.append(payload)

    assert await given_up(closes=False, on_give_up=transfer) == ([], False)
    assert len(given) == 1


async def test_a_transfer_that_fails_ends_politely() -> None:
    """The caller must not be left alone with a dead model."""

    async def transfer(_: GiveUp) -> None:
        raise ConnectionError("no line")

    assert await given_up(closes=True, on_give_up=transfer) == ([CLOSING], True)


async def test_closing_waits_for_the_transfer() -> None:
    """Otherwise it would be cut off in the middle."""
    done: list[bool] = []

    async def transfer(_: GiveUp) -> None:
        await asyncio.sleep(0.1)
        done.append(True)

    await given_up(closes=False, on_give_up=transfer)

    assert done == [True]


async def test_a_transfer_that_was_cancelled_ends_politely() -> None:
    """Something that it waited for was: to the caller it is the same."""

    async def transfer(_: GiveUp) -> None:
        raise asyncio.CancelledError

    assert await given_up(closes=True, on_give_up=transfer) == ([CLOSING], True)


def test_a_call_is_handed_over_once() -> None:
    """A transfer takes its time, and the caller asks whether anybody is there."""
    handed: list[GiveUp] = []

    async def transfer(payload: GiveUp) -> None:
        handed.append(payload)
        await asyncio.sleep(20.0)

    call = play(
        [FAILS],
        [QUESTION, *[Says("Hello?", after_own_s=5.0)] * 2],
        care={"max_apologies": 0, "on_give_up": transfer},
        lasts_s=20.0,
    )

    assert len(handed) == call.stats.give_ups == 1
    assert call.heard == []
    assert [wait.outcome for wait in call.stats.waits] == ["gave_up"] * 3
