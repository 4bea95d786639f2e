"""Plays recorded lines: in replies, by a `tts_node` that knows their captions, and between them."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
)
from contextlib import aclosing
from typing import Any, TypeVar

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.types import NOT_GIVEN

from .lines import Line
from .voice_log import handler_failed

T = TypeVar("T")


FRAME_WITHIN_S = 2.0
"""So long a frame is waited for: behind a recording that never comes, the answer would wait."""


async def played(line: Line) -> AsyncGenerator[rtc.AudioFrame, None]:
    """The frames of *line*, which is a recording, as far as the application can give them."""
    sound = line.sound
    assert sound is not None
    try:
        frames = aiter(sound() if callable(sound) else _each(sound))
        while True:
            async with asyncio.timeout(FRAME_WITHIN_S):
                frame = await anext(frames, None)
            if frame is None:
                return
            yield frame
    except Exception as exc:  # noqa: BLE001  # the application's: the answer is yet to be spoken
        handler_failed("audio", exc)


def say(session: AgentSession[Any], line: Line, *, written_down: bool = True) -> bool:
    """Say *line* as soon as nothing else is being said; whether that is possible.

    It is not in a session that is closing.
    """
    audio = NOT_GIVEN if line.sound is None else played(line)
    try:
        session.say(line.caption, audio=audio, add_to_chat_ctx=written_down)
    except RuntimeError:
        return False
    return True


async def recorded_or_spoken(
    node: Callable[..., Any],
    recordings: Callable[[], Collection[Line]],
    text: AsyncIterable[str],
    model_settings: Any,
) -> Any:
    """What *node*, a `tts_node`, makes of *text*, unless that is one of *recordings*."""
    begun, found = "", None
    pieces = aiter(text)
    async for piece in pieces:
        begun += piece
        found = next((line for line in recordings() if line.caption == begun.strip()), None)
        if found or not any(line.caption.startswith(begun.strip()) for line in recordings()):
            break
    if found is not None:
        return _played_or_spoken(found, node, model_settings)
    return await _spoken(node, _rejoined(begun, pieces), model_settings)


async def _played_or_spoken(
    line: Line, node: Callable[..., Any], model_settings: Any
) -> AsyncIterator[rtc.AudioFrame]:
    """The frames of *line*; if there are none, what *node* makes of its words."""
    begun = False
    async with aclosing(played(line)) as frames:
        async for frame in frames:
            begun = True
            yield frame
    if not begun and line.text.strip():
        spoken = await _spoken(node, _each([line.text]), model_settings)
        async for frame in spoken or _each(()):
            yield frame


async def _spoken(node: Callable[..., Any], text: AsyncIterable[str], model_settings: Any) -> Any:
    spoken = node(text, model_settings)
    return spoken if isinstance(spoken, AsyncIterable) else await spoken


async def _rejoined(begun: str, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    if begun:
        yield begun
    async for piece in pieces:
        yield piece


async def _each(pieces: Iterable[T]) -> AsyncIterator[T]:
    for piece in pieces:
        yield piece
