"""What a turn may leave behind: tasks, sockets, and what Python and asyncio complain of."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def open_sockets() -> int:
    """How many sockets this process has open, those of the simulated Claude included."""
    count = 0
    for name in os.listdir("/dev/fd"):
        try:
            count += stat.S_ISSOCK(os.fstat(int(name)).st_mode)
        except OSError:  # that of the listing itself, which is closed by now
            continue
    return count


def other_tasks() -> set[asyncio.Task[Any]]:
    """All tasks of the loop but the test's own."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds.

    Raises:
        TimeoutError: it does not within some 5 s.
    """
    for _ in range(5_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError("what is waited for does not come")


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What Python and asyncio complain of, in debug mode, until all garbage is collected.

    Warnings are kept rather than raised: raised in a `__del__` or in a library that catches what
    it can, they would be lost.
    """
    loop, capture, said = asyncio.get_running_loop(), _LogCapture(), list[str]()
    loop.set_debug(True)
    loop.slow_callback_duration = 60  # who else uses the processor is not the point
    logging.getLogger("asyncio").addHandler(capture)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield said
            gc.collect()
    finally:
        logging.getLogger("asyncio").removeHandler(capture)
    said += [*capture.messages, *(str(warning.message) for warning in caught)]


class _LogCapture(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))
