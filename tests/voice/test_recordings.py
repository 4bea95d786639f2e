"""Recorded lines are played in the place of being spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit import rtc

from resilient_claude.voice import recordings
from resilient_claude.voice.lines import Line
from resilient_claude.voice.recordings import recorded_or_spoken

from ..support.attended_calls import OPENING, booking, play
from ..support.lines import Lines
from ..support.scripted_llm import Turn

FRAME = rtc.AudioFrame(b"\1\0" * 480, 24000, 1, 480)
SPOKEN = rtc.AudioFrame(b"\2\0" * 480, 24000, 1, 480)
LINE = Line("One moment.", audio=[FRAME, FRAME])


async def made_of(text: list[str], *, recordings: list[Line]) -> tuple[list[rtc.AudioFrame], str]:
    """The frames for *text*, and what was spoken of it."""
    spoken: list[str] = []

    async def node(text: AsyncIterator[str], _: object) -> AsyncIterator[rtc.AudioFrame]:
        async for piece in text:
            spoken.append(piece)
            yield SPOKEN

    async def pieces() -> AsyncIterator[str]:
        for piece in text:
            yield piece

    frames = await recorded_or_spoken(node, lambda: recordings, pieces(), None)
    return [frame async for frame in frames], "".join(spoken)


@pytest.mark.parametrize("text", [["One moment. "], ["One ", "moment", "."]])
async def test_a_recorded_line_is_played(text: list[str]) -> None:
    """Whole, or in the pieces that livekit's text transforms make of it."""
    assert await made_of(text, recordings=[LINE]) == ([FRAME, FRAME], "")


@pytest.mark.parametrize("text", [["One more."], ["One ", "moment", " more."], ["", "We."], []])
async def test_everything_else_is_spoken(text: list[str]) -> None:
    """Every piece of it, in its order."""
    frames, spoken = await made_of(text, recordings=[LINE])

    assert spoken == "".join(text)
    assert FRAME not in frames


async def test_a_line_of_another_reply_is_spoken() -> None:
    """Claude may say "One moment." by itself."""
    assert (await made_of(["One moment."], recordings=[]))[1] == "One moment."


async def test_a_recording_of_which_nothing_comes_is_spoken(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is not reached, perhaps; the answer waits behind it."""
    monkeypatch.setattr(recordings, "FRAME_WITHIN_S", 0.05)
    closed: list[bool] = []

    async def frames() -> AsyncIterator[rtc.AudioFrame]:
        try:
            await asyncio.sleep(1000.0)
            yield FRAME
        finally:
            closed.append(True)

    line = Line("One moment.", audio=frames)

    assert await made_of(["One moment."], recordings=[line]) == ([SPOKEN], "One moment.")
    assert closed == [True]
    assert [f["root_type"] for f in lines.named("voice.handler_failed")] == ["TimeoutError"]


async def test_a_function_is_called_each_time() -> None:
    """An iterator can be read once."""

    async def frames() -> AsyncIterator[rtc.AudioFrame]:
        yield FRAME

    line = Line("One moment.", audio=frames)

    for _ in range(2):
        assert await made_of(["One moment."], recordings=[line]) == ([FRAME], "")


async def test_a_node_may_be_a_coroutine() -> None:
    """livekit awaits those too."""

    async def nothing(*_: object) -> None:
        return None

    async def text() -> AsyncIterator[str]:
        yield "We open."

    assert await recorded_or_spoken(nothing, list, text(), None) is None


async def broken() -> AsyncIterator[rtc.AudioFrame]:
    raise OSError("no such file")
    yield FRAME


async def half() -> AsyncIterator[rtc.AudioFrame]:
    yield FRAME
    raise OSError("the network is down")


async def test_a_recording_that_cannot_be_had_is_spoken(lines: Lines) -> None:
    """Its words are known, and the caller must hear something."""
    line = Line("One moment.", audio=broken)

    assert await made_of(["One moment."], recordings=[line]) == ([SPOKEN], "One moment.")
    assert [f["handled"] for f in lines.named("voice.handler_failed")] == ["audio"]
    assert "no such file" not in str(lines.events)


@pytest.mark.parametrize(
    "audio", [half, lambda: None], ids=["fails in the middle", "returns nothing"]
)
async def test_a_recording_that_fails_raises_nothing(audio: Any) -> None:
    """livekit would end the whole reply, and the answer with it."""
    line = Line("", audio=audio)

    frames, spoken = await made_of([line.caption], recordings=[line])
    assert spoken == ""
    assert frames == ([FRAME] if audio is half else [])


def test_a_recording_that_fails_costs_no_answer() -> None:
    """The line is for the time until the answer, and not in its place."""
    hold_lines = (Line("One moment.", audio=broken),)
    call = play([Turn(OPENING, first_s=4.0)], care={"hold_lines": hold_lines})

    assert call.heard == ["One moment.", OPENING]


def test_a_recording_that_fails_during_a_tool_leaves_no_error_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There the session plays it, and has no words for it."""
    hold_lines = (Line("One moment.", audio=broken),)
    call = play(
        [Turn(tool="book"), Turn("It is booked.")],
        tools=[booking(6.0, [])],
        care={"hold_lines": hold_lines},
    )

    assert call.heard == ["It is booked."]
    assert {each.name for each in caplog.records} == {"livekit.plugins.resilient_claude"}
