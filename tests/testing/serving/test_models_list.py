"""What the simulated Claude says of its models."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing.serving.models_list import model, model_list


def described(name: str) -> dict[str, Any]:
    """What it says of one that it has."""
    found = model(name)
    assert found is not None
    return found


def test_an_alias_stands_for_a_dated_id() -> None:
    """As the API resolves it."""
    assert described("claude-haiku-4-5")["id"] == "claude-haiku-4-5-20251001"


def test_a_model_that_is_to_retire_says_when() -> None:
    """Whoever asks before the first call has days left to move."""
    found = described("claude-sonnet-4-5")

    assert (found["lifecycle"], found["retires_at"][:10]) == ("deprecated", "2026-11-30")
    assert described("claude-sonnet-4-6")["retires_at"] is None


@pytest.mark.parametrize(
    ("name", "types", "levels"),
    [
        ("claude-haiku-4-5", ["disabled", "enabled"], []),
        (
            "claude-sonnet-4-6",
            ["adaptive", "disabled", "enabled"],
            ["low", "medium", "high", "max"],
        ),
        (
            "claude-sonnet-5-5",
            ["adaptive", "between_tools"],
            ["low", "medium", "high", "xhigh", "max"],
        ),
    ],
)
def test_its_capabilities_are_those_that_it_holds_requests_to(
    name: str, types: list[str], levels: list[str]
) -> None:
    """What it promises and then refuses would be a bug of the simulation."""
    capabilities = described(name)["capabilities"]

    kinds = capabilities["thinking"]["types"]
    assert [kind for kind, can in kinds.items() if can["supported"]] == types
    effort = capabilities["effort"]
    assert [level for level, can in effort.items() if can == {"supported": True}] == levels
    assert effort["supported"] is bool(levels)


@pytest.mark.parametrize("name", ["claude-opus-9", "claude-mythos-preview", "models"])
def test_there_is_no_other_model(name: str) -> None:
    """The API answers 404, and so does the simulation."""
    assert model(name) is None


def test_the_list_has_every_model_once() -> None:
    """One page, as `has_more` says."""
    page = model_list()

    ids = [each["id"] for each in page["data"]]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (ids[0], ids[-1], False)
    assert len({*ids}) == len(ids) >= 18
