"""Which ids Anthropic's own API is unlikely to know."""

from __future__ import annotations

from typing import get_args

import pytest
from anthropic.types import Model

from resilient_claude.request.model_ids import did_you_mean, did_you_mean_on_bedrock


@pytest.mark.parametrize(
    "model",
    [
        *get_args(get_args(Model)[0]),
        "claude-sonnet-4-20250514",
        "claude-opus-4-1-20250805",
        "claude-3-5-haiku-20241022",
        "claude-3-opus-latest",
        "claude-2.1",
        "claude-instant-1.2",
        # Those of days to come.
        "claude-haiku-6",
        "claude-opus-7-2-20290101",
        "claude-ode-1",
    ],
)
def test_an_id_as_anthropic_writes_them_is_none_of_our_business(model: str) -> None:
    """A warning that is wrong teaches people to read over warnings."""
    assert did_you_mean(model) is None


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("anthropic/claude-sonnet-4-6", "claude-sonnet-4-6"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
        ("claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("claude-sonet-4-6", "claude-sonnet-4-6"),
        ("claude-hiaku-4-5", "claude-haiku-4-5"),
        ("claude-sonnet-4.6", "claude-sonnet-4-6"),
        ("claude_sonnet_4_6", "claude-sonnet-4-6"),
        ("Claude-Sonnet-4-6", "claude-sonnet-4-6"),
        ("claude-4-6-sonnet", "claude-sonnet-4-6"),
        ("claude-4.5-sonnet-20250929", "claude-sonnet-4-5-20250929"),
        ("claude-opus4-5", "claude-opus-4-5"),
        ("gpt-4o", "claude-sonnet-4-6"),
        ("sonnet", "claude-sonnet-4-6"),
    ],
)
def test_an_id_that_is_written_otherwise_has_a_near_one(model: str, meant: str) -> None:
    """The API answers 404 to each of these, with the first caller on the line."""
    assert did_you_mean(model) == meant


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("claude-opus-4-6", "anthropic.claude-opus-4-6"),
        ("claude-3-5-haiku-20241022", "anthropic.claude-3-5-haiku-20241022"),
        ("anthropic.claude-opus-4-6-v1", None),
        ("global.anthropic.claude-opus-4-6-v1", None),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", None),
        ("claude-opus-4-6@20260101", None),
    ],
)
def test_bedrock_names_the_provider_in_its_ids(model: str, meant: str | None) -> None:
    """What is written otherwise than Anthropic's own may be anything."""
    assert did_you_mean_on_bedrock(model) == meant
