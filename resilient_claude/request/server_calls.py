"""Calls of tools that run at Anthropic's, and their results, in what goes back to the API. Pure.

Each result must stand behind its call; a call may wait for its result at the end alone, where the
API runs it. Claude sends them so; what translates another model's answers may send a result that
nobody asked for, or twice, or a call without an id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def is_server_call(block: Mapping[str, Any]) -> bool:
    """Whether *block* is a call of a tool that runs at Anthropic's."""
    return block.get("type") in ("server_tool_use", "mcp_tool_use")


def is_server_result(block: Mapping[str, Any]) -> bool:
    """Whether *block* is what came of such a call."""
    return str(block.get("type")).endswith("_tool_result")


def has_its_id(block: Mapping[str, Any]) -> bool:
    """Whether it is known which call *block* is, or is the result of, if it is one of those."""
    if is_server_result(block):
        return isinstance(block.get("tool_use_id"), str)
    return not is_server_call(block) or isinstance(block.get("id"), str)


def matched(
    blocks: Iterable[dict[str, Any]], before: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """*blocks* without results of calls that nobody made, and without what has no id.

    Args:
        blocks: Of an answer.
        before: All that stands before them, in their message and in earlier ones.
    """
    calls: set[Any] = {block.get("id") for block in before if is_server_call(block)}
    calls -= {block.get("tool_use_id") for block in before if is_server_result(block)}
    kept = []
    for block in filter(has_its_id, blocks):
        if is_server_call(block):
            calls.add(block["id"])
        elif is_server_result(block):
            if block["tool_use_id"] not in calls:
                continue
            calls.remove(block["tool_use_id"])
        kept.append(block)
    return kept
