"""Waits for an awaitable that is not one's own, and looks up from it now and then.

Theory of operation. An agent's `llm_node` is waited for, and meanwhile a line may fall due that
has to be yielded by the very generator that waits. A task of its own for the node would do it, but
then the node would begin in one task and go on in another, and what a node may hold open across
its chunks (`asyncio.timeout()`, a task group, a span) is bound to the task that opened it. So the
awaitable is driven by hand, in the task of whoever waits: it is sent into until it names the future
that it waits for, and that future is waited for together with the time to look up. The awaitable
cannot tell this from being awaited: it runs in the same task and context, and a cancellation
reaches it as `Task.cancel()` would have brought it.

    NEW     it was not sent into yet
    BUSY    its future is done, or it gave way to the loop
    PARKED  it waits for a future
    DONE    it has returned or raised

Source of the protocol between futures and tasks: asyncio/tasks.py, `Task.__step`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from enum import Enum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Progress(Enum):
    """How far the awaitable is."""

    NEW = "new"
    BUSY = "busy"
    PARKED = "parked"
    DONE = "done"


class Stepper(Generic[T]):
    """One awaitable, waited for with interruptions.

    Attributes:
        exception: what it raised, else None.
    """

    def __init__(self, awaitable: Awaitable[T]) -> None:
        self._awaitable = awaitable
        self._steps: Generator[Any, None, T] = _steps_of(awaitable)
        self._parked_on: asyncio.Future[Any] | None = None
        self._state = Progress.NEW
        self._result: T | None = None
        self.exception: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether it has returned or raised."""
        return self._state is Progress.DONE

    def result(self) -> T:
        """What it returned.

        Raises:
            BaseException: what it raised.
        """
        assert self.done
        if self.exception is not None:
            raise self.exception
        return self._result  # type: ignore[return-value]  # it is T: the awaitable is done

    async def wait(self, wake: asyncio.Future[None]) -> None:
        """Until it is done or *wake* is, whichever comes first.

        A cancellation of ours becomes its own; what it makes of that is told by `result`.
        """
        while self._state is not Progress.DONE and not wake.done():
            if self._state in (Progress.NEW, Progress.BUSY):
                self._step(None)
            try:
                if self._state is Progress.BUSY:
                    await asyncio.sleep(0)  # as it did itself: it gave way to the loop
                elif self._state is Progress.PARKED:
                    await self._until_either(wake)
            except asyncio.CancelledError:
                self._cancel_now()

    async def cancel(self) -> None:
        """End it, as the cancellation of its task would, and wait until it has ended."""
        if self._state is not Progress.DONE:
            self._cancel_now()
        while self._state is not Progress.DONE:
            await self.wait(asyncio.get_running_loop().create_future())

    async def _until_either(self, wake: asyncio.Future[None]) -> None:
        parked_on, both = self._parked_on, asyncio.get_running_loop().create_future()
        assert parked_on is not None

        def ring(_: asyncio.Future[Any]) -> None:
            if not both.done():
                both.set_result(None)

        parked_on.add_done_callback(ring)
        wake.add_done_callback(ring)
        try:
            await both
        finally:
            parked_on.remove_done_callback(ring)
            wake.remove_done_callback(ring)
        if parked_on.done():
            self._state = Progress.BUSY

    def _cancel_now(self) -> None:
        """Cancel the future that it waits for, or tell it in its own place."""
        if self._state is Progress.NEW and asyncio.iscoroutine(self._awaitable):
            self._awaitable.close()
        if (
            self._state is Progress.PARKED
            and self._parked_on is not None
            and self._parked_on.cancel()
        ):
            self._state = Progress.BUSY
        else:
            self._step(asyncio.CancelledError())

    def _step(self, thrown: BaseException | None) -> None:
        try:
            future = self._steps.send(None) if thrown is None else self._steps.throw(thrown)
        except StopIteration as stop:
            self._state, self._result = Progress.DONE, stop.value
        except BaseException as exc:  # noqa: BLE001  # it is `result`'s to raise
            self._state, self.exception = Progress.DONE, exc
        else:
            self._parked_on = future
            self._state = Progress.BUSY if future is None else Progress.PARKED
            if future is not None:
                future._asyncio_future_blocking = False  # says that its yield was received


def _steps_of(awaitable: Awaitable[T]) -> Generator[Any, None, T]:
    return (yield from awaitable.__await__())
