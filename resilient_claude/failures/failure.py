"""What a failed attempt is: its kind, its origin, its phase.

The vocabulary that logs, errors and events share. Values of the enumerations are public API.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
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
    REFUSAL = "refusal"
    CANCELLED = "cancelled"
    BUG = "bug"


class Origin(StrEnum):
    """Whose side a failure was on, as far as the evidence goes.

    `local` is this machine, its event loop or its network; `remote` Anthropic, which answered or
    closed an exchange that it had begun to answer; `caller` the request, the key or the account;
    `proxy` what stands between.
    """

    LOCAL = "local"
    REMOTE = "remote"
    CALLER = "caller"
    PROXY = "proxy"
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
        loop_lag_s: how long our own event loop stood still meanwhile, where that was noticed.
        proxy: host and port of the proxy that was used.
        peer: the address that was connected, or tried last; None where there is a `request_id`.
        tls_issuer: who issued the certificate over which the TLS handshake failed.
        tls_subject: whose certificate that was.
        tls_not_before: since when it was valid.
        tls_not_after: until when it was valid.
        server: the `server` header of a response that is not the API's.
        via: the `via` header of such a response.
        location: the host that such a response leads to.
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
    loop_lag_s: float | None = None
    proxy: str | None = None
    peer: str | None = None
    tls_issuer: str | None = None
    tls_subject: str | None = None
    tls_not_before: str | None = None
    tls_not_after: str | None = None
    server: str | None = None
    via: str | None = None
    location: str | None = None

    def as_dict(self) -> dict[str, str | int | float | None]:
        """What every log line about it tells, in the order of the line."""
        values = ((name, getattr(self, name)) for name in FAILURE_FIELDS)
        return {name: str(v) if isinstance(v, StrEnum) else v for name, v in values}


FAILURE_FIELDS = tuple(field.name for field in fields(Failure) if field.name != "retryable")
"""What a log line tells of a failure; whether it was tried again is told by the line itself."""


def failure_of(exc: BaseException | None) -> Failure | None:
    """The `Failure` behind an exception raised or reported by this package, else None."""
    failure = getattr(exc, "failure", None)
    return failure if isinstance(failure, Failure) else None
