"""When to try again, how long to wait, how long to listen: pure rules, and tenacity's wiring.

The rules take values and return values. Only `Retries` reads a clock, and takes it as argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

from livekit.agents.types import NotGivenOr
from livekit.agents.utils import is_given
from tenacity import DoSleep, RetryCallState, Retrying, retry_if_exception_type

from resilient_claude.failures.failure import Failure
from resilient_claude.failures.kinds import FACTS

from .timeouts import Timeouts, check_positive

RESUME_INSTRUCTION = (
    "The connection broke while you were speaking. The caller has already heard this:\n"
    "<heard>{said}</heard>\n"
    "Go on from exactly there: begin by repeating its last words, <last_words>{last_words}"
    "</last_words>, and continue the sentence as if nothing had happened. Do not start over, do "
    "not apologise, and do not mention the interruption."
)
"""Default of `RetryPolicy.resume_instruction`. The repeated words make an exact join; they are
dropped before the caller could hear them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed attempt is followed by another one.

    Waits are drawn with full jitter: uniformly between 0 and a cap that doubles with every
    attempt, so that the callers of an outage do not come back in step.
    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.

    Attributes:
        max_attempts: HTTP requests per turn at most, the first one included; those that go on
            with an answer (paused by server tools, or broken off) come on top. The default is
            chosen so that the silence budget ends first: the waits of 64 attempts, 1 s each on
            the average, add up to three times 20 s.
        max_silence_s: from `chat()` to the first speakable chunk, over all attempts and waits.
            No attempt starts in its last twentieth, which could only hide the true cause behind
            a time-out, and no attempt without progress outlives it.
        max_turn_s: from `chat()` to the end of the turn, whatever progress it makes.
        wait_base_s: cap of the first wait.
        throttled_wait_base_s: cap of the first wait after 429 or 529, where haste makes it worse.
        wait_multiplier: growth of the cap per attempt.
        wait_cap_s: the cap's own upper limit.
        on_interruption: what to do when a stream breaks after text was heard. "resume" asks Claude
            once to go on from where it stopped, unless a tool call had begun; what was said stays
            said, and is not said again. "raise" ends the turn with an error.
        resume_instruction: how Claude is asked to go on, for models that do not continue an
            assistant message by themselves. Write it in the language of the call. `{said}` stands
            for all that was said, `{last_words}` for the last three words.

    Raises:
        TypeError: a value is not a number.
        ValueError: a value is out of its range.
    """

    max_attempts: int = 64
    max_silence_s: float = 20.0
    max_turn_s: float = 300.0
    wait_base_s: float = 0.1
    throttled_wait_base_s: float = 0.5
    wait_multiplier: float = 2.0
    wait_cap_s: float = 2.0
    on_interruption: Literal["raise", "resume"] = "resume"
    resume_instruction: str = RESUME_INSTRUCTION

    def __post_init__(self) -> None:
        if isinstance(self.max_attempts, bool) or not isinstance(self.max_attempts, int):
            raise TypeError(f"max_attempts must be an int, got {self.max_attempts!r}")
        if self.max_attempts < 1:
            raise ValueError(
                f"max_attempts must be >= 1 (1 means: never retry), got {self.max_attempts}"
            )
        for field in fields(self):
            if field.name.endswith("_s") or field.name == "wait_multiplier":
                check_positive(field.name, getattr(self, field.name))
        for name in ("wait_base_s", "throttled_wait_base_s"):
            if getattr(self, name) > self.wait_cap_s:
                raise ValueError(
                    f"{name} must not be above wait_cap_s, which would cut every wait, got "
                    f"{getattr(self, name):g} > {self.wait_cap_s:g}"
                )
        if self.max_silence_s > self.max_turn_s:
            raise ValueError(
                f"max_silence_s must not be above max_turn_s, which ends the turn before, got "
                f"{self.max_silence_s:g} > {self.max_turn_s:g}"
            )
        if not 1 <= self.wait_multiplier <= 100:
            raise ValueError(
                f"wait_multiplier must be from 1, so that waits do not shrink, to 100, "
                f"got {self.wait_multiplier}"
            )
        if self.on_interruption not in ("raise", "resume"):
            raise ValueError(
                f'on_interruption must be "raise" or "resume", got {self.on_interruption!r}'
            )
        if not isinstance(self.resume_instruction, str) or "{said}" not in self.resume_instruction:
            raise ValueError(
                "resume_instruction must hold {said}, which stands for what the caller has heard"
            )

    def capped(self, max_attempts: int) -> RetryPolicy:
        """The same policy with no more than *max_attempts*, and no fewer than one."""
        return replace(self, max_attempts=max(1, min(self.max_attempts, max_attempts)))


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


def policy_of(retry: RetryPolicy | None, max_retries: NotGivenOr[int]) -> RetryPolicy:
    """The policy that the constructor's arguments ask for.

    Raises:
        TypeError: *retry* is no RetryPolicy.
        ValueError: *max_retries*, the SDK's, is not left at 0.
    """
    if is_given(max_retries) and max_retries != 0:
        raise ValueError(
            f"max_retries must be 0, got {max_retries!r}: retries of the SDK would multiply with "
            f"those made here; use retry=RetryPolicy(max_attempts=...)"
        )
    if retry is None:
        return RetryPolicy()
    if not isinstance(retry, RetryPolicy):
        raise TypeError(f"retry must be a RetryPolicy, got {type(retry).__name__}")
    return retry


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


def last_start(policy: RetryPolicy, *, since: float) -> float:
    """When the last attempt may start, if the silence began at *since*, on the same clock."""
    return since + policy.max_silence_s * 0.95


def may_retry(failed: AttemptFailed, attempt: int) -> bool:
    """Whether another attempt may follow the failed *attempt*, as far as its kind tells."""
    at_most = FACTS[failed.failure.kind].most_retries
    return failed.retryable and (at_most is None or attempt <= at_most)


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
        self._latest = min(last_start(policy, since=silent_since), turn_deadline)
        self._now = now
        self._random = random
        self._state: RetryCallState | None = None  # made at the first failure
        self._last: Failure | None = None
        self._same = 0  # so many failures in a row were the last one, word for word

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
        if not may_retry(_failure_in(state), self._same):  # other faults before it do not count
            return True
        if state.attempt_number >= self._policy.max_attempts:
            return True
        return self._now() + max(state.upcoming_sleep, self._policy.wait_base_s) >= self._latest


def _failure_in(state: RetryCallState) -> AttemptFailed:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, AttemptFailed)  # `wait_after` takes nothing else
    return error
