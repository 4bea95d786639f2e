"""What the model that a turn asks costs: as the application says, or as its row does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from resilient_claude.request.model_facts import ModelFacts
from resilient_claude.request.models import Model
from resilient_claude.response.prices import Prices


def check_prices(prices: object) -> Mapping[str, Prices]:
    """The argument of that name.

    Raises:
        TypeError: it is no dict of `Prices` by the ids of models.
    """
    if not isinstance(prices, Mapping) or not all(isinstance(name, str) for name in prices):
        raise TypeError(
            'prices must be a dict, such as {"claude-x": Prices(input=3, output=15)}, '
            f"got {type(prices).__name__}"
        )
    for name, price in prices.items():
        if not isinstance(price, Prices):
            raise TypeError(f"prices[{name!r}] must be Prices, got {type(price).__name__}")
    return {**prices}


def prices_of(model: Model, given: Mapping[str, Prices]) -> Prices | None:
    """The prices of *model*: those *given* for its id, or else Anthropic's; None if unknown."""
    return given.get(model.id) or _listed(model.facts)


@lru_cache(maxsize=64)
def _listed(facts: ModelFacts) -> Prices | None:
    if facts.input_price is None or facts.output_price is None:
        return None
    return Prices(
        input=facts.input_price,
        output=facts.output_price,
        cache_read=facts.cache_read_price,
        long_prompt_tokens=facts.long_prompt_tokens,
        long_prompt_factor=facts.long_prompt_factor,
    )
