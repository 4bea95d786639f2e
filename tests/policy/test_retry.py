"""The rules of retrying: pure, so no test waits."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import FailureKind
from resilient_claude.policy.retry import AttemptFailed, Retries, may_retry
from resilient_claude.policy.retry_policy import RetryPolicy
from tests.support.failures import failed, failure


class PolicyRun:
    """Drives `Retries` on a clock that only moves when something waits or takes time."""

    def __init__(self, policy: RetryPolicy, *, random: Callable[[], float] = lambda: 1.0) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.requests = 0
        self._retries = Retries(
            policy, silent_since=0.0, turn_deadline=300.0, now=lambda: self.now, random=random
        )

    def run(self, attempt: Callable[[int], Any], *, takes_s: float = 0.0) -> None:
        while True:
            self.requests += 1
            self.now += takes_s
            try:
                attempt(self.requests)
            except AttemptFailed as failed:
                self.waits.append(self._retries.wait_after(failed))
                self.now += self.waits[-1]
            else:
                return


def always_fails(error: AttemptFailed) -> Callable[[int], None]:
    def attempt(number: int) -> None:
        raise error

    return attempt


# --- the loop -------------------------------------------------------------------------------------


def test_the_first_success_ends_the_turn() -> None:
    """One failure costs one more request, no more."""
    turn = PolicyRun(RetryPolicy())

    def attempt(number: int) -> None:
        if number == 1:
            raise failed()

    turn.run(attempt)

    assert (turn.requests, turn.waits) == (2, [0.1])


@pytest.mark.parametrize("max_attempts", [1, 2, 5])
def test_the_number_of_requests_is_the_policy_s(max_attempts: int) -> None:
    """Promise: exactly predictable, so that an outage is not answered with a storm."""
    turn = PolicyRun(RetryPolicy(max_attempts=max_attempts))

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(failed()))

    assert turn.requests == max_attempts
    assert len(turn.waits) == max_attempts - 1


def test_what_cannot_get_better_makes_one_request() -> None:
    """A rejected request is rejected again."""
    turn = PolicyRun(RetryPolicy())

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(failed(retryable=False)))

    assert turn.requests == 1


@pytest.mark.parametrize("kind", [FailureKind.TLS, FailureKind.EMPTY])
def test_certificates_and_empty_answers_get_one_more_try(kind: FailureKind) -> None:
    """One host of several may be misconfigured; all of them seldom are for a moment only."""
    turn = PolicyRun(RetryPolicy())

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(failed(kind)))

    assert turn.requests == 2
    assert may_retry(failed(kind), 1)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=64, max_size=64))
def test_no_attempt_starts_after_the_silence_budget(draws: list[float]) -> None:
    """Promise 5, whatever the jitter draws."""
    policy = RetryPolicy()
    turn = PolicyRun(policy, random=iter(draws).__next__)

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(failed()))

    assert turn.now <= policy.max_silence_s
    assert turn.requests <= policy.max_attempts


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("kind", [FailureKind.CONNECT, FailureKind.OVERLOADED])
def test_the_silence_budget_ends_first(kind: FailureKind, seed: int) -> None:
    """Not the number of attempts: whatever the jitter draws, the whole budget is used."""
    turn = PolicyRun(RetryPolicy(), random=Random(seed).random)

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(failed(kind)), takes_s=0.002)

    assert turn.now > 18.5


@pytest.mark.parametrize("kind", [FailureKind.CONNECT, FailureKind.OVERLOADED])
def test_a_12_s_outage_is_ridden_out_by_default(kind: FailureKind) -> None:
    """With the average jitter; the plugin gives up after 4 to 5 s."""
    turn = PolicyRun(RetryPolicy(), random=lambda: 0.5)

    def attempt(number: int) -> None:
        if turn.now < 12:
            raise failed(kind)

    turn.run(attempt)

    assert 12 <= turn.now < 20


def test_a_retry_after_beyond_the_budget_fails_at_once() -> None:
    """Waiting for it in silence would only lose the caller later."""
    turn = PolicyRun(RetryPolicy())
    late = AttemptFailed(
        failure(FailureKind.RATE_LIMITED, retry_after_s=60.0), OSError(), retryable=True
    )

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(late))

    assert (turn.requests, turn.now) == (1, 0.0)


def test_other_exceptions_pass_through() -> None:
    """A cancellation or a bug outside of an attempt is not ours to swallow."""
    turn = PolicyRun(RetryPolicy())

    def attempt(number: int) -> None:
        raise KeyError(number)

    with pytest.raises(KeyError):
        turn.run(attempt)

    assert turn.requests == 1


# --- the same fault again -------------------------------------------------------------------------


def test_the_same_answer_is_asked_for_at_growing_distances() -> None:
    """It is billed each time; six requests ride out what lasts some seconds."""
    turn = PolicyRun(RetryPolicy())

    with pytest.raises(AttemptFailed):
        turn.run(always_fails(failed(FailureKind.MALFORMED)), takes_s=0.1)

    assert turn.waits == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert turn.requests == 6


def test_another_fault_begins_the_distances_anew() -> None:
    """Only word for word the same is the same answer."""
    policy = RetryPolicy()
    retries = Retries(
        policy, silent_since=0.0, turn_deadline=300.0, now=lambda: 0.0, random=lambda: 0.0
    )
    kinds = (FailureKind.MALFORMED,) * 2 + (FailureKind.TRUNCATED, FailureKind.RESET)

    waits = [retries.wait_after(failed(kind)) for kind in kinds]

    assert waits == [0.5, 1.0, 0.5, 0.0]


def test_a_turn_has_an_end() -> None:
    """Whatever progress it makes: no attempt begins after it."""
    retries = Retries(
        RetryPolicy(),
        silent_since=299.0,
        turn_deadline=300.0,
        now=lambda: 300.0,
        random=lambda: 0.5,
    )

    with pytest.raises(AttemptFailed):
        retries.wait_after(failed())
