"""Repairs of what goes back of tools that ran at Anthropic's: their blocks, and their container.

Pure. Each is a pair of functions, as `Repair` has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.content import is_thinking, without
from resilient_claude.request.request import Adjustment, Request
from resilient_claude.request.server_calls import is_server_call, is_server_result

from .message_repairs import misses_thinking
from .repair import Mended, content_of, digest, field_of, messages_of, with_messages

# --- the container --------------------------------------------------------------------------------


def about_container(request: Request, error: ApiError) -> str | None:
    """The container that is named."""
    container = _container(request.body)
    return None if container is None else digest(container)


def mend_container(request: Request, about: str) -> Mended | None:
    """The same without it: code runs in a new one."""
    if about_container(request, ApiError()) != about:
        return None
    asked = request.body["container"]
    left = without(request.body, "container")
    if isinstance(asked, Mapping) and (skills := without(asked, "id")):
        left["container"] = skills
    reason = (
        f"not sent: the API does not go on with it for model {request.model}; code gets a new one"
    )
    return replace(request, body=left), Adjustment("container", reason)


def _container(body: Mapping[str, Any]) -> Any:
    asked = body.get("container")
    return asked.get("id") if isinstance(asked, Mapping) else asked


# --- the blocks -----------------------------------------------------------------------------------


def about_server_blocks(request: Request, error: ApiError) -> str | None:
    """The last block of a tool that ran there."""
    for message in reversed(messages_of(request)):
        for block in reversed(content_of(message)):
            if _is_of_server(block):
                return _known_by(block)
    return None


def mend_server_blocks(request: Request, about: str) -> Mended | None:
    """The same without those blocks up to that one, and without thinking, which is bound to them.

    An answer that was to be gone on with is asked for in words: what it said ends a message then.
    """
    messages = messages_of(request)
    known = [[_known_by(b) for b in content_of(m) if _is_of_server(b)] for m in messages]
    at = max((at for at, names in enumerate(known) if about in names), default=None)
    if at is None:
        return None
    made = [
        stripped
        for place, message in enumerate(messages)
        if (stripped := _stripped(message, has_servers=place <= at)) is not None
    ]
    mended = replace(with_messages(request, made), begun=0)
    if made and field_of(made[-1], "role") == "assistant":
        words = {"role": "user", "content": [{"text": request.go_on, "type": "text"}]}
        mended = with_messages(mended, [*made, words])
    if misses_thinking(mended):
        mended = replace(mended, body=without(mended.body, "thinking"))
    reason = "not sent: what tools did at Anthropic's, which the API does not take back for model"
    return mended, Adjustment("chat_ctx", f"{reason} {request.model}")


def _is_of_server(block: Any) -> bool:
    return isinstance(block, dict) and (is_server_call(block) or is_server_result(block))


def _known_by(block: Mapping[str, Any]) -> str:
    return digest([block.get("type"), block.get("id"), block.get("tool_use_id")])


def _stripped(message: Any, *, has_servers: bool) -> Any:
    """*message* without thinking and, if it *has_servers*, without what they did; None if empty."""
    content = content_of(message)
    left = [
        without(block, "citations") if has_servers else block  # they refer to what was found
        for block in content
        if not is_thinking(block) and not (has_servers and _is_of_server(block))
    ]
    if left == content:
        return message
    return {**message, "content": left} if left else None
