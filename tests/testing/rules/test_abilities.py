"""What a model takes, read off its name."""

from __future__ import annotations

import pytest

from resilient_claude.testing.rules.abilities import ModelName, parse


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claude-opus-4-8", ("opus", (4, 8))),
        ("claude-sonnet-5", ("sonnet", (5, 0))),
        ("claude-sonnet-4-5-20250929", ("sonnet", (4, 5))),
        ("claude-sonnet-4-20250514", ("sonnet", (4, 0))),
        ("us.anthropic.claude-opus-5-5-v1:0", ("opus", (5, 5))),
        ("claude-3-5-haiku-20241022", ("haiku", (3, 5))),
        ("claude-3-opus-20240229", ("opus", (3, 0))),
        ("claude-mythos-preview", ("mythos", (5, 0))),
        ("my-gateway", ("", (0, 0))),
    ],
)
def test_family_and_version_are_read_off_the_name(
    name: str, expected: tuple[str, tuple[int, int]]
) -> None:
    """A date is no version, and no rule of a model applies to an unknown one."""
    assert parse(name) == ModelName(*expected)
