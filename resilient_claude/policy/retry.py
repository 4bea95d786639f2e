"""Whether to try again: the rule, and tenacity's wiring. How long to wait is in `waits`.

The rule takes values and returns one. Only `Retries` reads a clock, and takes it as argument.
"""

from __future__ import annotations

from collections.abc import Callable

from tenacity import DoSleep, RetryCallState, Retrying, retry_if_exception_type

from resilient_claude.failures.failure import Failure, FailureKind
from resilient_claude.failures.kinds import FACTS

from .retry_policy import RetryPolicy
from .waits import last_start, wait_before


class AttemptFailed(Exception):
    """What an attempt that fails raises. Never leaves this package.

    Attributes:
        failure: the attempt's failure, named.
        error: the exception itself.
        retryable: whether another attempt may follow: the failure allows it, and nothing that
            the caller has heard would be heard twice.
    """

    def __init__(self, failure: Failure, error: BaseException, *, retryable: bool) -> None:
        super().__init__(failure.kind)
        self.failure = failure
        self.error = error
        self.retryable = retryable


def may_retry(failed: AttemptFailed, of_kind: int) -> bool:
    """Whether another attempt may follow: what its kind tells, of which *of_kind* have failed."""
    at_most = FACTS[failed.failure.kind].most_retries
    return failed.retryable and (at_most is None or of_kind <= at_most)


class Retries:
    """tenacity's verdicts on the failed attempts of one part of a turn. Make a new one for each.

    Its loop would run around every turn, and costs 30 of the 210 us of CPU that a short turn takes,
    most of them for attempts that do not fail. So the turn has a plain loop, and tenacity is asked
    what is to follow when there is something to decide: whether to go on, and how long to wait.

    Args:
        policy: the limits.
        silent_since: when the silence began that is to be ended, on the clock *now*.
        turn_deadline: when the turn ends whatever happens, on the same clock.
        now: monotonic clock, in seconds.
        random: draws from [0, 1).
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        silent_since: float,
        turn_deadline: float,
        now: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._latest = last_start(policy, silent_since=silent_since, turn_deadline=turn_deadline)
        self._now = now
        self._random = random
        self._state: RetryCallState | None = None  # made at the first failure
        self._last: Failure | None = None
        self._same = 0  # so many failures in a row were the last one, word for word
        self._of_kind: dict[FailureKind, int] = {}  # how many have failed

    def wait_after(self, failed: AttemptFailed) -> float:
        """Seconds to wait until the next attempt, now that one has *failed*.

        Raises:
            AttemptFailed: *failed*; no other attempt may follow.
        """
        if self._state is None:
            retrying = Retrying(
                stop=self._stop,
                wait=self._wait,
                retry=retry_if_exception_type(AttemptFailed),
                reraise=True,
            )
            retrying.begin()
            self._state = RetryCallState(retrying, None, (), {})
        failure, last, self._last = failed.failure, self._last, failed.failure
        same = last is not None and (last.kind, last.root_message) == (
            failure.kind,
            failure.root_message,
        )
        self._same = self._same + 1 if same else 1
        self._of_kind[failure.kind] = self._of_kind.get(failure.kind, 0) + 1
        state = self._state
        state.set_exception((type(failed), failed, failed.__traceback__))
        verdict = state.retry_object.iter(retry_state=state)
        assert isinstance(verdict, DoSleep)  # else it would have raised
        state.prepare_for_next_attempt()
        return float(verdict)

    def _wait(self, state: RetryCallState) -> float:
        return wait_before(
            state.attempt_number + 1,
            self._policy,
            _failure_in(state).failure,
            same=self._same,
            remaining_s=self._latest - self._now(),
            random=self._random,
        )

    def _stop(self, state: RetryCallState) -> bool:
        failed = _failure_in(state)
        if not may_retry(failed, self._of_kind[failed.failure.kind]):
            return True
        if state.attempt_number >= self._policy.max_attempts:
            return True
        return self._now() + max(state.upcoming_sleep, self._policy.wait_base_s) >= self._latest


def _failure_in(state: RetryCallState) -> AttemptFailed:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, AttemptFailed)  # `wait_after` takes nothing else
    return error
