"""What a failed attempt is: its kind, its origin, its phase, and the exceptions of our own.

The vocabulary that logs, errors and events share. Values of the enumerations are public API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """What failed, in one word. The values appear in logs and are part of the public API."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    RESET = "reset"
    TIMEOUT = "timeout"
    STALL = "stall"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    EMPTY = "empty"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    SERVER = "server"
    BILLING = "billing"
    AUTH = "auth"
    REJECTED = "rejected"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    BUG = "bug"


class Origin(StrEnum):
    """Whose side a failure was on, as far as the evidence goes."""

    LOCAL = "local"
    REMOTE = "remote"
    CALLER = "caller"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """How far an attempt had come when it failed."""

    BUILD = "build"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    SEND = "send"
    RESPONSE = "response"
    FIRST_TOKEN = "first_token"
    STREAMING = "streaming"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known about an attempt when it failed.

    Attributes:
        phase: how far it had come.
        https: whether the URL asked for TLS.
        proxied: whether a proxy is connected first.
        request_id: the `request-id` header of the response, the proof that Anthropic answered.
        private: texts of the conversation, which no message may repeat.
    """

    phase: Phase
    https: bool = True
    proxied: bool = False
    request_id: str | None = None
    private: Callable[[], Iterable[str]] = tuple


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt, named.

    Attributes:
        kind: what failed.
        origin: whose side it was on.
        phase: how far the attempt had come.
        root_type: class name of the deepest cause.
        root_message: its message, without keys and speech, at most `MESSAGE_CHARS` long.
        retryable: whether the same request may succeed when sent again.
        errno: the operating system's error number, where there is one.
        status: the HTTP status that was received, where there was one.
        error_type: the API's own `error.type` (such as `overloaded_error`).
        request_id: Anthropic's id of the request, to quote to their support.
        retry_after_s: seconds the server asked to wait.
    """

    kind: FailureKind
    origin: Origin
    phase: Phase
    root_type: str
    root_message: str
    retryable: bool
    errno: int | None = None
    status: int | None = None
    error_type: str | None = None
    request_id: str | None = None
    retry_after_s: float | None = None


class StreamFault(Exception):
    """A response that arrived but cannot be an answer: truncated, malformed, refused, empty.

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


def malformed(what: str) -> StreamFault:
    """The fault of a response that breaks the rules; another one may keep them."""
    return StreamFault(FailureKind.MALFORMED, what, retryable=True)


def adapter_closed() -> StreamFault:
    """The fault of a turn that runs, or begins, when its adapter is closed."""
    return StreamFault(
        FailureKind.CANCELLED, "the adapter was closed", retryable=False, origin=Origin.LOCAL
    )


class ClockExpired(TimeoutError):
    """One of the clocks in `Timeouts` or the silence budget ran out.

    Attributes:
        clock: its name, such as `response_s`.
        limit_s: what it was set to, in seconds.
    """

    def __init__(self, clock: str, limit_s: float) -> None:
        super().__init__(f"{clock} expired after {limit_s:.3g} s")
        self.clock = clock
        self.limit_s = limit_s


def failure_of(exc: BaseException | None) -> Failure | None:
    """The `Failure` behind an exception raised or reported by this package, else None."""
    failure = getattr(exc, "failure", None)
    return failure if isinstance(failure, Failure) else None
