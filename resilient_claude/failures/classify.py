"""Name any exception: what kind of failure it is, whose side it was on, how far it had come.

Pure: no I/O, no clock but the one that is passed in.
"""

from __future__ import annotations

import errno as errnos
import ssl
import time
from collections.abc import Callable, Iterable
from traceback import extract_tb

from .causes import NO_ROUTE, cause_chain
from .evidence import Evidence
from .failure import Failure, FailureKind, Origin, Phase
from .faults import ClockExpired, Fault
from .kinds import FACTS
from .known_errors import broken_rule, kind_of_class, quotes_bytes
from .redaction import identifier, redact
from .statuses import classify_status, status_of


def classify(
    exc: BaseException,
    evidence: Evidence,
    *,
    private: Callable[[], Iterable[str]] = tuple,
    wall_clock: Callable[[], float] = time.time,
) -> Failure:
    """Name *exc*. Total: every exception gets a `Failure`, an unknown one is a `bug`.

    Args:
        exc: what was raised.
        evidence: what is known about the attempt.
        private: gives the texts of the conversation, which no message may repeat.
        wall_clock: the time, seconds since 1970, to tell when a `retry-after` date is.
    """
    status = status_of(exc)
    if status is not None:
        return classify_status(exc, status, evidence, private, wall_clock)
    chain = list(cause_chain(exc))
    root = chain[-1]
    kind = _kind_of_chain(chain, evidence.phase)
    phase = _phase(kind, chain, evidence)
    fault = _fault(chain)
    return Failure(
        kind=kind,
        origin=_origin(kind, root, fault, phase, evidence.request_id),
        phase=phase,
        root_type=type(root).__name__,
        root_message=_message(kind, root, fault, private),
        retryable=fault.retryable if fault else FACTS[kind].retryable and not _proxy_refuses(root),
        errno=_errno(root),
        status=evidence.status or (200 if phase in _AFTER_HEADERS else None),
        error_type=identifier(fault.error_type) if fault else None,
        **evidence.facts(),
    )


_CONNECT_PHASES = (Phase.BUILD, Phase.DNS, Phase.CONNECT, Phase.TLS)
_REQUEST_PHASES = (*_CONNECT_PHASES, Phase.SEND)
_AFTER_HEADERS = (Phase.FIRST_TOKEN, Phase.STREAMING)


def _errno(root: BaseException) -> int | None:
    """The operating system's number; those of OpenSSL, of another meaning, are none."""
    return root.errno if isinstance(root, OSError) and not isinstance(root, ssl.SSLError) else None


def _fault(chain: list[BaseException]) -> Fault | None:
    return next((error for error in chain if isinstance(error, Fault)), None)


def _kind_of_chain(chain: list[BaseException], phase: Phase) -> FailureKind:
    """The kind the root knows best; a bug unless the outermost exception is one we know."""
    root = chain[-1]
    fault = _fault(chain)
    if fault is not None:
        return fault.kind
    if isinstance(root, ClockExpired):
        streaming = root.clock in ("stall_s", "thinking_s")
        return FailureKind.STALL if streaming else FailureKind.TIMEOUT
    known = kind_of_class(chain[0]) is not None or _is_network_error(chain[0])
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


def _proxy_refuses(root: BaseException) -> bool:
    """Whether a proxy wants credentials or forbids the host: it will do so again."""
    refused = getattr(root, "status", None) in (403, 407)
    return refused and type(root).__name__ == "ClientHttpProxyError"


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
    kind: FailureKind,
    root: BaseException,
    fault: Fault | None,
    phase: Phase,
    request_id: str | None,
) -> Origin:
    if fault is not None:
        # Without Anthropic's request id, anything on the way may have written the response.
        by_id = Origin.UNKNOWN if request_id is None else Origin.REMOTE
        return fault.origin or by_id
    by_kind = FACTS[kind].origin
    if by_kind is not Origin.UNKNOWN:
        return by_kind
    if isinstance(root, ssl.SSLCertVerificationError):
        return Origin.LOCAL  # a wrong clock, a missing CA, or somebody inspecting TLS
    if phase in (Phase.DNS, Phase.CONNECT):
        return Origin.LOCAL  # nothing beyond this machine's network, or its proxy, ever answered
    if kind is FailureKind.RESET and phase not in _CONNECT_PHASES:
        return Origin.REMOTE  # an established exchange was closed by the other side
    if kind is FailureKind.MALFORMED and request_id is not None:
        return Origin.REMOTE
    return Origin.UNKNOWN


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
    private: Callable[[], Iterable[str]],
) -> str:
    """The root's message where its class is known to say nothing private, else where it arose."""
    if kind is FailureKind.BUG:
        frames = extract_tb(root.__traceback__)
        if not frames:
            return "raised outside of any frame"
        last = frames[-1]
        return f"at {last.filename.rpartition('/')[2]}:{last.lineno} in {last.name}"
    if fault is not None and kind_of_class(root) is None:
        return redact(_text(fault), private())
    if type(root).__name__ == "ClientHttpProxyError":
        return f"the proxy answered CONNECT with HTTP {getattr(root, 'status', None)}"
    if quotes_bytes(root):
        return f"the bytes on the wire are not what HTTP asks for{broken_rule(root)}"
    return redact(_text(root), private())


def _text(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001 - somebody else's `__str__`; its type is told all the same
        return ""
