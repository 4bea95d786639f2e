"""The usual histories, turned into messages in one pass. Pure.

livekit's formatter and the repairs after it look at every item five times, in every turn. Most
histories need none of that: texts, and calls that are followed by their results. Whatever else a
history holds is left to them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from livekit.agents import llm

__all__ = ["PlainMessages", "plain_messages"]

_Block = dict[str, Any]


class PlainMessages(list[dict[str, Any]]):
    """Messages that hold nothing but strings, integers, booleans and null, in dicts and lists.

    Of these, every JSON encoder makes the same bytes.
    """


def plain_messages(chat_ctx: llm.ChatContext) -> tuple[PlainMessages, list[str]] | None:
    """The messages and the system's texts, as livekit's formatter and the repairs make them.

    Returns:
        None if the history holds anything but texts, calls right before their results, and a
        system message at its beginning.
    """
    messages, system = PlainMessages(), list[str]()
    role, content = "", list[_Block]()  # of the last message
    calls = _Calls()
    for item in chat_ctx.items:  # in every turn: one look at each item, few calls
        if item.type == "message":
            speaker = item.role
            group = item.id.partition("/")[0] if speaker == "assistant" else item.id
            if not calls.enter(group):
                return None
            if speaker == "system" and len(calls.groups) == 1:
                texts = [text for text in item.content if type(text) is str]
                if len(texts) < len(item.content):
                    return None
                system += filter(None, ["\n".join(texts)])
                continue
            if speaker not in ("user", "assistant"):
                return None
            blocks: list[_Block] = []
            for text in item.content:
                if type(text) is not str:
                    return None
                if text and not text.isspace():
                    blocks.append({"text": text, "type": "text"})
        elif item.type == "function_call":
            speaker = "assistant"
            if not (blocks := calls.call(item)):
                return None
        elif item.type == "function_call_output":
            speaker = "user"
            if not (blocks := calls.output(item)):
                return None
        elif calls.enter(item.id):  # a handoff or the like, which no provider is sent
            continue
        else:
            return None
        if speaker == role:
            content += blocks
        elif blocks:
            role, content = speaker, blocks
            messages.append({"role": role, "content": content})
    return None if calls.open else (messages, system)


class _Calls:
    """The calls of a history, as far as they are followed by their results.

    Attributes:
        groups: what belongs together in livekit's sense: a message, its calls and their results.
        open: ids of the calls that have no result yet.
    """

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.open: set[str] = set()
        self._group: str | None = None  # which calls may still join
        self._ids: set[str] = set()

    def enter(self, group: str) -> bool:
        """Begin a new *group*; False if the last one is open, or this one is none."""
        if self.open or group in self.groups:
            return False
        self.groups.add(group)
        self._group = group
        return True

    def call(self, item: llm.FunctionCall) -> list[_Block]:
        """The block of a call, in a list; none if it is not plain."""
        group = item.group_id or item.id.partition("/")[0]
        if group != self._group and not self.enter(group):
            return []
        call_id = item.call_id
        arguments = _object(item.arguments)
        if arguments is None or call_id in self._ids or not _CALL_ID.fullmatch(call_id):
            return []
        self._ids.add(call_id)
        self.open.add(call_id)
        return [{"id": call_id, "type": "tool_use", "name": item.name, "input": arguments}]

    def output(self, item: llm.FunctionCallOutput) -> list[_Block]:
        """The block of a result, in a list; none if it is not plain."""
        call_id, output = item.call_id, item.output
        if call_id not in self.open or output.lstrip()[:1] == "[":
            return []
        self.open.remove(call_id)
        self._group = None
        return [
            {
                "tool_use_id": call_id,
                "type": "tool_result",
                "content": "Error" if item.is_error and not output else output,
                "is_error": item.is_error,
            }
        ]


_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def _object(arguments: str) -> dict[str, Any] | None:
    """The JSON object *arguments*, unless it holds a float or half a surrogate pair."""
    if not arguments:
        return {}
    try:
        arguments.encode()
        value = _DECODER.decode(arguments)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "\\u" not in arguments else None


def _refuse(number: str) -> float:
    # Encoders differ in how they write floats, and JSON lacks some of them.
    raise ValueError(number)


_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
