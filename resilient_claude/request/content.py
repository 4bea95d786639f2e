"""What the API says of content blocks, wherever they come from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

THINKING_BLOCKS = ("thinking", "redacted_thinking")
"""The types of the blocks that hold signed thinking."""


def is_thinking(block: object) -> bool:
    """Whether *block* holds signed thinking."""
    return isinstance(block, dict) and block.get("type") in THINKING_BLOCKS


def is_blank(block: Mapping[str, Any]) -> bool:
    """Whether *block* is a text without a word, which is a 400."""
    return bool(block.get("type") == "text" and not block["text"].strip())


def prefill(text: str) -> str:
    """*text*, as the end of a message that the model goes on with.

    The API: "final assistant content cannot end with trailing whitespace".
    """
    return text.rstrip()
