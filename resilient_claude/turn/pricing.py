"""What the model that a turn asks costs: as the application says, or as its row does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from resilient_claude.request.models import Model
from resilient_claude.response.prices import Prices


def check_prices(prices: object) -> Mapping[str, Prices]:
    """The argument of that name.

    Raises:
        TypeError: it is no dict of `Prices` by the ids of models.
    """
    if not isinstance(prices, Mapping):
        raise TypeError(
            'prices must be a dict, such as {"claude-x": Prices(input=3, output=15)}, '
            f"got {type(prices).__name__}"
        )
    for name, price in prices.items():
        if not isinstance(name, str):
            raise TypeError(f"prices must have ids of models for keys, got {name!r}")
        if not isinstance(price, Prices):
            raise TypeError(f"prices[{name!r}] must be Prices, got {type(price).__name__}")
    return {**prices}


def prices_of(model: Model, given: Mapping[str, Prices]) -> Prices | None:
    """The prices of *model*: those *given* for its id, or else Anthropic's; None if unknown."""
    facts = model.facts
    return given.get(model.id) or _listed(
        facts.input_price,
        facts.output_price,
        facts.cache_read_price,
        facts.long_prompt_tokens,
        facts.long_prompt_factor,
    )


@lru_cache(maxsize=64)  # by the numbers, which are hashed sooner than all facts
def _listed(
    input_price: float | None,
    output_price: float | None,
    cache_read: float | None,
    long_prompt_tokens: int | None,
    long_prompt_factor: float,
) -> Prices | None:
    if input_price is None or output_price is None:
        return None
    return Prices(
        input=input_price,
        output=output_price,
        cache_read=cache_read,
        long_prompt_tokens=long_prompt_tokens,
        long_prompt_factor=long_prompt_factor,
    )
