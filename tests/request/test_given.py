"""What counts as given, and what as a number: livekit and the SDK have four ways to say no."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from livekit.agents.types import NOT_GIVEN

from resilient_claude.request.given import is_absent, is_int, is_number, or_default


@pytest.mark.parametrize("value", [None, NOT_GIVEN, anthropic.NOT_GIVEN, anthropic.omit])
def test_what_is_not_given_is_the_default(value: Any) -> None:
    """Any of them in a request would be an object that JSON does not know."""
    assert or_default(value, 7) == 7


@pytest.mark.parametrize("value", [0, "", False, []])
def test_what_is_empty_is_given(value: Any) -> None:
    """A temperature of 0 is one, and not the default."""
    assert or_default(value, 7) is value


def test_none_is_not_absent() -> None:
    """In `extra_kwargs` it takes an argument of the constructor back."""
    assert is_absent(NOT_GIVEN)
    assert not is_absent(None)


@pytest.mark.parametrize(
    ("value", "integer", "number"),
    [(3, True, True), (3.5, False, True), (True, False, False), ("3", False, False)],
)
def test_true_is_no_number(value: object, integer: bool, number: bool) -> None:
    """Python says that it is; the API refuses it."""
    assert (is_int(value), is_number(value)) == (integer, number)
