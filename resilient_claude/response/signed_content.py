"""The signed thinking of a message, and what stands around it, as it is to go back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .blocks import Block, is_inaudible

_KEPT = ("text", "tool_use")
"""What thinking may stand among: livekit keeps the words and the calls, and nothing else."""


def signed_content(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """What *blocks* say and do, in its order, if there is thinking in it that can go back.

    Thinking is whole, text is text, and of a call of our tools there is the id: its input is in the
    history. Where all thinking comes first, and none of it was spoken, that is all there is.

    The API wants thinking back whole, signed and in its place. So there is none of it where a block
    before the last of it cannot go back as it was.
    """
    blocks = [block for block in blocks if not _is_blank(block)]
    places = [at for at, block in enumerate(blocks) if block.is_thinking]
    if not places:
        return []
    thinking = [blocks[at] for at in places]
    if not all(map(_can_go_back, thinking)):
        return []
    last = places[-1]
    if last + 1 == len(places) and not any(block.spoken for block in thinking):
        return [block.to_api() for block in thinking]
    if not all(block.is_thinking or _is_plain(block) for block in blocks[:last]):
        return []
    return [_mark(block) for block in blocks if block.type in _KEPT or block.is_thinking]


def _mark(block: Block) -> dict[str, Any]:
    if block.type == "tool_use":
        return {"type": "tool_use", "id": block.start["id"]}
    if block.type == "text":
        return {"type": "text", "text": block.text()}
    return block.to_api()


def _can_go_back(thinking: Block) -> bool:
    is_signed = bool(thinking.signature) or thinking.type == "redacted_thinking"
    return is_signed and thinking.closed and not thinking.passed_over


def _is_plain(block: Block) -> bool:
    """Whether nothing of *block* is lost where text is text, and of a call there is the id."""
    return block.type in _KEPT and not block.citations and not block.passed_over


def _is_blank(block: Block) -> bool:
    """Whether it is text without a word, which the API takes from nobody."""
    return block.type == "text" and is_inaudible(block.text())
