"""Signed thinking: whether a request thinks, and what of it goes back with tool results. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from livekit.agents import llm

from resilient_claude.request.history.repair import api_id

from .models import Model

_THINKING_FIELDS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}

# Source: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting, its table of
# defaults: from Opus 5 and Sonnet 5 on, a request that says nothing thinks.
_THINKING_IS_DEFAULT_FROM = (5, 0)


def put_back_thinking(body: dict[str, Any], chat_ctx: llm.ChatContext, model: Model) -> str | None:
    """Give the calls that *body* answers the thinking back that they came with.

    The stream leaves it in the `extra` of a message's first call, as `{"claude": {"model": ...,
    "thinking": [block, ...], "prefix": ...}}`. It goes first in the call's message, unchanged,
    while the tool loop at the end of the history is open: "It is only strictly necessary to send
    back thinking blocks when using tools with thinking. Otherwise you can omit thinking blocks
    from previous turns." Another model would not read it.

    With manual thinking (up to 4.6), a loop that does not begin with its thinking is a 400: such
    a request goes without thinking. With adaptive thinking it may be missing; what is a 400 there
    (on accounts since August 31, 2026, from Fable 5.1 and the 5.5 models on) is thinking before
    which the system, the tools or a message has changed, as after a handoff to another agent.
    Therefore it goes back only if `prefix`, when there is one, still holds.
    Source: platform.claude.com/docs/en/build-with-claude/thinking and .../preserved-thinking.

    Returns:
        Why the request goes without thinking, although it asked for it; else None.
    """
    loop = _open_loop(body["messages"])
    mode = thinking_mode(body, model) if loop else "off"
    if mode == "off":
        # "When thinking is disabled, an `assistant` message in the final position cannot contain
        # `thinking`": github.com/tailcallhq/forgecode/issues/1853
        return None
    records = _records(chat_ctx)
    found: dict[int, list[dict[str, Any]]] = {}
    # From the end, since thinking must go without a gap: "You can remove thinking blocks from the
    # front of the history, oldest first. Removing one from the middle invalidates" later ones.
    for index in reversed(loop):
        record = records.get(_first_call_id(body["messages"][index]))
        if record is None:
            continue  # it did not think before this call
        thinking = _readable_thinking(record, model)
        if thinking is None or (mode == "adaptive" and not _holds(record, body, index)):
            break
        found[index] = thinking
    if mode == "manual" and loop[0] not in found:
        del body["thinking"]
        return "not sent: the tool calls it follows on have no thinking that could be put back"
    for index, thinking in found.items():
        message = body["messages"][index]  # which other requests have too
        body["messages"][index] = {**message, "content": [*thinking, *message["content"]]}
    return None


def thinking_mode(body: Mapping[str, Any], model: Model) -> str:
    """How *body* is answered: "manual", "adaptive" (which anything unknown counts as) or "off"."""
    thinking = body.get("thinking")
    if thinking is None:
        version = model.version
        by_default = version is None or version >= _THINKING_IS_DEFAULT_FROM
        return "adaptive" if by_default else "off"
    kind = thinking.get("type") if isinstance(thinking, Mapping) else None
    if kind == "disabled":
        return "off"
    return "manual" if kind == "enabled" else "adaptive"


def prefix_of(body: Mapping[str, Any], end: int) -> str:
    """A digest of what thinking is bound to, if it follows the first *end* messages of *body*.

    Cache breakpoints and earlier thinking are not part of it. Source: platform.claude.com/docs/
    en/build-with-claude/preserved-thinking, "What counts as an edit".
    """
    messages = [
        {**m, "content": _bound(m.get("content"))} if isinstance(m, dict) else m
        for m in body["messages"][:end]
    ]
    prefix = (_bound(body.get("system")), _bound(body.get("tools")), messages)
    text = json.dumps(prefix, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _open_loop(messages: list[dict[str, Any]]) -> list[int]:
    """Where the calls are that the end of *messages* answers, step by step; empty if it does not.

    What the caller says meanwhile stands behind the results, in the same message.
    """
    loop: list[int] = []
    at = len(messages) - 1
    while messages[at]["content"][0]["type"] == "tool_result":
        if loop and messages[at]["content"][-1]["type"] != "tool_result":
            break
        loop.insert(0, at - 1)
        at -= 2
    return loop


def _records(chat_ctx: llm.ChatContext) -> dict[str, Any]:
    """What the stream left with each call, by the call's id; of equal ids, the first call's."""
    return {
        api_id(item.call_id): item.extra["claude"]
        for item in reversed(chat_ctx.items)
        if item.type == "function_call" and isinstance(item.extra, dict) and "claude" in item.extra
    }


def _first_call_id(message: Mapping[str, Any]) -> str:
    return next(str(block["id"]) for block in message["content"] if block["type"] == "tool_use")


def _readable_thinking(record: object, model: Model) -> list[dict[str, Any]] | None:
    """The thinking of *record*, if it is well-formed and *model* has signed it."""
    if not isinstance(record, Mapping) or record.get("model") != model.id:
        return None
    thinking = record.get("thinking")
    if not isinstance(thinking, list) or not thinking or not all(map(_is_thinking, thinking)):
        return None
    return [dict(block) for block in thinking]


def _is_thinking(block: object) -> bool:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(block, dict) or not isinstance(kind, str) or kind not in _THINKING_FIELDS:
        return False
    *text, seal = _THINKING_FIELDS[kind]
    # The text may be empty, as it is by default on the newest models; what is signed may not.
    return (
        block.keys() == {"type", *text, seal}
        and all(isinstance(block[name], str) and _is_unicode(block[name]) for name in (*text, seal))
        and block[seal] != ""
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _holds(record: Mapping[str, Any], body: Mapping[str, Any], index: int) -> bool:
    return "prefix" not in record or record["prefix"] == prefix_of(body, index)


def _bound(blocks: Any) -> Any:
    """*blocks* without thinking and breakpoints."""
    if not isinstance(blocks, list):
        return blocks
    return [_unmarked(block) for block in blocks if not _is_of_thinking(block)]


def _unmarked(block: Any) -> Any:
    if not isinstance(block, dict) or "cache_control" not in block:
        return block
    return {key: value for key, value in block.items() if key != "cache_control"}


def _is_of_thinking(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking")
