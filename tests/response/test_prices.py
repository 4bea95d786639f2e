"""What the tokens of a message cost."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.response.prices import Prices
from resilient_claude.response.usage import Usage

SONNET = Prices(input=3, output=15)
USAGE = Usage(
    input_tokens=1_000_000,
    output_tokens=100_000,
    cache_read_input_tokens=2_000_000,
    cache_creation_input_tokens=500_000,
    cache_creation_1h_tokens=100_000,
)


def usage(**more: Any) -> Usage:
    made = Usage(input_tokens=1_000_000)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_each_kind_of_token_has_its_price() -> None:
    """By default that of the cache follows from the input's."""
    assert SONNET.cost(USAGE) == pytest.approx(3 + 1.5 + 2 * 0.3 + 0.4 * 3.75 + 0.1 * 6)
    given = Prices(input=3, output=15, cache_read=0.2, cache_write_5m=4, cache_write_1h=8)
    assert given.cost(USAGE) == pytest.approx(3 + 1.5 + 0.4 + 1.6 + 0.8)


@pytest.mark.parametrize(
    ("prices", "used", "cost"),
    [
        (SONNET, usage(web_search_requests=3), 3.03),
        (Prices(input=3, output=15, web_search=0), usage(web_search_requests=3), 3),
        (SONNET, usage(inference_geo="us"), 3.3),
        (SONNET, usage(inference_geo="global"), 3),
        (SONNET, usage(speed="standard"), 3),
        (Prices(input=3, output=15, fast_factor=2), usage(speed="fast"), 6),
        (
            Prices(input=3, output=15, long_prompt_tokens=999_999, long_prompt_factor=5),
            usage(),
            15,
        ),
        (
            Prices(input=3, output=15, long_prompt_tokens=1_000_000, long_prompt_factor=5),
            usage(),
            3,
        ),
    ],
)
def test_what_makes_it_dearer(prices: Prices, used: Usage, cost: float) -> None:
    """Where it runs, how fast, how long the prompt is, and what is searched for."""
    assert prices.cost(used) == pytest.approx(cost)


def test_a_fast_turn_whose_price_is_not_known_has_no_cost() -> None:
    """A number that is wrong is worse than none."""
    assert SONNET.cost(usage(speed="fast")) is None


@pytest.mark.parametrize("wrong", [-1, float("nan"), "3", True, None])
def test_a_price_that_is_none_is_refused(wrong: Any) -> None:
    """When it is made, and not with the first turn."""
    with pytest.raises(ValueError, match="output must be a number >= 0, got"):
        Prices(input=1, output=wrong)
