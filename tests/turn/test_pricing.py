"""Whose prices a turn has."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude import Prices, ResilientClaudeLLM
from resilient_claude.request.model_facts import MODELS
from resilient_claude.request.models import Model
from resilient_claude.turn.pricing import prices_of


def test_every_model_with_a_price_has_prices() -> None:
    """Cheap reads of the cache and dear long prompts among them."""
    for facts in MODELS:
        prices = prices_of(Model.parse(facts.name), {})
        assert (prices is None) == (facts.input_price is None)
    opus, haiku = (
        prices_of(Model.parse(name), {}) for name in ("claude-opus-5-5", "claude-haiku-5-5")
    )
    assert opus == Prices(input=4, output=20, cache_read=0.2)
    assert haiku == Prices(input=0.1, output=0.5, long_prompt_tokens=100_000, long_prompt_factor=5)


def test_what_the_application_says_counts() -> None:
    """A gateway has prices of its own; nobody else knows those of an alias."""
    given = {"alias": Prices(input=1, output=2), "claude-opus-5-5": Prices(input=3, output=4)}

    assert prices_of(Model.parse("alias"), given) == given["alias"]
    assert prices_of(Model.parse("claude-opus-5-5"), given) == given["claude-opus-5-5"]
    assert prices_of(Model.parse("another"), given) is None
    assert prices_of(Model.parse("another", "claude-opus-5"), given) == Prices(input=5, output=25)


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        (Prices(input=1, output=2), "prices must be a dict, such as .*, got Prices"),
        ({1: Prices(input=1, output=2)}, "prices must have ids of models for keys, got 1"),
        ({"alias": (1, 2)}, r"prices\['alias'\] must be Prices, got tuple"),
    ],
)
def test_prices_that_are_none_are_refused(prices: Any, message: str) -> None:
    """By the constructor, with what they should be."""
    with pytest.raises(TypeError, match=message):
        ResilientClaudeLLM(api_key="k", prices=prices)
