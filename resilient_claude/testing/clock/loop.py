"""An event loop that follows the shared clock while there is one, and else the machine's."""

import asyncio
import contextlib
import selectors
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

from .shared import SharedClock

_T = TypeVar("_T")
_loops: "WeakSet[ClockedLoop]" = WeakSet()
_lock = threading.Lock()
_clock: SharedClock | None = None


def share(clock: SharedClock) -> None:
    """Let every loop of this kind follow *clock*, those that are made from now on too.

    Raises:
        RuntimeError: They follow another one.
    """
    global _clock
    with _lock:
        if _clock is not None:
            raise RuntimeError("another call is being played in this process")
        _clock = clock
        for loop in list(_loops):
            loop.follow(clock)


def unshare() -> None:
    """Let every loop follow the machine's clock again."""
    global _clock
    with _lock:
        _clock = None
        for loop in list(_loops):
            loop.follow(None)


class ClockedLoop(asyncio.SelectorEventLoop):
    """A loop whose time may be shared with others; see `SharedClock`."""

    def __init__(self) -> None:
        self._clock: SharedClock | None = None
        self._threads_at_work = 0
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self
        self._poller = selector
        with _lock:
            _loops.add(self)
            self.follow(_clock)

    def time(self) -> float:
        """Seconds of the clock that it follows."""
        clock = self._clock
        return super().time() if clock is None else clock.time()

    def follow(self, clock: SharedClock | None) -> None:
        """Follow *clock*, or the machine's when it is None; from any thread."""
        before, self._clock = self._clock, clock
        if before is not None:
            before.leave(self)
        if clock is not None:
            clock.join(self)
        self.poke()

    def close(self) -> None:
        """Close it; time passes without it."""
        with _lock:
            _loops.discard(self)
        if self._clock is not None:
            self._clock.leave(self)
        super().close()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run *func* in a thread, and let no time pass meanwhile."""
        future: asyncio.Future[_T] = super().run_in_executor(executor, func, *args)
        self._threads_at_work += 1
        future.add_done_callback(self._thread_is_done)
        return future

    def poke(self) -> None:
        """Wake it, from any thread."""
        with contextlib.suppress(RuntimeError):  # it is closed
            self.call_soon_threadsafe(_nothing)

    def has_work(self) -> bool:
        """Whether bytes are there for it, or a thread is at work for it."""
        return bool(self._threads_at_work or self._poller.ready(0))

    def sleep(self, timeout_s: float) -> bool:
        """Wait for bytes or a poke, which are left where they are."""
        return bool(self._poller.ready(timeout_s))

    def wait(self, timeout_s: float | None) -> bool:
        """Wait on the shared clock; False when there is none."""
        clock = self._clock
        if clock is None:
            return False
        clock.wait(self, timeout_s)
        return True

    def _thread_is_done(self, _: "asyncio.Future[Any]") -> None:
        self._threads_at_work -= 1


class _Selector(selectors.DefaultSelector):
    """Waits on the shared clock for what it finds nothing of at once."""

    loop: ClockedLoop | None = None

    def ready(self, timeout_s: float) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready within *timeout_s* real seconds."""
        return super().select(timeout_s)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or self.loop is None or (timeout is not None and timeout <= 0):
            return ready
        return super().select(0) if self.loop.wait(timeout) else super().select(timeout)


def _nothing() -> None:
    """What wakes a loop."""
