"""Naming exceptions: nothing here opens a socket, every fact is a value."""

from __future__ import annotations

import asyncio
import errno
import importlib
import inspect
import json
import pkgutil
import socket
import ssl
import warnings
from collections.abc import Iterator
from itertools import pairwise

import aiohttp
import anthropic
import httpcore2
import httpx2
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from resilient_claude.causes import cause_chain, relink, root_cause
from resilient_claude.classify import classify
from resilient_claude.errors import scrub, to_api_error
from resilient_claude.failures import (
    ClockExpired,
    Evidence,
    Failure,
    FailureKind,
    Origin,
    Phase,
    StreamFault,
    failure_of,
)
from resilient_claude.known_errors import KIND_OF_CLASS
from resilient_claude.redaction import redact
from resilient_claude.statuses import retry_after_s
from resilient_claude.translate import MESSAGE_CHARS

CONNECTING = Evidence(Phase.CONNECT)
STREAMING = Evidence(Phase.STREAMING, request_id="req_1")
REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")
KEY = ConnectionKey(
    "api.anthropic.com", 443, True, True, *[None] * (len(ConnectionKey._fields) - 4)
)


def status_error(
    status: int,
    *,
    error_type: str | None = None,
    message: str = "no",
    headers: dict[str, str] | None = None,
    details: dict[str, str] | None = None,
) -> anthropic.APIStatusError:
    """What the SDK raises for an error response of the documented shape."""
    body = {"type": "error", "error": {"type": error_type, "message": message, "details": details}}
    response = httpx2.Response(
        status, headers={"request-id": "req_1", **(headers or {})}, request=REQUEST
    )
    return anthropic.APIStatusError(f"Error code: {status} - {body}", response=response, body=body)


def chained(*errors: BaseException) -> BaseException:
    """*errors* from the outside in, linked by `raise ... from`."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def hidden(*errors: BaseException) -> BaseException:
    """*errors* from the outside in, linked as httpcore2 does it: `raise ... from None`."""
    for outer, inner in pairwise(errors):
        outer.__context__ = inner
        outer.__suppress_context__ = True
    return errors[0]


# --- causes -------------------------------------------------------------------------------------


def test_the_root_is_found_behind_a_suppressed_context() -> None:
    """httpcore2 raises `from None`: without this, logs say "All connection attempts failed"."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(
        anthropic.APIConnectionError(request=REQUEST),
        httpx2.ConnectError("All connection attempts failed"),
        hidden(httpcore2.ConnectError("All connection attempts failed"), refused),
    )

    assert root_cause(exc) is refused


def test_relinking_makes_the_cause_chain_end_at_the_root() -> None:
    """A traceback and livekit's `__str__` look only at `__cause__`."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(httpx2.ConnectError("x"), hidden(httpcore2.ConnectError("x"), refused))

    relink(exc)

    chain, current = [], exc.__cause__
    while current is not None:
        chain.append(type(current))
        current = current.__cause__
    assert chain == [httpcore2.ConnectError, ConnectionRefusedError]


@pytest.mark.parametrize(
    "signal", [StopAsyncIteration(), asyncio.CancelledError(), ssl.SSLWantReadError()]
)
def test_signals_are_never_the_root(signal: BaseException) -> None:
    """They tell how asyncio and ssl work, not what failed."""
    exc = hidden(httpx2.ReadError("x"), signal)
    timeout = TimeoutError()
    timeout.__cause__ = asyncio.CancelledError()

    assert root_cause(exc) is exc
    assert root_cause(timeout) is timeout


def test_a_cycle_ends() -> None:
    """`raise a from b` inside a handler of a can close a ring."""
    one, two = OSError("one"), OSError("two")
    one.__cause__, two.__cause__ = two, one

    assert list(cause_chain(one)) == [one, two]
    relink(one)
    assert two.__cause__ is None


def test_of_several_addresses_the_telling_error_is_the_root() -> None:
    """A machine without IPv6 fails there at once, which is not why IPv4 failed."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    group = ExceptionGroup("all failed", [OSError(errno.ENETUNREACH, "unreachable"), refused])

    assert root_cause(hidden(httpcore2.ConnectError("x"), group)) is refused


def test_a_bug_in_an_except_block_is_not_called_by_the_error_it_handled() -> None:
    """Otherwise our own bug would be retried as a connection error."""
    bug = KeyError("index")
    bug.__context__ = ConnectionResetError(errno.ECONNRESET, "reset")

    assert classify(bug, STREAMING).kind is FailureKind.BUG
    assert root_cause(bug) is bug


# --- kinds and origins --------------------------------------------------------------------------

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
        chained(aiohttp.ClientOSError("x"), ConnectionResetError(errno.ECONNRESET, "reset")),
        (FailureKind.RESET, Origin.UNKNOWN, Phase.TLS),
    ),
    (ClockExpired("connect_s", 3), (FailureKind.TIMEOUT, Origin.LOCAL, Phase.CONNECT)),
    (httpx2.ReadTimeout("x"), (FailureKind.TIMEOUT, Origin.UNKNOWN, Phase.RESPONSE)),
    (httpx2.RemoteProtocolError("x"), (FailureKind.RESET, Origin.REMOTE, Phase.RESPONSE)),
    (httpx2.LocalProtocolError("x"), (FailureKind.REJECTED, Origin.CALLER, Phase.CONNECT)),
    (KeyError("x"), (FailureKind.BUG, Origin.LOCAL, Phase.CONNECT)),
    (FileNotFoundError(2, "no such file"), (FailureKind.BUG, Origin.LOCAL, Phase.CONNECT)),
]


@pytest.mark.parametrize(("exc", "expected"), TRANSPORT, ids=lambda value: type(value).__name__)
def test_kind_origin_and_phase_while_connecting(
    exc: BaseException, expected: tuple[FailureKind, Origin, Phase]
) -> None:
    """Whose side it was on is the question every operator asks first."""
    failure = classify(exc, CONNECTING)

    assert (failure.kind, failure.origin, failure.phase) == expected


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


STATUSES = [
    (400, "invalid_request_error", FailureKind.REJECTED, Origin.CALLER, False),
    (401, "authentication_error", FailureKind.AUTH, Origin.CALLER, False),
    (402, "billing_error", FailureKind.BILLING, Origin.CALLER, False),
    (403, "permission_error", FailureKind.AUTH, Origin.CALLER, False),
    (404, "not_found_error", FailureKind.REJECTED, Origin.CALLER, False),
    (408, None, FailureKind.SERVER, Origin.REMOTE, True),
    (409, "conflict_error", FailureKind.SERVER, Origin.REMOTE, True),
    (413, "request_too_large", FailureKind.REJECTED, Origin.CALLER, False),
    (429, "rate_limit_error", FailureKind.RATE_LIMITED, Origin.REMOTE, True),
    (500, "api_error", FailureKind.SERVER, Origin.REMOTE, True),
    (502, None, FailureKind.SERVER, Origin.REMOTE, True),
    (503, None, FailureKind.SERVER, Origin.REMOTE, True),
    (504, "timeout_error", FailureKind.SERVER, Origin.REMOTE, True),
    (529, "overloaded_error", FailureKind.OVERLOADED, Origin.REMOTE, True),
]


@pytest.mark.parametrize(("status", "error_type", "kind", "origin", "retryable"), STATUSES)
def test_statuses(
    status: int, error_type: str | None, kind: FailureKind, origin: Origin, retryable: bool
) -> None:
    """What cannot get better is not asked again: a live call has no time for it."""
    failure = classify(status_error(status, error_type=error_type), Evidence(Phase.RESPONSE))

    assert (failure.kind, failure.origin, failure.retryable) == (kind, origin, retryable)
    assert (failure.status, failure.error_type, failure.request_id) == (status, error_type, "req_1")


def test_a_spend_limit_under_429_is_billing() -> None:
    """No waiting heals it; a fallback provider or a human does."""
    exc = status_error(429, details={"error_code": "enforced_spend_limit_reached"})

    assert classify(exc, CONNECTING).kind is FailureKind.BILLING
    assert not classify(exc, CONNECTING).retryable


@pytest.mark.parametrize(
    ("status", "asked", "retryable"), [(400, "true", True), (503, "false", False)]
)
def test_x_should_retry_outranks_the_status(status: int, asked: str, retryable: bool) -> None:
    """The service knows better than a table. Source: anthropic/_base_client.py."""
    exc = status_error(status, headers={"x-should-retry": asked})

    assert classify(exc, CONNECTING).retryable is retryable


def test_an_error_page_without_request_id_is_of_unknown_origin() -> None:
    """Without Anthropic's request id, any proxy on the way may have written it."""
    response = httpx2.Response(502, text="<html>Bad Gateway</html>", request=REQUEST)
    exc = anthropic.InternalServerError("x", response=response, body="<html>Bad Gateway</html>")

    failure = classify(exc, Evidence(Phase.RESPONSE))

    assert (failure.kind, failure.origin) == (FailureKind.SERVER, Origin.UNKNOWN)
    assert failure.root_message == "HTTP 502 without an API error in its body"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds or a date; nonsense counts as not asked."""
    assert retry_after_s(headers, lambda: 90.0) == expected


def subclasses_outside_of_status_errors() -> Iterator[tuple[str, type[BaseException]]]:
    """Every exception class that anthropic, httpx2, httpcore2 and aiohttp's client define."""
    for package_name in ("anthropic", "httpx2", "httpcore2", "aiohttp"):
        package = importlib.import_module(package_name)
        for module_info in pkgutil.walk_packages(package.__path__, f"{package_name}."):
            name = module_info.name
            if not name.startswith(NOT_OURS):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        module = importlib.import_module(name)
                except ImportError:
                    continue  # needs an optional dependency that is not installed
                yield from exceptions_of(module, package_name)


def exceptions_of(module: object, package: str) -> Iterator[tuple[str, type[BaseException]]]:
    for cls in vars(module).values():
        if not inspect.isclass(cls) or not issubclass(cls, Exception):
            continue
        ours = cls.__module__.partition(".")[0] == package
        ours = ours and not cls.__module__.startswith(NOT_OURS)
        if ours and not issubclass(cls, (Warning, anthropic.APIStatusError)):
            yield f"{package}.{cls.__name__}", cls


# Parts of those packages that a Messages request never enters.
NOT_OURS = (
    "aiohttp.web",
    "aiohttp.pytest_plugin",
    "aiohttp.test_utils",
    "aiohttp.worker",
    "aiohttp._websocket",
    "aiohttp.multipart",
    "aiohttp.payload",
    "anthropic.lib.tools",
    "anthropic.types",
    "anthropic.cli",
    "anthropic.lib.environments",
    "anthropic.lib.sessions",
    "httpx2._main",
    "httpx2.__main__",
)
# Signals and misuse inside those packages: if one ever reaches us, it is a bug.
BUGS = {
    "anthropic.AnthropicError",
    "anthropic.APIError",
    "anthropic.APIWebhookValidationError",
    "anthropic.MissingDependencyError",
    "anthropic.MissingStreamClassError",
    "anthropic.StreamAlreadyConsumed",
    "anthropic._NonObjectPayloadError",
    "httpx2.CookieConflict",
    "httpx2.HTTPStatusError",
    "httpx2.RequestNotRead",
    "httpx2.ResponseNotRead",
    "httpx2.StreamClosed",
    "httpx2.StreamConsumed",
    "httpx2.StreamError",
    "aiohttp.EofStream",
    "aiohttp.WSServerHandshakeError",
    "aiohttp.WSMessageTypeError",
    "aiohttp.WebSocketError",
    "aiohttp.WSHandshakeError",
}


def test_every_exception_class_of_the_packages_below_us_has_a_kind() -> None:
    """A class that is new upstream shall fail here instead of being guessed in a live call."""
    found = {name for name, _ in subclasses_outside_of_status_errors()}

    assert "httpx2.ReadError" in found
    assert "aiohttp.ClientConnectorDNSError" in found
    assert sorted(found - KIND_OF_CLASS.keys() - BUGS) == []


@given(
    st.sampled_from(
        [OSError, ValueError, ConnectionError, TimeoutError, RuntimeError, StreamFault]
    ),
    st.sampled_from([*Phase]),
    st.integers(-1, 200),
)
def test_classify_is_total(cls: type[Exception], phase: Phase, number: int) -> None:
    """A failure without a name would be a second failure, in the middle of a call."""
    exc = cls(FailureKind.EMPTY, "x", retryable=True) if cls is StreamFault else cls(number, "x")

    failure = classify(exc, Evidence(phase))

    assert failure.root_type == type(exc).__name__
    assert len(failure.root_message) <= MESSAGE_CHARS


@pytest.mark.parametrize("exc", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1)])
def test_exceptions_that_are_no_errors_are_not_retried(exc: BaseException) -> None:
    """Retrying a cancellation would keep a dead call alive."""
    assert not classify(exc, STREAMING).retryable


# --- messages -----------------------------------------------------------------------------------


def test_keys_are_redacted() -> None:
    """A log is read by more people than a key may have."""
    text = "bad header x-api-key: sk-ant-api03-abcdefgh and Authorization: Bearer abc.def"

    assert "sk-ant" not in redact(text)
    assert "abc.def" not in redact(text)


def test_speech_is_hidden_and_the_rest_stays() -> None:
    """The API may quote the prompt in an error; its own words say what to mend."""
    message = "messages.0: invalid text 'my card number is 4711 0815' near the end"

    text = redact(message, ["please note: my card number is 4711 0815, thanks"])

    assert text == "messages.0: invalid text '[…]' near the end"


@given(st.text(max_size=2000), st.lists(st.text(max_size=60), max_size=3))
def test_redacting_is_bounded_and_hides_every_long_quotation(text: str, private: list[str]) -> None:
    """Whatever comes from the network, the message stays short and private."""
    redacted = redact(text, private)

    assert len(redacted) <= MESSAGE_CHARS
    for spoken in private:
        flat = " ".join(spoken.split())
        for start in range(len(flat) - 11):
            if "[" not in flat and "…" not in flat:
                assert flat[start : start + 12] not in redacted


def test_a_bug_tells_where_but_not_with_what() -> None:
    """A KeyError's or a ValidationError's text may hold the prompt."""
    try:
        {}["my card number"]  # type: ignore[index]
    except KeyError as exc:
        failure = classify(exc, STREAMING)

    assert failure.root_message.startswith("at test_failures.py:")
    assert "card" not in failure.root_message


def test_a_header_that_cannot_be_sent_is_not_quoted() -> None:
    """h11 prints the illegal header, which is the key."""
    exc = httpx2.LocalProtocolError("Illegal header value b'secret-key\\n'")

    assert "secret" not in classify(exc, CONNECTING).root_message


def test_scrubbing_takes_the_api_s_words_out_of_the_chain() -> None:
    """Tracebacks print every message of the chain."""
    exc = status_error(400, message="bad text: my card number is 4711")
    failure = classify(exc, Evidence(Phase.RESPONSE, private=lambda: ["my card number is 4711"]))

    scrub(exc, failure)

    assert str(exc) == exc.message == "bad text: […]"
    assert exc.body is None


# --- livekit's exceptions -----------------------------------------------------------------------


def failure(kind: FailureKind, *, status: int | None = None, retryable: bool = True) -> Failure:
    return Failure(
        kind, Origin.REMOTE, Phase.RESPONSE, "Root", "why", retryable, status=status, error_type="t"
    )


@pytest.mark.parametrize(
    ("kind", "status", "cls", "code"),
    [
        (FailureKind.CONNECT, None, APIConnectionError, None),
        (FailureKind.TRUNCATED, 200, APIConnectionError, None),
        (FailureKind.TIMEOUT, None, APITimeoutError, None),
        (FailureKind.STALL, 200, APITimeoutError, None),
        (FailureKind.SERVER, 503, APIStatusError, 503),
        (FailureKind.OVERLOADED, 200, APIStatusError, 529),
        (FailureKind.REFUSED, 200, APIStatusError, 200),
        (FailureKind.BUG, None, APIError, None),
    ],
)
def test_livekit_s_exception(
    kind: FailureKind, status: int | None, cls: type[APIError], code: int | None
) -> None:
    """Applications catch these three; our own bug is none of them."""
    named = failure(kind, status=status, retryable=kind is not FailureKind.BUG)

    error = to_api_error(named, summary="no answer")

    assert type(error) is cls
    assert getattr(error, "status_code", None) == code
    assert failure_of(error) is named
    assert error.message == f"no answer: {kind} (remote) in phase response: Root: why"


def test_never_status_499() -> None:
    """livekit ends the stream silently on it."""
    error = to_api_error(failure(FailureKind.REJECTED, status=499), summary="x")

    assert isinstance(error, APIStatusError)
    assert error.status_code == 400


def test_no_failure_behind_other_exceptions() -> None:
    """`failure_of` is safe to call on whatever an `error` event carries."""
    assert failure_of(ValueError()) is None
    assert failure_of(None) is None
