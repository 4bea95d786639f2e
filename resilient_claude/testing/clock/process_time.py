"""Lets whoever asks the `time` module read the shared clock, for as long as it is shared."""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from .loop import share, unshare
from .shared import SharedClock

_real_time = time.time
_real_monotonic = time.monotonic
_TICK_NS = 100
_BY_NAME = ("aiohttp.connector",)
"""Modules that have imported `monotonic` itself: they would not see another one in `time`."""


@contextmanager
def skipping_waits() -> Iterator[SharedClock]:
    """Skip the time in which every `ClockedLoop` of the process waits.

    `time.time`, `monotonic`, `perf_counter` and their `_ns` twins tell the shared time meanwhile,
    to all threads.

    Raises:
        RuntimeError: It is being done already.
    """
    _bind_defaults_late()
    clock = SharedClock()
    replaced = _functions(clock)
    before = {name: getattr(time, name) for name in replaced}
    holders = [sys.modules[name] for name in _BY_NAME if name in sys.modules]
    share(clock)
    try:
        for name, function in replaced.items():
            setattr(time, name, function)
        for module in holders:
            module.monotonic = replaced["monotonic"]  # type: ignore[attr-defined]
        yield clock
    finally:
        for name, function in before.items():
            setattr(time, name, function)
        for module in holders:
            module.monotonic = before["monotonic"]  # type: ignore[attr-defined]
        unshare()


def _functions(clock: SharedClock) -> dict[str, Callable[[], Any]]:
    wall_s = _real_time()
    # Time stands still while somebody works. livekit orders speeches by `perf_counter_ns` and
    # cannot compare two of the same, and divides by what `perf_counter` says that an answer took:
    # these two go on by a little each time that they are asked.
    asked = itertools.count()

    def perf_counter_ns() -> int:
        return int(clock.time() * 1e9) + _TICK_NS * next(asked)

    return {
        "time": lambda: wall_s + clock.passed_s,
        "time_ns": lambda: int((wall_s + clock.passed_s) * 1e9),
        "monotonic": clock.time,
        "monotonic_ns": lambda: int(clock.time() * 1e9),
        "perf_counter": lambda: perf_counter_ns() / 1e9,
        "perf_counter_ns": perf_counter_ns,
    }


def _now() -> float:
    return time.time()


def _bind_defaults_late() -> None:
    """Let the models of livekit ask `time` for the time when they are made.

    Their fields hold the function itself (`Field(default_factory=time.time)`), and histories are
    sorted by it. Once for the process: what they tell without a shared clock is the same.
    """
    for model in _subclasses(BaseModel):
        if not model.__module__.startswith("livekit."):
            continue
        fields = [f for f in model.model_fields.values() if f.default_factory is _real_time]
        for field in fields:
            field.default_factory = _now
        if fields:
            model.model_rebuild(force=True)


def _subclasses(cls: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in cls.__subclasses__():
        yield each
        yield from _subclasses(each)
