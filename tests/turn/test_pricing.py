"""Whose prices a turn has."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude import Prices, ResilientClaudeLLM
from resilient_claude.request.model_facts import MODELS
from resilient_claude.request.models import Model
from resilient_claude.testing import SimulatedClaude
from resilient_claude.turn.pricing import prices_of
from tests.support.adapters import MakeLLM
from tests.support.lines import Lines


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


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "Anthropic's count"),
        ("my-alias", "it has no cost"),
    ],
)
async def test_prices_of_other_models_alone_are_a_line(
    make_llm: MakeLLM, lines: Lines, model: str, count: str
) -> None:
    """Written otherwise than the model, they would be of no use, and the sum wrong, in silence."""
    given = {"claude-haiku-4-5": Prices(input=1.1, output=5.5)}
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, model=model, prices=given)
        await adapter.aclose()

    (line,) = lines.named("claude.request_adjusted")
    assert line["argument"] == "prices"
    assert line["reason"] == f"have none of {model}, as it is written in model=: {count}"


async def test_prices_of_the_model_asked_are_no_line(make_llm: MakeLLM, lines: Lines) -> None:
    """Until it moves to one that has none."""
    given = {"claude-haiku-4-5": Prices(input=1.1, output=5.5)}
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, model="claude-haiku-4-5", prices=given)
        before = [*lines.named("claude.request_adjusted")]
        adapter.update_options(model="claude-haiku-5-5")
        await adapter.aclose()

    assert before == []
    assert len(lines.named("claude.request_adjusted")) == 1
