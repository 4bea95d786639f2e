"""How long one attempt may stay without progress. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import cast

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

    Progress is what says something: pings, comments, empty deltas and white space are none.

    Attributes:
        connect_s: DNS, TCP and TLS together. Claude's edge answers in tens of milliseconds, so
            3 s without a connection means this one will not come.
        first_token_s: no content since the request was sent, whether or not bytes flow: the
            caller hears the same nothing. Doubles after every attempt that it has ended, so that
            a slow but living service is not cut for ever; see `policy.waits.first_token_clock_s`.
        stall_s: nothing new inside or after a text or tool block.
        thinking_s: no sign of life, a ping neither, inside or after a thinking or server-tool
            block, where minutes of work are healthy and the API sends something every few seconds.
        max_thinking_s: thinking, whatever signs of life it shows, before anything was heard. Ends
            an attempt only if another one fits in the budget, which then is asked with effort
            "low" and twice the `max_tokens`; once in a turn.

    Raises:
        TypeError: a value is not a number.
        ValueError: a value is not finite or not above 0.
    """

    connect_s: float = 3.0
    first_token_s: float = 6.0
    stall_s: float = 4.0
    thinking_s: float = 30.0
    max_thinking_s: float = 12.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_positive(field.name, getattr(self, field.name))


def timeouts_of(
    timeout: NotGivenOr[Timeouts | httpx2.Timeout | float | None], *, max_silence_s: float
) -> Timeouts:
    """The clocks that *timeout* stands for.

    Args:
        timeout: the constructor's argument. An `httpx2.Timeout`, or `httpx`'s, is translated.
        max_silence_s: the budget of a turn, which no translated clock exceeds.

    Raises:
        TypeError: *timeout* stands for no clocks.
        ValueError: a value is not finite, not above 0, or above the budget, so that it could never
            end an attempt.
    """
    default = Timeouts()
    if not is_given(timeout) or timeout is None:
        return default
    if isinstance(timeout, Timeouts):
        for name in ("connect_s", "first_token_s"):
            value = getattr(timeout, name)
            if value > max_silence_s and value != getattr(default, name):
                raise ValueError(
                    f"{name} must not be above max_silence_s, the budget of the whole turn, got "
                    f"{value:g} > {max_silence_s:g}: lower it, or raise RetryPolicy.max_silence_s"
                )
        return timeout
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        check_positive("timeout", timeout)
        timeout = httpx2.Timeout(timeout)
    if not all(hasattr(timeout, name) for name in ("connect", "read", "write", "pool")):
        raise TypeError(
            f"timeout must be resilient_claude.Timeouts, httpx2.Timeout or a number of seconds, "
            f"got {type(timeout).__name__}"
        )
    limits = cast(httpx2.Timeout, timeout)  # or httpx's, which has the same attributes
    connect, read = limits.connect, limits.read
    clocks = {} if connect is None else {"connect_s": connect}
    if read is not None:
        clocks |= dict.fromkeys(("first_token_s", "stall_s", "thinking_s"), read)
    made = replace(default, **clocks)  # which checks the values before they are compared
    capped = {name: min(clocks[name], max_silence_s) for name in _WAITS & clocks.keys()}
    return replace(made, **capped)


_WAITS = {"connect_s", "first_token_s"}
"""Clocks of what the silence budget bounds as well."""
