"""How long to wait before an attempt, and how long to listen to it. Pure rules."""

from __future__ import annotations

from collections.abc import Callable

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.kinds import FACTS

from .retry_policy import RetryPolicy
from .timeouts import Timeouts


def resume_wait_s(
    policy: RetryPolicy, failure: Failure, *, remaining_s: float, random: Callable[[], float]
) -> float | None:
    """Seconds to wait before an answer that broke off is resumed; None if it may not be.

    Args:
        policy: whether to resume, and the caps.
        failure: what broke the answer off.
        remaining_s: what is left until the last attempt may start.
        random: draws from [0, 1).
    """
    if policy.on_interruption != "resume" or not failure.retryable:
        return None
    # It is the second request of an answer, however many it took to get the first word.
    wait_s = wait_before(2, policy, failure, remaining_s=remaining_s, random=random)
    return wait_s if wait_s < remaining_s else None


SAME_FAULT_WAIT_S = 0.5
"""Shortest wait after a fault of a server that answered, seconds; it doubles while the same fault
comes back: the next answer is likely the same again, and billed. So a budget of 20 s has room for
six requests, and a bad minute of a proxy is ridden out all the same."""


def wait_before(
    attempt: int,
    policy: RetryPolicy,
    failure: Failure,
    *,
    same: int = 1,
    remaining_s: float,
    random: Callable[[], float],
) -> float:
    """Seconds to wait before *attempt* (2 is the first retry): full jitter, capped.

    What is left of the silence budget is a cap too, so that none of it is given away. A
    `retry-after` of the server is a lower bound, subject to no cap; so is `SAME_FAULT_WAIT_S`.

    Args:
        attempt: number of the attempt to come.
        policy: the caps.
        failure: why the one before it failed.
        same: how many failures in a row were this one, word for word.
        remaining_s: what is left of the silence budget.
        random: draws from [0, 1).

    Raises:
        ValueError: *attempt* is below 2; the first attempt never waits.
    """
    if attempt < 2:
        raise ValueError(f"attempt must be >= 2, got {attempt}: the first attempt never waits")
    facts = FACTS[failure.kind]
    base = policy.throttled_wait_base_s if facts.throttled else policy.wait_base_s
    # Clamped: the power alone would overflow a float after some hundreds of attempts.
    growth = policy.wait_multiplier ** min(attempt - 2, 64)
    cap_s = max(0.0, min(policy.wait_cap_s, base * growth, remaining_s))
    at_least_s = failure.retry_after_s or 0.0
    if facts.answered:
        at_least_s = max(at_least_s, SAME_FAULT_WAIT_S * 2.0 ** min(same - 1, 64))
    return max(random() * cap_s, at_least_s)


def first_token_clock_s(
    attempt: int,
    policy: RetryPolicy,
    timeouts: Timeouts,
    *,
    timed_out: int,
    remaining_s: float,
) -> float:
    """Seconds that *attempt* (from 1) may wait for content once it was sent.

    The clock doubles with every attempt that has timed out: the first may be cut for being stuck,
    but a service that is merely slow must be heard at last. While another attempt could follow,
    it leaves at least half of the budget to it; the last that fits gets all that is left.

    Args:
        attempt: its number.
        policy: for `max_attempts` and `max_silence_s`.
        timeouts: for `first_token_s`.
        timed_out: how many attempts before it have timed out.
        remaining_s: what is left of the silence budget.
    """
    clock_s = timeouts.first_token_s * 2.0 ** min(timed_out, 64)
    # The next one would get less than the first of a patient caller is worth.
    is_last = attempt >= policy.max_attempts or remaining_s < policy.max_silence_s * 0.2
    if timed_out and remaining_s - clock_s < timeouts.first_token_s:
        is_last = True
    return remaining_s if is_last else min(clock_s, remaining_s / 2)


def last_start(policy: RetryPolicy, *, silent_since: float, turn_deadline: float) -> float:
    """When the last attempt may start, if the silence began at *silent_since*, on one clock."""
    return min(silent_since + policy.max_silence_s * 0.95, turn_deadline)
