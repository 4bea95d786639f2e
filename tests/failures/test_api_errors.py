"""Errors in other clothes than the API's: named by what they say, their words kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.api_errors import ApiError, kind_of_type, read_error
from resilient_claude.failures.failure import FailureKind

INNER = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded now"}}'

CLOTHES: list[tuple[Any, FailureKind | None, str]] = [
    (
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        FailureKind.OVERLOADED,
        "Overloaded",
    ),
    ({"error": {"message": "prompt is too long"}}, FailureKind.REJECTED, "prompt is too long"),
    ({"error": "Overloaded"}, FailureKind.OVERLOADED, "Overloaded"),
    ({"error": "overloaded_error", "message": "Slow"}, FailureKind.OVERLOADED, "Slow"),
    ({"type": "error", "error": "invalid x-api-key"}, FailureKind.AUTH, "invalid x-api-key"),
    ({"type": "rate_limit_error", "message": "slow"}, FailureKind.RATE_LIMITED, "slow"),
    ({"detail": "Too Many Requests"}, FailureKind.RATE_LIMITED, "Too Many Requests"),
    (
        {"detail": [{"loc": ["body"], "msg": "Field required", "type": "missing"}]},
        None,
        "Field required",
    ),
    ({"message": "expired", "__type": "x#ExpiredTokenException"}, FailureKind.AUTH, "expired"),
    ({"Message": "slow", "code": "ThrottlingException"}, FailureKind.RATE_LIMITED, "slow"),
    (
        [{"error": {"code": 503, "message": "The model is busy", "status": "UNAVAILABLE"}}],
        FailureKind.SERVER,
        "The model is busy",
    ),
    ({"error": {"code": 502, "message": "no answer"}}, FailureKind.SERVER, "no answer"),
    ({"error": {"message": "no", "type": "None", "code": "529"}}, FailureKind.OVERLOADED, "no"),
    ({"error": {"message": INNER}}, FailureKind.OVERLOADED, INNER),
    (INNER, FailureKind.OVERLOADED, "Overloaded now"),
    (INNER.encode(), FailureKind.OVERLOADED, "Overloaded now"),
    ("upstream connect error", FailureKind.SERVER, "upstream connect error"),
    ({"errors": [{"message": "forbidden", "code": 1020}]}, FailureKind.AUTH, "forbidden"),
    ({"status": 429, "title": "Slow down"}, FailureKind.RATE_LIMITED, "Slow down"),
    ({"error": "Service Unavailable", "status": 503}, FailureKind.SERVER, "Service Unavailable"),
    ({"error": {"type": "error_of_tomorrow", "message": "invalid"}}, None, "invalid"),
    ("<html><body>Overloaded</body></html>", None, ""),
    ("{not json", None, "{not json"),
    ({"error": {"error": {"error": {"error": {"message": "deep"}}}}}, None, ""),
    ({"message": "as it is", "detail": "more"}, None, "as it is"),
    ([], None, ""),
    (None, None, ""),
    (7, None, ""),
]


@pytest.mark.parametrize(("value", "kind", "message"), CLOTHES, ids=lambda value: str(value)[:40])
def test_an_error_is_named_by_what_it_says(
    value: Any, kind: FailureKind | None, message: str
) -> None:
    """A gateway that says "overloaded" in its own way is overloaded all the same."""
    error = read_error(value)

    assert (error.kind, error.message) == (kind, message)


MONEY = [
    {
        "type": "invalid_request_error",
        "message": "Your credit balance is too low to access the ...",
    },
    {
        "type": "invalid_request_error",
        "message": "You have reached your specified API usage limits. You will regain",
    },
    {
        "type": "invalid_request_error",
        "message": "You have reached your specified workspace API usage limits.",
    },
    {"type": "rate_limit_error", "details": {"error_code": "contract_spend_limit_reached"}},
    {"type": "rate_limit_error", "details": {"error_code": "user_profile_not_billable"}},
    {"type": "x", "details": {"error_code": "linked_organization_billing_unavailable"}},
    {"type": "insufficient_quota", "message": "You exceeded your current quota"},
    {"message": "Budget has been exceeded! Current cost: 10", "type": "budget_exceeded"},
    {"message": "INVALID_PAYMENT_INSTRUMENT: a valid payment instrument must be provided"},
    {"message": "This request requires more credits, or fewer max_tokens"},
]


@pytest.mark.parametrize("error", MONEY, ids=json.dumps)
def test_money_that_has_run_out(error: dict[str, Any]) -> None:
    """It comes under 400, 403 and 429, and in any type; somebody must pay."""
    assert read_error({"error": error}).kind is FailureKind.BILLING


@pytest.mark.parametrize(
    "message",
    [
        "This request would exceed your organization's rate limit of 50,000 tokens per minute",
        "Number of request tokens has exceeded your per-minute rate limit",
        "ramp limit exceeded",
    ],
)
def test_haste_is_not_money(message: str) -> None:
    """A limit per minute heals by itself."""
    assert not ApiError(type="rate_limit_error", message=message).is_about_money


@pytest.mark.parametrize("name", ["overloaded_error", "OverloadedError", "OVERLOADED"])
def test_a_type_has_many_spellings(name: str) -> None:
    """As many as there are languages that gateways are written in."""
    assert kind_of_type(name) is FailureKind.OVERLOADED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "type", "message", "detail", "code", "details", "status"]),
            inner,
        )
    ),
)


@given(JSON)
def test_reading_is_total(value: Any) -> None:
    """What an error looks like is the network's choice."""
    error = read_error(value)

    assert isinstance(error.message, str)
    assert error.type is None or len(error.type) <= 80
    assert error.kind is None or error.kind in FailureKind
