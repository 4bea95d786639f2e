"""Many cells in one event loop, and yet each one's tasks, lines and accidents told apart.

Whatever a cell starts runs in a copy of its context, so a context variable names the cell: when a
task is made, when a line is logged, when the loop is told of an exception that nobody caught.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import weakref
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from resilient_claude.telemetry.log import LOGGER_NAME
from tests.support.lines import Lines

HOST = "claude.invalid"
"""A name that never resolves (RFC 6761), and here as the cell wants it to."""


class Watch:
    """What one cell starts and leaves behind.

    Attributes:
        lines: the adapter's own log lines.
        foreign: messages of everybody else's log lines, with their tracebacks.
        accidents: exceptions that nobody caught, and warnings of the loop.
        address: what `HOST` resolves to; an exception is raised, None is waited for.
        asked: set when it was looked up.
    """

    def __init__(self) -> None:
        self.lines = Lines()
        self.foreign: list[str] = []
        self.accidents: list[str] = []
        self.address: str | Exception | None = "127.0.0.1"
        self.asked = asyncio.Event()
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()

    def began(self, task: asyncio.Task[Any]) -> None:
        """The cell has started *task*."""
        self._tasks.add(task)

    def running(self) -> list[str]:
        """The tasks that the cell has started and that are not done, but for the present one."""
        present = asyncio.current_task()
        return [repr(t) for t in self._tasks if not t.done() and t is not present]

    async def resolve(self, port: int) -> list[Any]:
        """Look up `HOST`."""
        self.asked.set()
        if isinstance(self.address, Exception):
            raise self.address
        if self.address is None:
            await asyncio.get_running_loop().create_future()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, port))]


current_watch: ContextVar[Watch | None] = ContextVar("current_watch", default=None)


class _LogSorter(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        watch = current_watch.get()
        if watch is None:
            return
        if record.name == LOGGER_NAME:
            watch.lines.emit(record)
        else:
            watch.foreign.append(self.format(record))


@contextmanager
def watching(loop: asyncio.AbstractEventLoop, unclaimed: list[str]) -> Iterator[None]:
    """Tell everything that happens in *loop* to the cell it belongs to; the rest to *unclaimed*."""

    def make_task(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **more)
        context = more.get("context")
        watch = current_watch.get() if context is None else context.get(current_watch)
        if watch is not None:
            watch.began(task)
        return task

    def accident(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        watch = current_watch.get()
        accidents = unclaimed if watch is None else watch.accidents
        accidents.append(f"{context.get('message')}: {context.get('exception')!r} {context}")

    look_up = loop.getaddrinfo

    async def getaddrinfo(host: Any, port: Any, **more: Any) -> Any:
        watch = current_watch.get()
        if watch is not None and host in (HOST, HOST.encode()):
            return await watch.resolve(port)
        return await look_up(host, port, **more)

    capture, adapter_logger = _LogSorter(), logging.getLogger(LOGGER_NAME)
    level = adapter_logger.level
    adapter_logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(capture)
    loop.set_task_factory(make_task)  # type: ignore[arg-type]
    loop.set_exception_handler(accident)
    loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]
    try:
        yield
    finally:
        loop.getaddrinfo = look_up  # type: ignore[method-assign]
        loop.set_exception_handler(None)
        loop.set_task_factory(None)
        logging.getLogger().removeHandler(capture)
        adapter_logger.setLevel(level)
