"""An agent's `llm_node`, accompanied: it yields what it always did, and what is due meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from livekit.agents import Agent, llm
from livekit.agents.types import FlushSentinel
from livekit.agents.voice import SpeechHandle

from resilient_claude.voice.node import Chunk, accompanied
from resilient_claude.voice.reply import Reply, ReplyStep

from ..support.scripted_llm import Foreign


class Attendance:
    """Something is due after each moment; `due` empties *lines*."""

    def __init__(self, *lines: str, last: bool = False, may_announce: bool = True) -> None:
        self.lines = [*lines]
        self.last = last
        self.telling = may_announce
        self.errors: list[tuple[str, Exception]] = []
        self.woken = 0
        self.heard = True  # as soon as it comes

    def wake(self, step: ReplyStep) -> asyncio.Future[None]:
        self.woken += 1
        loop = asyncio.get_running_loop()
        wake: asyncio.Future[None] = loop.create_future()
        loop.call_later(0.01, lambda: None if wake.done() else wake.set_result(None))
        return wake

    def due(self, step: ReplyStep) -> Iterable[Chunk]:
        if not self.lines:
            step.over = self.last
            return ()
        return [self.lines.pop(0), FlushSentinel()]

    def may_announce(self, step: ReplyStep) -> bool:
        self.telling, telling = True, self.telling
        return telling

    def lost(self, step: ReplyStep, error: Exception) -> Iterable[Chunk]:
        self.errors.append(("lost", error))
        return [*self.lines]

    def broke_off(self, step: ReplyStep, error: Exception) -> Iterable[Chunk]:
        self.errors.append(("broke_off", error))
        return [*self.lines]

    def goes_out(self, step: ReplyStep, chunk: Chunk) -> None:
        if isinstance(chunk, str) or (chunk_text(chunk) or "").strip():
            step.first_word_at = 1.0
            step.settled = self.heard


def chunk_text(chunk: object) -> str | None:
    return chunk.delta.content if isinstance(chunk, llm.ChatChunk) and chunk.delta else None


def a_step() -> ReplyStep:
    return ReplyStep(Reply(SpeechHandle.create(), Agent(instructions="x")))


async def read(node: Any, attendance: Attendance, step: ReplyStep | None = None) -> list[Chunk]:
    return [each async for each in accompanied(node, step or a_step(), attendance)]


async def slowly(*chunks: Chunk | Exception, first_s: float = 0.0) -> AsyncIterator[Chunk]:
    await asyncio.sleep(first_s)
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


TOOL = llm.ChatChunk(
    id="x",
    delta=llm.ChoiceDelta(
        tool_calls=[llm.FunctionToolCall(name="book", arguments="{}", call_id="1")]
    ),
)


async def test_a_quick_answer_is_handed_on_and_nothing_else() -> None:
    """Most are."""
    attendance = Attendance("One moment.")

    assert await read(lambda: slowly("We ", "open."), attendance) == ["We ", "open."]


async def test_a_line_comes_before_a_slow_answer() -> None:
    """As a piece of speech of its own."""
    said = await read(lambda: slowly("Yes.", first_s=0.05), Attendance("One moment."))

    assert said[0] == "One moment."
    assert isinstance(said[1], FlushSentinel)
    assert said[2:] == ["Yes."]


async def test_every_form_of_a_node() -> None:
    """livekit takes a coroutine, a text, nothing, and any async iterable."""

    async def text() -> str:
        await asyncio.sleep(0.02)
        return "Yes."

    async def stream() -> AsyncIterator[Chunk]:
        return slowly("Yes.")

    attendance = Attendance()

    for node in (text, stream, lambda: "Yes.", lambda: slowly("Yes.")):
        assert await read(node, attendance) == ["Yes."]
    assert await read(lambda: None, attendance) == []


async def test_an_answer_that_is_given_up_is_closed() -> None:
    """Otherwise the request would go on, and be paid for."""
    closed: list[bool] = []

    async def node() -> AsyncIterator[Chunk]:
        try:
            await asyncio.sleep(10)
            yield "Too late."
        finally:
            closed.append(True)

    assert await read(node, Attendance(last=True)) == []
    assert closed == [True]


async def test_a_barge_in_reaches_the_node() -> None:
    """Before a word and behind one."""
    closed: list[str] = []

    async def node(*words: str) -> AsyncIterator[Chunk]:
        try:
            for word in words:
                yield word
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            closed.append(" ".join(words))
            raise

    for words in ((), ("We",)):
        task = asyncio.create_task(read(lambda words=words: node(*words), Attendance()))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert closed == ["", "We"]


async def test_a_node_is_closed_when_its_reader_leaves_it() -> None:
    """At the line that was just handed over."""
    closed: list[bool] = []

    async def node() -> AsyncIterator[Chunk]:
        try:
            await asyncio.sleep(10)
            yield ""
        finally:
            closed.append(True)

    said = accompanied(node, a_step(), Attendance("One moment."))
    assert await anext(said) == "One moment."
    await said.aclose()  # type: ignore[attr-defined]

    assert closed == [True]


async def test_a_failure_before_a_word_is_told() -> None:
    """And goes no further: an application that listens for it would say it again."""
    attendance = Attendance("Sorry.", may_announce=False)

    assert await read(lambda: slowly(Foreign("x")), attendance) == ["Sorry."]
    assert [name for name, _ in attendance.errors] == ["lost"]
    assert attendance.woken > 1


async def test_a_failure_behind_a_word_is_told() -> None:
    """With other words."""
    attendance = Attendance("Where was I?")

    assert await read(lambda: slowly("We ", Foreign("x")), attendance) == ["We ", "Where was I?"]
    assert [name for name, _ in attendance.errors] == ["broke_off"]


@pytest.mark.parametrize("words", [(), ("We ",)])
async def test_a_failure_that_is_not_told_is_raised(words: tuple[str, ...]) -> None:
    """Whoever waits for the reply must hear of it."""
    with pytest.raises(Foreign):
        await read(lambda: slowly(*words, Foreign("x")), Attendance())


@pytest.mark.parametrize("chunks", [(TOOL,), ("Let me look.", TOOL)])
async def test_a_failure_behind_a_tool_call_is_not_told(chunks: tuple[Chunk, ...]) -> None:
    """The tool runs, and a reply to its result follows."""
    step, attendance = a_step(), Attendance("Sorry.")
    step.tools = chunks[0] is TOOL

    with pytest.raises(Foreign):
        await read(lambda: slowly(*chunks, Foreign("x")), attendance, step)
    assert attendance.errors == []


async def test_a_node_in_a_node_speaks_alone() -> None:
    """`care.over()` inside a node that is accompanied as a whole."""
    step, attendance = a_step(), Attendance("One moment.", "Still with you.")

    async def node() -> AsyncIterator[Chunk]:
        async for chunk in accompanied(lambda: slowly("Yes.", first_s=0.05), step, attendance):
            yield chunk

    said = [each for each in await read(node, attendance, step) if isinstance(each, str)]

    assert said == ["One moment.", "Still with you.", "Yes."]
    assert step.speaker is None


async def test_what_is_cancelled_is_not_told() -> None:
    """A `BaseException` is no failure."""

    async def node() -> AsyncIterator[Chunk]:
        raise asyncio.CancelledError
        yield ""

    with pytest.raises(asyncio.CancelledError):
        await read(node, Attendance("Sorry."))


async def test_what_is_due_is_said_until_the_first_word_is_heard() -> None:
    """It may have come, and wait in the text-to-speech for the rest of its sentence."""

    async def node() -> AsyncIterator[Chunk]:
        yield "We open"
        await asyncio.sleep(0.05)
        yield " at five."

    attendance = Attendance()
    attendance.heard = False
    stream = accompanied(node, a_step(), attendance)
    chunks = [await anext(stream)]
    attendance.lines = [""]
    chunks += [chunk async for chunk in stream]

    assert [chunk for chunk in chunks if isinstance(chunk, str)] == ["We open", "", " at five."]
    assert isinstance(chunks[2], FlushSentinel)


async def test_a_token_behind_what_is_heard_costs_one_resumption() -> None:
    """A healthy call pays for nothing that it does not need."""

    async def calls(chunks: int, *, accompany: bool) -> int:
        step = a_step()
        node = slowly(*["word "] * chunks)
        stream = accompanied(lambda: node, step, Attendance()) if accompany else node
        seen = 0

        def count(_: object, event: str, __: object) -> None:
            nonlocal seen
            seen += event == "call"

        sys.setprofile(count)
        try:
            async for _ in stream:
                pass
        finally:
            sys.setprofile(None)
        return seen

    plain = await calls(1100, accompany=False) - await calls(100, accompany=False)
    accompanied_ = await calls(1100, accompany=True) - await calls(100, accompany=True)

    assert (accompanied_ - plain) / 1000 == pytest.approx(1.0, abs=0.01)
