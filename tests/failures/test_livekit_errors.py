"""livekit's exceptions, made of failures."""

from __future__ import annotations

import pytest
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError

from resilient_claude.failures.failure import Failure, FailureKind, Origin, Phase, failure_of
from resilient_claude.failures.livekit_errors import to_api_error


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
        (FailureKind.REFUSAL, 200, APIStatusError, 200),
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
