"""livekit's private names, each called by what it is needed for. No other module uses one.

Source of those of a stream: livekit/agents/llm/llm.py, `LLMStream`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from livekit.agents import APIError, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import aio
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.agent_activity import _SpeechHandleContextVar
from livekit.rtc import EventEmitter

_ONCE = replace(DEFAULT_API_CONNECT_OPTIONS, max_retry=0)


def once(conn_options: APIConnectOptions) -> APIConnectOptions:
    """*conn_options* by which the framework plays `_run` once: retrying is not its business."""
    if conn_options is DEFAULT_API_CONNECT_OPTIONS:
        return _ONCE
    return replace(conn_options, max_retry=0)


class AsAsked:
    """An LLM as livekit's metrics and spans of one turn see it: with the model that is asked.

    They read it when the turn is over. By then `update_options()` may have chosen another one, and
    a model in `extra_kwargs` is the LLM's at no time.
    """

    def __init__(self, asked: llm.LLM[Any], model: str) -> None:
        self._asked = asked
        self.model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._asked, name)


def as_asked(claude: llm.LLM[Any], model: str) -> llm.LLM[Any]:
    """*claude*, for a turn that asks *model*."""
    return cast("llm.LLM[Any]", AsAsked(claude, model))


def channel_of(stream: llm.LLMStream) -> aio.Chan[llm.ChatChunk]:
    """What livekit's metrics of *stream* read."""
    return stream._event_ch


def task_of(stream: llm.LLMStream) -> asyncio.Task[None]:
    """What runs `_run` of *stream*."""
    return stream._task


def report_recoverable(stream: llm.LLMStream, error: APIError) -> None:
    """Tell the application of an *error* in *stream* that another attempt follows on."""
    stream._emit_error(error, recoverable=True)
    # livekit suppresses the metrics of a stream whose last attempt has an error.
    stream._current_attempt_has_error = False


def speech_of_this_task() -> SpeechHandle | None:
    """What the session means to speak of the answer that this task asks for; None without one.

    Source: livekit/agents/voice/agent_activity.py, `AgentActivity._create_speech_task`.
    """
    return _SpeechHandleContextVar.get(None)


async def until_scheduled(speech: SpeechHandle) -> None:
    """Wait until the session has decided that *speech* is to be spoken."""
    await speech._wait_for_scheduled()


def handlers_of(emitter: EventEmitter[Any], event: object) -> list[Callable[..., Any]]:
    """The handlers of *event*, in livekit's order: that of registration, but for old releases.

    Source: livekit/rtc/event_emitter.py, `EventEmitter._events`.
    """
    return [*emitter._events.get(event, ())]


def call_alone(handler: Callable[..., Any], event: str, *arguments: Any) -> None:
    """Call *handler* as livekit would, with as many of the *arguments* as it takes.

    Raises:
        TypeError: its signature does not fit, or it raised one. livekit logs any other exception.
    """
    emitter: EventEmitter[str] = EventEmitter()
    emitter.on(event, handler)
    emitter.emit(event, *arguments)
