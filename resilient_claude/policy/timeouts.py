"""How long one attempt may stay without progress. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import isfinite

import httpx2
from livekit.agents.types import NotGivenOr
from livekit.agents.utils import is_given


def check_positive(name: str, value: object) -> None:
    """Check that *value* is a number of seconds, finite and above 0; *name* is for the message."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, got {value!r}")
    if not isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be finite and > 0, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long one attempt may stay without progress, phase by phase. All in seconds, all > 0.

    Pings, comments and empty deltas are not progress.

    Attributes:
        connect_s: DNS, TCP and TLS together. Claude's edge answers in tens of milliseconds, so
            3 s without a connection means this one will not come.
        response_s: no byte at all since the request was sent. Doubles with each attempt, so that
            a slow but living service is not cut for ever; the last attempt that fits may use all
            that is left of `RetryPolicy.max_silence_s`.
        first_token_s: bytes arrive (headers, pings) but no content block has begun.
        stall_s: nothing new inside or after a text or tool block.
        thinking_s: nothing new inside or after a thinking or server-tool block, where minutes of
            work are healthy and the API sends something every few seconds.

    Raises:
        TypeError: a value is not a number.
        ValueError: a value is not finite or not above 0.
    """

    connect_s: float = 3.0
    response_s: float = 6.0
    first_token_s: float = 18.0
    stall_s: float = 8.0
    thinking_s: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_positive(field.name, getattr(self, field.name))


def timeouts_of(timeout: NotGivenOr[Timeouts | httpx2.Timeout | float | None]) -> Timeouts:
    """The clocks that *timeout* stands for.

    Raises:
        TypeError: it stands for none.
        ValueError: a value is not finite or not above 0.
    """
    if not is_given(timeout) or timeout is None:
        return Timeouts()
    if isinstance(timeout, Timeouts):
        return timeout
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        timeout = httpx2.Timeout(timeout)
    if not isinstance(timeout, httpx2.Timeout):
        raise TypeError(
            f"timeout must be resilient_claude.Timeouts, httpx2.Timeout or a number of seconds, "
            f"got {type(timeout).__name__}"
        )
    default = Timeouts()
    connect, read = timeout.connect, timeout.read
    if connect is not None:
        default = replace(default, connect_s=connect)
    if read is not None:
        default = replace(
            default, response_s=read, first_token_s=read, stall_s=read, thinking_s=read
        )
    return default
