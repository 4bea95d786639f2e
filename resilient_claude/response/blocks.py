"""The content blocks of a message: what has come of each, and what is made of all of them. Pure.

What comes in a block is kept, or passed over, or it is a fault; nothing is dropped in between:

- a delta that its type of block is made of (`_MADE_OF`) is kept, and a signature of thinking and a
  citation of text beside it;
- a delta that another type of block is made of is a fault: text of thinking must not be spoken, and
  no piece of anything must get into an input. In a call of a tool of ours, every other delta is;
- what is newer than we are is passed over, and noted: such a block is not complete, and is not sent
  back as if it were.

The beginning of a block may say at once what deltas say later. It counts with what they add, but
for an input: that comes in one of the two ways, or twice the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import llm

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed

from .bounded_json import MOST_VALUES, is_bounded, read_json, weight_of
from .sse import EVENT_BYTES, Event, string

PART_CHARS = 16
"""What a piece weighs beside its text, in characters: there may be many short ones."""

_MADE_OF: dict[str, tuple[str | None, str]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "redacted_thinking": (None, ""),  # it comes whole
    "tool_use": ("input_json_delta", "partial_json"),
    "compaction": ("compaction_delta", "content"),
}
"""The delta that each type of block is made of, and the field with what it says."""

_DELTAS = {kind for kind, _ in _MADE_OF.values()}
_NEWER = (None, "")


RESULT = "_tool_result"
"""What the types of results of server tools end with."""


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
        counts: whether its beginning, or anything in it, was progress.
        passed_over: whether a delta of it was newer than we are.
        spoken: whether it is a note that is spoken.
    """

    type: str
    start: Event
    parts: list[str] = field(default_factory=list)
    signature: str = ""
    citations: list[Any] = field(default_factory=list)
    closed: bool = False
    counts: bool = False
    passed_over: bool = False
    spoken: bool = False

    @classmethod
    def begin(cls, start: Event) -> Block:
        """The block that begins with *start*.

        Raises:
            Fault: it is a tool call of ours without id or name.
            TypeError, KeyError, AttributeError: it has the wrong shape.
        """
        block = cls(string(start["type"]), start)
        if block.type == "tool_use" and "" in (string(start["id"]), string(start["name"])):
            raise malformed("a tool call without id or name")
        if block.type == "text" and "text" not in start and _says({**start, "citations": None}):
            raise malformed("a text block that begins with something else")
        if block.type in ("text", "thinking"):
            block.counts = not is_inaudible(block.at_once(block.type))
            block.signature = block.at_once("signature")
            block.citations += _list(start.get("citations"))
        else:
            block.counts = _says(start)
        return block

    @property
    def is_tool(self) -> bool:
        """Whether it is a call of a tool, of ours or of Anthropic's."""
        return self.type.endswith("tool_use")

    @property
    def is_thinking(self) -> bool:
        """Whether it is thinking that may be signed, shown or not."""
        return self.type in ("thinking", "redacted_thinking")

    @property
    def is_server_call(self) -> bool:
        """Whether it is a call of a tool that runs at Anthropic's."""
        return self.type in ("server_tool_use", "mcp_tool_use")

    @property
    def is_server_result(self) -> bool:
        """Whether it is what came of such a call."""
        return self.type.endswith(RESULT)

    def at_once(self, name: str) -> str:
        """The text in the field *name* of its beginning; none if there is none.

        Raises:
            TypeError: it is no text.
        """
        value = self.start.get(name)
        return "" if value is None else string(value)

    def text(self) -> str:
        """What it says, if it is text or thinking."""
        return self.at_once(self.type) + "".join(self.parts)

    def weight(self) -> int:
        """What its beginning weighs: the results of server tools are in there, whole."""
        return weight_of(self.start)

    def add(self, kind: str, delta: dict[str, Any]) -> tuple[int, bool]:
        """Take in a *delta* of this *kind*: what it weighs, and whether it says something.

        Raises:
            Fault: it does not belong here.
            TypeError, KeyError: it has the wrong shape.
        """
        made_of, name = _MADE_OF["tool_use"] if self.is_tool else _MADE_OF.get(self.type, _NEWER)
        if kind == made_of:
            part = string(delta[name])
            if not part:
                return 0, False
            self.parts.append(part)
            return len(part) + PART_CHARS, not is_inaudible(part)
        if kind == "signature_delta" and self.type == "thinking":
            return self._sign(string(delta["signature"]))
        if kind == "citations_delta" and self.type == "text":
            return self._cite(delta["citation"])
        if self.type == "tool_use":
            raise malformed("a delta in a tool call that is not input")
        is_known = self.is_tool or self.type in _MADE_OF
        if kind == "text_delta" or (kind in _DELTAS and is_known):
            raise malformed(f"a {kind} in a content block of another type")
        self.passed_over = True
        return 0, False

    def _sign(self, signature: str) -> tuple[int, bool]:
        """It comes once, whole; the API takes no thinking back with another one."""
        if not signature or signature == self.signature:
            return 0, False
        if self.signature:
            raise malformed("two signatures of one thinking block")
        self.signature = signature
        return len(signature), True

    def _cite(self, citation: object) -> tuple[int, bool]:
        if not citation:
            return 0, False
        self.citations.append(citation)
        return weight_of(citation), True

    def input(self) -> tuple[str, dict[str, Any]]:
        """The input of a tool call, as JSON and as an object: exactly what came.

        Raises:
            ValueError: what came is no input; the message completes "its input is".
        """
        text, at_once = "".join(self.parts), self.start.get("input")
        at_once = {} if at_once in (None, "") else at_once
        try:
            value = read_json(text.encode(), allow_inf_nan=False) if text else at_once
            text = text or json.dumps(at_once, allow_nan=False)
        except (ValueError, RecursionError) as exc:
            raise ValueError("not a JSON object") from exc
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")
        if at_once not in ({}, value):
            raise ValueError("given twice, and not the same")
        return text, value

    @property
    def has_input(self) -> bool:
        """Whether an input has come, be it empty."""
        return any(self.parts) or bool(self.start.get("input"))

    def to_api(self) -> dict[str, Any]:
        """The block as the API takes it back, whole.

        Raises:
            ValueError: it is a tool's, and its input is not a JSON object.
        """
        if self.type == "text":
            whole = {**self.start, "text": self.text()}
            return {**whole, "citations": self.citations} if self.citations else whole
        if self.type == "thinking":
            return {**self.start, "thinking": self.text(), "signature": self.signature}
        if self.is_tool:
            return {**self.start, "input": self.input()[1]}
        if self.type == "compaction" and (content := "".join(self.parts)):
            return {**self.start, "content": self.at_once("content") + content}
        return self.start


# White space, control characters, and those that show nothing and shape what stands around them:
# joiners, marks of direction, variation selectors, fillers. Source: Unicode, categories Z and Cc,
# the property Default_Ignorable_Code_Point, and of category Cf what has no shape of its own.
_SILENT = (
    r"\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
find_audible = re.compile(f"[^{_SILENT}]").search
"""Finds the first character that could be heard; a word is looked at no further than that."""


def is_inaudible(text: str) -> bool:
    """Whether there is nothing in *text* that could be heard; the API takes no such text block."""
    return find_audible(text) is None


def _list(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise TypeError(f"must be a list, got {type(value).__name__}")
    return value or []


def _says(start: Event) -> bool:
    """Whether the beginning of a block says more than which one it is."""
    return any(value for key, value in start.items() if key != "type" and not key.endswith("id"))


def calls_of(blocks: Iterable[Block]) -> list[llm.FunctionToolCall]:
    """The calls of our tools in the *blocks* of a finished message, in order.

    Raises:
        Fault: one of them is not complete, or its input is not a JSON object, or two have one id.
    """
    tools = [block for block in blocks if block.type == "tool_use"]
    if not tools:
        return []
    inputs = "".join([part for block in tools for part in block.parts])
    if len(inputs) > EVENT_BYTES:  # they are read at once
        raise malformed(f"the inputs of the tool calls have more than {EVENT_BYTES} characters")
    if len(inputs) > MOST_VALUES and not is_bounded(inputs.encode()):
        raise malformed(f"the inputs of the tool calls have more than {MOST_VALUES} values")
    calls = [_call_of(block) for block in tools]
    if len({call.call_id for call in calls}) < len(calls):
        raise malformed("two tool calls with one id")
    return calls


def _call_of(block: Block) -> llm.FunctionToolCall:
    if not block.closed:
        raise malformed("message_stop inside a tool call")
    try:
        arguments, _ = block.input()
    except ValueError as exc:
        raise malformed(f"a tool call's input is {exc}") from None
    return llm.FunctionToolCall(
        name=block.start["name"], arguments=arguments, call_id=block.start["id"]
    )


def content_of(blocks: Iterable[Block]) -> list[dict[str, Any]]:
    """The *blocks* that are closed, as an assistant message takes them back, but no blank text.

    Raises:
        Fault: a server tool's input is not JSON, or a block has parts that are newer than we are.
    """
    closed = [block for block in blocks if block.closed]
    if any(block.passed_over and block.type != "text" for block in closed):
        raise Fault(
            FailureKind.MALFORMED,
            "a content block has parts that are newer than this adapter: it cannot be sent back",
            retryable=False,
        )
    try:
        content = [block.to_api() for block in closed]
    except ValueError as exc:
        raise Fault(
            FailureKind.MALFORMED, "a server tool's input is not JSON", retryable=False
        ) from exc
    return [
        block for block in content if block["type"] != "text" or not is_inaudible(block["text"])
    ]
