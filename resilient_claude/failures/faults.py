"""The exceptions of our own: what a response, a clock or the application did wrong."""

from __future__ import annotations

from .failure import FailureKind, Origin


class Fault(Exception):
    """What is judged here: a response that is no answer, a key that is none, a closed adapter.

    Also carries an SSE `error` event, which arrives under HTTP 200.

    Args:
        kind: what is wrong with it.
        message: the same in words.
        retryable: whether another sample may be fine.
        origin: whose side it was on; None leaves that to the evidence.
        error_type: the API's own word, from an `error` event.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        retryable: bool,
        origin: Origin | None = None,
        error_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.origin = origin
        self.error_type = error_type


def malformed(what: str) -> Fault:
    """The fault of a response that breaks the rules; another one may keep them."""
    return Fault(FailureKind.MALFORMED, what, retryable=True)


def adapter_closed() -> Fault:
    """The fault of a turn that runs, or begins, when its adapter is closed."""
    return Fault(
        FailureKind.CANCELLED, "the adapter was closed", retryable=False, origin=Origin.LOCAL
    )


class ClockExpired(TimeoutError):
    """One of the clocks in `Timeouts` or the silence budget ran out.

    Attributes:
        clock: its name, such as `stall_s`.
        limit_s: what it was set to, in seconds.
    """

    def __init__(self, clock: str, limit_s: float) -> None:
        super().__init__(f"{clock} expired after {limit_s:.3g} s")
        self.clock = clock
        self.limit_s = limit_s
