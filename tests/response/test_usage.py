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
