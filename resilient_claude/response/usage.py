"""The tokens of a message, as the API counts them and as livekit does. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from livekit.agents import llm

from resilient_claude.failures.redaction import identifier


@dataclass(slots=True)
class Usage:
    """Tokens of one message. Every count the API sends is cumulative: assigned, never added."""

    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0
    service_tier: str | None = None

    def update(self, usage: object) -> None:
        """Take over the counts that *usage*, the API's object, holds.

        What is no count is passed over: an answer is worth more than the number of its tokens.
        """
        if not isinstance(usage, dict):
            return
        for name in _COUNTS:
            count = usage.get(name)
            if type(count) is float and count.is_integer():
                count = int(count)  # JSON has one kind of number, and some gateways write 42.0
            if type(count) is int and 0 <= count < 2**53:
                setattr(self, name, count)
        self.service_tier = identifier(usage.get("service_tier")) or self.service_tier

    def add(self, other: Usage) -> None:
        """Add the counts of another message of the same turn."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.service_tier = other.service_tier or self.service_tier

    @property
    def total_tokens(self) -> int:
        """All tokens of the message, cached ones included."""
        return self.prompt_tokens + self.output_tokens

    @property
    def prompt_tokens(self) -> int:
        """Input tokens, cached ones included, as livekit counts them."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

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
        )


_COUNTS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)
