"""One clock for several event loops, which jumps over the time in which all of them wait.

Theory of operation. A loop works, or it waits in `select` for a socket or for its next timer. While
any loop works, the clock stands still. The last one that begins to wait looks whether bytes are
there for any of them, or a thread of theirs is at work: if so, somebody will go on by himself. If
not, nothing can happen before the next timer of them all, and the clock is set to it; the loops
whose timers are due are woken. So an hour takes as long as what is done in it, and the order of
what happens is that of the timers, however busy the machine is.

The invariant: a loop is in `_waiting` from when it has found nothing to do until it, or who sets
the clock, finds something for it. Both hold the lock. What it cannot see: other processes, and
threads that serve for long. To a loop that waits for their bytes, time seems to fly.
"""

import math
import threading
import time
from typing import Protocol

from .threads import at_work

_PATIENCE_S = 60.0
_POLL_S = 0.005


class Waiter(Protocol):
    """A loop, as the clock sees it."""

    def poke(self) -> None:
        """Wake it, from any thread."""

    def has_work(self) -> bool:
        """Whether bytes are there for it, or somebody is at work for it."""

    def sleep(self, timeout_s: float) -> bool:
        """Wait for bytes or a poke; False when neither came within *timeout_s* seconds."""


class NothingHappensError(RuntimeError):
    """All loops wait for something that will never come."""


class SharedClock:
    """Seconds that pass only while every loop waits, and then at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = threading.get_ident()  # the thread that plays the call
        self._now_s = self._began_s = time.monotonic()
        self._members: set[Waiter] = set()
        self._waiting: dict[Waiter, float] = {}
        self._threads_of_members: set[int] = set()

    def time(self) -> float:
        """The seconds of `time.monotonic`, and what was skipped on top."""
        return self._now_s

    @property
    def passed_s(self) -> float:
        """How many seconds have passed."""
        return self._now_s - self._began_s

    def join(self, member: Waiter) -> None:
        """Stand still while *member* works, from now on."""
        with self._lock:
            self._members.add(member)

    def leave(self, member: Waiter) -> None:
        """Care for *member* no more."""
        with self._lock:
            self._members.discard(member)
            self._waiting.pop(member, None)
            left = list(self._waiting)
        for other in left:  # one of them has to look whether time may pass now
            other.poke()

    def wait(self, member: Waiter, timeout_s: float | None) -> None:
        """Wait until *member* has work, or *timeout_s* seconds have passed.

        Raises:
            NothingHappensError: Nobody has had anything to do for a minute of real time. It is told
                to who plays the call; a simulated Claude waits on.
        """
        due_s = math.inf if timeout_s is None else self._now_s + timeout_s
        self._threads_of_members.add(threading.get_ident())
        while not self._wait_once(member, due_s):
            pass

    def _wait_once(self, member: Waiter, due_s: float) -> bool:
        """Wait like `wait`; False when it is to be done again."""
        sleep_s = _PATIENCE_S
        with self._lock:
            if member not in self._members:  # it has left meanwhile
                return True
            self._waiting[member] = due_s
            if self._waiting.keys() == self._members and not self._busy():
                if at_work(self._threads_of_members):
                    sleep_s = _POLL_S
                else:
                    self._jump()
                    if member not in self._waiting:
                        return True
        try:
            woken = member.sleep(sleep_s)
        finally:
            with self._lock:
                due = self._waiting.pop(member, None) is None
        plays = threading.get_ident() == self._owner
        if plays and not (woken or due) and sleep_s == _PATIENCE_S:
            raise NothingHappensError(f"nothing has happened for {_PATIENCE_S:g} s")
        return woken or due

    def _busy(self) -> bool:
        return any(member.has_work() for member in self._members)

    def _jump(self) -> None:
        """Set the clock to the next timer, and wake those whose timers are due."""
        next_s = min(self._waiting.values())
        if next_s == math.inf:  # a thread that nobody sees may still have something to say
            return
        self._now_s = max(self._now_s, next_s)
        for member, due_s in list(self._waiting.items()):
            if due_s <= self._now_s:
                del self._waiting[member]
                member.poke()
