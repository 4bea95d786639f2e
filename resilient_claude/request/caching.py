"""Where a request is marked for the prompt cache. Pure.

Theory of operation. The API writes one entry for each mark: the prefix of tools, system and
messages that ends there. It reads by looking back from each mark, over 20 blocks with the mark's
own, for the longest prefix that an earlier request has written. A request has at most four marks.
So that every turn of a growing call hits, however many blocks the turn before has added, the marks
stand where the requests before had theirs:

- The end of the request. The next one looks for it there.
- The end of the request before: the message of the user's before the last one. In a tool loop that
  is the result before the last.
- The message that began the turn before. While a tool loop is open, its thinking stands in the
  messages, and afterwards it is gone (see `thinking`): what was written inside the loop is of no
  use any more, and this is the last that is.
- What all calls share: the static instructions, up to livekit's cache breakpoint, or to what an
  agent is told of this call alone; without any, the whole system, or the tools.

Where there are fewer of those, as in the first turn, the last tool and the end of the system are
marked too: another agent's call, or another caller's, may begin with them. livekit's breakpoints
are kept also where nothing else is cached.

A mark costs nothing by itself. What it cannot see: words that are in one request alone, such as
instructions for one reply. They are written in vain, and the mark before them is hit.

Source: platform.claude.com/docs/en/build-with-claude/prompt-caching, "How automatic prefix checking
works", "What invalidates the cache", "What cannot be cached".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .content import is_thinking

MOST_MARKS = 4
"""How many marks the API takes in one request."""
FIVE_MINUTES_S = 300.0
ONE_HOUR_S = 3600.0
_PLAIN: Mapping[str, Any] = {"type": "ephemeral"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is to be marked.

    Attributes:
        control: The mark.
        prefix: Whether what calls share is to be cached, and not what breakpoints name alone.
        turns: And whether the messages are.
        shared: How many blocks of the system all calls share; 0 where that is not known.
        system: After which blocks of the system livekit's breakpoints are.
        messages: And after which block of which message.
    """

    control: Mapping[str, Any]
    prefix: bool = True
    turns: bool = True
    shared: int = 0
    system: Sequence[int] = ()
    messages: Sequence[tuple[int, int]] = ()


def cache_control(caching: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    """The mark that the argument `caching` asks for; of breakpoints alone, if it is None."""
    return _PLAIN if caching is None or isinstance(caching, str) else {**caching}


def lifetime_s(control: Mapping[str, Any]) -> float:
    """How long what a mark has written is kept after its last use, seconds."""
    return ONE_HOUR_S if control.get("ttl") == "1h" else FIVE_MINUTES_S


def with_cache_marks(
    body: dict[str, Any], marks: Marks, *, own_messages: bool = False
) -> dict[str, Any]:
    """*body* with *marks*, as many as the caller's own leave.

    What is marked is copied: definitions and messages are shared with other requests, other objects
    are the caller's.

    Args:
        body: What is to be sent.
        marks: What is to be marked.
        own_messages: Whether the messages are the caller's own, and may have marks.
    """
    own = [*_own_marks(body, own_messages=own_messages)]
    if any(mark.get("ttl", "5m") != marks.control.get("ttl", "5m") for mark in own):
        return body  # "a ttl='1h' block must not come after a ttl='5m' one"
    marked: dict[str, Any] = {}
    left = MOST_MARKS - len(own)
    for key, at, block in _places(body, marks):
        if left <= 0:
            break
        left -= _mark(marked, body, (key, at, block), marks.control)
    return body | marked


_Place = tuple[str, int, int]
"""Tools, system or messages; which of them; and after which block of a message."""
_LAST = -1


def _places(body: Mapping[str, Any], marks: Marks) -> Iterator[_Place]:
    """Where marks are wanted, the most wanted first."""
    messages, system = body["messages"], body.get("system")
    said = [("messages", at, block) for at, block in reversed(marks.messages)]
    yield from (("system", at, _LAST) for at in {*marks.system[:1], *marks.system[-1:]})
    if marks.prefix and not marks.system:
        yield ("system", marks.shared - 1, _LAST) if system else ("tools", _LAST, _LAST)
    turns = [*_ends(messages)] if marks.turns else []
    yield from turns[:2]
    yield from said[:1] if marks.turns else said
    yield from turns[2:]
    if marks.prefix:
        yield "tools", _LAST, _LAST
        yield "system", _LAST, _LAST


def _ends(messages: Sequence[Any]) -> Iterator[_Place]:
    """The last two messages of the user's, and the last one before them that began a turn."""
    found = 0
    for at in range(len(messages) - 1, -1, -1):
        if messages[at]["role"] != "user":
            continue
        found += 1
        begins_turn = not _ends_with_result(messages[at]["content"])
        if found <= 2 or begins_turn:
            yield "messages", at, _LAST
        if found > 2 and begins_turn:
            return


def _ends_with_result(content: Any) -> bool:
    last = content[-1] if isinstance(content, list) and content else None
    return isinstance(last, dict) and last.get("type") == "tool_result"


def _mark(
    marked: dict[str, Any], body: Mapping[str, Any], place: _Place, control: Mapping[str, Any]
) -> bool:
    """Put a mark at *place*; whether it is one more."""
    key, at, block = place
    holder = marked.get(key, body.get(key))
    if not isinstance(holder, (list, tuple)) or not holder:
        return False
    at %= len(holder)
    if key != "messages":
        if (one := _with_mark(holder[at], control)) is None:
            return False
    else:
        content = holder[at].get("content")
        if not isinstance(content, list) or not -len(content) <= block < len(content):
            return False
        block %= len(content)
        if (part := _with_mark(content[block], control)) is None:
            return False
        one = {**holder[at], "content": [*content[:block], part, *content[block + 1 :]]}
    copied = [*holder]
    copied[at] = one
    marked[key] = copied
    return True


def _with_mark(block: Any, control: Mapping[str, Any]) -> dict[str, Any] | None:
    """*block* with a mark; None if it cannot have one more."""
    if not isinstance(block, dict) or "cache_control" in block or is_thinking(block):
        return None
    return {**block, "cache_control": {**control}}


def _own_marks(body: Mapping[str, Any], *, own_messages: bool) -> Iterator[Mapping[str, Any]]:
    """The marks that the caller has set, that of the top level among them."""
    contents = (m.get("content") for m in body["messages"]) if own_messages else ()
    for blocks in ([body], body.get("tools"), body.get("system"), *contents):
        for block in blocks if isinstance(blocks, (list, tuple)) else ():
            mark = block.get("cache_control") if isinstance(block, dict) else None
            if isinstance(mark, Mapping):
                yield mark
