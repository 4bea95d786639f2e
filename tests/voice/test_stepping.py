"""Waiting for an awaitable with interruptions is like awaiting it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Any

import pytest

from resilient_claude.voice.stepping import Stepper

MARK: ContextVar[str] = ContextVar("mark", default="")


def soon() -> asyncio.Future[None]:
    """Done in a moment."""
    loop = asyncio.get_running_loop()
    wake: asyncio.Future[None] = loop.create_future()
    loop.call_later(0.01, lambda: None if wake.done() else wake.set_result(None))
    return wake


def never() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def patiently(awaitable: Awaitable[Any]) -> Any:
    """Its result, looked up from every moment."""
    stepper = Stepper(awaitable)
    while not stepper.done:
        await stepper.wait(soon())
    return stepper.result()


async def test_the_result_and_the_exception_are_its_own() -> None:
    """Whatever it waits for: nothing, the loop, a timer, a task, another coroutine."""

    async def work() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0.03)
        return await asyncio.create_task(asyncio.sleep(0.01, "done"))

    async def fail() -> None:
        await asyncio.sleep(0.02)
        raise KeyError("x")

    assert await patiently(work()) == "done"
    with pytest.raises(KeyError):
        await patiently(fail())


async def test_it_runs_in_the_same_task_and_context() -> None:
    """`asyncio.timeout()` and spans are bound to the task that opened them."""
    MARK.set("outside")

    async def work() -> tuple[object, str]:
        await asyncio.sleep(0.02)
        MARK.set(MARK.get() + ", inside")
        return asyncio.current_task(), MARK.get()

    assert await patiently(work()) == (asyncio.current_task(), "outside, inside")
    assert MARK.get() == "outside, inside"


async def test_a_timeout_inside_it_works() -> None:
    """It cancels the task that it was opened in, and takes that back."""

    async def work() -> str:
        try:
            async with asyncio.timeout(0.03):
                await asyncio.sleep(10)
        except TimeoutError:
            return "timed out"
        return "slept"

    assert await patiently(work()) == "timed out"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_wake_leaves_it_running() -> None:
    """The line is said, and the answer goes on being waited for."""
    stepper = Stepper(asyncio.sleep(0.03, "answer"))
    await stepper.wait(soon())
    assert not stepper.done
    await stepper.wait(never())

    assert stepper.result() == "answer"


async def test_a_cancellation_reaches_it() -> None:
    """Barge-in: whoever waits is cancelled, and the request with it."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
            await asyncio.sleep(0.01)
            seen.append("closed")
            raise

    task = asyncio.create_task(patiently(work()))
    await asyncio.sleep(0.02)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled", "closed"]


async def test_ending_it_by_hand() -> None:
    """Given up: the request must not go on behind the apology."""
    ended: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    stepper = Stepper(work())
    await stepper.wait(soon())
    await stepper.cancel()
    await stepper.cancel()

    assert ended == [True]
    assert isinstance(stepper.exception, asyncio.CancelledError)


async def test_ending_it_before_its_first_step() -> None:
    """A reply may be interrupted as soon as it was created."""
    begun: list[bool] = []

    async def work() -> None:
        begun.append(True)

    stepper = Stepper(work())
    await stepper.cancel()

    assert stepper.done
    assert begun == []


async def test_a_cancellation_while_it_gives_way_to_the_loop() -> None:
    """`asyncio.sleep(0)` waits for no future that could be cancelled."""

    async def work() -> None:
        for _ in range(1_000_000):
            await asyncio.sleep(0)

    task = asyncio.create_task(patiently(work()))
    await asyncio.sleep(0.01)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
