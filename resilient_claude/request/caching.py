"""Where a request is marked for the prompt cache. Pure."""

from __future__ import annotations

from copy import copy
from typing import Any

from .content import is_thinking

_MAX_BREAKPOINTS = 4


def with_cache_breakpoints(body: dict[str, Any], *, own_messages: bool = True) -> dict[str, Any]:
    """*body* with breakpoints: last tool, last system block, last two turns that are finished.

    Those are the last assistant message and the user message before it. When the API's four
    breakpoints are used up, what comes later in this order gets none. What is marked is copied:
    definitions are shared with other requests, other objects are the caller's. Only *own_messages*
    of the caller's can have breakpoints already.
    """
    messages = copy(body["messages"])
    marked = body | {"messages": messages}
    # A breakpoint of the caller's own counts, and so does the automatic one of the top level.
    left = _MAX_BREAKPOINTS - ("cache_control" in body)
    contents = [message.get("content") for message in messages] if own_messages else []
    for blocks in (body.get("tools"), body.get("system"), *contents):
        if isinstance(blocks, list):
            left -= sum(isinstance(b, dict) and "cache_control" in b for b in blocks)
    for key in ("tools", "system"):
        if left > 0 and (blocks := _marked(body.get(key))):
            marked[key] = blocks
            left -= 1
    role = "assistant"
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if left > 0 and message["role"] == role:
            if blocks := _marked(message.get("content")):
                messages[index] = {**message, "content": blocks}
                left -= 1
            if role == "user":
                break
            role = "user"
    return marked


def _marked(blocks: object) -> list[Any] | None:
    """*blocks* with a breakpoint at the last one; None if it cannot have one more."""
    if not isinstance(blocks, list) or not blocks or not isinstance(blocks[-1], dict):
        return None
    # Source: platform.claude.com/docs/en/build-with-claude/prompt-caching, "What cannot be cached".
    if "cache_control" in blocks[-1] or is_thinking(blocks[-1]):
        return None
    return [*blocks[:-1], {**blocks[-1], "cache_control": {"type": "ephemeral"}}]
