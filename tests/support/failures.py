"""Failures as attempts have them, and attempts that have failed."""

from __future__ import annotations

from resilient_claude.failures.failure import Failure, FailureKind, Origin, Phase
from resilient_claude.policy.retry import AttemptFailed


def failure(
    kind: FailureKind = FailureKind.CONNECT, *, retry_after_s: float | None = None
) -> Failure:
    return Failure(
        kind, Origin.LOCAL, Phase.CONNECT, "Root", "why", True, retry_after_s=retry_after_s
    )


def failed(kind: FailureKind = FailureKind.CONNECT, *, retryable: bool = True) -> AttemptFailed:
    return AttemptFailed(failure(kind), OSError(), retryable=retryable)
