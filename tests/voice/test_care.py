"""What the application gets: events, statistics, its session back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession

import resilient_claude.voice
from resilient_claude.voice import Apology, BrokeOff, GiveUp, keep_caller_informed
from resilient_claude.voice.arguments import APOLOGY, HOLD_LINES
from resilient_claude.voice.node import Chunk

from ..support.lines import Lines
from ..support.scripted_llm import FAILS, Foreign, ScriptedLLM, Turn
from ..support.text_sessions import said


async def text_call(*turns: Turn, **care: Any) -> tuple[AgentSession[Any], Any]:
    """A session without sound, started, and its care."""
    session: AgentSession[Any] = AgentSession(llm=ScriptedLLM(*turns), vad=None)
    informed = keep_caller_informed(session, **care)
    await session.start(Agent(instructions="x"))
    return session, informed


async def test_the_events_of_a_slow_turn_and_a_lost_one() -> None:
    """Also in a session without sound: what is written is heard."""
    session, care = await text_call(Turn("Yes.", first_s=0.7), FAILS, hold_after_s=0.4)
    told: list[Any] = []
    for event in ("hold_line", "apology", "answered"):
        care.on(event, told.append)

    async with session:
        await session.run(user_input="Are you open?")
        await session.run(user_input="And now?")

    hold, answered, apology = told
    assert (hold.text, hold.number, hold.during_tool) == ("One moment.", 1, False)
    assert (answered.hold_lines, answered.asked_again) == (1, False)
    assert answered.waited_s >= 0.3
    assert isinstance(apology.error, Foreign)
    assert apology.failure is None
    assert said(session)[0] == "Yes."
    assert (care.stats.hold_lines, care.stats.apologies) == (1, 1)


async def test_an_answer_that_broke_off_and_a_given_up_call() -> None:
    """The other two."""
    session, care = await text_call(Turn("We", then=Foreign("x")), FAILS, max_apologies=0)
    told: list[Any] = []
    care.on("broke_off", told.append)
    care.on("give_up", told.append)

    async with session:
        await session.run(user_input="Are you open?")
        await session.run(user_input="And now?")

    broke_off, given_up = told
    assert isinstance(broke_off, BrokeOff)
    assert isinstance(given_up, GiveUp)
    assert given_up.apologies == 0
    assert (care.stats.broke_off, care.stats.give_ups) == (1, 1)


async def test_a_handler_that_raises_does_not_stop_the_others(lines: Lines) -> None:
    """The call goes on, whatever the application's dashboard does."""
    session, care = await text_call(FAILS)
    told: list[Apology] = []

    @care.on("apology")  # type: ignore[untyped-decorator]
    def broken(_: Apology) -> None:
        raise KeyError("dashboard")

    care.on("apology", told.append)
    async with session:
        await session.run(user_input="Are you open?")
        care.off("apology", told.append)
        await session.run(user_input="And now?")

    assert len(told) == 1
    events = [name for name, _ in lines.events]
    assert events == ["voice.apology", "voice.handler_failed"] * 2
    assert "dashboard" not in str(lines.events)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_functions_that_fail_are_logged_and_the_default_is_said(
    lines: Lines, asynchronous: bool
) -> None:
    """Languages that were not thought of: words in another one are better than none."""

    def broken() -> Any:
        if asynchronous:  # not to be seen from outside
            return asyncio.sleep(0.0, ("Hetki.",))
        raise KeyError("fi")

    session, care = await text_call(
        Turn("Yes.", first_s=0.3), FAILS, hold_lines=broken, apology=broken, hold_after_s=0.05
    )
    said_: list[str] = []
    care.on("hold_line", lambda line: said_.append(line.text))
    async with session:
        await session.run(user_input="Are you open?")
        await session.run(user_input="And now?")

    assert said(session) == ["Yes.", APOLOGY]
    assert said_[0] == HOLD_LINES[0]
    assert {f["handled"] for f in lines.named("voice.handler_failed")} == {"hold_lines", "apology"}


async def test_a_function_that_fails_is_said_for_by_what_it_returned_last(lines: Lines) -> None:
    """The caller has heard that language before."""
    returned: dict[str, list[Any]] = {"hold_lines": [("Hetki.",)], "apology": ["Anteeksi."]}
    session, care = await text_call(
        *[Turn("Joo.", first_s=0.3), FAILS] * 2,
        hold_lines=lambda: returned["hold_lines"].pop(),
        apology=lambda: returned["apology"].pop(),
        hold_after_s=0.05,
    )
    said_: list[str] = []
    care.on("hold_line", lambda line: said_.append(line.text))
    async with session:
        for _ in range(4):
            await session.run(user_input="Are you open?")

    assert said(session) == ["Joo.", "Anteeksi."] * 2
    assert {*said_} == {"Hetki."}
    assert {f["handled"] for f in lines.named("voice.handler_failed")} == {"hold_lines", "apology"}


async def test_an_async_handler_is_refused() -> None:
    """It would never run, and nobody would notice."""
    session, care = await text_call(Turn("Yes."))

    async def handler(_: Apology) -> None: ...

    async with session:
        with pytest.raises(TypeError, match="the handler of apology must not be async"):
            care.on("apology", handler)
        with pytest.raises(TypeError, match="the handler of apology must not be async"):
            care.on("apology")(handler)


async def test_an_unknown_event_is_refused() -> None:
    """A typo would show on the day of the outage."""
    session, care = await text_call(Turn("Yes."))
    async with session:
        with pytest.raises(ValueError, match="event must be one of hold_line, apology"):
            care.on("apologies", print)


async def test_a_session_is_attended_once() -> None:
    """Twice would be every line twice."""
    session, care = await text_call(Turn("Yes."))
    async with session:
        with pytest.raises(RuntimeError, match="informed already"):
            keep_caller_informed(session)
        await care.aclose()
        await care.aclose()
        await keep_caller_informed(session).aclose()


async def test_a_session_that_is_started_anew_can_be_attended_anew() -> None:
    """Closing has detached it."""
    session, _ = await text_call(Turn("Yes."))
    await session.aclose()

    assert session.conn_options.max_unrecoverable_errors == 3
    await keep_caller_informed(session).aclose()


async def test_a_reply_that_runs_when_it_is_closed_goes_on() -> None:
    """Detaching must not cost the caller his answer."""
    session, care = await text_call(Turn("Yes.", first_s=0.2), hold_after_s=0.05)
    care.on("hold_line", lambda _: detached.append(care._attachment.detach()))
    detached: list[None] = []

    async with session:
        await session.run(user_input="Are you open?")

    assert detached == [None]
    assert said(session) == ["Yes."]


async def test_over_without_a_reply_hands_everything_on() -> None:
    """In a test of the agent's own node, say."""
    session, care = await text_call(Turn("Yes."))

    async def stream() -> AsyncIterator[Chunk]:
        yield "a"
        yield "b"

    async with session:
        assert [chunk async for chunk in care.over(stream())] == ["a", "b"]


def test_every_public_name_can_be_imported() -> None:
    """Names are loaded on first use: a typo would show only then."""
    for name in resilient_claude.voice.__all__:
        assert getattr(resilient_claude.voice, name) is not None
    assert {*resilient_claude.voice.__all__} <= {*dir(resilient_claude.voice)}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = resilient_claude.voice.nothing
