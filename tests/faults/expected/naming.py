"""What an attempt that meets a fault must be called: kind, side, error. Pure.

Derived from the evidence that each fault leaves: did TCP connect, did TLS finish, who issued the
certificate, did a `request-id` come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from tests.faults.catalogue.proxies import REFUSING
from tests.faults.catalogue.table import Cell, Proxied, Scenario, Sort, Where, limits_of

THOUGHT_AWAY = "max-tokens-thinking-only"
"""The fault of a message whose thinking used up `max_tokens`."""


@dataclass(frozen=True)
class Failing:
    """What an attempt that meets the fault must be called.

    Attributes:
        kinds: `kind` in the log line; more than one where the evidence allows both.
        origin: whose side; None where the evidence does not decide.
        error: livekit's class of the final error.
        attempts: how many the turn may make at most, whatever the policy says.
        resumable: whether an answer that breaks off so may be taken up again.
        will: whether the same once more is no failure, but what Claude has to say.
        relieved: whether the next attempt has more room for the answer, which is one line.
    """

    kinds: frozenset[str]
    origin: str | None
    error: type[APIError]
    attempts: float = inf
    resumable: bool = True
    will: bool = False
    relieved: bool = False


def failing_of(cell: Cell) -> Failing:
    """Kind, origin and error of an attempt that meets the fault of *cell*."""
    return _RULES[cell.fault.sort](cell)


def named(*kinds: str, origin: str | None = None, **more: object) -> Failing:
    """A `Failing` with the class of error that most have."""
    given = {"error": APIConnectionError, **more}
    return Failing(frozenset(kinds), origin, **given)  # type: ignore[arg-type]


def _dns(cell: Cell) -> Failing:
    return named("dns", origin="local")  # nothing beyond this machine's network was reached


def _unreachable(cell: Cell) -> Failing:
    return named("connect", origin="local")  # TCP never connected


def _untrusted(cell: Cell) -> Failing:
    # The certificate is the evidence: TLS inspection, a wrong clock, a wrong host. It seldom gets
    # better: docs/failures.md says 2 attempts.
    return named("tls", origin="proxy" if cell.fault.proxied else "local", attempts=2)


def _tunnel(cell: Cell) -> Failing:
    # Until its tunnel stands, there is nobody but the proxy.
    assert isinstance(cell.fault.means, Proxied)
    does = cell.fault.means.does
    kind = {"close": "reset", "reset": "reset", "garbage": "malformed"}.get(str(does), "connect")
    return named(kind, origin="proxy", attempts=1 if does in REFUSING else inf)


def _handshake(cell: Cell) -> Failing:
    return named("tls", attempts=2)  # anything on the way may have answered


def _cut(cell: Cell) -> Failing:
    if cell.where is Where.CONNECTING:
        return named("reset")  # there was no exchange yet: anything on the way may have done it
    if cell.where is Where.REQUEST:
        return named("reset", origin="unknown")  # nobody had begun to answer
    return named("reset", origin="remote")  # the answer's own exchange was closed by the peer


def _ended(cell: Cell) -> Failing:
    # Nobody proves that Anthropic sent what ended: a proxy may have. A body without a single event
    # may as well be called what it is not as what it lacks.
    eventless = cell.where in (Where.HEADERS, Where.RESPONSE)
    return named("truncated", "malformed") if eventless else named("truncated")


def _silent(cell: Cell) -> Failing:
    # Before content a clock of waiting runs out, inside of content one of progress.
    waiting = cell.where in (
        Where.CONNECTING,
        Where.REQUEST,
        Where.HEADERS,
        Where.CONTENT,
        Where.TOOL_RESULT,
        Where.RESPONSE,
    )
    if cell.fault.status is not None:
        # The status says that the service failed, the clock that its report never ended.
        return named("timeout", "server", error=APIError)
    # Without an answer to a look-up, not even this machine's network was left. The transport of an
    # application's client does not tell how far it came.
    watched = cell.scenario is not Scenario.CLIENT
    origin = "local" if cell.fault.name == "dns-hangs" and watched else None
    if cell.fault.proxied:
        origin = "proxy"
    kinds = {"timeout"} if waiting or cell.endless else {"stall"}
    if cell.fault.name == "empty-deltas-only" and cell.where is Where.CONTENT:
        kinds = {"timeout", "stall"}  # they come in a block, so that it has begun, but no content
    return named(*kinds, origin=origin, error=APITimeoutError)


def _dark_pool(cell: Cell) -> Failing:
    return named("timeout", error=APITimeoutError)


def _foreign(cell: Cell) -> Failing:
    return named("malformed")


def _malformed(cell: Cell) -> Failing:
    if cell.fault.name in ("garbage-for-http", "garbage-for-a-chunk"):
        # The parser of HTTP cannot tell garbage from a message that was cut.
        return named("malformed", "reset")
    return named("malformed")


_MONEY = ("billing", "caller")
_KEY = ("auth", "caller")
_REQUEST = ("rejected", "caller")
_THEIRS = ("server", "remote")
_KIND_OF_TYPE = {
    "authentication_error": _KEY,
    "permission_error": _KEY,
    "billing_error": _MONEY,
    "invalid_request_error": _REQUEST,
    "not_found_error": _REQUEST,
    "request_too_large": _REQUEST,
    "rate_limit_error": ("rate_limited", "remote"),
    "overloaded_error": ("overloaded", "remote"),
}


def _event(cell: Cell) -> Failing:
    # Under 200 only the type tells what it was. One that nobody knows is the service's.
    kind, origin = _KIND_OF_TYPE.get(cell.fault.error_type or "", _THEIRS)
    permanent = origin == "caller"
    return named(
        kind,
        origin=origin,
        error=APIStatusError,
        attempts=1 if permanent else inf,
        resumable=not permanent,
    )


_KIND_OF_STATUS = {
    401: _KEY,
    402: _MONEY,
    403: _KEY,
    408: _THEIRS,
    409: _THEIRS,
    429: ("rate_limited", "remote"),
    529: ("overloaded", "remote"),
}


def _status(cell: Cell) -> Failing:
    fault = cell.fault
    assert fault.status is not None
    kind, origin = _KIND_OF_STATUS.get(fault.status, _THEIRS if fault.status >= 500 else _REQUEST)
    if fault.spend_limit:
        kind, origin = _MONEY
    if not fault.request_id:
        origin = "unknown"  # anything between us and Anthropic may have written this
    return named(
        kind,
        origin=origin,
        error=APIStatusError,
        attempts=inf if _status_may_pass(cell) else 1,
    )


def _status_may_pass(cell: Cell) -> bool:
    """Whether the API's documented statuses and the service's own word allow another attempt."""
    fault = cell.fault
    asked = fault.headers.get("x-should-retry")
    if asked is not None:
        return asked == "true"
    if fault.spend_limit:
        return False
    assert fault.status is not None
    transient = fault.status in (408, 409, 429) or fault.status >= 500
    return transient and asked_wait_s(cell) < limits_of(cell).max_silence_s


def asked_wait_s(cell: Cell) -> float:
    """The service's `retry-after`; nonsense counts as not asked."""
    headers = cell.fault.headers
    if "retry-after-ms" in headers:
        return float(headers["retry-after-ms"]) / 1000
    value = headers.get("retry-after", "0")
    if value.endswith("GMT"):
        return inf  # a date in another century
    try:
        return max(0.0, float(value))
    except ValueError:
        return 0.0


def _stopped(cell: Cell) -> Failing:
    reason = cell.fault.stop_reason
    if reason == "refusal":
        # Whether asked again or not, Claude said no. Any livekit error will do: it is typed by
        # its kind.
        return named("refusal", origin="remote", error=APIError, attempts=1, resumable=False)
    if cell.fault.name == THOUGHT_AWAY:
        # Thinking took all the room: once more with twice of it, and then no more.
        return named(
            "truncated",
            origin="caller",
            error=APIError,
            attempts=2,
            resumable=False,
            relieved=True,
        )
    if reason in ("max_tokens", "model_context_window_exceeded"):
        # The request's own limits: the same request ends the same way.
        return named("truncated", origin="caller", error=APIError, attempts=1, resumable=False)
    if reason == "tool_use":  # it contradicts itself, however often it comes
        return named("empty", attempts=2)
    # An answer of nothing: another sample may say something. If it does not, it is the answer.
    return named("empty", will=True)


_RULES = {
    Sort.DNS: _dns,
    Sort.UNREACHABLE: _unreachable,
    Sort.UNTRUSTED: _untrusted,
    Sort.HANDSHAKE: _handshake,
    Sort.TUNNEL: _tunnel,
    Sort.CUT: _cut,
    Sort.ENDED: _ended,
    Sort.SILENT: _silent,
    Sort.DARK_POOL: _dark_pool,
    Sort.FOREIGN: _foreign,
    Sort.MALFORMED: _malformed,
    Sort.EVENT: _event,
    Sort.STATUS: _status,
    Sort.STOPPED: _stopped,
}
