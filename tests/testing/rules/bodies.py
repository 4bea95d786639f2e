"""Requests by their parts, and what the rules say of them."""

from __future__ import annotations

import json
from typing import Any

from resilient_claude.testing.rules.validation import validate

HEADERS = {"x-api-key": "key", "anthropic-version": "2023-06-01"}


NEW = {**HEADERS, "anthropic-version": "2026-10-21"}


OLD_MODEL = "claude-sonnet-4-5"


USER = {"role": "user", "content": "Hello."}


TOOL = {"name": "find", "input_schema": {"type": "object"}}


CALL = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}


RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Paris"}


CACHED = {"type": "ephemeral"}


def body(**changes: Any) -> dict[str, Any]:
    """A valid body with *changes*."""
    return {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [USER], **changes}


def error_of(value: object, headers: dict[str, str] | None = None) -> tuple[int, str] | None:
    """The status and message for a body, or None."""
    raw_body = value if isinstance(value, bytes) else json.dumps(value).encode()
    error = validate(HEADERS if headers is None else headers, raw_body)
    return None if error is None else (error.status, error.message)


def check_refused(value: object, message: str) -> None:
    """Check that a body is refused: with a 400 that says why."""
    found = error_of(value)
    assert found is not None
    assert found[0] == 400
    assert message in found[1]


def said(*blocks: Any, role: str = "user") -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": list(blocks)}


def text(words: str, **changes: Any) -> dict[str, Any]:
    """A text block."""
    return {"type": "text", "text": words, **changes}


def history(*messages: Any, **changes: Any) -> dict[str, Any]:
    """A body with a tool and *messages*."""
    return body(messages=list(messages), tools=[TOOL], **changes)


def called(*more: Any) -> dict[str, Any]:
    """An assistant's message with a tool call."""
    return said(CALL, *more, role="assistant")
