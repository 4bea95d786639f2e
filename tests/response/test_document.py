"""A JSON document where a stream should be: what it says went wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault
from resilient_claude.response.document import (
    DOCUMENT_BYTES,
    WHOLE_MESSAGE,
    is_json,
    read_document,
)

SAYING: list[tuple[Any, FailureKind]] = [
    ({"type": "error", "error": {"type": "overloaded_error"}}, FailureKind.OVERLOADED),
    ({"type": "error", "error": {"type": "authentication_error"}}, FailureKind.AUTH),
    ({"error": {"type": "rate_limit_error", "message": "no"}}, FailureKind.RATE_LIMITED),
    ({"error": {"message": "Your credit balance is too low"}}, FailureKind.BILLING),
    ({"error": "Overloaded"}, FailureKind.OVERLOADED),
    ({"error": {"code": 503, "status": "UNAVAILABLE"}}, FailureKind.SERVER),
    ({"detail": "Invalid API key"}, FailureKind.AUTH),
    ({"message": "Too many requests"}, FailureKind.RATE_LIMITED),
    ({"__type": "ThrottlingException", "message": "slow down"}, FailureKind.RATE_LIMITED),
    ([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}], FailureKind.RATE_LIMITED),
]


@pytest.mark.parametrize(("document", "kind"), SAYING)
def test_an_error_is_named_by_what_it_says(document: Any, kind: FailureKind) -> None:
    """The status line lies: a wrong key would be asked about six times, and nobody told of it."""
    fault = read_document(json.dumps(document, indent=1).encode())

    assert fault is not None
    assert (fault.kind, fault.origin) == (kind, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"{not json",
        b'{"error": null}',
        b'{"error": {"type": "error_of_tomorrow"}}',
        b'{"message": "Good morning."}',
        b'{"status": "ok"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"error": "' + b"overloaded " * DOCUMENT_BYTES + b'"}',
        b'{"error": "overloaded", "x": [' + b"0," * 25_000 + b"0]}",
    ],
    ids=lambda body: body[:30],
)
def test_what_says_nothing_that_is_known_has_no_name(body: bytes) -> None:
    """A guess would tell an operator the wrong thing; and no body costs more than it is worth."""
    assert read_document(body) is None


MESSAGE = {
    "type": "message",
    "content": [{"type": "text", "text": "Hi."}],
    "stop_reason": "end_turn",
}


@pytest.mark.parametrize(
    "document",
    [
        MESSAGE,
        {**MESSAGE, "error": None},
        {"content": [{"type": "text", "text": "The service is overloaded."}]},
        {"id": "chatcmpl-1", "choices": [{"message": {"content": "Hi."}}]},
        {**MESSAGE, "content": [{"type": "text", "text": "word " * DOCUMENT_BYTES}]},
    ],
    ids=["whole", "no error", "bare", "another API", "long"],
)
def test_a_whole_message_is_called_so(document: Any) -> None:
    """Whoever set up the gateway reads what to change; what Claude said is not quoted."""
    fault = read_document(json.dumps(document).encode())

    assert fault is not None
    assert (fault.kind, str(fault)) == (FailureKind.MALFORMED, WHOLE_MESSAGE)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "error", "message", "detail", "content", "status", "code"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_any_body_is_read(body: bytes) -> None:
    """It comes from the network."""
    assert isinstance(read_document(body), Fault | None)


@pytest.mark.parametrize(
    ("content_type", "told"),
    [
        ("application/json", True),
        ("application/problem+json", True),
        ("text/json", True),
        ("application/x-ndjson", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_json_by_its_names(content_type: str, told: bool) -> None:
    """A page for people is never read."""
    assert is_json(content_type) is told
