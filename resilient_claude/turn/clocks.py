"""The phase clocks of one attempt: what ends it when it makes no progress.

Theory of operation. One deadline at a time is watched, that of the clock for what the attempt is
doing now; progress moves it. A token must not cost a timer, so a timer is set only for a deadline
that is nearer than the one it is set for, and when it fires it looks whether the deadline has moved
meanwhile.

When the deadline has passed (`DUE`), whatever arrived in the same turn of the event loop is handled
first, because it may be progress that a busy loop kept waiting. If none comes, `asyncio.timeout` is
told to cancel the attempt (`EXPIRING`), which it does one turn later.

    OUTSIDE          --enter-->                WATCHING
    WATCHING         --deadline passed-->      DUE
    DUE              --the next turn-->        EXPIRING
    DUE, EXPIRING    --progress-->             WATCHING
    all three        --the answer is whole-->  WHOLE
    all three        --the adapter closes-->   ABORTED
    any              --leave-->                OUTSIDE

Thinking shows signs of life all the time and says nothing. So it has a limit of its own, counted
from where it began and as long as nothing was heard, if another attempt could do better; and it is
told of once it has lasted for a while (`Mute`).

Invariant: the scope of `asyncio.timeout` is scheduled exactly in `EXPIRING` and `ABORTED`. Once it
has begun to cancel, no progress brings the attempt back, and leaving raises what it was ended by.

What the clocks cannot see is why nothing arrives: a loop that was blocked looks like a peer that
was silent. So while the attempt waits for its first word, a timer ticks, and what it is late is the
loop's own: it is written into the evidence. When in the tick the loop stopped, nobody knows, so the
deadline moves by as much as it can have been: all the time since the loop was last seen to run.
What is left to an attempt is then never less than it was before. A block that ends before the tick
does is not seen; it is shorter than a tick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto
from math import inf
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Phase
from resilient_claude.failures.faults import ClockExpired, adapter_closed
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.response.translator import Activity

TICK_S = 0.1
"""How often it is looked whether the event loop is late, while nothing has come, in seconds.

A tick costs some 10 us; a block that is shorter may go unseen.
"""

LATE_S = 0.05
"""What a timer may be late before the loop counts as blocked, in seconds."""


THINKING_S = 2.0
"""From when on an application is told that Claude thinks, in seconds."""


class Mute(NamedTuple):
    """What to do about a Claude who thinks, before the caller has heard a word.

    Attributes:
        on_thinking: called when it has lasted for `THINKING_S`.
        latest: when another attempt may begin at the latest, on the event loop's clock: if
            `max_thinking_s` ends later, it ends nothing. None if no other may follow.
    """

    on_thinking: Callable[[], None]
    latest: float | None


Cap: TypeAlias = tuple[float, str, float]
"""A deadline on the event loop's clock, the name of its limit, and the limit in seconds."""


class ClockState(Enum):
    """What the clocks of an attempt are doing; see the top of this module."""

    OUTSIDE = auto()
    WATCHING = auto()
    DUE = auto()
    EXPIRING = auto()
    WHOLE = auto()
    ABORTED = auto()


class Clocks:
    """Watches one attempt as an async context manager: ends it when a clock runs out.

    Args:
        evidence: tells how far the attempt has come, and learns how late the loop was.
        timeouts: the phase clocks.
        first_token_s: the clock of this attempt for its first content, seconds.
        caps: when a wait for content ends at the latest: (deadline on the event loop's clock, name
            of the limit, the limit in seconds).
        turn_cap: likewise, when the attempt ends whatever progress it makes.
        observed: whether the transport reports the phases of the connection; if it does not, one
            clock covers everything up to the first content.
        mute: what to do while it thinks; None if words have come before.

    Raises:
        ClockExpired: on leaving, when a clock ran out inside.
        Fault: on leaving, when `abort` was called inside.
    """

    def __init__(
        self,
        evidence: Evidence,
        timeouts: Timeouts,
        *,
        first_token_s: float,
        caps: Sequence[Cap],
        turn_cap: Cap,
        observed: bool,
        mute: Mute | None = None,
    ) -> None:
        self.evidence = evidence
        evidence.on_phase = self._phase_began
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self._first_token_s = first_token_s
        self._clock_by_activity = {
            Activity.SPEAKING: ("stall_s", timeouts.stall_s),
            Activity.THINKING: ("thinking_s", timeouts.thinking_s),
            Activity.WORKING: ("thinking_s", timeouts.thinking_s),
        }
        self._mute = mute
        self._thinking_timer: asyncio.TimerHandle | None = None
        self._thinking_deadline = inf
        self._observed = observed
        self._started = self._loop.time()
        self._caps = [*caps, turn_cap]
        self._turn_deadline, self._turn_clock, self._turn_s = turn_cap
        self._scope = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._state = ClockState.OUTSIDE
        self._waiting = True  # for the first content
        self._ran_at = self._started  # when the loop was last seen to run, while waiting
        self._deadline = self._limit_s = 0.0
        self._clock = ""

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._state = ClockState.WATCHING
        if self._observed:
            self._wait(self._started, self._timeouts.connect_s, "connect_s")
        else:
            self._wait(self._started, self._first_token_s, "first_token_s")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        aborted = self._state is ClockState.ABORTED
        self._state = ClockState.OUTSIDE
        if self._timer is not None:
            self._timer.cancel()
        self._thinking_ended()
        try:
            await self._scope.__aexit__(exc_type, exc, traceback)
        except TimeoutError:  # asyncio's, which says nothing: hence `from None`
            if aborted:
                raise adapter_closed() from None
            if self._deadline >= self._turn_deadline:
                raise ClockExpired(self._turn_clock, self._turn_s) from None
            raise ClockExpired(self._clock, self._limit_s) from None

    def progressed(self, activity: Activity) -> None:
        """The response got further: the clock of what it is doing now starts anew."""
        if activity is Activity.WAITING:
            return  # for the first word, the clock that runs goes on
        self.evidence.phase = Phase.STREAMING  # not `enter`, which is a socket's, and costs more
        self._waiting = False
        clock, limit_s = self._clock_by_activity[activity]
        deadline = self._loop.time() + limit_s
        if activity is Activity.THINKING:
            if self._thinking_timer is None and self._mute is not None:
                self._thinking_began(self._mute)
            if deadline > self._thinking_deadline:
                clock, limit_s = "max_thinking_s", self._timeouts.max_thinking_s
                deadline = self._thinking_deadline
        elif self._mute is not None:
            self._thinking_ended()
            if activity is Activity.SPEAKING:
                self._mute = None
        if deadline > self._turn_deadline:
            deadline = self._turn_deadline
        if clock == self._clock and self._state is ClockState.WATCHING:
            self._deadline = deadline  # as with almost every token
        else:
            self._watch(deadline, clock, limit_s)

    def _thinking_began(self, mute: Mute) -> None:
        now = self._loop.time()
        self._thinking_timer = self._loop.call_at(now + THINKING_S, mute.on_thinking)
        deadline = now + self._timeouts.max_thinking_s
        if mute.latest is not None and deadline < mute.latest:
            self._thinking_deadline = deadline

    def _thinking_ended(self) -> None:
        if self._thinking_timer is not None:
            self._thinking_timer.cancel()
            self._thinking_timer = None
        self._thinking_deadline = inf

    def stop(self) -> None:
        """The answer is whole: no clock may end it any more."""
        self._watch_again()
        if self._state is ClockState.WATCHING:
            self._state = ClockState.WHOLE

    def abort(self) -> None:
        """End the attempt now, with a failure that is not retried, unless its answer is whole."""
        if self._state in _UNDECIDED and not self._scope.expired():
            self._state = ClockState.ABORTED
            self._scope.reschedule(self._loop.time())

    def _phase_began(self, phase: Phase) -> None:
        """The connection has come as far as *phase*; its clock starts."""
        if phase is Phase.SEND:
            self._wait(self._loop.time(), self._first_token_s, "first_token_s")

    def _wait(self, since: float, seconds: float, clock: str) -> None:
        """Watch a phase without progress, which the silence budget bounds too."""
        self._ran_at = self._loop.time()
        self._watch(*min([(since + seconds, clock, seconds), *self._caps]))

    def _watch(self, deadline: float, clock: str, limit_s: float) -> None:
        self._deadline, self._clock, self._limit_s = deadline, clock, limit_s
        if self._state is not ClockState.WATCHING:
            self._watch_again()
        if self._timer is None or deadline < self._timer.when():
            self._set_timer()

    def _watch_again(self) -> None:
        """Progress came in time, unless the attempt is being cancelled already."""
        if self._state is ClockState.DUE:
            self._state = ClockState.WATCHING
        elif self._state is ClockState.EXPIRING and not self._scope.expired():
            self._state = ClockState.WATCHING
            self._scope.reschedule(None)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        when = self._deadline
        if self._waiting:
            when = min(when, self._loop.time() + TICK_S)
        self._timer = self._loop.call_at(when, self._timer_fired, when)

    def _timer_fired(self, due: float) -> None:
        self._timer = None
        if self._state is not ClockState.WATCHING:
            return
        now = self._loop.time()
        if self._waiting:
            if now - due > LATE_S:
                self._stood_still(late_s=now - due, at_most_s=now - self._ran_at)
            self._ran_at = now
        if now < self._deadline:
            self._set_timer()
        else:
            self._state = ClockState.DUE
            self._loop.call_soon(self._expire_if_still_due)

    def _stood_still(self, *, late_s: float, at_most_s: float) -> None:
        """The loop was blocked, and which only the limits on the whole turn count."""
        self.evidence.loop_lag_s = (self.evidence.loop_lag_s or 0.0) + late_s
        moved = self._deadline + at_most_s, self._clock, self._limit_s
        self._deadline, self._clock, self._limit_s = min(moved, *self._caps)

    def _expire_if_still_due(self) -> None:
        if self._state is ClockState.DUE:
            self._state = ClockState.EXPIRING
            self._scope.reschedule(self._loop.time())


_UNDECIDED = (ClockState.WATCHING, ClockState.DUE, ClockState.EXPIRING)
