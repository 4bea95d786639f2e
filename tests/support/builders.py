"""Conversations and requests as tests write them, and what the API would say to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livekit.agents import llm
from livekit.agents.types import NOT_GIVEN

from resilient_claude.request.build import build_request
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.conversation import conversation
from resilient_claude.request.models import Model
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.testing.rules.validation import validate
from resilient_claude.testing.script.answers import HttpError

PREFILL = "claude-sonnet-4-5-20250929"
SAMPLING = "claude-sonnet-4-6"
NEWEST = "claude-opus-5-5"


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"text": value, "type": "text", **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def call(call_id: str, name: str = "weather", **arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "tool_use", "name": name, "input": arguments}


def result(call_id: str, content: Any, *, is_error: bool = False) -> dict[str, Any]:
    return {
        "tool_use_id": call_id,
        "type": "tool_result",
        "content": content,
        "is_error": is_error,
    }


def chat(*items: tuple[Any, ...] | llm.ChatItem) -> llm.ChatContext:
    """A context of ("user", "Hello"), ("call", id, arguments) and ("output", id, output)."""
    chat_ctx = llm.ChatContext.empty()
    for item in items:
        if not isinstance(item, tuple):
            chat_ctx.items.append(item)
        elif item[0] == "call":
            chat_ctx.items.append(
                llm.FunctionCall(call_id=item[1], name="weather", arguments=item[2])
            )
        elif item[0] == "output":
            chat_ctx.items.append(
                llm.FunctionCallOutput(
                    call_id=item[1], name="weather", output=item[2], is_error=len(item) > 3
                )
            )
        else:
            chat_ctx.add_message(role=item[0], content=list(item[1:]))
    return chat_ctx


def messages_of(chat_ctx: llm.ChatContext, model: str = NEWEST) -> list[dict[str, Any]]:
    return conversation(chat_ctx, Model.parse(model), HistoryCache()).messages


EPHEMERAL = {"type": "ephemeral"}


HELLO = chat(("user", "Hello"))


def build(
    chat_ctx: llm.ChatContext = HELLO,
    *,
    model: str = SAMPLING,
    schemas: ToolSchemas | None = None,
    tools: Sequence[Any] = (),
    tool_choice: Any = NOT_GIVEN,
    parallel_tool_calls: Any = NOT_GIVEN,
    extra: dict[str, Any] | None = None,
    **options: Any,
) -> Request:
    return build_request(
        FixedFields.of(RequestOptions(model=model, **options)),
        chat_ctx,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=parallel_tool_calls,
        extra_kwargs=extra,
        schemas=schemas or ToolSchemas(),
    )


def rejected(request: Request) -> HttpError | None:
    headers = {"content-type": "application/json", "x-api-key": "k", **request.headers}
    return validate({"anthropic-version": "2023-06-01", **headers}, request.content())


def breakpoints(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(breakpoints, value))
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(map(breakpoints, value.values()))
    return 0
