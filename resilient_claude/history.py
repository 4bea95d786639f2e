"""A chat context, turned into the messages and the system of a Messages API request.

Pure: values in, values out. What the API is known to reject is put right here, because a bad item
in a call's history would otherwise fail every later turn of that call.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from livekit.agents import llm

from .models import Model

__all__ = ["conversation", "finite", "prefix_of", "put_back_thinking", "thinking_mode"]

# What a `tool_result` may hold besides a string: required fields, optional ones.
# Source: anthropic/types/tool_result_block_param.py; anything else is "Extra inputs are not
# permitted", and most likely a tool's own data that happens to have a "type".
_RESULT_BLOCKS: dict[str, tuple[dict[str, type], set[str]]] = {
    "text": ({"text": str}, {"citations"}),
    "image": ({"source": dict}, set()),
    "document": ({"source": dict}, {"citations", "context", "title"}),
    "search_result": ({"source": str, "title": str, "content": list}, {"citations"}),
    "tool_reference": ({"tool_name": str}, set()),
}
_IMAGE_SOURCES = {"base64": {"media_type", "data"}, "url": {"url"}, "file": {"file_id"}}
_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_THINKING_FIELDS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
# Source: platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting, its table of
# defaults: from Opus 5 and Sonnet 5 on, a request that says nothing thinks.
_THINKING_IS_DEFAULT_FROM = (5, 0)


def conversation(
    chat_ctx: llm.ChatContext, model: Model
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The messages and the system blocks, free of what the API is known to reject."""
    try:
        messages, data = _formatted(chat_ctx)
    except (TypeError, ValueError):
        # livekit decodes the arguments of every past call: before 1.7 invalid JSON fails the turn
        # there (ValueError), since then half a surrogate pair does (TypeError).
        messages, data = _formatted(_with_readable_arguments(chat_ctx))
    messages = _repaired(messages, chat_ctx)
    if not messages or messages[0]["role"] != "user":
        # livekit's own stand-in for a conversation that the assistant opens.
        messages.insert(0, {"role": "user", "content": [{"text": "(empty)", "type": "text"}]})
    final = messages[-1]
    if final["role"] == "assistant" and not model.accepts_prefill:
        # As livekit would, had it known what the repairs leave over.
        messages.append({"role": "user", "content": [{"text": ".", "type": "text"}]})
    elif final["role"] == "assistant" and final["content"][-1]["type"] == "text":
        # "final assistant content cannot end with trailing whitespace"
        final["content"][-1]["text"] = final["content"][-1]["text"].rstrip()
    texts = [text for text in data.system_messages or () if not text.isspace()]
    return messages, [{"type": "text", "text": text} for text in texts]


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
        message = body["messages"][index]
        message["content"] = [*thinking, *message["content"]]
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


def finite(value: Any) -> Any:
    """A copy with null for NaN and the infinities, which `json.loads` reads and JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


# --- repairs --------------------------------------------------------------------------------------


def _formatted(chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], Any]:
    messages, data = chat_ctx.to_provider_format(
        "anthropic", inject_dummy_user_message=False, inject_trailing_user_message=False
    )
    return messages, data


def _with_readable_arguments(chat_ctx: llm.ChatContext) -> llm.ChatContext:
    items = [
        item.model_copy(update={"arguments": "{}"})
        if item.type == "function_call" and not _is_readable(item.arguments)
        else item
        for item in chat_ctx.items
    ]
    return llm.ChatContext(items)


def _is_readable(arguments: str) -> bool:
    try:
        json.loads(arguments.encode() or "{}")
    except ValueError:
        return False
    return True


def _repaired(messages: list[dict[str, Any]], chat_ctx: llm.ChatContext) -> list[dict[str, Any]]:
    """*messages* with blank texts, unpaired tool blocks and then empty messages taken out.

    livekit pairs calls with outputs by counting, so a repeated `call_id` gets past it. It puts a
    call's output into the message after the call's, and this relies on that.
    """
    repaired: list[dict[str, Any]] = []
    role = ""  # of the last message that stayed
    seen: set[str] = set()
    unanswered: dict[str, str] = {}
    for index, message in enumerate(messages):
        content = message["content"]
        if len(content) == 1 and content[0]["type"] == "text":  # most messages
            if content[0]["text"].isspace():
                continue
        elif message["role"] == "user":
            content = [b for b in content if _keep_result(b, unanswered, chat_ctx)]
        else:
            results = messages[index + 1]["content"] if index + 1 < len(messages) else ()
            answered = {b["tool_use_id"] for b in results if b["type"] == "tool_result"}
            content = [b for b in content if _keep_call(b, answered, seen, unanswered)]
        if content and message["role"] == role:
            repaired[-1]["content"] += content
        elif content:
            role = message["role"]
            message["content"] = content
            repaired.append(message)
    return repaired


def _keep_call(
    block: dict[str, Any], answered: set[str], seen: set[str], unanswered: dict[str, str]
) -> bool:
    """Whether *block* stays; a call that stays is noted in *seen* and, by its id, *unanswered*."""
    if block["type"] != "tool_use":
        # Not an image either: "can only be in `user` messages".
        return block["type"] == "text" and not _is_blank(block)
    call_id = _api_id(block["id"])
    if block["id"] not in answered or call_id in seen:
        return False
    seen.add(call_id)
    unanswered[block["id"]] = call_id
    block["id"] = call_id
    block["input"] = finite(block["input"]) if isinstance(block["input"], dict) else {}
    return True


def _keep_result(
    block: dict[str, Any], unanswered: dict[str, str], chat_ctx: llm.ChatContext
) -> bool:
    """Whether *block* stays; the call of a result that stays is taken from *unanswered*."""
    if block["type"] != "tool_result":
        return not _is_blank(block)
    call_id = block["tool_use_id"]
    if call_id not in unanswered:
        return False
    block["tool_use_id"] = unanswered.pop(call_id)
    if isinstance(block["content"], list):
        block["content"] = _result_content(block["content"], call_id, chat_ctx)
    if block["is_error"] and not block["content"]:
        block["content"] = "Error"  # "content cannot be empty if `is_error` is true"
    return True


def _is_blank(block: Mapping[str, Any]) -> bool:
    return bool(block["type"] == "text" and block["text"].isspace())


def _result_content(content: list[Any], call_id: str, chat_ctx: llm.ChatContext) -> list[Any] | str:
    """Content blocks, or the tool's own text: livekit takes any JSON list for content blocks."""
    if content and all(_is_result_block(part) for part in content):
        return [finite(part) for part in content]
    outputs = (item for item in chat_ctx.items if item.type == "function_call_output")
    return next(item.output for item in outputs if item.call_id == call_id)


def _is_result_block(part: object) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str) or kind not in _RESULT_BLOCKS:
        return False
    required, optional = _RESULT_BLOCKS[kind]
    if not required.keys() <= part.keys() - {"type"} <= required.keys() | optional:
        return False
    if not all(isinstance(part[name], expected) for name, expected in required.items()):
        return False
    if kind == "text":
        return bool(part["text"].strip())
    return kind != "image" or _is_image_source(part["source"])


def _is_image_source(source: dict[str, Any]) -> bool:
    kind = source.get("type")
    fields = _IMAGE_SOURCES.get(kind) if isinstance(kind, str) else None
    strings = all(isinstance(value, str) for value in source.values())
    return strings and fields is not None and source.keys() == fields | {"type"}


def _api_id(call_id: str) -> str:
    # Another provider's ids, left by a session that fell back to it, may not fit the API's pattern.
    return _NOT_IN_AN_ID.sub("_", call_id) or "_"


# --- thinking -------------------------------------------------------------------------------------


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
        _api_id(item.call_id): item.extra["claude"]
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
