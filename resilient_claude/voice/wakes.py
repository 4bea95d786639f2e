"""Futures by which steps are woken: at a time of their own, or all when something has happened."""

from __future__ import annotations

import asyncio
import math


class Wakes:
    """Those that are waited for; one that is done or cancelled is forgotten."""

    def __init__(self) -> None:
        self._waited_for: set[asyncio.Future[None]] = set()

    def at(self, when: float) -> asyncio.Future[None]:
        """Done *when*, on the event loop's clock, or by `ring`; infinity: only by that."""
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
