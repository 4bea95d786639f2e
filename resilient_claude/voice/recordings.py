"""Plays recorded lines: an agent's `tts_node` that knows them by their captions."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection
from typing import Any

from livekit import rtc

from .lines import Line


def played(line: Line) -> AsyncIterable[rtc.AudioFrame]:
    """The frames of *line*, which is a recording."""
    sound = line.sound
    assert sound is not None
    return sound() if callable(sound) else _each(sound)


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
        return played(found)
    spoken = node(_rejoined(begun, pieces), model_settings)
    return spoken if isinstance(spoken, AsyncIterable) else await spoken


async def _rejoined(begun: str, pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    if begun:
        yield begun
    async for piece in pieces:
        yield piece


async def _each(frames: Any) -> AsyncIterator[rtc.AudioFrame]:
    for frame in frames:
        yield frame
