"""Threads that may be at work for somebody who waits on the shared clock.

A thread that loads certificates, say, is seen by no loop until it is done. Whether it works or
waits cannot be seen either, so every thread is given some real seconds to end, in which no time
passes; one that has not ended by then serves for longer, and is not waited for again. The workers
of executors are left out: the loops know which of them are at work.
"""

import concurrent.futures.thread as pools
import threading
import time
from collections.abc import Container, Set
from weakref import WeakKeyDictionary

PATIENCE_S = 5.0
"""Real seconds for a thread to end, once in its life."""

_monotonic = time.monotonic
_waited_for: "WeakKeyDictionary[threading.Thread, float]" = WeakKeyDictionary()
_workers: Container[threading.Thread] = getattr(pools, "_threads_queues", ())


def at_work(ours: Set[int]) -> bool:
    """Whether a thread may be at work that no loop knows of; *ours* are those of the loops."""
    others = [each for each in threading.enumerate() if each.ident not in ours]
    may_work = [_may_work(each) for each in others]  # all of them: their time runs
    return any(may_work)


def _may_work(thread: threading.Thread) -> bool:
    if thread in _workers or thread is threading.main_thread():
        return False
    now_s = _monotonic()
    return now_s - _waited_for.setdefault(thread, now_s) < PATIENCE_S
