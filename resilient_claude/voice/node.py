"""The agent's `llm_node`, accompanied: yields what it yields, and what is due while it does not.

A line belongs to the reply that the caller waits for: it is said at once, waits for the commit
while the reply is speculative, vanishes with it, and is cut by whoever interrupts it. livekit has
nothing else that does all of that; `session.say()` would be queued behind the reply.

A `FlushSentinel` ends what the text-to-speech gets as one piece, so that the line is spoken now and
the answer is played right behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias

from livekit.agents import llm
from livekit.agents.types import FlushSentinel

from .reply import ReplyStep
from .stepping import Stepper

Chunk: TypeAlias = llm.ChatChunk | str | FlushSentinel

STEP: ContextVar[ReplyStep] = ContextVar("resilient_claude_voice_step")
"""The step that the `llm_node` around us belongs to."""


class Attendance(Protocol):
    """What a step needs to know: implemented by the session's side."""

    def wake(self, step: ReplyStep) -> asyncio.Future[None]:
        """Done when `due` is to be asked."""

    def due(self, step: ReplyStep) -> Iterable[Chunk]:
        """What is to be said now, while the step has no words."""

    def may_announce(self, step: ReplyStep) -> bool:
        """Whether the caller may be told now that the step has failed."""

    def lost(self, step: ReplyStep, error: Exception) -> Iterable[Chunk]:
        """What is to be said after it failed before a word; nothing: raise the *error*."""

    def broke_off(self, step: ReplyStep, error: Exception) -> Iterable[Chunk]:
        """What is to be said after it failed behind a word; nothing: raise the *error*."""

    def goes_out(self, step: ReplyStep, chunk: Chunk) -> None:
        """A *chunk* goes out."""


async def accompanied(
    node: Callable[[], Any], step: ReplyStep, attendance: Attendance
) -> AsyncIterator[Chunk]:
    """What *node*, an `llm_node` with its arguments, yields, and what is due meanwhile.

    Raises:
        Exception: what the node raised, if the caller was not told of it.
    """
    STEP.set(step)
    outer, me = step.speaker, object()
    step.speaker = me
    iterator: AsyncIterator[Chunk] | None = None
    pending: Stepper[Any] = Stepper(_opened(node))
    chunk: Chunk | None = None
    try:
        while True:
            while not pending.done:
                wake = attendance.wake(step)
                await pending.wait(wake)
                wake.cancel()
                if not pending.done and step.speaker is me:
                    for said in attendance.due(step):
                        yield said
                    if step.over:
                        return
            if iterator is None:
                iterator = pending.result()
            else:
                chunk = pending.result()
                if step.speaker is me:
                    attendance.goes_out(step, chunk)
                yield chunk
                if step.settled:
                    break
            pending = Stepper(anext(iterator))
        # The answer is heard: from here on a token costs no more than this.
        async for chunk in iterator:
            step.tokens += 1
            yield chunk
    except StopAsyncIteration:
        for said in await _instead(step, attendance):
            yield said
    except Exception as exc:  # noqa: BLE001  # whatever the agent's node raises, the caller waits
        for said in await _announced(step, attendance, exc, chunk):
            yield said
    finally:
        step.speaker, step.ended = outer, outer is None
        await _closed(pending, iterator)


async def _announced(
    step: ReplyStep, attendance: Attendance, error: Exception, last: Chunk | None
) -> list[Chunk]:
    """What the caller is told of *error*, as soon as he may be told.

    Raises:
        Exception: the *error*, if he is not.
    """
    if step.over or step.tools or _calls_tools(last):
        raise error  # a reply to what the tools return will follow
    if step.reply.asked_again and step.first_word_at is None:
        return []  # he did not ask, and is not told
    said = await _told(step, attendance, error)
    if not said:
        raise error
    return said


async def _instead(step: ReplyStep, attendance: Attendance) -> list[Chunk]:
    """What is said where the answer has ended, and nothing of it can be heard."""
    reason = step.unheard_because
    return [] if reason is None else await _told(step, attendance, RuntimeError(reason))


async def _told(step: ReplyStep, attendance: Attendance, error: Exception) -> list[Chunk]:
    """What is said of *error*, as soon as it may be."""
    while not attendance.may_announce(step):
        await attendance.wake(step)
    announce = attendance.lost if step.first_word_at is None else attendance.broke_off
    return list(announce(step, error))


async def _opened(node: Callable[[], Any]) -> AsyncIterator[Chunk]:
    """The iterator over what *node* returns, whichever of livekit's forms that has."""
    given = node()
    if isinstance(given, Awaitable):
        given = await given
    if isinstance(given, AsyncIterable):
        return aiter(given)
    return _single(given)


async def _single(given: Chunk | None) -> AsyncIterator[Chunk]:
    if given is not None:
        yield given


async def _closed(pending: Stepper[Any], iterator: AsyncIterator[Chunk] | None) -> None:
    """End what still runs of the node, and close it."""
    await pending.cancel()
    if iterator is None and pending.exception is None:
        iterator = pending.result()
    close = getattr(iterator, "aclose", None)
    if close is not None:
        with suppress(RuntimeError):  # of a generator that is closed already, or ignored it
            await close()


def _calls_tools(chunk: Chunk | None) -> bool:
    """Whether *chunk*, the last one, is a tool call: then the tools run, and a reply follows."""
    return isinstance(chunk, llm.ChatChunk) and bool(chunk.delta and chunk.delta.tool_calls)
