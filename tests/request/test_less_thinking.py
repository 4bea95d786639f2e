"""One more attempt with room for the answer."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.less_thinking import with_less_thinking
from tests.support.builders import build, rejected

ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("model", "options", "max_tokens", "effort"),
    [
        ("claude-opus-5-5", {}, 16_384, "low"),
        ("claude-opus-5-5", {"effort": "max", "max_tokens": 100}, 200, "low"),
        ("claude-opus-5-5", {"max_tokens": 100_000}, 128_000, "low"),
        ("claude-sonnet-4-6", {"thinking": ADAPTIVE}, 16_384, "low"),
        (
            "claude-haiku-4-5",
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            2 * (8192 + 2000),
            None,
        ),
        ("my-deployment", {}, 16_384, None),
    ],
)
def test_it_has_twice_the_room_and_the_lowest_effort(
    model: str, options: dict[str, Any], max_tokens: int, effort: str | None
) -> None:
    """Thinking counts towards `max_tokens`, and effort is what holds it."""
    request = build(model=model, **options)

    made = with_less_thinking(request)

    assert made is not None
    body = made[0].body
    assert body["max_tokens"] == max_tokens
    assert body.get("output_config", {}).get("effort") == effort
    assert body["messages"] == request.body["messages"]
    assert rejected(made[0]) is None
    assert made[1].argument == "max_tokens"
    assert str(max_tokens) in made[1].reason


def test_the_request_that_failed_is_left_as_it_is() -> None:
    """It is in the record of the turn."""
    request = build(model="claude-opus-5-5")
    before = dict(request.body)

    with_less_thinking(request)

    assert request.body == before


def test_what_has_all_the_room_already_is_not_asked_again() -> None:
    """It would end in the same way, and be billed."""
    assert with_less_thinking(build(model="claude-opus-5-5", max_tokens=128_000)) is None
