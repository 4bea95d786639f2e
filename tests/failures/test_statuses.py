"""Answers with an error status: whose fault, and whether to ask again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import anthropic
import httpx2
import pytest

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.failures.classify import classify
from resilient_claude.failures.evidence import Evidence
from resilient_claude.failures.failure import FailureKind, Origin, Phase
from resilient_claude.failures.private import Private
from resilient_claude.failures.scrubbing import scrub
from resilient_claude.failures.statuses import (
    api_error_of,
    fault_of_error,
    retry_after_s,
    status_of,
)
from tests.support.exceptions import CONNECTING, REQUEST, STREAMING, status_error

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


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in New York."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 -0000"}, 10.0),
        ({"retry-after": "Thu Jan  1 00:01:40 1970"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 +9999"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds or a date, wherever the machine is; nonsense counts as not asked."""
    assert retry_after_s(headers, lambda: 90.0) == expected


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("overloaded_error", FailureKind.OVERLOADED),
        ("rate_limit_error", FailureKind.RATE_LIMITED),
        ("invalid_request_error", FailureKind.REJECTED),
        ("authentication_error", FailureKind.AUTH),
        ("billing_error", FailureKind.BILLING),
        ("api_error", FailureKind.SERVER),
        ("new_error", FailureKind.SERVER),
        (None, FailureKind.SERVER),
    ],
)
def test_the_kind_of_an_error_event(error_type: str | None, kind: FailureKind) -> None:
    """A type nobody has documented is a server error, which may pass."""
    event = {"type": "error", "error": {"type": error_type, "message": "no"}}

    assert fault_of_error(event).kind is kind


@pytest.mark.parametrize(
    ("exc", "status"),
    [(status_error(529), 529), (ConnectionResetError(), None), (KeyError(), None)],
)
def test_only_the_sdk_s_status_errors_have_a_status(exc: Exception, status: int | None) -> None:
    """Everything else is named by its causes."""
    assert status_of(exc) == status


@pytest.mark.parametrize(
    ("status", "error_type", "kind", "retryable"),
    [
        (200, "overloaded_error", FailureKind.OVERLOADED, True),
        (200, "invalid_request_error", FailureKind.REJECTED, False),
        (200, None, FailureKind.SERVER, True),
        (422, "overloaded_error", FailureKind.OVERLOADED, True),
        (422, None, FailureKind.REJECTED, False),
        (500, "invalid_request_error", FailureKind.SERVER, True),
        (500, "overloaded_error", FailureKind.OVERLOADED, True),
    ],
)
def test_the_status_and_the_type_where_they_disagree(
    status: int, error_type: str | None, kind: FailureKind, retryable: bool
) -> None:
    """Under 200 only the type tells; a broken server may say anything about the request."""
    failure = classify(status_error(status, error_type=error_type), CONNECTING)

    assert (failure.kind, failure.retryable) == (kind, retryable)


def test_a_proxy_that_wants_credentials_is_what_failed() -> None:
    """407 is never Anthropic's."""
    assert classify(status_error(407), CONNECTING).origin is Origin.PROXY


@pytest.mark.parametrize(
    ("evidence", "phase"), [(CONNECTING, "response"), (STREAMING, "streaming")]
)
def test_a_status_is_of_the_response_unless_it_came_in_the_stream(
    evidence: Evidence, phase: str
) -> None:
    """A response that has a status has come as far as that."""
    assert classify(status_error(529), evidence).phase == phase


def test_an_id_that_is_none_is_not_told() -> None:
    """A gateway may write anything into a header, and the id goes into logs."""
    exc = status_error(503, headers={"request-id": "my card number is 4711"})

    assert classify(exc, Evidence(Phase.RESPONSE, request_id="req_2")).request_id == "req_2"


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({"request-id": "req_1", "x-amzn-requestid": "5a1c"}, "req_1"),
        ({"x-amzn-requestid": "5a1c-test"}, "5a1c-test"),
        ({"apim-request-id": "b7e2-test"}, "b7e2-test"),
        ({"request-id": "not an id", "apim-request-id": "b7e2-test"}, "b7e2-test"),
        ({"x-cloud-trace-context": "1/2"}, None),
    ],
)
def test_a_platform_s_own_answer_has_its_own_id(
    headers: dict[str, str], request_id: str | None
) -> None:
    """Its support asks for it, and it proves that no proxy wrote the answer."""
    response = httpx2.Response(503, headers=headers, request=REQUEST)
    failure = classify(anthropic.APIStatusError("x", response=response, body=None), CONNECTING)

    assert failure.request_id == request_id
    assert (failure.origin is Origin.REMOTE) == (request_id is not None)


@pytest.mark.parametrize(
    ("status", "header", "kind", "error_type"),
    [
        (424, "ModelErrorException:http://internal.amazon.com/", "server", "ModelErrorException"),
        (424, None, "server", None),
        (400, "ThrottlingException", "rate_limited", "ThrottlingException"),
        (400, "ValidationException", "rejected", "ValidationException"),
        (403, "ExpiredTokenException", "auth", "ExpiredTokenException"),
    ],
)
def test_aws_has_the_type_of_an_error_in_a_header(
    status: int, header: str | None, kind: str, error_type: str | None
) -> None:
    """Its body holds nothing but a message."""
    headers = {"x-amzn-requestid": "5a1c"} | ({"x-amzn-errortype": header} if header else {})
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    exc = anthropic.APIStatusError("x", response=response, body={"message": "Sorry."})

    failure = classify(exc, CONNECTING)

    assert (failure.kind, failure.error_type) == (kind, error_type)
    assert failure.root_message == "Sorry."


def test_a_body_s_own_type_outranks_a_header() -> None:
    """It is the API's, and the header its carrier's."""
    exc = status_error(
        529, error_type="overloaded_error", headers={"x-amzn-errortype": "InternalFailure"}
    )

    assert classify(exc, CONNECTING).error_type == "overloaded_error"


def with_body(status: int, body: object, request_id: str | None = "req_1") -> Exception:
    headers = {"request-id": request_id} if request_id else {}
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    return anthropic.APIStatusError("x", response=response, body=body)


def test_what_the_api_said_is_read_before_it_is_scrubbed() -> None:
    """A repair is chosen by it: by the code first, and then by words that a message hides."""
    error = {"type": "invalid_request_error", "message": "my card number is 4711"}
    exc = with_body(400, {"error": {**error, "details": {"error_code": "too_large"}}})

    said = api_error_of(exc)
    scrub(exc, classify(exc, Evidence(Phase.RESPONSE)), private=Private)

    assert said == ApiError("invalid_request_error", "my card number is 4711", "too_large")
    assert api_error_of(exc) == ApiError()


def test_an_error_that_came_as_an_event_is_what_the_api_said() -> None:
    """It is a fault of our own making, and what it says is the API's."""
    fault = fault_of_error({"error": {"type": "invalid_request_error", "message": "no"}})

    assert api_error_of(fault) == ApiError("invalid_request_error", "no")
    assert api_error_of(ConnectionResetError("peer")) == ApiError()


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "message"),
    [
        (400, {"detail": "no such model"}, FailureKind.REJECTED, False, "no such model"),
        (400, {"message": "no such model"}, FailureKind.REJECTED, False, "no such model"),
        (400, {"error": "no such model"}, FailureKind.REJECTED, False, "no such model"),
        (400, [{"error": {"message": "bad"}}], FailureKind.REJECTED, False, "bad"),
        (400, {"error": "Overloaded"}, FailureKind.OVERLOADED, True, "Overloaded"),
        (400, {"error": {"code": 503, "message": "busy"}}, FailureKind.SERVER, True, "busy"),
        (503, "no healthy upstream", FailureKind.SERVER, True, "no healthy upstream"),
        (401, {"detail": "bad token"}, FailureKind.AUTH, False, "bad token"),
        (
            400,
            {"error": {"message": "messages: 'the credit balance of mine is too low'"}},
            FailureKind.REJECTED,
            False,
            "messages: 'the credit balance of mine is too low'",
        ),
    ],
)
def test_bodies_in_other_clothes(
    status: int, body: object, kind: FailureKind, retryable: bool, message: str
) -> None:
    """Their words are what the operator has to go by."""
    failure = classify(with_body(status, body), CONNECTING)

    assert (failure.kind, failure.retryable, failure.root_message) == (kind, retryable, message)


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("overloaded_error", FailureKind.OVERLOADED),
        ("rate_limit_error", FailureKind.RATE_LIMITED),
        ("api_error", FailureKind.SERVER),
    ],
)
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_transient_type_under_a_permanent_status(
    status: int, error_type: str, kind: FailureKind
) -> None:
    """Some gateway chose the status; the type is the API's own."""
    failure = classify(status_error(status, error_type=error_type), CONNECTING)

    assert (failure.kind, failure.retryable) == (kind, True)


@pytest.mark.parametrize("status", [400, 403, 429])
def test_money_under_any_status(status: int) -> None:
    """Every turn is lost until somebody pays."""
    message = "Your credit balance is too low to access the Anthropic API."
    exc = status_error(status, error_type="invalid_request_error", message=message)

    failure = classify(exc, CONNECTING)

    assert (failure.kind, failure.origin) == (FailureKind.BILLING, Origin.CALLER)
    assert (failure.retryable, failure.root_message) == (False, message)


def test_an_answer_of_a_proxy_without_tls() -> None:
    """Nobody else could have written it."""
    exc = with_body(502, "<html>nginx</html>", request_id=None)

    assert classify(exc, Evidence(https=False, proxy="proxy.test:3128")).origin is Origin.PROXY
    assert classify(exc, Evidence(https=True, proxy="proxy.test:3128")).origin is Origin.UNKNOWN


def test_an_error_event_that_says_nothing() -> None:
    """It is no error of the API's."""
    with pytest.raises(KeyError):
        fault_of_error({"type": "error"})
