"""The tokens of a message, as the API counts them and as livekit does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from livekit.agents import llm

from resilient_claude.failures.redaction import identifier


@dataclass(slots=True)
class Usage:
    """What of one message is paid for: tokens and searches, and at which rate.

    Every count the API sends is cumulative: assigned, never added.
    """

    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_1h_tokens: int = 0
    thinking_tokens: int = 0
    web_search_requests: int = 0
    web_fetch_requests: int = 0
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None

    def update(self, usage: object) -> None:
        """Take over the counts that *usage*, the API's object, holds.

        What is no count is passed over: an answer is worth more than the number of its tokens.
        """
        if not isinstance(usage, dict):
            return
        for holder, names in _HOLDERS.items():
            counts = usage if holder is None else usage.get(holder)
            if not isinstance(counts, dict):
                continue
            for theirs, ours in names.items():
                count = counts.get(theirs)
                if type(count) is float and count.is_integer():
                    count = int(count)  # JSON has one kind of number, and some gateways write 42.0
                if type(count) is int and 0 <= count < 2**53:
                    setattr(self, ours, count)
        for name in _WORDS:
            if (word := usage.get(name)) is not None:
                setattr(self, name, identifier(word) or getattr(self, name))

    def add(self, other: Usage) -> None:
        """Add the counts of another message of the same turn."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _WORDS:
            setattr(self, name, getattr(other, name) or getattr(self, name))

    @property
    def total_tokens(self) -> int:
        """All tokens of the message, cached ones included."""
        return self.prompt_tokens + self.output_tokens

    @property
    def prompt_tokens(self) -> int:
        """Input tokens, cached ones included, as livekit counts them."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    @property
    def written(self) -> tuple[int, int]:
        """Tokens that were written to the cache for five minutes, and for an hour."""
        written = self.cache_creation_input_tokens
        for_an_hour = min(self.cache_creation_1h_tokens, written)
        return written - for_an_hour, for_an_hour

    def to_livekit(self) -> llm.CompletionUsage:
        """The same counts as livekit's usage chunk carries them."""
        prompt_tokens = self.prompt_tokens
        return llm.CompletionUsage(
            completion_tokens=self.output_tokens,
            prompt_tokens=prompt_tokens,
            total_tokens=prompt_tokens + self.output_tokens,
            prompt_cached_tokens=self.cache_read_input_tokens,
            cache_creation_tokens=self.cache_creation_input_tokens,
            cache_read_tokens=self.cache_read_input_tokens,
            service_tier=self.service_tier,
            **({"reasoning_tokens": self.thinking_tokens} if _TELLS_THINKING else {}),
        )


_TELLS_THINKING = "reasoning_tokens" in llm.CompletionUsage.model_fields
"""Older releases of livekit-agents have no field for it."""

_HOLDERS: Mapping[str | None, Mapping[str, str]] = {
    None: {
        name: name
        for name in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
        )
    },
    "cache_creation": {"ephemeral_1h_input_tokens": "cache_creation_1h_tokens"},
    "output_tokens_details": {"thinking_tokens": "thinking_tokens"},
    "server_tool_use": {
        "web_search_requests": "web_search_requests",
        "web_fetch_requests": "web_fetch_requests",
    },
}
"""The API's counts, by the object in the usage that holds them, and what they are called here.

Source: anthropic/types/usage.py.
"""
_COUNTS = tuple(ours for names in _HOLDERS.values() for ours in names.values())
_WORDS = ("service_tier", "speed", "inference_geo")
