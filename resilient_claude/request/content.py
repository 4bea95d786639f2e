"""What the API says of content blocks, wherever they come from. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

THINKING_BLOCKS = ("thinking", "redacted_thinking")
"""The types of the blocks that hold signed thinking."""

GO_ON = {"text": ".", "type": "text"}
"""What a user says, as livekit has it, where the assistant has spoken last and cannot go on."""

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def is_thinking(block: object) -> bool:
    """Whether *block* holds signed thinking."""
    return isinstance(block, dict) and block.get("type") in THINKING_BLOCKS


def unthought(messages: Sequence[Any]) -> list[Any]:
    """*messages* without signed thinking; one that holds nothing else is left out."""
    kept = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list) or not any(map(is_thinking, content)):
            kept.append(message)
        elif left := [block for block in content if not is_thinking(block)]:
            kept.append({**message, "content": left})
    return kept


def is_blank(block: Mapping[str, Any]) -> bool:
    """Whether *block* is a text without a word, which is a 400."""
    return bool(block.get("type") == "text" and not block["text"].strip())


def prefill(text: str) -> str:
    """*text*, as the end of a message that the model goes on with.

    The API: "final assistant content cannot end with trailing whitespace".
    """
    return text.rstrip()


def finite(value: Any) -> Any:
    """A copy with null for NaN and the infinities, which `json.loads` reads and JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def without(block: Any, *names: str) -> Any:
    """*block* without the fields of these *names*; itself where it has none of them."""
    if not isinstance(block, dict) or not any(name in block for name in names):
        return block
    return {key: value for key, value in block.items() if key not in names}


def returned(block: dict[str, Any]) -> dict[str, Any]:
    """*block*, which the API has sent, as it goes back: a mark would be one more than counted."""
    made: dict[str, Any] = finite(without(block, "cache_control"))
    return made


def compact_json(value: object) -> bytes:
    """*value* as the SDK would write it, in UTF-8, with "?" for half a surrogate pair.

    Raises:
        TypeError, ValueError, RecursionError: It is no JSON.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def api_id(call_id: str) -> str:
    """*call_id* in the characters that the API takes; another one may become the same."""
    # Another provider's ids, left by a session that fell back to it, may not fit the API's pattern.
    return _NOT_IN_AN_ID.sub("_", call_id) or "_"
