"""Where a request is marked for the prompt cache. Pure."""

from __future__ import annotations

from copy import copy
from typing import Any

_MAX_BREAKPOINTS = 4

# Source: platform.claude.com/docs/en/build-with-claude/prompt-caching, "What cannot be cached".
_UNCACHEABLE = ("thinking", "redacted_thinking")


def mark_cache_breakpoints(body: dict[str, Any]) -> None:
    """Mark the last tool, system block and assistant message, and the user message before that.

    Replaces what it marks by a copy: definitions are shared, other objects are the caller's.
    """
    body["messages"] = messages = copy(body["messages"])
    # A breakpoint of the caller's own counts, and so does the automatic one of the top level.
    left = _MAX_BREAKPOINTS - ("cache_control" in body)
    for holder, key in ((body, "tools"), (body, "system"), *((m, "content") for m in messages)):
        blocks = holder.get(key)
        if isinstance(blocks, list):
            left -= sum(isinstance(b, dict) and "cache_control" in b for b in blocks)
    left -= left > 0 and _mark_last(body, "tools")
    left -= left > 0 and _mark_last(body, "system")
    role = "assistant"
    for index in range(len(messages) - 1, -1, -1):
        if left > 0 and messages[index]["role"] == role:
            messages[index] = dict(messages[index])
            left -= _mark_last(messages[index], "content")
            if role == "user":
                break
            role = "user"


def _mark_last(holder: dict[str, Any], key: str) -> bool:
    blocks = holder.get(key)
    if not isinstance(blocks, list) or not blocks or not isinstance(blocks[-1], dict):
        return False
    if "cache_control" in blocks[-1] or blocks[-1].get("type") in _UNCACHEABLE:
        return False
    holder[key] = [*blocks[:-1], {**blocks[-1], "cache_control": {"type": "ephemeral"}}]
    return True
