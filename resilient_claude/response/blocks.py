"""The content blocks of a message: what has come of each, and what is made of all of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from livekit.agents import llm
from pydantic_core import from_json

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed

from .sse import Event


@dataclass(slots=True)
class Block:
    """A content block that has begun.

    Attributes:
        type: the API's word for what it is.
        start: the block as it began, with what it says at once.
        parts: what its deltas say, piece by piece: text, thinking, or JSON of an input.
        signature: the seal of its thinking.
        citations: the sources of its text.
        closed: whether it is complete.
    """

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


def is_blank(text: str) -> bool:
    """Whether there is nothing in *text* that could be heard; the API takes no such text block."""
    return not text or text.isspace()


def calls_of(blocks: Iterable[Block]) -> list[llm.FunctionToolCall]:
    """The calls of our tools in the *blocks* of a finished message, in order.

    Raises:
        Fault: one of them is not complete, or its input is not a JSON object, or two have one id.
    """
    calls = [_call_of(block) for block in blocks if block.type == "tool_use"]
    if len({call.call_id for call in calls}) < len(calls):
        raise malformed("two tool calls with one id")
    return calls


def _call_of(block: Block) -> llm.FunctionToolCall:
    if not block.closed:
        raise malformed("message_stop inside a tool call")
    default_input = block.start.get("input")
    arguments = "".join(block.parts) or json.dumps(default_input or {})
    try:
        is_object = isinstance(from_json(arguments, allow_inf_nan=False), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise malformed("a tool call's input is not a JSON object")
    return llm.FunctionToolCall(
        name=block.start["name"], arguments=arguments, call_id=block.start["id"]
    )


def content_of(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """The *blocks* that are closed, as an assistant message takes them back, but no blank text.

    Raises:
        Fault: a server tool's input is not JSON.
    """
    try:
        content = [block.to_api() for block in blocks if block.closed]
    except ValueError as exc:
        raise Fault(
            FailureKind.MALFORMED, "a server tool's input is not JSON", retryable=False
        ) from exc
    return [block for block in content if block["type"] != "text" or not is_blank(block["text"])]


def leading_thinking(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """The thinking that *blocks* begin with, as the API takes it back, unless more comes later.

    The API wants all of it back and in its place, and livekit, which keeps it, keeps no places.
    """
    blocks = list(blocks)
    leading = list(takewhile(_is_thinking, blocks))
    if any(map(_is_thinking, blocks[len(leading) :])):
        return []
    return [block.to_api() for block in leading]


def _is_thinking(block: Block) -> bool:
    return block.type in ("thinking", "redacted_thinking")
