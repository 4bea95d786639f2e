"""What happens when it is given up: the call is handed over, or ends politely."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import SpeechHandle

from .arguments import CLOSING, OnGiveUp
from .payloads import GiveUp
from .voice_log import handler_failed


class HandingOver:
    """Calls the application's `on_give_up`, or closes the *session* after a last sentence."""

    def __init__(self, session: AgentSession[Any], on_give_up: OnGiveUp | None) -> None:
        self._session = session
        self._on_give_up = on_give_up
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> bool:
        """Whether the application is handing the call over."""
        return bool(self._tasks)

    def begin(self, payload: GiveUp, reply: SpeechHandle) -> bool:
        """Give up; whether the application has taken over.

        Otherwise the session is closed as soon as *reply*, in which the last sentence is said, is
        through.
        """
        if self._on_give_up is None:
            reply.add_done_callback(lambda _: self._session.shutdown())
            return False
        task = asyncio.create_task(self._hand_over(self._on_give_up, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def aclose(self) -> None:
        """Wait until the application has done what it does."""
        tasks = self._tasks - {asyncio.current_task()}
        if tasks:
            await asyncio.wait(tasks)

    async def _hand_over(self, on_give_up: OnGiveUp, payload: GiveUp) -> None:
        try:
            await on_give_up(payload)
        # The application's: the caller is not left alone, whatever becomes of it.
        except (Exception, asyncio.CancelledError) as exc:
            if isinstance(exc, asyncio.CancelledError) and _is_cancelled():
                raise
            handler_failed("on_give_up", exc)
            try:
                self._session.say(CLOSING)
            except RuntimeError:
                return  # the session is closed, or closing
            self._session.shutdown()


def _is_cancelled() -> bool:
    """Whether we are cancelled ourselves, and not something that was awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
