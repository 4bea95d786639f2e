"""What is true of every failure of one kind: one row per kind, which everything else reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from .failure import FailureKind, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFacts:
    """What is true of every failure of one kind, unless the evidence for one says otherwise.

    Attributes:
        retryable: whether the same request may succeed when it is sent again.
        most_retries: how often it is sent again at most; None: as long as the budget lasts.
        of_connection: whether other connections of the same age are not to be trusted either.
        throttled: whether haste makes it worse, so that waits are longer.
        answered: whether it is the fault of an answer, so that the next one may be the same.
        origin: whose side it is on; UNKNOWN leaves that to the evidence.
        error: livekit's exception for it, if no error status was received.
        status: the HTTP status in that exception, where it has one.
        level: of the line about a turn that ends with it.
    """

    retryable: bool = False
    most_retries: int | None = None
    of_connection: bool = False
    throttled: bool = False
    answered: bool = False
    origin: Origin = Origin.UNKNOWN
    error: type[APIError] = APIConnectionError
    status: int | None = None
    level: Literal["warning", "error"] = "error"


_CONNECTION = KindFacts(retryable=True, of_connection=True)
_STATUS = KindFacts(error=APIStatusError)

FACTS: Mapping[FailureKind, KindFacts] = {
    FailureKind.DNS: replace(_CONNECTION, origin=Origin.LOCAL),
    FailureKind.CONNECT: replace(_CONNECTION, origin=Origin.LOCAL),
    # A certificate that does not verify and an empty answer seldom change, but a load balancer with
    # one bad host and a second sample do: one more try, no more.
    FailureKind.TLS: replace(_CONNECTION, most_retries=1),
    FailureKind.RESET: _CONNECTION,
    FailureKind.TIMEOUT: replace(_CONNECTION, error=APITimeoutError),
    FailureKind.STALL: replace(_CONNECTION, error=APITimeoutError),
    FailureKind.TRUNCATED: replace(_CONNECTION, answered=True),
    FailureKind.MALFORMED: replace(_CONNECTION, answered=True),
    FailureKind.EMPTY: KindFacts(retryable=True, most_retries=1),
    FailureKind.OVERLOADED: replace(_STATUS, status=529, retryable=True, throttled=True),
    FailureKind.RATE_LIMITED: replace(_STATUS, status=429, retryable=True, throttled=True),
    FailureKind.SERVER: replace(_STATUS, status=500, retryable=True),
    FailureKind.BILLING: replace(_STATUS, status=402, origin=Origin.CALLER),
    FailureKind.AUTH: replace(_STATUS, status=401, origin=Origin.CALLER),
    FailureKind.REJECTED: replace(_STATUS, status=400, origin=Origin.CALLER),
    FailureKind.REFUSAL: replace(_STATUS, status=200, level="warning"),
    FailureKind.CANCELLED: KindFacts(origin=Origin.LOCAL),
    FailureKind.BUG: KindFacts(origin=Origin.LOCAL, error=APIError),
}
"""The facts of every kind. A new kind is a value of `FailureKind` and a row here."""
