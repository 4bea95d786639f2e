"""The phase clocks of one attempt: what ends it when it makes no progress."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Phase
from resilient_claude.failures.faults import ClockExpired, adapter_closed
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.response.translator import Activity


class Clocks:
    """Watches one attempt as an async context manager: ends it when a clock runs out.

    Progress costs one assignment: the timer that is set looks at the deadline only when it fires.

    Args:
        evidence: tells how far the attempt has come.
        timeouts: the phase clocks.
        response_s: the escalated clock of this attempt for its first byte, seconds.
        silence_deadline: end of the silence budget on the event loop's clock.
        max_silence_s: the budget, seconds, to name it when it ran out.
        attempt_s: upper bound for the wait for content, seconds; None for no bound of its own.
        observed: whether the transport reports the phases of the connection; if it does not, one
            clock covers everything up to the response.

    Raises:
        ClockExpired: on leaving, when a clock ran out inside.
    """

    def __init__(
        self,
        evidence: Evidence,
        timeouts: Timeouts,
        *,
        response_s: float,
        silence_deadline: float,
        max_silence_s: float,
        attempt_s: float | None,
        observed: bool,
    ) -> None:
        self.evidence = evidence
        evidence.on_phase = self._phase_began
        self._loop = asyncio.get_running_loop()
        self.connect_s = timeouts.connect_s
        self._timeouts = timeouts
        self._response_s = response_s
        self._of_activity = {
            Activity.SPEAKING: ("stall_s", timeouts.stall_s),
            Activity.WORKING: ("thinking_s", timeouts.thinking_s),
        }
        self._observed = observed
        self._started = self._loop.time()
        self._caps = [(silence_deadline, "max_silence_s", max_silence_s)]
        if attempt_s is not None:
            self._caps.append((self._started + attempt_s, "attempt_s", attempt_s))
        self._scope = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._running = self._aborted = self._expired = self._whole = False
        self._deadline = self._limit_s = 0.0
        self._clock = ""

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._running = True
        if self._observed:
            self._wait(self._started, self._timeouts.connect_s, "connect_s")
        else:
            self._wait(self._started, self._response_s, "response_s")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._scope.__aexit__(exc_type, exc, traceback)
        except TimeoutError:  # asyncio's, which says nothing: hence `from None`
            if self._aborted:
                raise adapter_closed() from None
            raise ClockExpired(self._clock, self._limit_s) from None

    def _phase_began(self, phase: Phase) -> None:
        """The connection has come as far as *phase*; its clock starts."""
        if phase is Phase.SEND:
            self._wait(self._loop.time(), self._response_s, "response_s")
        elif phase is Phase.FIRST_TOKEN:
            self._wait(self._started, self._timeouts.first_token_s, "first_token_s")

    def progressed(self, activity: Activity) -> None:
        """The response got further: the clock of what it is doing now starts anew."""
        if activity is Activity.WAITING:
            return  # for the first word, the clock that runs goes on
        self.evidence.phase = Phase.STREAMING
        clock, limit_s = self._of_activity[activity]
        if clock == self._clock and not self._expired:
            self._deadline = self._loop.time() + limit_s  # as with almost every token
        else:
            self._watch(self._loop.time() + limit_s, clock, limit_s)

    def stop(self) -> None:
        """The answer is whole: no clock may end it any more."""
        self._whole = True
        self._deadline = float("inf")
        if self._expired:
            self._revive()

    def abort(self) -> None:
        """End the attempt now, with a failure that is not retried, unless its answer is whole."""
        if self._running and not self._whole and not self._scope.expired():
            self._aborted = True
            self._scope.reschedule(self._loop.time())

    def _wait(self, since: float, seconds: float, clock: str) -> None:
        """Watch a phase without progress, which the silence budget bounds too."""
        self._watch(*min([(since + seconds, clock, seconds), *self._caps]))

    def _watch(self, deadline: float, clock: str, limit_s: float) -> None:
        self._deadline, self._clock, self._limit_s = deadline, clock, limit_s
        if self._expired:  # while this was on its way
            self._revive()
        if self._timer is None or deadline < self._timer.when():
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._deadline == float("inf"):
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
            return
        # What has arrived in this turn of the loop is handled first: it may be progress.
        self._loop.call_soon(self._expire)

    def _expire(self) -> None:
        if not self._running or self._scope.expired() or self._deadline == float("inf"):
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._expired = True
            self._scope.reschedule(self._loop.time())

    def _revive(self) -> None:
        if not self._aborted and not self._scope.expired():
            self._expired = False
            self._scope.reschedule(None)
