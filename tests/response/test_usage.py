"""The tokens of a message."""

from __future__ import annotations

import pytest
from livekit.agents import llm

from resilient_claude.response.translator import Translator
from resilient_claude.response.usage import Usage

from .test_translator import end, start, text


def test_counts_are_assigned_not_added() -> None:
    """`message_delta` is cumulative; the plugin reports 45 tokens for 42."""
    translator = Translator()
    translator.feed([start(input_tokens=10, cache_read_input_tokens=5, output_tokens=3)])
    translator.feed([*text(0, "x"), *end(output_tokens=42, input_tokens=12)])

    assert translator.message.usage == Usage(
        input_tokens=12, cache_read_input_tokens=5, output_tokens=42
    )
    assert translator.message.usage.to_livekit() == llm.CompletionUsage(
        completion_tokens=42,
        prompt_tokens=17,
        total_tokens=59,
        prompt_cached_tokens=5,
        cache_read_tokens=5,
    )


@pytest.mark.parametrize("usage", [None, 7, {"output_tokens": -1}, {"output_tokens": "many"}])
def test_nonsense_counts_are_not_taken_over(usage: object) -> None:
    """Wrong numbers are worse than old ones."""
    counts = Usage(output_tokens=3)

    counts.update(usage)

    assert counts == Usage(output_tokens=3)


@pytest.mark.parametrize(
    ("count", "taken"),
    [(42.0, 42), (42.5, 3), ("42", 3), (True, 3), (None, 3), ([42], 3), (1e300, 3)],
)
def test_a_count_is_a_whole_number_however_it_is_written(count: object, taken: int) -> None:
    """JSON knows one kind of number; and an answer is worth more than its tokens."""
    counts = Usage(output_tokens=3)

    counts.update({"output_tokens": count})

    assert (counts.output_tokens, type(counts.output_tokens)) == (taken, int)


DETAILED = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 890,
    "cache_creation": {"ephemeral_1h_input_tokens": 60, "ephemeral_5m_input_tokens": 40},
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 30},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
    "speed": "fast",
    "inference_geo": "us",
}


def test_what_is_counted_apart_is_taken_too() -> None:
    """It has prices of its own."""
    counts = Usage()

    counts.update(DETAILED)
    counts.update({"output_tokens": 51, "speed": None})
    counts.add(counts)

    assert counts.written == (80, 120)
    assert (counts.thinking_tokens, counts.output_tokens) == (60, 102)
    assert (counts.web_search_requests, counts.web_fetch_requests) == (4, 2)
    assert (counts.service_tier, counts.speed, counts.inference_geo) == ("standard", "fast", "us")


@pytest.mark.parametrize("wrong", [None, 7, [], {"thinking_tokens": -1}, {"thinking_tokens": "3"}])
def test_nonsense_beside_the_counts_is_not_taken_over(wrong: object) -> None:
    """Nor does it end an answer."""
    counts = Usage(thinking_tokens=3)

    counts.update({"output_tokens_details": wrong, "speed": wrong})

    assert (counts.thinking_tokens, counts.speed) == (3, None)


def test_no_more_is_written_for_an_hour_than_is_written() -> None:
    """Whatever a gateway counts: nothing of it is negative."""
    counts = Usage(cache_creation_input_tokens=5, cache_creation_1h_tokens=9)

    assert counts.written == (0, 5)


def test_livekit_is_told_of_thinking_where_it_has_a_field_for_it() -> None:
    """Its metrics and spans show it then."""
    told = Usage(output_tokens=50, thinking_tokens=30).to_livekit()

    assert getattr(told, "reasoning_tokens", 30) == 30
