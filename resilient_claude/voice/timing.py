"""Calls that are due, and futures by which steps are woken, on the event loop's clock."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Timer:
    """A call that is due at one moment at most."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._handle: asyncio.TimerHandle | None = None

    def set(self, when: float) -> None:
        """Call it *when*, and not when it was due before."""
        self.cancel()
        loop = asyncio.get_running_loop()
        self._handle = loop.call_at(when, self._call)

    def cancel(self) -> None:
        """Do not call it."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Wakes:
    """Futures, each done at its time, or all when something has happened."""

    def __init__(self) -> None:
        self._waited_for: set[asyncio.Future[None]] = set()

    def at(self, when: float) -> asyncio.Future[None]:
        """Done *when*, or by `ring`; infinity: only by that."""
        loop = asyncio.get_running_loop()
        wake: asyncio.Future[None] = loop.create_future()
        timer = None if when == math.inf else loop.call_at(max(when, loop.time()), _done, wake)
        self._waited_for.add(wake)

        def forget(_: asyncio.Future[None]) -> None:
            self._waited_for.discard(wake)
            if timer is not None:
                timer.cancel()

        wake.add_done_callback(forget)
        return wake

    def ring(self) -> None:
        """All are done."""
        for wake in [*self._waited_for]:
            _done(wake)


def _done(wake: asyncio.Future[None]) -> None:
    if not wake.done():
        wake.set_result(None)
