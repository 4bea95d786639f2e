"""livekit's exceptions, made of failures; and the chain behind them, without anything private."""

from __future__ import annotations

import errno

import aiohttp
import pytest
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import Failure, FailureKind, Origin, Phase, failure_of
from resilient_claude.failures.faults import Fault
from resilient_claude.failures.livekit_errors import scrub, to_api_error
from tests.support.exceptions import chained, status_error


def test_scrubbing_takes_the_api_s_words_out_of_the_chain() -> None:
    """Tracebacks print every message of the chain."""
    exc = status_error(400, message="bad text: my card number is 4711")
    failure = classify(exc, Evidence(Phase.RESPONSE), private=lambda: ["my card number is 4711"])

    scrub(exc, failure)

    assert str(exc) == exc.message == "bad text: […]"
    assert exc.body is None


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


def test_every_field_of_a_status_error() -> None:
    """livekit's handlers read the status, the id and the body, as they do with the plugin."""
    named = Failure(
        FailureKind.OVERLOADED,
        Origin.REMOTE,
        Phase.RESPONSE,
        "OverloadedError",
        "Overloaded",
        True,
        status=529,
        error_type="overloaded_error",
        request_id="req_1",
    )

    error = to_api_error(named, summary="no answer")

    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.request_id, error.retryable, error.body) == (
        529,
        "req_1",
        True,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    )


def test_a_status_without_an_api_error_has_no_body() -> None:
    """A proxy's page is none of the API's errors, and must not look like one."""
    named = Failure(FailureKind.SERVER, Origin.UNKNOWN, Phase.RESPONSE, "R", "x", True, status=502)

    assert to_api_error(named, summary="x").body is None


@pytest.mark.parametrize("kind", [FailureKind.CONNECT, FailureKind.STALL, FailureKind.SERVER])
@pytest.mark.parametrize("retryable", [True, False])
def test_whether_to_try_again_is_told_to_livekit(kind: FailureKind, retryable: bool) -> None:
    """`FallbackAdapter` decides by it."""
    assert to_api_error(failure(kind, retryable=retryable), summary="x").retryable is retryable


def test_scrubbing_leaves_the_operating_system_s_words() -> None:
    """They are what the operator looks for, and quote nobody."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(aiohttp.ClientConnectionError("Cannot connect"), refused)

    scrub(exc, classify(exc, Evidence(Phase.CONNECT)))

    assert (str(exc), str(refused)) == ("Cannot connect", "[Errno 111] Connection refused")


@pytest.mark.parametrize(
    ("exc", "shown"),
    [
        (
            Fault(FailureKind.SERVER, "echo: my card number is 4711", retryable=True),
            "echo: […]",
        ),
        (
            aiohttp.http_exceptions.BadStatusLine("my card number is 4711"),
            "the bytes on the wire are not what HTTP asks for",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_scrubbing_takes_out_what_quotes_the_wire(exc: Exception, shown: str) -> None:
    """An `error` event and a parser both repeat bytes of the conversation."""
    named = classify(exc, Evidence(Phase.STREAMING), private=lambda: ["my card number is 4711"])

    scrub(exc, named)

    assert shown in str(exc)
    assert "4711" not in f"{exc} {exc!r}"


def test_scrubbing_a_bug_takes_every_message_of_the_chain() -> None:
    """A ValidationError's text holds its input, whoever raised it on the way."""
    exc = chained(RuntimeError("my card number"), KeyError("my card number"))

    scrub(exc, classify(exc, Evidence(Phase.BUILD)))

    assert "card" not in f"{exc!r} {exc.__cause__!r}"


def test_scrubbing_takes_out_what_the_key_function_said() -> None:
    """It is the application's code, whose message may be the key."""
    fault = Fault(FailureKind.AUTH, "api_key() gave no key", retryable=True)
    exc = chained(fault, ValueError("vault said sk-secret"))

    scrub(exc, classify(exc, Evidence(Phase.BUILD)))

    assert "secret" not in f"{exc!r} {exc.__cause__!r}"


def test_a_bug_after_the_headers_is_scrubbed_too() -> None:
    """It has a status, 200, but its messages are not the API's."""
    exc = chained(RuntimeError("my card number"), KeyError("my card number"))

    scrub(exc, classify(exc, Evidence(Phase.STREAMING)))

    assert "card" not in f"{exc!r} {exc.__cause__!r}"
