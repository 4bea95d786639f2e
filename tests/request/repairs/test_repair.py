"""What a cause remembers of a request."""

from __future__ import annotations

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.repairs.rejections import cause_of
from resilient_claude.request.repairs.repair import content_of, digest, field_of, items_of
from tests.support.builders import build


def test_a_digest_is_short_and_tells_nothing() -> None:
    """It outlives the call."""
    value = {"data": "my card number is 4711" * 1000, "half": "\ud800", "own": {1, 2}}

    assert len(digest(value)) == 16
    assert digest(value) != digest({**value, "data": ""})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


def test_a_request_of_any_shape_can_be_looked_at() -> None:
    """`extra_kwargs` may hold messages of the caller's own."""
    assert field_of(None, "x") is field_of([], "x") is field_of({}, "x") is None
    assert items_of("no list") == content_of({"content": "Hello"}) == content_of(7) == []


def test_the_same_cause_is_equal_and_another_is_not() -> None:
    """Two turns at the same time learn the same, once."""
    error = ApiError(message="This model does not support the effort parameter.")
    low, again, high = (
        cause_of(build(model="claude-opus-4-6", effort=effort), error)
        for effort in ("low", "low", "high")
    )

    assert low == again != high
    assert len({low, again, high}) == 2
