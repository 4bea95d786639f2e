"""An event loop whose time jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

FOR_EVER_S = 100_000.0
"""Who waits as long as this would wait for ever."""

_T = TypeVar("_T")
_BEGINNING = 1_000.0  # not 0: a time must not be mistaken for "none"


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Hours pass in no time, in the same order every time.

    Attributes:
        problems: what the loop's exception handler was told: nobody else would hear of it.
    """

    def __init__(self) -> None:
        self._now = _BEGINNING
        super().__init__(_Jump(self))
        self.problems: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.problems.append(context))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def stand_still(self, seconds: float) -> None:
        """Time passes, and the loop runs nothing meanwhile, as while somebody blocks it."""
        self._now += seconds

    def timers(self) -> list[asyncio.TimerHandle]:
        """The timers that are still set."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return [timer for timer in scheduled if not timer.cancelled()]

    def jump(self) -> None:
        """Go on to the next timer, exactly: adding up waits would miss it by a rounding error.

        Raises:
            AssertionError: there is none, or time has run too long: nothing will ever end.
        """
        timers = self.timers()
        assert timers, "everybody waits, and nothing will ever happen"
        self._now = max(self._now, min(timer.when() for timer in timers))
        assert self._now < _BEGINNING + FOR_EVER_S, "nothing ends what is going on"


class _Jump(selectors.DefaultSelector):
    """Never waits for sockets, of which there are none but the loop's own."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._loop.jump()
        return ready


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """The result of *main* on a loop of its own, which must be left without a trace.

    Raises:
        AssertionError: a task, a timer or an unhandled exception is left.
    """
    loop = VirtualTimeLoop()
    try:
        result = loop.run_until_complete(main)
        left = [task.get_name() for task in asyncio.all_tasks(loop)]
        assert left == [], f"tasks are left: {left}"
        assert loop.timers() == [], "a timer is left"
        assert loop.problems == [], loop.problems
        return result
    finally:
        loop.close()
