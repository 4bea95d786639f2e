"""The content blocks of a message while they arrive, and the tool calls made of them. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import llm
from pydantic_core import from_json

from resilient_claude.failures.faults import malformed

from .sse import Event


@dataclass(slots=True)
class Block:
    """A content block that has begun."""

    type: str
    start: Event
    parts: list[str] = field(default_factory=list)
    signature: str = ""
    citations: list[Any] = field(default_factory=list)
    closed: bool = False

    def to_api(self) -> dict[str, Any]:
        """The block as the API takes it back, whole."""
        content = "".join(self.parts)
        if self.type == "text":
            whole = {**self.start, "text": (self.start.get("text") or "") + content}
            return {**whole, "citations": self.citations} if self.citations else whole
        if self.type == "thinking":
            return {"type": "thinking", "thinking": content, "signature": self.signature}
        if "input" in self.start:
            return {**self.start, "input": from_json(content) if content else self.start["input"]}
        return self.start


def string(value: object) -> str:
    """*value*, if it is a string.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"must be a str, got {type(value).__name__}")
    return value


def call_of(block: Block) -> llm.FunctionToolCall:
    """The block as a call.

    Raises:
        Fault: its input is not a JSON object.
    """
    if not block.closed:
        raise malformed("message_stop inside a tool call")
    given = block.start.get("input")
    arguments = "".join(block.parts) or json.dumps(given if given else {})
    try:
        valid = isinstance(from_json(arguments, allow_inf_nan=False), dict)
    except ValueError:
        valid = False
    if not valid:
        raise malformed("a tool call's input is not a JSON object")
    return llm.FunctionToolCall(
        name=block.start["name"], arguments=arguments, call_id=block.start["id"]
    )
