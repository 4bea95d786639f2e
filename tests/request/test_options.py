"""The constructor's arguments that shape a request: what is refused, and with which words."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.options import RequestOptions
from tests.support.builders import (
    SAMPLING,
)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("model", "", "model must be a model id, got ''"),
        ("model", None, "model must be a model id, got None"),
        ("max_tokens", 0, "max_tokens must be >= 1, got 0"),
        ("max_tokens", True, "max_tokens must be >= 1, got True"),
        ("max_tokens", 1.5, "max_tokens must be >= 1, got 1.5"),
        ("temperature", 1.1, "temperature must be from 0 to 1, got 1.1"),
        ("temperature", float("nan"), "temperature must be from 0 to 1, got nan"),
        ("temperature", "hot", "temperature must be from 0 to 1, got 'hot'"),
        ("top_k", -1, "top_k must be >= 0, got -1"),
        ("caching", "1h", "caching must be \"ephemeral\" or None, got '1h'"),
        (
            "tool_choice",
            "any",
            'tool_choice must be "auto", "required", "none" or'
            ' {"type": "function", "function": {"name": ...}}, got \'any\'',
        ),
    ],
)
def test_bad_option_is_refused_with_its_name_and_value(
    option: str, value: object, message: str
) -> None:
    """A typo in the constructor must fail at start-up, not on the first caller."""
    options: dict[str, Any] = {"model": SAMPLING, option: value}

    with pytest.raises(ValueError, match=r".") as caught:
        RequestOptions(**options)

    assert str(caught.value) == message
