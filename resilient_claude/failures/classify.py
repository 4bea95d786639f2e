"""Name any exception: what kind of failure it is, whose side it was on, how far it had come.

Pure: no I/O, no clock but the one that is passed in.
"""

from __future__ import annotations

import errno as errnos
import ssl
import time
from collections.abc import Callable, Iterable

from .causes import NO_ROUTE, cause_chain
from .evidence import Evidence
from .failure import Failure, FailureKind, Origin, Phase
from .faults import ClockExpired, Fault
from .kinds import FACTS
from .known_errors import broken_rule, kind_of_class, quotes_bytes
from .private import Private
from .redaction import identifier, redact
from .signing import cause_of_no_credentials, names_credentials, while_signing
from .statuses import classify_status, origin_of_answer, status_of
from .undisclosed import Undisclosed, place_of


def classify(
    exc: BaseException,
    evidence: Evidence,
    *,
    private: Callable[[], Private | Iterable[str]] = tuple,
    wall_clock: Callable[[], float] = time.time,
) -> Failure:
    """Name *exc*. Total: every exception gets a `Failure`, an unknown one is a `bug`.

    Args:
        exc: what was raised.
        evidence: what is known about the attempt.
        private: gives what no message may repeat; texts alone are those of the conversation.
        wall_clock: the time, seconds since 1970, to tell when a `retry-after` date is.
    """
    status = status_of(exc)
    if status is not None:
        return classify_status(exc, status, evidence, private, wall_clock)
    chain = list(cause_chain(exc))
    root = chain[-1]
    fault = _fault(chain)
    signing = fault is None and while_signing(chain)
    kind = FailureKind.AUTH if signing else _kind_of_chain(chain, evidence.phase)
    if kind is FailureKind.AUTH and fault is None:
        root = cause_of_no_credentials(chain)
    phase = _phase(kind, chain, evidence)
    return Failure(
        kind=kind,
        origin=_origin(kind, root, fault, phase, evidence),
        phase=phase,
        root_type=type(root).__name__[:_NAME_CHARS],
        root_message=_message(kind, root, fault, phase, private),
        retryable=fault.retryable if fault else _retryable(kind, root),
        errno=_errno(root),
        status=evidence.status or (200 if phase in _AFTER_HEADERS else None),
        error_type=identifier(fault.error_type) if fault else None,
        **evidence.facts(),
    )


_NAME_CHARS = 80
_CONNECT_PHASES = (Phase.BUILD, Phase.DNS, Phase.CONNECT, Phase.TLS)
_REQUEST_PHASES = (*_CONNECT_PHASES, Phase.SEND)
_AFTER_HEADERS = (Phase.FIRST_TOKEN, Phase.STREAMING)


def _fault(chain: list[BaseException]) -> Fault | None:
    return next((error for error in chain if isinstance(error, Fault)), None)


def _kind_of_chain(chain: list[BaseException], phase: Phase) -> FailureKind:
    """The kind the root knows best; a bug unless the outermost exception is one we know."""
    root = chain[-1]
    fault = _fault(chain)
    if fault is not None:
        return fault.kind
    if isinstance(root, ClockExpired):
        streaming = root.clock in ("stall_s", "thinking_s", "max_thinking_s")
        return FailureKind.STALL if streaming else FailureKind.TIMEOUT
    known = kind_of_class(chain[0]) is not None or _is_network_error(chain[0])
    if known and any(kind_of_class(error) is FailureKind.AUTH for error in chain):
        return FailureKind.AUTH  # what lies below is how a library looked for credentials
    if not known or _is_mistake(root):
        return FailureKind.BUG  # also below the SDK, which wraps whatever it meets
    return next(kind for error in reversed(chain) if (kind := _kind_of_one(error, phase)))


def _kind_of_one(error: BaseException, phase: Phase) -> FailureKind | None:
    if isinstance(error, ssl.SSLError) and phase not in _REQUEST_PHASES:
        return FailureKind.RESET  # the handshake was long done: the peer went away
    if _is_network_error(error):
        return FailureKind.CONNECT if phase in _REQUEST_PHASES else FailureKind.RESET
    # aiohttp reports a body that stops short as a payload error; so do we, by our name.
    cut = type(error).__name__ in ("TransferEncodingError", "ContentLengthError")
    return FailureKind.RESET if cut else kind_of_class(error)


def _is_mistake(root: BaseException) -> bool:
    """Whether *root* tells of a mistake in code: a KeyError, but not an OSError of any number.

    A class of a package that nobody named, such as h11, is left to what was raised from it.
    """
    builtin = type(root).__module__ == "builtins" and not isinstance(root, OSError)
    return builtin and kind_of_class(root) is None


def _errno(root: BaseException) -> int | None:
    """The system's number of *root*; OpenSSL has numbers of its own, which mean other things."""
    numbered = isinstance(root, OSError) and not isinstance(root, ssl.SSLError)
    number = root.errno if numbered else None  # type: ignore[attr-defined]
    return number if isinstance(number, int) else None


def _retryable(kind: FailureKind, root: BaseException) -> bool:
    if kind is FailureKind.AUTH:
        return True  # no API has said no: credentials could not be had, and may be a moment later
    return FACTS[kind].retryable and not _proxy_refuses(root)


def _proxy_refuses(root: BaseException) -> bool:
    """Whether a proxy wants credentials or forbids the host: it will do so again."""
    return _is_of_proxy(root) and getattr(root, "status", None) in (403, 407)


def _is_of_proxy(root: BaseException) -> bool:
    """Whether *root* is the answer of a proxy to CONNECT."""
    return type(root).__name__ == "ClientHttpProxyError"


def _is_network_error(exc: BaseException) -> bool:
    """A plain OSError with the number of a network error; FileNotFoundError is not one."""
    return type(exc) is OSError and exc.errno in (*NO_ROUTE, *_NETWORK_ERRNOS)


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


def _origin(
    kind: FailureKind, root: BaseException, fault: Fault | None, phase: Phase, evidence: Evidence
) -> Origin:
    # Without Anthropic's request id, anything on the way may have written the response.
    answered_by = evidence.origin_between if evidence.request_id is None else Origin.REMOTE
    if fault is not None:
        return fault.origin or origin_of_answer(kind, 200, evidence.request_id, evidence)
    if _stood_still(kind, root, evidence):
        return Origin.LOCAL
    if _is_of_proxy(root) or (evidence.proxied and _proxy_failed(kind, root, phase)):
        return Origin.PROXY
    by_kind = FACTS[kind].origin
    if by_kind is not Origin.UNKNOWN:
        return by_kind
    if isinstance(root, ssl.SSLCertVerificationError):
        return Origin.LOCAL  # a wrong clock, a missing CA, or somebody inspecting TLS
    if phase in (Phase.DNS, Phase.CONNECT):
        return Origin.LOCAL  # nothing beyond this machine's network ever answered
    if kind in (FailureKind.RESET, FailureKind.MALFORMED) and phase not in _CONNECT_PHASES:
        # Who closes an exchange before it has begun to answer may be anybody on the way.
        return answered_by
    return Origin.UNKNOWN


def _proxy_failed(kind: FailureKind, root: BaseException, phase: Phase) -> bool:
    """Whether, with a proxy on the way, it was the proxy that failed."""
    if kind is FailureKind.CONNECT:
        return isinstance(root, ConnectionRefusedError)
    if isinstance(root, ssl.SSLCertVerificationError):
        return root.verify_code in _UNKNOWN_ISSUER  # it shows a certificate of its own
    # Until CONNECT is answered, there is nobody else to wait for.
    return phase is Phase.CONNECT and kind is not FailureKind.DNS and FACTS[kind].of_connection


# Source: openssl/x509_vfy.h, X509_V_ERR_*: self-signed, or its issuer is not known here.
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)

LONG_LAG_S = 0.5
"""A loop that stood still for so long is why a connection failed, seconds."""


def _stood_still(kind: FailureKind, root: BaseException, evidence: Evidence) -> bool:
    """Whether it failed because our own event loop stood still, and not for want of an answer."""
    lag_s = evidence.loop_lag_s or 0.0
    if isinstance(root, ClockExpired):
        return lag_s >= root.limit_s / 2
    if isinstance(root, ssl.SSLCertVerificationError) or not FACTS[kind].of_connection:
        return False
    waiting = evidence.phase in _REQUEST_PHASES and kind in _FOR_WANT_OF_TIME
    return waiting and lag_s >= LONG_LAG_S


_FOR_WANT_OF_TIME = (FailureKind.DNS, FailureKind.TLS, FailureKind.TIMEOUT, FailureKind.RESET)


# Of transports that do not report their phases, what comes of an established connection only.
_AFTER_CONNECTING = {
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "ServerDisconnectedError",
    "ClientOSError",
}


def _phase(kind: FailureKind, chain: list[BaseException], evidence: Evidence) -> Phase:
    """The phase that the attempt was in; of one that was told of none, what the cause tells."""
    if kind is FailureKind.DNS:
        return Phase.DNS
    if kind is FailureKind.RESET and evidence.phase is Phase.CONNECT and not evidence.proxied:
        # connect() itself is refused or times out: this came of what was to follow.
        return Phase.TLS if evidence.https else Phase.SEND
    if evidence.phase is not Phase.BUILD:
        return evidence.phase
    if {type(error).__name__ for error in chain} & _AFTER_CONNECTING:
        return Phase.RESPONSE
    if kind is FailureKind.TLS or (kind is FailureKind.RESET and evidence.https):
        return Phase.TLS
    return Phase.CONNECT if kind is FailureKind.CONNECT else evidence.phase


def _message(
    kind: FailureKind,
    root: BaseException,
    fault: Fault | None,
    phase: Phase,
    private: Callable[[], Private | Iterable[str]],
) -> str:
    """The root's message where its class is known to say nothing private, else where it arose."""
    if kind is FailureKind.BUG:
        return place_of(root)
    if fault is not None and (kind_of_class(root) is None or isinstance(root, Undisclosed)):
        return redact(_text(fault), private())
    if kind is FailureKind.AUTH and not names_credentials(root):
        return place_of(root)  # the application's own code
    if _is_of_proxy(root):
        return f"the proxy answered CONNECT with HTTP {getattr(root, 'status', None)}"
    if quotes_bytes(root):
        return f"the bytes on the wire are not what HTTP asks for{broken_rule(root)}"
    message = redact(_text(root), private())
    if not message and kind is FailureKind.RESET:  # a FIN, of which no system has a word
        where = "during the TLS handshake" if phase is Phase.TLS else "by the other side"
        return f"the connection was closed {where}"
    return message


def _text(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001 - somebody else's `__str__`; its type is told all the same
        return ""
