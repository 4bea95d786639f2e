"""Why a request found less in the prompt cache than the one before has left there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .content import is_thinking

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
        over, and the last message may have held what was said for one turn alone.
    """
    for name, reason in _FIELDS.items():
        if _blocks(before.get(name)) != _blocks(now.get(name)):
            return reason
    *earlier, last = before["messages"] or [None]
    messages = now["messages"]
    if len(messages) < len(earlier):
        return "messages_changed"
    for one, other in zip(earlier, messages, strict=False):
        if one is not other and _bound(one) != _bound(other):
            return "messages_changed"
    is_whole = len(messages) > len(earlier) and _unmarked(last) == _unmarked(messages[len(earlier)])
    thought = any(_unmarked(m) != _bound(m) for m in earlier)
    return NOTHING_CHANGED if is_whole and not thought else None


def _bound(message: Any) -> Any:
    """*message* without thinking and marks."""
    return _with_content(message, thinking=False)


def _unmarked(message: Any) -> Any:
    """*message* without marks."""
    return _with_content(message, thinking=True)


def _with_content(message: Any, *, thinking: bool) -> Any:
    if not isinstance(message, dict):
        return message
    return {**message, "content": _blocks(message.get("content"), thinking=thinking)}


def _blocks(blocks: Any, *, thinking: bool = True) -> Any:
    """*blocks* without marks, and without thinking unless that is asked for."""
    if not isinstance(blocks, (list, tuple)):
        return blocks
    return [_without_mark(each) for each in blocks if thinking or not is_thinking(each)]


def _without_mark(block: Any) -> Any:
    if not isinstance(block, dict) or "cache_control" not in block:
        return block
    return {key: value for key, value in block.items() if key != "cache_control"}
