"""Time that is skipped: loops in several threads, threads at work, and who asks for the time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from livekit.agents.llm import ChatMessage

from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.clock import shared
from resilient_claude.testing.clock.loop import ClockedLoop
from resilient_claude.testing.clock.process_time import skipping_waits
from resilient_claude.testing.clock.shared import NothingHappensError, SharedClock

_T = TypeVar("_T")
_sleep = time.sleep


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """The result of *main*, in no time."""
    with skipping_waits(), asyncio.Runner(loop_factory=ClockedLoop) as runner:
        return runner.run(main)


def test_an_hour_passes_at_once() -> None:
    """And every function that tells the time has noticed."""
    functions = ["time", "monotonic", "perf_counter"]

    async def main() -> list[float]:
        before = [getattr(time, name)() for name in functions]
        before += [getattr(time, f"{name}_ns")() / 1e9 for name in functions]
        before.append(asyncio.get_running_loop().time())
        await asyncio.sleep(3600)
        after = [getattr(time, name)() for name in functions]
        after += [getattr(time, f"{name}_ns")() / 1e9 for name in functions]
        after.append(asyncio.get_running_loop().time())
        return [late - early for late, early in zip(after, before, strict=True)]

    began_s = time.monotonic()
    passed_s = run(main())

    assert passed_s == pytest.approx([3600.0] * 7, abs=0.001)
    assert time.monotonic() - began_s < 60


def test_afterwards_time_is_what_it_was() -> None:
    """Whether the call went well or not."""
    before = [time.time, time.monotonic, time.perf_counter, time.time_ns]

    async def main() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run(main())

    assert [time.time, time.monotonic, time.perf_counter, time.time_ns] == before


def test_the_order_is_that_of_the_timers() -> None:
    """Also in two loops, each of which works a while in every step."""
    told = list[str]()

    async def count(name: str, first_s: float) -> None:
        await asyncio.sleep(first_s)
        for _ in range(20):
            told.append(name)
            _sleep(0.001)
            await asyncio.sleep(2)

    def other() -> None:
        with asyncio.Runner(loop_factory=ClockedLoop) as runner:
            ready.wait(5)
            runner.run(count("b", 2.0))

    ready = threading.Event()
    thread = threading.Thread(target=other)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ready.set()
        await asyncio.sleep(0)
        await loop.create_task(count("a", 1.0))
        await asyncio.sleep(10)

    with skipping_waits(), asyncio.Runner(loop_factory=ClockedLoop) as runner:
        runner.get_loop()
        thread.start()
        runner.run(main())
    thread.join()

    assert told == ["a", "b"] * 20


def test_bytes_come_before_time_passes() -> None:
    """A simulated Claude answers in its own thread and in the same time."""

    async def main(port: int) -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\n")
            writer.write(b"anthropic-version: 2023-06-01\r\nconnection: close\r\n\r\n")
            assert (await asyncio.wait_for(reader.read(), 0.001)).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()
        return loop.time() - began_s

    with SimulatedClaude(default=Answer("Hello.")) as claude:
        assert run(main(int(claude.base_url.rpartition(":")[2]))) == 0


def test_no_time_passes_while_an_executor_is_at_work() -> None:
    """Else a clock of the application's would run out meanwhile."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(_sleep, 0.05)
        return loop.time() - began_s

    assert run(main()) == 0


def test_no_time_passes_while_a_new_thread_is_at_work() -> None:
    """Such as one that loads certificates, and tells a loop when it has."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began_s, done = loop.time(), asyncio.Event()

        def work() -> None:
            _sleep(0.05)
            loop.call_soon_threadsafe(done.set)

        thread = threading.Thread(target=work)
        async with asyncio.timeout(0.01):
            thread.start()
            await done.wait()
        thread.join()
        return loop.time() - began_s

    assert run(main()) == 0


def test_two_at_once_are_refused() -> None:
    """The time of a process is one."""
    with (
        skipping_waits(),
        pytest.raises(RuntimeError, match="another call is being played"),
        skipping_waits(),
    ):
        pass
    assert run(asyncio.sleep(1, "again")) == "again"


def test_who_waits_for_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than that the test hangs."""
    monkeypatch.setattr(shared, "_PATIENCE_S", 0.05)

    with pytest.raises(NothingHappensError, match=r"nothing has happened for 0\.05 s"):
        run(asyncio.Event().wait())


def test_a_simulated_claude_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has waited for nothing as long, and another test may be going to ask it."""
    monkeypatch.setattr(shared, "_PATIENCE_S", 0.05)
    with SimulatedClaude() as claude:
        with pytest.raises(NothingHappensError):
            run(asyncio.Event().wait())
        monkeypatch.undo()
        address = urlsplit(claude.base_url)
        with closing(HTTPConnection(address.netloc, timeout=5)) as connection:
            connection.request("GET", "/v1/models", headers={"x-api-key": "k"})
            assert connection.getresponse().status < 500


def test_messages_are_dated_by_the_call() -> None:
    """livekit sorts histories by it, and its models hold `time.time` itself."""

    async def main() -> float:
        first = ChatMessage(role="user", content=["a"])
        await asyncio.sleep(100)
        return ChatMessage(role="user", content=["b"]).created_at - first.created_at

    assert run(main()) == pytest.approx(100)
    assert ChatMessage(role="user", content=["c"]).created_at == pytest.approx(time.time(), abs=5)


def test_a_loop_that_is_closed_is_not_waited_for() -> None:
    """A simulated Claude that is stopped in the middle of a call."""

    async def main(claude: SimulatedClaude) -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await asyncio.sleep(5)
        claude.stop()
        await asyncio.sleep(5)
        return loop.time() - began_s

    with SimulatedClaude() as claude:
        assert run(main(claude)) == pytest.approx(10)


def test_who_has_left_does_not_wait() -> None:
    """Its loop follows another clock by now."""
    clock = SharedClock()
    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, ClockedLoop)

        clock.wait(loop, 3600)

    assert clock.passed_s == 0
