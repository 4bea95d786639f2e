"""The prompt cache of the Messages API, as its documentation describes it. Pure: no I/O, no clock.

Theory of operation. A prompt is a row of blocks: tools, system, messages. What a prefix of it is
told by is a digest of all its blocks, their marks left out, and of the settings that are rendered
into it. Each mark writes one entry, the prefix that ends there, unless it is too short for the
model. A request reads the longest entry that it finds by looking back from each of its marks, over
`LOOKBACK` blocks with the mark's own. An entry lives for the ttl of its mark after its last use.

Source: platform.claude.com, "Prompt caching", "How automatic prefix checking works", "Cache
limitations", "What invalidates the cache", "Mixing different TTLs".

Assumed: a token is four characters of a block's JSON; an entry can be read as soon as its request
has come; thinking and effort are rendered before the tools, as on some of the models.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

from .abilities import cache_minimum_tokens

LOOKBACK = 20
CHARS_PER_TOKEN = 4
_TTLS_S = {"5m": 300.0, "1h": 3600.0}
_UNCACHEABLE = ("thinking", "redacted_thinking")
_SETTINGS = {
    "tools": ("model", "thinking", "output_config"),
    "system": ("speed",),
    "messages": ("tool_choice",),
}
"""What is rendered into the prompt, by the part from which on it counts."""


class CacheUse(NamedTuple):
    """How the prompt of one request is billed, in tokens."""

    input: int
    read: int
    write_5m: int
    write_1h: int

    def usage(self) -> dict[str, Any]:
        """The same as the API's `usage` tells it."""
        return {
            "input_tokens": self.input,
            "cache_read_input_tokens": self.read,
            "cache_creation_input_tokens": self.write_5m + self.write_1h,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.write_5m,
                "ephemeral_1h_input_tokens": self.write_1h,
            },
        }


@dataclass
class _CachedPrefix:
    ttl_s: float
    used_s: float

    def lives(self, now_s: float) -> bool:
        return now_s - self.used_s < self.ttl_s


class _Block(NamedTuple):
    """A block of a prompt: the prefix that ends with it, and its mark's ttl, if it has one."""

    digest: bytes
    tokens: int
    ttl: str | None
    cacheable: bool


class PromptCache:
    """What earlier requests have left for later ones."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _CachedPrefix] = {}

    def use(self, body: dict[str, Any], now_s: float) -> CacheUse:
        """Read, refresh and write what a request with this *body* does.

        Args:
            body: A request that keeps the API's rules.
            now_s: When it comes, in seconds.
        """
        blocks = list(_blocks(body))
        marks = _marks(body, blocks)
        read = 0
        for at in marks:
            for back in range(at, max(-1, at - LOOKBACK), -1):
                entry = self._entries.get(blocks[back].digest)
                if entry is not None and entry.lives(now_s):
                    entry.used_s = now_s
                    read = max(read, blocks[back].tokens)
                    break
        ends = {"5m": read, "1h": read}
        minimum = cache_minimum_tokens(body["model"])
        for at, ttl in marks.items():
            block = blocks[at]
            if block.tokens < minimum:
                continue
            ends[ttl] = max(ends[ttl], block.tokens)
            entry = self._entries.get(block.digest)
            if entry is None or not entry.lives(now_s):
                self._entries[block.digest] = _CachedPrefix(_TTLS_S[ttl], now_s)
        total = blocks[-1].tokens if blocks else 0
        last = max(ends.values())
        return CacheUse(total - last, read, last - ends["1h"], ends["1h"] - read)


def _marks(body: dict[str, Any], blocks: list[_Block]) -> dict[int, str]:
    """The ttl of each mark, by the block that it stands at; the top level's is at the last one."""
    found = {at: block.ttl for at, block in enumerate(blocks) if block.ttl is not None}
    automatic = body.get("cache_control")
    at = next((at for at in reversed(range(len(blocks))) if blocks[at].cacheable), None)
    if automatic and at is not None:
        found.setdefault(at, automatic.get("ttl", "5m"))
    return found


def _blocks(body: dict[str, Any]) -> Iterator[_Block]:
    digest, chars = b"", 0
    for part, block, role in _parts(body):
        if block is None:
            settings = [body.get(name) for name in _SETTINGS[part]]
            digest = _digest(digest, [part, settings])
            continue
        mark = block.get("cache_control") or {}
        bare = _bare(block)
        digest = _digest(digest, [part, role, bare])
        chars += len(json.dumps(bare, ensure_ascii=False))
        ttl = mark.get("ttl", "5m") if mark else None
        cacheable = block.get("type") not in _UNCACHEABLE
        yield _Block(digest, max(1, chars // CHARS_PER_TOKEN), ttl, cacheable)


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None, str]]:
    """Each block of the prompt with its part and role; before those of a part, None."""
    yield "tools", None, ""
    yield from (("tools", tool, "") for tool in body.get("tools") or ())
    yield "system", None, ""
    yield from (("system", block, "") for block in _as_blocks(body.get("system") or ()))
    yield "messages", None, ""
    for message in body["messages"]:
        for block in _as_blocks(message["content"]):
            yield "messages", block, message["role"]


def _as_blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _bare(value: Any) -> Any:
    """*value* without marks, wherever in it they are."""
    if isinstance(value, dict):
        return {key: _bare(each) for key, each in value.items() if key != "cache_control"}
    return [_bare(each) for each in value] if isinstance(value, list) else value


def _digest(before: bytes, value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True).encode()
    return blake2b(before + text, digest_size=16).digest()
