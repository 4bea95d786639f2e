"""Why a request found less in the prompt cache than the one before has left there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .content import is_thinking, without

NOTHING_CHANGED = "nothing_changed"
"""The request begins as the one before did: the API has forgotten it."""

# What stands first in the prompt comes first. The words are the API's, as far as it has one.
_FIELDS = {
    "model": "model_changed",
    "speed": "model_changed",
    "tools": "tools_changed",
    "system": "system_changed",
    "thinking": "thinking_changed",
    "output_config": "output_config_changed",
    "tool_choice": "tool_choice_changed",
}


def what_changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What of the body *before* is not in *now*, so that its prefix was of no use.

    Returns:
        None where no more could have been read: the thinking of a tool loop goes when the loop is
        over, and what was said in it becomes text; and the last message may have held what was said
        for one turn alone.
    """
    for name, reason in _FIELDS.items():
        if _unmarked(before.get(name)) != _unmarked(now.get(name)):
            return reason
    *earlier, last = before["messages"] or [None]
    messages = now["messages"]
    if len(messages) < len(earlier):
        return "messages_changed"
    has_thought = False
    for one, other in zip(earlier, messages, strict=False):
        if one is other:
            continue
        if _has_thinking(one):
            has_thought = True
        elif _message(one) != _message(other):
            return "messages_changed"
    is_whole = len(messages) > len(earlier) and _message(last) == _message(messages[len(earlier)])
    return NOTHING_CHANGED if is_whole and not has_thought else None


def _has_thinking(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    return isinstance(content, list) and any(map(is_thinking, content))


def _message(message: Any) -> Any:
    """*message* without marks."""
    if not isinstance(message, dict):
        return message
    return {**message, "content": _unmarked(message.get("content"))}


def _unmarked(blocks: Any) -> Any:
    """*blocks* without marks."""
    if not isinstance(blocks, (list, tuple)):
        return blocks
    return [without(block, "cache_control") for block in blocks]
