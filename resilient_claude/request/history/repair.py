"""A chat context, turned into the messages and the system of a Messages API request.

Pure: values in, values out. What the API is known to reject is put right here, because a bad item
in a call's history would otherwise fail every later turn of that call.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from livekit.agents import llm

from resilient_claude.request.content import is_blank, prefill
from resilient_claude.request.models import Model

from .cache import HistoryCache
from .plain import PlainJson

__all__ = ["api_id", "conversation", "finite"]

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


def conversation(
    chat_ctx: llm.ChatContext, model: Model, plain: HistoryCache
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The messages and the system blocks, free of what the API is known to reject."""
    messages, texts = plain.messages(chat_ctx) or _messages(chat_ctx)
    if not messages or messages[0]["role"] != "user":
        messages.insert(0, _NOBODY_SPOKE)
    final = messages[-1]
    if final["role"] == "assistant" and not model.accepts_prefill:
        # As livekit would, had it known what the repairs leave over.
        messages.append({"role": "user", "content": [{"text": ".", "type": "text"}]})
    elif final["role"] == "assistant" and final["content"][-1]["type"] == "text":
        *blocks, last = final["content"]
        messages[-1] = {**final, "content": [*blocks, {**last, "text": prefill(last["text"])}]}
    system: list[dict[str, Any]] = [
        PlainJson(type="text", text=text) for text in texts if not text.isspace()
    ]
    return messages, system


def finite(value: Any) -> Any:
    """A copy with null for NaN and the infinities, which `json.loads` reads and JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


# livekit's own stand-in for the caller's words in a conversation that the assistant opens.
_NOBODY_SPOKE = PlainJson(role="user", content=[{"text": "(empty)", "type": "text"}]).encoded()


# --- repairs --------------------------------------------------------------------------------------


def _messages(chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages and the system's texts, by livekit's own formatter."""
    try:
        messages, data = _formatted(chat_ctx)
    except (TypeError, ValueError):
        # livekit decodes the arguments of every past call: before 1.7 invalid JSON fails the turn
        # there (ValueError), since then half a surrogate pair does (TypeError).
        messages, data = _formatted(_with_readable_arguments(chat_ctx))
    return _repaired(messages, chat_ctx), data.system_messages or []


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
            if is_blank(content[0]):
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
        return block["type"] == "text" and not is_blank(block)
    call_id = api_id(block["id"])
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
        return not is_blank(block)
    call_id = block["tool_use_id"]
    if call_id not in unanswered:
        return False
    block["tool_use_id"] = unanswered.pop(call_id)
    if isinstance(block["content"], list):
        block["content"] = _result_content(block["content"], call_id, chat_ctx)
    if block["is_error"] and not block["content"]:
        block["content"] = "Error"  # "content cannot be empty if `is_error` is true"
    return True


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
        return not is_blank(part)
    return kind != "image" or _is_image_source(part["source"])


def _is_image_source(source: dict[str, Any]) -> bool:
    kind = source.get("type")
    fields = _IMAGE_SOURCES.get(kind) if isinstance(kind, str) else None
    strings = all(isinstance(value, str) for value in source.values())
    return strings and fields is not None and source.keys() == fields | {"type"}


def api_id(call_id: str) -> str:
    """*call_id* in the characters that the API takes."""
    # Another provider's ids, left by a session that fell back to it, may not fit the API's pattern.
    return _NOT_IN_AN_ID.sub("_", call_id) or "_"
