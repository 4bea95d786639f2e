"""What signed thinking is bound to: all that a request says before it. Pure.

Looked at once for each step of a tool loop, and pictures are megabytes: so each message is read
once, in order, and of a long text in a picture or a document its length and its ends alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .content import is_thinking, without

_ENDS_CHARS = 512
"""How much of the beginning and of the end of a picture tells it from others."""


class PrefixDigest:
    """Digests of ever longer beginnings of one request.

    Cache breakpoints and earlier thinking are not part of it, nor is whether tools are strict,
    which is decided at last. Source: platform.claude.com/docs/
    en/build-with-claude/preserved-thinking, "What counts as an edit".

    Args:
        body: The request. Its messages are not looked at.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        before = _bound(body.get("system")), _bound(body.get("tools"))
        self._hash = hashlib.blake2b(_text(before), digest_size=8)
        self._end = 0

    def copy(self) -> PrefixDigest:
        """Another one, which goes on from where this one is."""
        made = object.__new__(PrefixDigest)
        made._hash, made._end = self._hash.copy(), self._end
        return made

    def up_to(self, messages: Sequence[Any], end: int) -> str:
        """That of the first *end* of *messages*, which begin as they did before."""
        for message in messages[self._end : end]:
            if isinstance(message, dict):
                message = {**message, "content": _bound(message.get("content"))}
            self._hash.update(_text(message))
        self._end = max(end, self._end)
        return self._hash.hexdigest()


def prefix_of(body: Mapping[str, Any], end: int) -> str:
    """A digest of what thinking is bound to, if it follows the first *end* messages of *body*."""
    return PrefixDigest(body).up_to(body["messages"], end)


def _text(value: object) -> bytes:
    return json.dumps(value, default=str).encode()


def _bound(blocks: Any) -> Any:
    """*blocks* without thinking, breakpoints and strictness, of pictures the ends alone."""
    if not isinstance(blocks, list):
        return blocks
    return [_shortened(without(b, "cache_control", "strict")) for b in blocks if not is_thinking(b)]


def _shortened(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    kind = block.get("type")
    if kind == "tool_result" and isinstance(block.get("content"), list):
        return {**block, "content": [*map(_shortened, block["content"])]}
    source = block.get("source") if kind in ("image", "document") else None
    if not isinstance(source, dict):
        return block
    data = source.get("data")
    if not isinstance(data, str) or len(data) <= 2 * _ENDS_CHARS:
        return block
    ends = [len(data), data[:_ENDS_CHARS], data[-_ENDS_CHARS:]]
    return {**block, "source": {**source, "data": ends}}
