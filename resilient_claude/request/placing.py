"""Where the thinking of an answer goes back: among the words and calls that it came with. Pure.

Theory of operation. A history keeps what was heard of an answer as one text, and its calls in the
order in which their tools were done. Claude has signed something else: blocks in an order, of which
those that are notes were heard as well. So the answer is put back as it came, in place of what the
history has of it, if that still says the same: white space apart, since livekit and a voice may
change that. Then a note is in its block and nowhere else.

If the history says something else, such as the half that was heard before the caller interrupted,
the history is right: what was heard stands there as text, notes too, and nothing is put back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from .content import api_id, is_thinking

_MOST_PARTS = 8
"""Of how many parts of a message the text of one answer is made at most."""


def digest_of(said: str) -> str:
    """A digest of what was heard, whatever the white space in it."""
    return hashlib.blake2b("".join(said.split()).encode(), digest_size=8).hexdigest()


def placed(
    content: Sequence[Mapping[str, Any]], answer: Sequence[Mapping[str, Any]], said: str
) -> list[Any] | None:
    """*content* with the *answer* in its place; None if it is not the same any more.

    Args:
        content: An assistant message that ends with the calls of the answer.
        answer: Its thinking, texts, and calls as a `ThinkingRecord` keeps them.
        said: The digest of what was heard of it.
    """
    kinds = [block["type"] for block in content]
    first = kinds.index("tool_use")
    start = _start(content[:first], said)
    if start is None:
        return None
    calls = {block.get("id"): block for block in content[first:]}
    made: list[Any] = [*content[:start]]
    is_whole = True
    for block in answer:
        if block["type"] == "tool_use":
            call = calls.pop(api_id(block["id"]), None)
            is_whole = is_whole and call is not None
            made += [] if call is None else [call]
        elif is_thinking(block) and not is_whole:
            return None  # it is bound to a call that was left out
        else:
            made.append(block)
    return None if calls else made


def _start(blocks: Sequence[Mapping[str, Any]], said: str) -> int | None:
    """From where on *blocks* are what was heard; None if it is nowhere."""
    for start in range(len(blocks), max(len(blocks) - _MOST_PARTS, 0) - 1, -1):
        texts = [block.get("text", "") for block in blocks[start:]]
        if digest_of("".join(texts)) == said:
            return start
    return None
