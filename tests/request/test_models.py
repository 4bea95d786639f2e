"""`models`: what a model accepts, read off its id."""

from __future__ import annotations

import pytest

from resilient_claude.request.models import Model

# id, family, version
IDS = [
    ("claude-3-opus-20240229", "opus", (3, 0)),
    ("claude-3-5-sonnet-20241022", "sonnet", (3, 5)),
    ("claude-3-5-haiku-latest", "haiku", (3, 5)),
    ("claude-3-7-sonnet@latest", "sonnet", (3, 7)),
    ("claude-sonnet-4-20250514", "sonnet", (4, 0)),
    ("claude-sonnet-4-0", "sonnet", (4, 0)),
    ("claude-opus-4-1-20250805", "opus", (4, 1)),
    ("claude-opus-4-1@20250805", "opus", (4, 1)),
    ("claude-sonnet-4-6", "sonnet", (4, 6)),
    ("claude-sonnet-5", "sonnet", (5, 0)),
    ("claude-opus-5-5", "opus", (5, 5)),
    ("claude-fable-5-2", "fable", (5, 2)),
    ("claude-opus-10", "opus", (10, 0)),
    ("Claude-Opus-4-6", "opus", (4, 6)),
    ("claude-2.1", "", (2, 1)),
    ("anthropic.claude-v2:1", "", (2, 1)),
    ("claude-instant-1.2", "instant", (1, 2)),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet", (4, 5)),
    ("anthropic.claude-3-sonnet-20240229-v1:0:200k", "sonnet", (3, 0)),
    ("anthropic.claude-opus-4-6-v1", "opus", (4, 6)),
    (
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "haiku",
        (4, 5),
    ),
    ("anthropic/claude-sonnet-4.6", "sonnet", (4, 6)),
    ("anthropic/claude-4.7-opus", "opus", (4, 7)),
    ("openrouter/anthropic/claude-opus-4.5:thinking", "opus", (4, 5)),
    ("claude-sonnet-4-5[1m]", "sonnet", (4, 5)),
    ("claude-mythos-preview", "mythos", None),
    ("claude-sonnet-latest", "sonnet", None),
    ("claude", "", None),
    ("my-deployment", "", None),
    ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/4x2", "", None),
    ("", "", None),
]

# id, accepts: prefill, sampling, forced tool choice, forced with thinking, strict tools
ABILITIES = [
    ("claude-3-opus-20240229", True, True, True, False, False),
    ("claude-opus-4-1-20250805", True, True, True, False, False),
    ("claude-sonnet-4-5-20250929", True, True, True, False, True),
    ("claude-haiku-4-5", True, True, True, False, True),
    ("claude-sonnet-4-6", False, True, True, False, True),
    ("claude-opus-4-7", False, False, True, False, True),
    ("claude-opus-4-8", False, False, True, True, True),
    ("claude-sonnet-5", False, False, True, True, True),
    ("claude-opus-5", False, False, True, True, True),
    ("claude-fable-5", False, False, True, True, True),
    ("claude-haiku-5-5", False, False, True, True, True),
    ("claude-haiku-6", False, False, False, False, True),
    ("claude-sonnet-5-5", False, False, False, False, True),
    ("claude-opus-5-5", False, False, False, False, True),
    ("claude-opus-6", False, False, False, False, True),
    ("claude-fable-5-1", False, False, False, False, True),
    ("claude-mythos-5-1", False, False, False, False, True),
    ("claude-saga-7", False, False, False, False, True),
]


@pytest.mark.parametrize(("model_id", "family", "version"), IDS)
def test_id_names_family_and_version(
    model_id: str, family: str, version: tuple[int, int] | None
) -> None:
    """Every platform spells an id its own way, and a new model needs no release of ours."""
    assert Model.parse(model_id) == Model(model_id, family, version)


@pytest.mark.parametrize(
    ("model_id", "prefill", "sampling", "forced", "forced_with_thinking", "strict"), ABILITIES
)
def test_abilities_follow_from_the_version(
    model_id: str,
    prefill: bool,
    sampling: bool,
    forced: bool,
    forced_with_thinking: bool,
    strict: bool,
) -> None:
    """Each wrong answer here is a 400 on every turn, or an argument dropped without need."""
    model = Model.parse(model_id)

    assert (
        model.accepts_prefill,
        model.accepts_sampling,
        model.accepts_forced_tool_choice,
        model.accepts_forced_tool_choice_with_thinking,
        model.accepts_strict_tools,
    ) == (prefill, sampling, forced, forced_with_thinking, strict)


@pytest.mark.parametrize("model_id", ["my-deployment", "claude-sonnet-latest", ""])
def test_unknown_id_is_treated_as_the_newest(model_id: str) -> None:
    """What the newest model rejects no older one needs, so the cautious answer always works."""
    model = Model.parse(model_id)

    assert not model.accepts_prefill
    assert not model.accepts_sampling
    assert not model.accepts_forced_tool_choice


def test_an_id_is_parsed_once() -> None:
    """`parse` is on the path of every turn."""
    assert Model.parse("claude-opus-5-5") is Model.parse("claude-opus-5-5")
