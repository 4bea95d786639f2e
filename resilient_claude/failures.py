"""Name any exception: what kind of failure, whose side it was on, and its deepest cause.

Nothing here does I/O. Exceptions are recognised by class *name*, package by package, so that this
module works with every supported release of anthropic, httpx2, httpcore2 and aiohttp, whichever
of them is installed; a test walks those packages and fails when one of them gains a class that is
not named here.
"""

from __future__ import annotations

import errno as errnos
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import pairwise
from math import isfinite
from traceback import extract_tb
from typing import Any

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

MESSAGE_CHARS = 300
"""Longest `Failure.root_message`, in characters; the rest is dropped."""


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
        request_id: the `request-id` header of the response, the proof that Anthropic answered.
        private: texts of the conversation, which no message may repeat.
    """

    phase: Phase
    https: bool = True
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
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        retryable: bool,
        origin: Origin = Origin.REMOTE,
        error_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.origin = origin
        self.error_type = error_type


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


def classify(
    exc: BaseException, evidence: Evidence, *, wall_clock: Callable[[], float] = time.time
) -> Failure:
    """Name *exc*. Total: every exception gets a `Failure`, an unknown one is a `bug`."""
    status = _status(exc)
    if status is not None:
        return _classify_status(exc, status, evidence, wall_clock)
    chain = list(cause_chain(exc))
    root = chain[-1]
    kind = _kind_of_chain(chain, evidence.phase)
    phase = _phase(kind, chain, evidence)
    fault = _fault(chain)
    return Failure(
        kind=kind,
        origin=fault.origin if fault else _origin(kind, root, phase, evidence.request_id),
        phase=phase,
        root_type=type(root).__name__,
        root_message=_message(kind, root, fault, evidence.private),
        retryable=fault.retryable if fault else kind in _RETRYABLE,
        errno=root.errno if isinstance(root, OSError) else None,
        status=200 if phase in (Phase.FIRST_TOKEN, Phase.STREAMING) else None,
        error_type=fault.error_type if fault else None,
        request_id=evidence.request_id,
    )


def root_cause(exc: BaseException) -> BaseException:
    """The deepest exception that says why, never a cancellation or an internal signal."""
    *_, root = cause_chain(exc)
    return root


def cause_chain(exc: BaseException) -> Iterator[BaseException]:
    """*exc*, its cause, the cause of that, and so on to the root; never the same one twice."""
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = _next_cause(current)


def relink(exc: BaseException) -> None:
    """Make the `__cause__` chain of *exc* end at its root, so that a traceback shows it.

    httpcore2 raises `from None`, which leaves the operating system's error only in the suppressed
    `__context__`, where neither logging nor livekit's `APIConnectionError.__str__` looks.
    """
    chain = list(cause_chain(exc))
    for error, cause in pairwise(chain):
        if error.__cause__ is not cause:
            error.__cause__ = cause
    if chain[-1].__cause__ is not None:  # a cancellation, or a cycle
        chain[-1].__cause__ = None


def to_api_error(failure: Failure, *, summary: str) -> APIError:
    """Livekit's exception for *failure*; the failure itself is its attribute `failure`.

    Args:
        failure: what went wrong in the last attempt.
        summary: the beginning of the message, such as "no answer after 3 attempts in 4.2 s".
    """
    where = f"{failure.kind} ({failure.origin}) in phase {failure.phase}"
    message = f"{summary}: {where}: {failure.root_type}: {failure.root_message}"
    error = _api_error(failure, message)
    error.failure = failure  # type: ignore[attr-defined]
    return error


def failure_of(exc: BaseException | None) -> Failure | None:
    """The `Failure` behind an exception raised or reported by this package, else None."""
    failure = getattr(exc, "failure", None)
    return failure if isinstance(failure, Failure) else None


def scrub(exc: BaseException, failure: Failure) -> None:
    """Take what the API wrote out of the messages in the chain of *exc*, and put *failure*'s in.

    The API's own words may quote the prompt, and tracebacks print every message of the chain.
    """
    for error in cause_chain(exc):
        if isinstance(error, StreamFault) or "anthropic.APIStatusError" in _class_names(error):
            error.args = (failure.root_message,)
        if "anthropic.APIStatusError" in _class_names(error):
            vars(error).update(message=failure.root_message, body=None)


def redact(text: str, private: Iterable[str] = ()) -> str:
    """*text* on one line, without API keys and without any long piece of *private*, shortened."""
    text = _SECRET.sub("[redacted]", " ".join(text[: 4 * MESSAGE_CHARS].split()))
    for spoken in private:
        text = _hide(text, " ".join(spoken.split()))
    return text if len(text) <= MESSAGE_CHARS else text[: MESSAGE_CHARS - 1] + "…"


# --- causes -------------------------------------------------------------------------------------

# Not causes but signals: following them would end every chain in the machinery of asyncio or ssl.
_SIGNALS = ("StopAsyncIteration", "StopIteration", "CancelledError", "GeneratorExit")
# Only these raise `from None` and so hide a cause in a suppressed context. Following the context
# of any other class would call a bug in an `except` block by the name of the error it handled.
_HIDES_CAUSE = ("anthropic", "httpx2", "httpcore2", "aiohttp")


def _next_cause(exc: BaseException) -> BaseException | None:
    if isinstance(exc, ClockExpired):
        return None  # a verdict of ours; what it interrupted is not its cause
    if isinstance(exc, BaseExceptionGroup):
        return _telling(exc.exceptions)
    if exc.__cause__ is not None:
        return exc.__cause__ if _is_cause(exc.__cause__) else None
    package = type(exc).__module__.partition(".")[0]
    if package in _HIDES_CAUSE or isinstance(exc, OSError):
        context = exc.__context__
        if context is not None and _is_cause(context):
            return context
    return None


def _is_cause(exc: BaseException) -> bool:
    if isinstance(exc, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return False
    return type(exc).__name__ not in _SIGNALS


def _telling(errors: Iterable[BaseException]) -> BaseException | None:
    """Of several addresses' errors, the one that is not just "this machine has no IPv6"."""
    candidates = [error for error in errors if _is_cause(error)]
    for error in candidates:
        if getattr(root_cause(error), "errno", None) not in _NO_ROUTE:
            return error
    return candidates[0] if candidates else None


_NO_ROUTE = (errnos.ENETUNREACH, errnos.EHOSTUNREACH, errnos.EADDRNOTAVAIL, errnos.EAFNOSUPPORT)


# --- kinds --------------------------------------------------------------------------------------

_RETRYABLE = frozenset(
    {
        FailureKind.DNS,
        FailureKind.CONNECT,
        FailureKind.TLS,
        FailureKind.RESET,
        FailureKind.TIMEOUT,
        FailureKind.STALL,
        FailureKind.TRUNCATED,
        FailureKind.MALFORMED,
        FailureKind.EMPTY,
        FailureKind.OVERLOADED,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER,
    }
)

_CONNECT_PHASES = (Phase.BUILD, Phase.DNS, Phase.CONNECT, Phase.TLS)
_REQUEST_PHASES = (*_CONNECT_PHASES, Phase.SEND)


def _named(kind: FailureKind, package: str, names: str) -> dict[str, FailureKind]:
    return {f"{package}.{name}": kind for name in names.split()}


KIND_OF_CLASS: Mapping[str, FailureKind] = {
    **_named(FailureKind.DNS, "socket", "gaierror herror"),
    **_named(FailureKind.CONNECT, "builtins", "ConnectionRefusedError"),
    **_named(
        FailureKind.RESET,
        "builtins",
        "ConnectionResetError ConnectionAbortedError BrokenPipeError ConnectionError",
    ),
    **_named(FailureKind.TIMEOUT, "builtins", "TimeoutError"),
    **_named(FailureKind.TLS, "ssl", "SSLError SSLCertVerificationError CertificateError"),
    **_named(FailureKind.MALFORMED, "json", "JSONDecodeError"),
    **_named(FailureKind.MALFORMED, "builtins", "UnicodeDecodeError"),
    **_named(FailureKind.MALFORMED, "zlib", "error"),
    # httpx2 and httpcore2 share their names.
    **{
        f"{package}.{name}": kind
        for package in ("httpx2", "httpcore2")
        for kind, names in (
            (FailureKind.CONNECT, "ConnectError ProxyError ConnectionNotAvailable"),
            (
                FailureKind.TIMEOUT,
                "TimeoutException ConnectTimeout ReadTimeout WriteTimeout PoolTimeout",
            ),
            (FailureKind.RESET, "NetworkError ReadError WriteError CloseError RemoteProtocolError"),
            (FailureKind.MALFORMED, "ProtocolError DecodingError SSEError TooManyRedirects"),
            # A header or URL that cannot be sent: it will not get better by sending it again.
            (FailureKind.REJECTED, "LocalProtocolError UnsupportedProtocol InvalidURL"),
            (FailureKind.RESET, "TransportError RequestError HTTPError"),
        )
        for name in names.split()
    },
    **_named(FailureKind.CONNECT, "aiohttp", "ClientConnectorError UnixClientConnectorError"),
    **_named(FailureKind.CONNECT, "aiohttp", "ClientProxyConnectionError ClientHttpProxyError"),
    **_named(FailureKind.DNS, "aiohttp", "ClientConnectorDNSError"),
    **_named(
        FailureKind.TLS,
        "aiohttp",
        "ClientSSLError ClientConnectorSSLError ClientConnectorCertificateError "
        "ServerFingerprintMismatch",
    ),
    **_named(
        FailureKind.TIMEOUT,
        "aiohttp",
        "ServerTimeoutError ConnectionTimeoutError SocketTimeoutError",
    ),
    **_named(
        FailureKind.RESET,
        "aiohttp",
        "ClientError ClientOSError ClientConnectionError ClientConnectionResetError "
        "ServerConnectionError ServerDisconnectedError ClientPayloadError "
        "UploadAbortedError",
    ),
    **_named(
        FailureKind.MALFORMED,
        "aiohttp",
        "ClientResponseError ContentTypeError TooManyRedirects HttpProcessingError HttpBadRequest "
        "BadHttpMessage BadHttpMethod BadStatusLine InvalidHeader LineTooLong PayloadEncodingError "
        "ContentEncodingError ContentLengthError TransferEncodingError DecompressSizeError "
        "TooManyMembersError",
    ),
    **_named(
        FailureKind.REJECTED,
        "aiohttp",
        "InvalidURL InvalidURLError InvalidUrlClientError InvalidUrlRedirectClientError "
        "NonHttpUrlClientError NonHttpUrlRedirectClientError RedirectClientError",
    ),
    **_named(FailureKind.RESET, "anthropic", "APIConnectionError"),
    **_named(FailureKind.TIMEOUT, "anthropic", "APITimeoutError"),
    **_named(FailureKind.MALFORMED, "anthropic", "APIResponseValidationError"),
    # What the SDK raises when the client was given no usable credential.
    **_named(
        FailureKind.AUTH,
        "anthropic",
        "CredentialsError IdentityTokenFileError WorkloadIdentityError MutuallyExclusiveAuthError",
    ),
    **_named(FailureKind.SERVER, "anthropic", "RetryableError"),
    **_named(FailureKind.CANCELLED, "asyncio", "CancelledError"),
}
"""The kind of every exception class that can reach us, as `package.ClassName`.

Subclasses of `anthropic.APIStatusError` are not listed: their status and type decide.
"""


def _class_names(exc: BaseException) -> Iterator[str]:
    for cls in type(exc).__mro__:
        yield f"{cls.__module__.partition('.')[0]}.{cls.__name__}"


def _kind_of_class(exc: BaseException) -> FailureKind | None:
    return next((KIND_OF_CLASS[n] for n in _class_names(exc) if n in KIND_OF_CLASS), None)


def _fault(chain: list[BaseException]) -> StreamFault | None:
    return next((error for error in chain if isinstance(error, StreamFault)), None)


def _kind_of_chain(chain: list[BaseException], phase: Phase) -> FailureKind:
    """The kind the root knows best; a bug unless the outermost exception is one we know."""
    root = chain[-1]
    fault = _fault(chain)
    if fault is not None:
        return fault.kind
    if isinstance(root, ClockExpired):
        streaming = root.clock in ("stall_s", "thinking_s")
        return FailureKind.STALL if streaming else FailureKind.TIMEOUT
    if _kind_of_class(chain[0]) is None and not _is_network_error(chain[0]):
        return FailureKind.BUG
    for error in reversed(chain):
        if isinstance(error, ssl.SSLError) and phase not in _REQUEST_PHASES:
            return FailureKind.RESET  # the handshake was long done: the peer went away
        kind = _kind_of_class(error)
        if kind is not None:
            # aiohttp reports a body that stops short as a payload error; so do we, by our name.
            cut = type(error).__name__ in ("TransferEncodingError", "ContentLengthError")
            return FailureKind.RESET if cut else kind
        if _is_network_error(error):
            return FailureKind.CONNECT if phase in _REQUEST_PHASES else FailureKind.RESET
    return FailureKind.BUG


def _is_network_error(exc: BaseException) -> bool:
    """A plain OSError with the number of a network error; FileNotFoundError is not one."""
    return type(exc) is OSError and exc.errno in (*_NO_ROUTE, *_NETWORK_ERRNOS)


_NETWORK_ERRNOS = (
    errnos.ENETDOWN,
    errnos.ENETRESET,
    errnos.ENOTCONN,
    errnos.ENOBUFS,
    errnos.EMFILE,
    errnos.ENFILE,
    errnos.EHOSTDOWN,
    errnos.EPROTO,
)


# --- whose side ---------------------------------------------------------------------------------

_OF_THE_CALLER = (FailureKind.AUTH, FailureKind.BILLING, FailureKind.REJECTED)


def _origin(kind: FailureKind, root: BaseException, phase: Phase, request_id: str | None) -> Origin:
    if kind in (FailureKind.BUG, FailureKind.CANCELLED):
        return Origin.LOCAL
    if kind in _OF_THE_CALLER:
        return Origin.CALLER
    if kind in (FailureKind.DNS, FailureKind.CONNECT):
        return Origin.LOCAL
    if isinstance(root, ssl.SSLCertVerificationError):
        return Origin.LOCAL  # a wrong clock, a missing CA, or somebody inspecting TLS
    if kind is FailureKind.TIMEOUT and phase in (Phase.DNS, Phase.CONNECT):
        return Origin.LOCAL  # nothing beyond this machine's network ever answered
    if kind is FailureKind.RESET and phase not in _CONNECT_PHASES:
        return Origin.REMOTE  # an established exchange was closed by the other side
    if kind is FailureKind.MALFORMED and request_id is not None:
        return Origin.REMOTE
    return Origin.UNKNOWN


_AFTER_CONNECTING = {"ReadError", "ReadTimeout", "RemoteProtocolError", "ServerDisconnectedError"}


def _phase(kind: FailureKind, chain: list[BaseException], evidence: Evidence) -> Phase:
    """The phase, as far as the root cause knows it better than the attempt did."""
    if evidence.phase not in _CONNECT_PHASES:
        return evidence.phase
    names = {type(error).__name__ for error in chain}
    if names & _AFTER_CONNECTING:  # httpx2's own transport does not report its phases
        return Phase.RESPONSE
    if kind is FailureKind.DNS:
        return Phase.DNS
    # connect() itself is refused or times out; a reset there comes out of the TLS handshake.
    if kind is FailureKind.TLS or (kind is FailureKind.RESET and evidence.https):
        return Phase.TLS
    if kind is FailureKind.CONNECT and evidence.phase is Phase.BUILD:
        return Phase.CONNECT
    return evidence.phase


# --- answers with an error status ---------------------------------------------------------------

_STATUS_KIND = {
    401: FailureKind.AUTH,
    402: FailureKind.BILLING,
    403: FailureKind.AUTH,
    429: FailureKind.RATE_LIMITED,
    529: FailureKind.OVERLOADED,
}
_TYPE_KIND = {
    "authentication_error": FailureKind.AUTH,
    "permission_error": FailureKind.AUTH,
    "billing_error": FailureKind.BILLING,
    "rate_limit_error": FailureKind.RATE_LIMITED,
    "overloaded_error": FailureKind.OVERLOADED,
    "api_error": FailureKind.SERVER,
    "timeout_error": FailureKind.SERVER,
    "invalid_request_error": FailureKind.REJECTED,
    "request_too_large": FailureKind.REJECTED,
    "not_found_error": FailureKind.REJECTED,
}
_RETRYABLE_STATUS = frozenset({408, 409, 429})


def kind_of_error_type(error_type: str | None) -> FailureKind:
    """The kind of an SSE `error` event; a type nobody has documented is a server error."""
    return _TYPE_KIND.get(error_type or "", FailureKind.SERVER)


def _status(exc: BaseException) -> int | None:
    if "anthropic.APIStatusError" not in _class_names(exc):
        return None
    status = getattr(exc, "status_code", None)
    return status if isinstance(status, int) else None


def _classify_status(
    exc: BaseException, status: int, evidence: Evidence, wall_clock: Callable[[], float]
) -> Failure:
    body = getattr(exc, "body", None)
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    headers = getattr(getattr(exc, "response", None), "headers", {})
    error_type = error.get("type") if isinstance(error.get("type"), str) else None
    request_id = headers.get("request-id") or evidence.request_id
    kind = _kind_of_status(status, error_type, error)
    message = error.get("message")
    if not isinstance(message, str):
        message = f"HTTP {status} without an API error in its body"
    return Failure(
        kind=kind,
        origin=_origin_of_status(kind, status, request_id),
        phase=evidence.phase if evidence.phase is Phase.STREAMING else Phase.RESPONSE,
        root_type=type(exc).__name__,
        root_message=redact(message, evidence.private()),
        retryable=_status_retryable(kind, status, headers),
        status=status,
        error_type=error_type,
        request_id=request_id,
        retry_after_s=retry_after_s(headers, wall_clock),
    )


def _kind_of_status(status: int, error_type: str | None, error: Mapping[str, Any]) -> FailureKind:
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    if isinstance(code, str) and "spend_limit" in code:
        return FailureKind.BILLING  # a 429 that no waiting heals; source: anthropic 2.x, types
    if error_type in _TYPE_KIND and status != 200:
        by_status = _STATUS_KIND.get(status)
        return by_status or _TYPE_KIND[error_type]
    if status >= 500:
        return _STATUS_KIND.get(status, FailureKind.SERVER)
    if status in (408, 409):
        return FailureKind.SERVER
    return _STATUS_KIND.get(status, FailureKind.REJECTED)


def _origin_of_status(kind: FailureKind, status: int, request_id: str | None) -> Origin:
    if status == 407:
        return Origin.LOCAL  # a proxy on our side wants credentials
    if request_id is None:
        return Origin.UNKNOWN  # anything between us and Anthropic may have written this
    return Origin.CALLER if kind in _OF_THE_CALLER else Origin.REMOTE


def _status_retryable(kind: FailureKind, status: int, headers: Mapping[str, str]) -> bool:
    asked = headers.get("x-should-retry")
    if asked in ("true", "false"):
        return asked == "true"
    if kind is FailureKind.BILLING:
        return False
    return status >= 500 or status in _RETRYABLE_STATUS


def retry_after_s(headers: Mapping[str, str], wall_clock: Callable[[], float]) -> float | None:
    """Seconds the server asked to wait, from `retry-after-ms` or `retry-after`, else None.

    Nonsense (negative, infinite, not a number or a date) counts as not asked.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - wall_clock())


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) and number >= 0 else None


# --- messages -----------------------------------------------------------------------------------

_SECRET = re.compile(
    r"sk-[\w-]{8,}|(?i:(?:x-api-key|authorization)\W{1,5}(?:bearer\s+)?|bearer\s+)\S+"
)
_SPEECH_CHARS = 12  # a shared run this long is a quotation, not a coincidence


def _message(
    kind: FailureKind,
    root: BaseException,
    fault: StreamFault | None,
    private: Callable[[], Iterable[str]],
) -> str:
    """The root's message where its class is known to say nothing private, else where it arose."""
    if kind is FailureKind.BUG:
        frames = extract_tb(root.__traceback__)
        if not frames:
            return "raised outside of any frame"
        last = frames[-1]
        return f"at {last.filename.rpartition('/')[2]}:{last.lineno} in {last.name}"
    if fault is not None and _kind_of_class(root) is None:
        return redact(str(fault), private())
    if "LocalProtocolError" in {cls.__name__ for cls in type(root).__mro__}:
        return "a header or body that cannot be sent"  # h11 quotes the header, key included
    return redact(str(root))


def _hide(text: str, spoken: str) -> str:
    """*text* with every run of `_SPEECH_CHARS` or more characters of *spoken* blanked out."""
    start = 0
    while start + _SPEECH_CHARS <= len(text):
        end = start + _SPEECH_CHARS
        if text[start:end] not in spoken:
            start += 1
            continue
        while end < len(text) and text[start : end + 1] in spoken:
            end += 1
        text = f"{text[:start]}[…]{text[end:]}"
        start += 3
    return text


def _api_error(failure: Failure, message: str) -> APIError:
    if failure.kind is FailureKind.BUG:
        return APIError(message, retryable=False)
    if failure.kind in (FailureKind.TIMEOUT, FailureKind.STALL):
        return APITimeoutError(message, retryable=failure.retryable)
    status = _status_of(failure)
    if status is None:
        return APIConnectionError(message, retryable=failure.retryable)
    body = {"type": "error", "error": {"type": failure.error_type, "message": failure.root_message}}
    return APIStatusError(
        message,
        status_code=status,
        request_id=failure.request_id,
        body=body if failure.error_type else None,
        retryable=failure.retryable,
    )


_KIND_STATUS = {
    FailureKind.OVERLOADED: 529,
    FailureKind.RATE_LIMITED: 429,
    FailureKind.SERVER: 500,
    FailureKind.BILLING: 402,
    FailureKind.AUTH: 401,
    FailureKind.REJECTED: 400,
    FailureKind.REFUSED: 200,
}


def _status_of(failure: Failure) -> int | None:
    """The status livekit shall see. Under HTTP 200 the kind tells what was meant.

    Never 499: livekit ends a stream silently on it (llm.py, `_main_task`).
    """
    if failure.status is not None and failure.status >= 300:
        return 400 if failure.status == 499 else failure.status
    return _KIND_STATUS.get(failure.kind)
