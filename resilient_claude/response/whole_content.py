"""All that a message said and did, where tools ran at Anthropic's in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .blocks import Block, is_inaudible
from .signed_content import signed_content


def whole_content(blocks: Iterable[Block], *, longest: int) -> list[dict[str, Any]]:
    """The *blocks* in their order, of a call of ours the id alone; empty if some cannot go back.

    Thinking is left to `signed_content` where that has it.

    Args:
        blocks: Of the message.
        longest: How much is kept, in characters.
    """
    blocks = [each for each in blocks if each.type != "text" or not is_inaudible(each.text())]
    if not any(each.is_server_call or each.is_server_result for each in blocks):
        return []
    weight = sum(block.weight() + sum(map(len, block.parts)) for block in blocks)
    if weight > longest or not all(block.closed and not block.passed_over for block in blocks):
        return []
    is_signed = bool(signed_content(blocks))
    try:
        return [_as_kept(b) for b in blocks if not (is_signed and b.is_thinking)]
    except ValueError:  # the input of a call is no JSON
        return []


def _as_kept(block: Block) -> dict[str, Any]:
    if block.type == "tool_use":
        return {"type": "tool_use", "id": block.start["id"]}
    return block.to_api()
