"""The exceptions of our own, which carry the verdict with them: no rule has to guess it."""

from __future__ import annotations

import pytest

from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import ClockExpired, Fault, adapter_closed, malformed


def test_what_breaks_the_rules_may_be_better_the_next_time() -> None:
    """Whose side it was on is not in it: a proxy writes malformed answers, too."""
    fault = malformed("no message_start")

    assert (fault.kind, fault.retryable, fault.origin) == (FailureKind.MALFORMED, True, None)
    assert str(fault) == "no message_start"


def test_a_closed_adapter_is_nobody_else_s_doing() -> None:
    """Asked again, it would be as closed as before."""
    fault = adapter_closed()

    assert (fault.kind, fault.retryable, fault.origin) == (
        FailureKind.CANCELLED,
        False,
        Origin.LOCAL,
    )


@pytest.mark.parametrize("kind", FailureKind)
def test_a_fault_is_classified_as_what_it_says(kind: FailureKind) -> None:
    """It was raised where the whole response was known."""
    fault = Fault(kind, "said so", retryable=False, origin=Origin.LOCAL)

    failure = classify(fault, Evidence())

    assert (failure.kind, failure.origin, failure.retryable) == (kind, Origin.LOCAL, False)


@pytest.mark.parametrize(("limit_s", "written"), [(6.0, "6"), (0.25, "0.25"), (1 / 3, "0.333")])
def test_a_clock_is_named_with_its_limit(limit_s: float, written: str) -> None:
    """The operator reads which of the settings to change."""
    expired = ClockExpired("first_token_s", limit_s)

    assert str(expired) == f"first_token_s expired after {written} s"
    assert (expired.clock, expired.limit_s) == ("first_token_s", limit_s)
    assert isinstance(expired, TimeoutError)
