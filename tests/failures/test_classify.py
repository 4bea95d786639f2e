"""Naming exceptions: nothing here opens a socket, every fact is a value."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl

import aiohttp
import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Failure, FailureKind, Origin, Phase
from resilient_claude.failures.faults import ClockExpired, Fault
from resilient_claude.failures.redaction import MESSAGE_CHARS
from tests.support.exceptions import CONNECTING, KEY, REQUEST, STREAMING, chained, status_error

TRANSPORT = [
    (
        chained(
            anthropic.APIConnectionError(request=REQUEST),
            aiohttp.ClientConnectorDNSError(KEY, OSError()),
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        ),
        (FailureKind.DNS, Origin.LOCAL, Phase.DNS),
    ),
    (
        # 1.x calls a refused connection a timeout on this transport: the cause decides.
        chained(
            anthropic.APITimeoutError(request=REQUEST),
            httpx2.ConnectTimeout("x"),
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        ),
        (FailureKind.CONNECT, Origin.LOCAL, Phase.CONNECT),
    ),
    (OSError(errno.ENETUNREACH, "unreachable"), (FailureKind.CONNECT, Origin.LOCAL, Phase.CONNECT)),
    (
        chained(
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("self")),
            ssl.SSLCertVerificationError(1, "self-signed certificate"),
        ),
        (FailureKind.TLS, Origin.LOCAL, Phase.TLS),
    ),
    (
        chained(httpx2.ConnectError("x"), ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")),
        (FailureKind.TLS, Origin.UNKNOWN, Phase.TLS),
    ),
    (
        chained(
            aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNRESET, "reset")),
            ConnectionResetError(errno.ECONNRESET, "reset"),
        ),
        (FailureKind.RESET, Origin.UNKNOWN, Phase.TLS),
    ),
    (
        chained(aiohttp.ClientOSError("x"), ConnectionResetError(errno.ECONNRESET, "reset")),
        (FailureKind.RESET, Origin.UNKNOWN, Phase.RESPONSE),
    ),
    (ClockExpired("first_token_s", 6), (FailureKind.TIMEOUT, Origin.UNKNOWN, Phase.BUILD)),
    (httpx2.ReadTimeout("x"), (FailureKind.TIMEOUT, Origin.UNKNOWN, Phase.RESPONSE)),
    (httpx2.RemoteProtocolError("x"), (FailureKind.RESET, Origin.UNKNOWN, Phase.RESPONSE)),
    (httpx2.LocalProtocolError("x"), (FailureKind.REJECTED, Origin.CALLER, Phase.BUILD)),
    (KeyError("x"), (FailureKind.BUG, Origin.LOCAL, Phase.BUILD)),
    (FileNotFoundError(2, "no such file"), (FailureKind.BUG, Origin.LOCAL, Phase.BUILD)),
]


@pytest.mark.parametrize(("exc", "expected"), TRANSPORT, ids=lambda value: type(value).__name__)
def test_kind_origin_and_phase_of_a_transport_that_tells_nothing(
    exc: BaseException, expected: tuple[FailureKind, Origin, Phase]
) -> None:
    """Whose side it was on is the question every operator asks first."""
    failure = classify(exc, Evidence(Phase.BUILD))

    assert (failure.kind, failure.origin, failure.phase) == expected


RESET = ConnectionResetError(errno.ECONNRESET, "reset")


@pytest.mark.parametrize(
    ("exc", "phase", "kind", "origin"),
    [
        (RESET, Phase.CONNECT, FailureKind.RESET, Origin.PROXY),  # before the tunnel stands
        (aiohttp.ServerDisconnectedError(), Phase.CONNECT, FailureKind.RESET, Origin.PROXY),
        (ClockExpired("connect_s", 3), Phase.CONNECT, FailureKind.TIMEOUT, Origin.PROXY),
        (RESET, Phase.TLS, FailureKind.RESET, Origin.UNKNOWN),
        (ClockExpired("connect_s", 3), Phase.TLS, FailureKind.TIMEOUT, Origin.UNKNOWN),
        (RESET, Phase.RESPONSE, FailureKind.RESET, Origin.UNKNOWN),
    ],
)
def test_the_phase_that_an_attempt_was_told_of_is_the_phase(
    exc: BaseException, phase: Phase, kind: FailureKind, origin: Origin
) -> None:
    """Our own transport knows how far it has come, so nothing is guessed from the exception."""
    failure = classify(exc, Evidence(phase, proxy="proxy.example:3128"))

    assert (failure.kind, failure.origin, failure.phase) == (kind, origin, phase)


@pytest.mark.parametrize(
    ("https", "phase", "origin"),
    [(True, Phase.TLS, Origin.UNKNOWN), (False, Phase.SEND, Origin.UNKNOWN)],
)
def test_a_reset_at_the_end_of_connecting_came_of_what_follows(
    https: bool, phase: Phase, origin: Origin
) -> None:
    """Without a proxy, `connect()` is refused or times out; whoever resets has accepted."""
    failure = classify(RESET, Evidence(Phase.CONNECT, https=https))

    assert (failure.kind, failure.origin, failure.phase) == (FailureKind.RESET, origin, phase)


@pytest.mark.parametrize(
    ("exc", "kind", "origin"),
    [
        (ClockExpired("stall_s", 8), FailureKind.STALL, Origin.UNKNOWN),
        (ClockExpired("max_silence_s", 20), FailureKind.TIMEOUT, Origin.UNKNOWN),
        (ConnectionResetError(104, "reset"), FailureKind.RESET, Origin.REMOTE),
        (ssl.SSLError(1, "decryption failed"), FailureKind.RESET, Origin.REMOTE),
        (aiohttp.ClientPayloadError("x"), FailureKind.RESET, Origin.REMOTE),
        (json.JSONDecodeError("x", "y", 0), FailureKind.MALFORMED, Origin.REMOTE),
    ],
)
def test_kind_and_origin_while_streaming(
    exc: BaseException, kind: FailureKind, origin: Origin
) -> None:
    """Mid-stream faults arrive raw, not wrapped by the SDK."""
    failure = classify(exc, STREAMING)

    assert (failure.kind, failure.origin, failure.status) == (kind, origin, 200)


@given(
    st.sampled_from([OSError, ValueError, ConnectionError, TimeoutError, RuntimeError, Fault]),
    st.sampled_from([*Phase]),
    st.integers(-1, 200),
)
def test_classify_is_total(cls: type[Exception], phase: Phase, number: int) -> None:
    """A failure without a name would be a second failure, in the middle of a call."""
    exc = cls(FailureKind.EMPTY, "x", retryable=True) if cls is Fault else cls(number, "x")

    failure = classify(exc, Evidence(phase))

    assert failure.root_type == type(exc).__name__
    assert len(failure.root_message) <= MESSAGE_CHARS


@pytest.mark.parametrize("exc", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1)])
def test_exceptions_that_are_no_errors_are_not_retried(exc: BaseException) -> None:
    """Retrying a cancellation would keep a dead call alive."""
    assert not classify(exc, STREAMING).retryable


def test_a_bug_tells_where_but_not_with_what() -> None:
    """A KeyError's or a ValidationError's text may hold the prompt."""
    try:
        {}["my card number"]  # type: ignore[index]
    except KeyError as exc:
        failure = classify(exc, STREAMING)

    assert failure.root_message.startswith("at test_classify.py:")
    assert "card" not in failure.root_message


def test_a_header_that_cannot_be_sent_is_not_quoted() -> None:
    """h11 prints the illegal header, which is the key."""
    exc = httpx2.LocalProtocolError("Illegal header value b'secret-key\\n'")

    assert "secret" not in classify(exc, CONNECTING).root_message


def test_a_bug_in_an_except_block_is_a_bug() -> None:
    """Otherwise our own bug would be retried as a connection error."""
    bug = KeyError("index")
    bug.__context__ = ConnectionResetError(errno.ECONNRESET, "reset")

    assert classify(bug, STREAMING).kind is FailureKind.BUG


def test_every_field_of_a_failure_while_connecting() -> None:
    """The line of the log is made of these, so the whole of it is compared."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(anthropic.APIConnectionError(request=REQUEST), refused)

    assert classify(exc, CONNECTING) == Failure(
        kind=FailureKind.CONNECT,
        origin=Origin.LOCAL,
        phase=Phase.CONNECT,
        root_type="ConnectionRefusedError",
        root_message="[Errno 111] Connection refused",
        retryable=True,
        errno=111,
        status=None,
        error_type=None,
        request_id=None,
        retry_after_s=None,
        loop_lag_s=None,
    )


def test_every_field_of_a_fault_in_the_stream() -> None:
    """An `error` event: its type is the API's, its status the one that came before it."""
    fault = Fault(
        FailureKind.OVERLOADED, "Overloaded", retryable=True, error_type="overloaded_error"
    )

    assert classify(fault, STREAMING) == Failure(
        kind=FailureKind.OVERLOADED,
        origin=Origin.REMOTE,
        phase=Phase.STREAMING,
        root_type="Fault",
        root_message="Overloaded",
        retryable=True,
        errno=None,
        status=200,
        error_type="overloaded_error",
        request_id="req_1",
        retry_after_s=None,
        loop_lag_s=None,
    )


@pytest.mark.parametrize(
    ("origin", "request_id", "expected"),
    [
        (Origin.CALLER, "req_1", Origin.CALLER),
        (None, "req_1", Origin.REMOTE),
        (None, None, Origin.UNKNOWN),
    ],
)
def test_the_origin_of_a_fault(
    origin: Origin | None, request_id: str | None, expected: Origin
) -> None:
    """Without Anthropic's request id, anything on the way may have written the response."""
    fault = Fault(FailureKind.TRUNCATED, "cut", retryable=True, origin=origin)

    failure = classify(fault, Evidence(Phase.STREAMING, request_id=request_id))

    assert failure.origin is expected


@pytest.mark.parametrize("retryable", [True, False])
def test_a_fault_says_itself_whether_it_may_pass(retryable: bool) -> None:
    """What reads the response knows more than a table of kinds."""
    fault = Fault(FailureKind.REFUSAL, "refused", retryable=retryable)

    assert classify(fault, STREAMING).retryable is retryable


@pytest.mark.parametrize(("https", "phase"), [(True, Phase.TLS), (False, Phase.BUILD)])
def test_a_reset_while_connecting_came_out_of_the_handshake(https: bool, phase: Phase) -> None:
    """`connect()` itself is refused or times out; without TLS there is no handshake."""
    exc = ConnectionResetError(errno.ECONNRESET, "reset")

    assert classify(exc, Evidence(Phase.BUILD, https=https)).phase is phase


def test_a_connection_that_failed_before_it_was_tried_is_of_the_connect_phase() -> None:
    """A transport of the application's reports no phases, so the attempt is still in `build`."""
    exc = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    assert classify(exc, Evidence(Phase.BUILD)).phase is Phase.CONNECT


@pytest.mark.parametrize(("status", "retryable"), [(407, False), (403, False), (502, True)])
def test_a_proxy_that_refuses_is_not_asked_again(status: int, retryable: bool) -> None:
    """It wants credentials or forbids the host, and will do so again."""
    exc = aiohttp.ClientHttpProxyError(
        aiohttp.RequestInfo(URL("http://proxy"), "CONNECT", CIMultiDictProxy(CIMultiDict())),
        (),
        status=status,
    )

    failure = classify(exc, CONNECTING)

    assert (failure.kind, failure.retryable) == (FailureKind.CONNECT, retryable)


def test_a_body_that_stops_short_is_a_reset() -> None:
    """aiohttp reports it as a payload error, which sounds as if Claude had written nonsense."""
    exc = chained(
        aiohttp.ClientPayloadError("Response payload is not completed"),
        aiohttp.http_exceptions.TransferEncodingError("Not enough data"),
    )

    assert classify(exc, STREAMING).kind is FailureKind.RESET


def test_a_machine_out_of_file_descriptors_is_not_anthropic_s_fault() -> None:
    """A plain OSError, which has no class of its own."""
    failure = classify(OSError(errno.EMFILE, "Too many open files"), CONNECTING)

    assert (failure.kind, failure.origin) == (FailureKind.CONNECT, Origin.LOCAL)


def test_a_date_to_retry_at_is_read_on_the_clock_that_is_given() -> None:
    """The only clock in the naming of exceptions is an argument."""
    exc = status_error(503, headers={"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"})

    assert classify(exc, CONNECTING, wall_clock=lambda: 90.0).retry_after_s == 10.0


def test_a_bug_that_was_never_raised_has_no_place() -> None:
    """Naming it must not fail for want of a traceback."""
    assert classify(KeyError("x"), STREAMING).root_message == "raised outside of any frame"


@pytest.mark.parametrize(
    ("exc", "evidence", "origin"),
    [
        (
            OSError(errno.ECONNREFUSED, "x"),
            Evidence(Phase.CONNECT, proxy="proxy.test:3128"),
            Origin.PROXY,
        ),
        (
            OSError(errno.ENETUNREACH, "x"),
            Evidence(Phase.CONNECT, proxy="proxy.test:3128"),
            Origin.LOCAL,
        ),
        (socket.gaierror(-2, "x"), Evidence(Phase.DNS, proxy="proxy.test:3128"), Origin.LOCAL),
        (RESET, Evidence(Phase.TLS, proxy="proxy.test:3128"), Origin.UNKNOWN),
        (
            RESET,
            Evidence(Phase.RESPONSE, proxy="proxy.test:3128"),
            Origin.UNKNOWN,
        ),  # through its tunnel
        (RESET, Evidence(Phase.RESPONSE, proxy="proxy.test:3128", https=False), Origin.PROXY),
        (
            RESET,
            Evidence(Phase.STREAMING, proxy="proxy.test:3128", request_id="req_1"),
            Origin.REMOTE,
        ),
        (status_error(407), Evidence(Phase.RESPONSE), Origin.PROXY),
    ],
)
def test_what_a_proxy_is_to_blame_for(
    exc: BaseException, evidence: Evidence, origin: Origin
) -> None:
    """Only what the evidence says it did: through a tunnel, anybody may have."""
    assert classify(exc, evidence).origin is origin


def unknown_issuer() -> ssl.SSLCertVerificationError:
    exc = ssl.SSLCertVerificationError(1, "unable to get local issuer certificate")
    exc.verify_code = 20
    return exc


@pytest.mark.parametrize(
    ("proxy", "origin"), [("proxy.test:3128", Origin.PROXY), (None, Origin.LOCAL)]
)
def test_whose_certificate_nobody_knows(proxy: str | None, origin: Origin) -> None:
    """A proxy that inspects TLS shows one of its own."""
    assert classify(unknown_issuer(), Evidence(Phase.TLS, proxy=proxy)).origin is origin


@pytest.mark.parametrize(
    ("exc", "phase", "lag_s", "origin"),
    [
        (ClockExpired("connect_s", 3), Phase.TLS, 1.6, Origin.LOCAL),
        (ClockExpired("connect_s", 3), Phase.TLS, 1.0, Origin.UNKNOWN),
        (ClockExpired("stall_s", 4), Phase.STREAMING, 3.0, Origin.LOCAL),
        (ssl.SSLError(1, "x"), Phase.TLS, 0.6, Origin.LOCAL),
        (ssl.SSLError(1, "x"), Phase.TLS, 0.1, Origin.UNKNOWN),
        (RESET, Phase.TLS, 0.6, Origin.LOCAL),
        (RESET, Phase.STREAMING, 0.6, Origin.UNKNOWN),
        (json.JSONDecodeError("x", "y", 0), Phase.STREAMING, 9.0, Origin.UNKNOWN),
    ],
)
def test_a_loop_that_stood_still_is_ours(
    exc: BaseException, phase: Phase, lag_s: float, origin: Origin
) -> None:
    """An operator must not look for a network that was never asked."""
    failure = classify(exc, Evidence(phase, loop_lag_s=lag_s))

    assert (failure.origin, failure.loop_lag_s) == (origin, lag_s)


def test_openssl_s_numbers_are_none_of_the_system_s() -> None:
    """`errno=1` would be EPERM."""
    assert classify(ssl.SSLError(1, "[SSL: X]"), Evidence(Phase.TLS)).errno is None


def test_a_connection_that_is_closed_in_the_handshake_says_so() -> None:
    """A FIN has no number and no words."""
    exc = chained(aiohttp.ClientConnectorError(KEY, ConnectionResetError()), ConnectionResetError())

    failure = classify(exc, Evidence(Phase.TLS))

    assert failure.root_message == "the connection was closed during the TLS handshake"
