"""livekit's private names, each called by what it is needed for. No other module uses one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from livekit.agents import APIError, llm
from livekit.agents.llm import ChatContext, Tool
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions
from livekit.agents.utils import aio
from livekit.rtc import EventEmitter

_ONCE = replace(DEFAULT_API_CONNECT_OPTIONS, max_retry=0)


class PlayedOnceStream(llm.LLMStream):
    """livekit's stream, which plays `_run` once: retrying is not the framework's business here.

    Source of the names: livekit/agents/llm/llm.py, `LLMStream`.
    """

    def __init__(
        self,
        claude: llm.LLM[Any],
        *,
        chat_ctx: ChatContext,
        tools: list[Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(
            claude,
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=_ONCE
            if conn_options is DEFAULT_API_CONNECT_OPTIONS
            else replace(conn_options, max_retry=0),
        )

    @property
    def measured(self) -> aio.Chan[llm.ChatChunk]:
        """What livekit's metrics read."""
        return self._event_ch

    @property
    def task(self) -> asyncio.Task[None]:
        """What runs `_run`."""
        return self._task

    def report_recoverable(self, error: APIError) -> None:
        """Tell the application of an *error* that another attempt follows on."""
        self._emit_error(error, recoverable=True)
        # livekit suppresses the metrics of a stream whose last attempt has an error.
        self._current_attempt_has_error = False


def handlers_of(emitter: EventEmitter[Any], event: object) -> list[Callable[..., Any]]:
    """The handlers of *event*, in the order in which they were registered.

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
