"""What the tokens of a message cost. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from .usage import Usage

_MILLION = 1_000_000
# Sources: platform.claude.com/docs/en/about-claude/pricing, "Prompt caching", "Data residency
# pricing", "Web search tool".
_CACHE_READ = 0.1
_CACHE_WRITE_5M = 1.25
_CACHE_WRITE_1H = 2.0
_IN_THE_US = 1.1
SEARCH_PRICE = 0.01
"""Of one web search, US dollars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a model costs, in US dollars per million tokens.

    Attributes:
        input: of tokens of the prompt that are neither read from the cache nor written to it.
        output: of tokens of the answer, thinking included.
        cache_read: of tokens that are read from the cache; default: a tenth of *input*.
        cache_write_5m: of tokens that are written to it for five minutes; default: 1.25 times
            *input*.
        cache_write_1h: likewise, for an hour; default: twice *input*.
        long_prompt_tokens: a prompt of more tokens makes the whole message dearer; None: none does.
        long_prompt_factor: how many times dearer, the answer included.
        fast_factor: how many times dearer fast mode is; None where that is not known, and then a
            turn in fast mode has no cost.
        web_search: of one search, US dollars.

    Raises:
        ValueError: a price is negative, or no number.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    long_prompt_tokens: int | None = None
    long_prompt_factor: float = 1.0
    fast_factor: float | None = None
    web_search: float = SEARCH_PRICE

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.default is None:
                continue
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not math.isfinite(value) or value < 0:
                raise ValueError(f"{each.name} must be a number >= 0, got {value!r}")

    def cost(self, usage: Usage) -> float | None:
        """What a message with this *usage* costs, US dollars; None where that is not known."""
        factor = _IN_THE_US if usage.inference_geo == "us" else 1.0
        if usage.speed == "fast":
            if self.fast_factor is None:
                return None
            factor *= self.fast_factor
        if self.long_prompt_tokens is not None and usage.prompt_tokens > self.long_prompt_tokens:
            factor *= self.long_prompt_factor
        read, write_5m, write_1h = self.cache_read, self.cache_write_5m, self.cache_write_1h
        written_5m, written_1h = usage.written if usage.cache_creation_input_tokens else (0, 0)
        tokens = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_input_tokens * (self.input * _CACHE_READ if read is None else read)
            + written_5m * (self.input * _CACHE_WRITE_5M if write_5m is None else write_5m)
            + written_1h * (self.input * _CACHE_WRITE_1H if write_1h is None else write_1h)
        )
        return tokens / _MILLION * factor + usage.web_search_requests * self.web_search
