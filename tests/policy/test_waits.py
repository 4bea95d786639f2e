"""How long is waited and listened: the rules, over grids and by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import FailureKind
from resilient_claude.policy.retry import Retries
from resilient_claude.policy.retry_policy import RetryPolicy
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.policy.waits import first_token_clock_s, wait_before
from tests.support.failures import failed, failure


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


# --- clocks ---------------------------------------------------------------------------------------


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
