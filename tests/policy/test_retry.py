"""The rules of retrying: pure, so no test waits."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import Failure, FailureKind, Origin, Phase
from resilient_claude.policy.retry import (
    AttemptFailed,
    Retries,
    RetryPolicy,
    first_token_clock_s,
    may_retry,
    wait_before,
)
from resilient_claude.policy.timeouts import Timeouts


def failure(
    kind: FailureKind = FailureKind.CONNECT, *, retry_after_s: float | None = None
) -> Failure:
    return Failure(
        kind, Origin.LOCAL, Phase.CONNECT, "Root", "why", True, retry_after_s=retry_after_s
    )


def failed(kind: FailureKind = FailureKind.CONNECT, *, retryable: bool = True) -> AttemptFailed:
    return AttemptFailed(failure(kind), OSError(), retryable=retryable)


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


# --- waits --------------------------------------------------------------------------------------


@given(
    attempt=st.integers(2, 10_000),
    draw=st.floats(0, 1, exclude_max=True),
    kind=st.sampled_from([*FailureKind]),
)
def test_a_wait_is_never_negative_or_above_the_cap(
    attempt: int, draw: float, kind: FailureKind
) -> None:
    """Full jitter, whatever the attempt."""
    policy = RetryPolicy()

    wait_s = wait_before(attempt, policy, failure(kind), remaining_s=20.0, random=lambda: draw)

    assert 0 <= wait_s <= policy.wait_cap_s


@pytest.mark.parametrize(
    ("kind", "caps"),
    [
        (FailureKind.CONNECT, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]),
        (FailureKind.OVERLOADED, [0.5, 1.0, 2.0, 2.0]),
        (FailureKind.RATE_LIMITED, [0.5, 1.0, 2.0, 2.0]),
    ],
)
def test_caps_double_and_throttling_waits_longer(kind: FailureKind, caps: list[float]) -> None:
    """Haste makes an overload worse, and costs a caller nothing after a lost connection."""
    waits = [
        wait_before(attempt, RetryPolicy(), failure(kind), remaining_s=20.0, random=lambda: 1.0)
        for attempt in range(2, 2 + len(caps))
    ]

    assert waits == pytest.approx(caps)


def test_retry_after_is_a_lower_bound() -> None:
    """Asking again earlier would be refused again."""
    asked = failure(FailureKind.RATE_LIMITED, retry_after_s=5.0)

    assert wait_before(2, RetryPolicy(), asked, remaining_s=20.0, random=lambda: 1.0) == 5.0


def test_what_is_left_of_the_budget_caps_the_wait() -> None:
    """A budget of which seconds are given away is a shorter budget."""
    last = failure(FailureKind.CONNECT)

    assert wait_before(20, RetryPolicy(), last, remaining_s=0.5, random=lambda: 1.0) == 0.5
    assert wait_before(20, RetryPolicy(), last, remaining_s=-0.5, random=lambda: 1.0) == 0.0


def test_the_first_attempt_never_waits() -> None:
    """A caller is on the phone."""
    with pytest.raises(ValueError, match="attempt must be >= 2, got 1"):
        wait_before(1, RetryPolicy(), failure(), remaining_s=20.0, random=lambda: 0.5)


# --- the loop -----------------------------------------------------------------------------------


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


# --- clocks -------------------------------------------------------------------------------------


def clock_s(
    attempt: int,
    remaining_s: float,
    *,
    timed_out: int = 0,
    policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
) -> float:
    return first_token_clock_s(
        attempt, policy, timeouts, timed_out=timed_out, remaining_s=remaining_s
    )


def test_the_clock_doubles_and_the_last_attempt_gets_the_rest() -> None:
    """An answer whose first word needs 12 s succeeds by default, on the second attempt."""
    patient = RetryPolicy(max_silence_s=60)

    assert clock_s(1, 20.0) == 6.0
    assert clock_s(2, 13.9, timed_out=1) == 13.9
    assert clock_s(2, 53.9, timed_out=1, policy=patient) == 12.0


def test_a_fault_at_once_does_not_make_the_next_attempt_patient() -> None:
    """Only an attempt that was slow is a reason to listen longer."""
    assert clock_s(3, 19.0, timed_out=0) == 6.0


def test_a_single_attempt_may_use_the_whole_budget() -> None:
    """Under FallbackAdapter there is no second attempt to save time for."""
    assert clock_s(1, 20.0, policy=RetryPolicy(max_attempts=1)) == 20.0


BUDGETS_S = (2.0, 5.0, 6.0, 7.0, 8.0, 10.0, 11.9, 12.0, 12.1, 15.0, 20.0, 40.0, 60.0)
CLOCKS_S = (0.5, 1.0, 2.0, 3.0, 5.9, 6.0, 8.0, 12.0, 20.0)
FAST_FAULTS_S = (0.0, 0.3, 1.5, 4.0)


@pytest.mark.parametrize("budget_s", BUDGETS_S)
@pytest.mark.parametrize("first_token_s", CLOCKS_S)
@pytest.mark.parametrize("spent_s", FAST_FAULTS_S)
def test_a_hang_is_asked_again_wherever_there_is_room(
    budget_s: float, first_token_s: float, spent_s: float
) -> None:
    """A budget just above two clocks once gave all of itself to the first attempt."""
    remaining_s = budget_s - spent_s
    if remaining_s < budget_s * 0.2:
        return  # a caller who has waited for most of it gets one more, which may use the rest
    policy = RetryPolicy(max_silence_s=budget_s)
    hang_s = clock_s(
        1 + (spent_s > 0),
        remaining_s,
        policy=policy,
        timeouts=Timeouts(first_token_s=first_token_s),
    )

    retries = Retries(
        policy, silent_since=0.0, turn_deadline=300.0, now=lambda: spent_s + hang_s, random=half
    )
    assert retries.wait_after(failed(FailureKind.TIMEOUT)) >= 0


def half() -> float:
    return 0.5


@given(st.integers(1, 10_000), st.integers(0, 100), st.floats(0.001, 1000))
def test_the_clock_is_positive_and_within_the_budget(
    attempt: int, timed_out: int, remaining_s: float
) -> None:
    """An attempt that may not listen at all would be a wasted request."""
    assert 0 < clock_s(attempt, remaining_s, timed_out=timed_out) <= remaining_s


# --- the same fault again -----------------------------------------------------------------------


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
        RetryPolicy(), silent_since=299.0, turn_deadline=300.0, now=lambda: 300.0, random=half
    )

    with pytest.raises(AttemptFailed):
        retries.wait_after(failed())


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_attempts": 0}, ValueError, "max_attempts must be >= 1"),
        ({"max_attempts": 2.0}, TypeError, "max_attempts must be an int, got 2.0"),
        ({"max_attempts": True}, TypeError, "max_attempts must be an int, got True"),
        ({"max_silence_s": -1}, ValueError, "max_silence_s must be finite and > 0, got -1"),
        ({"max_silence_s": float("inf")}, ValueError, "max_silence_s must be finite"),
        ({"wait_cap_s": float("nan")}, ValueError, "wait_cap_s must be finite"),
        ({"wait_base_s": "1"}, TypeError, "wait_base_s must be a number of seconds, got '1'"),
        ({"wait_multiplier": 0.5}, ValueError, "wait_multiplier must be from 1"),
        ({"on_interruption": "retry"}, ValueError, '"raise" or "resume", got \'retry\''),
        ({"resume_instruction": "Go on."}, ValueError, r"resume_instruction must hold \{said\}"),
        ({"resume_instruction": None}, ValueError, r"resume_instruction must hold \{said\}"),
    ],
)
def test_a_bad_policy_says_what_was_wrong(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """At construction, not in the middle of a call."""
    with pytest.raises(error, match=message):
        RetryPolicy(**arguments)
