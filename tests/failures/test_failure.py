"""The vocabulary of failures, and how to get at it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from enum import StrEnum

import pytest

from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Failure, FailureKind, Origin, Phase, failure_of
from resilient_claude.failures.faults import ClockExpired, Fault

FAILURE = Failure(FailureKind.CONNECT, Origin.LOCAL, Phase.CONNECT, "Root", "why", True)


def test_no_failure_behind_other_exceptions() -> None:
    """`failure_of` is safe to call on whatever an `error` event carries."""
    assert failure_of(ValueError()) is None
    assert failure_of(None) is None


def test_an_attribute_of_somebody_else_s_is_no_failure() -> None:
    """Other libraries call things `failure`, too."""
    exc = ValueError()
    exc.failure = "no network"  # type: ignore[attr-defined]

    assert failure_of(exc) is None


@pytest.mark.parametrize(
    ("enumeration", "words"),
    [
        (
            FailureKind,
            "dns connect tls reset timeout stall truncated malformed empty overloaded "
            "rate_limited server billing auth rejected refusal cancelled bug",
        ),
        (Origin, "local remote caller proxy unknown"),
        (Phase, "build dns connect tls send response first_token streaming"),
    ],
)
def test_the_words_of_the_vocabulary_are_public(enumeration: type[StrEnum], words: str) -> None:
    """Dashboards and alerts compare with them; a new one is added, none is renamed."""
    assert " ".join(enumeration) == words


def test_a_failure_does_not_change() -> None:
    """It is in a log line, an exception and an event at once, which must tell the same."""
    with pytest.raises(FrozenInstanceError):
        FAILURE.kind = FailureKind.BUG  # type: ignore[misc]


def test_a_fault_of_the_stream_carries_what_is_known_of_it() -> None:
    """`classify` reads it off again."""
    fault = Fault(
        FailureKind.SERVER, "Internal", retryable=True, origin=Origin.REMOTE, error_type="api_error"
    )

    assert (str(fault), vars(fault)) == (
        "Internal",
        {
            "kind": FailureKind.SERVER,
            "retryable": True,
            "origin": Origin.REMOTE,
            "error_type": "api_error",
        },
    )


def test_a_clock_that_expired_names_itself_and_its_limit() -> None:
    """The operator has to know which setting it was, and what it was set to."""
    expired = ClockExpired("first_token_s", 6)

    assert isinstance(expired, TimeoutError)
    assert str(expired) == "first_token_s expired after 6 s"
    assert (expired.clock, expired.limit_s) == ("first_token_s", 6)


def test_evidence_without_a_conversation_hides_nothing() -> None:
    """The defaults are those of a request that nobody answered."""
    evidence = Evidence(Phase.BUILD)

    assert (evidence.https, evidence.request_id) == (True, None)
