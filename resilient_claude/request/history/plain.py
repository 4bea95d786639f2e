"""The items of a usual history, turned into messages one after the other. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from livekit.agents import llm
from pydantic_core import to_json

__all__ = ["Plain", "PlainMessages"]

_Block = dict[str, Any]


class Plain(dict[str, Any]):
    """A message, or a block of the system, that every JSON encoder writes alike.

    It holds nothing but strings, integers, booleans and null, in dicts and lists. Several requests
    have the same object: never change one, make another.

    Attributes:
        json: its JSON, in UTF-8, if it is expected to be needed again.
    """

    __slots__ = ("json",)

    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)
        self.json: bytes | None = None

    def encoded(self) -> Plain:
        """The same, with its JSON if it has any: half a surrogate pair has none."""
        with suppress(ValueError):
            self.json = to_json(self)
        return self


class PlainMessages:
    """What the items of a history have become so far.

    Attributes:
        messages: of which only the last one may still grow.
        system: the system's texts.
        open: ids of the calls that have no result yet.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []  # every one is `Plain`
        self.system: list[str] = []
        self.open: set[str] = set()
        self._groups: set[str] = set()  # in livekit's sense: a message, its calls and their results
        self._group: str | None = None  # which calls may still join
        self._ids: set[str] = set()
        self._encoded = 0  # so many messages
        # Of every item: whether it begins a message, and which group and which call.
        self._begins: list[bool] = []
        self._group_of: list[str | None] = []
        self._id_of: list[str | None] = []

    @property
    def count(self) -> int:
        """Of the items."""
        return len(self._begins)

    def copy(self) -> PlainMessages:
        """Another one that can go on from here, and do nothing else."""
        copy = PlainMessages()
        copy.messages = [*self.messages]
        if copy.messages:
            last = copy.messages[-1]
            copy.messages[-1] = Plain(role=last["role"], content=[*last["content"]])
        copy.system = [*self.system]
        copy.open = {*self.open}
        copy._groups = {*self._groups}
        copy._group = self._group
        copy._ids = {*self._ids}
        return copy

    def encode(self) -> None:
        """Give the messages that grow no more their JSON, for this request and the next ones."""
        for message in self.messages[self._encoded : -1]:
            message.encoded()  # type: ignore[attr-defined]  # every one is `Plain`
        self._encoded = max(self._encoded, len(self.messages) - 1)

    def drop(self, start: int, end: int) -> bool:
        """Go on without the items from *start* up to *end*; False if that takes more than that."""
        if end >= self.count or not self._begins[start] or not self._begins[end]:
            return False  # parts of messages would go
        first, until = sum(self._begins[:start]), sum(self._begins[:end])
        if "tool_result" in (self.messages[at]["content"][0]["type"] for at in (first, until)):
            return False  # a call would go without its result, or the other way round
        if first and self.messages[first - 1]["role"] == self.messages[until]["role"]:
            return False  # they would be one message
        self._groups.difference_update(filter(None, self._group_of[start:end]))
        self._ids.difference_update(filter(None, self._id_of[start:end]))
        for of_items in (self._begins, self._group_of, self._id_of):
            del of_items[start:end]
        del self.messages[first:until]
        self._encoded = max(first, self._encoded - (until - first))
        return True

    def take(self, items: Sequence[llm.ChatItem]) -> bool:
        """Go on with *items*; False if they are not plain, and then this is of no use any more."""
        for item in items:
            count = len(self.messages)
            self._group_of.append(None)
            self._id_of.append(None)
            if not self._take(item):
                return False
            self._begins.append(len(self.messages) > count)
        return True

    def _take(self, item: llm.ChatItem) -> bool:
        if item.type == "message":
            speaker = item.role
            if not self._enter(item.id.partition("/")[0] if speaker == "assistant" else item.id):
                return False
            if speaker == "system" and len(self._groups) == 1:
                return self._take_system(item.content)
            if speaker not in ("user", "assistant"):
                return False
            blocks: list[_Block] = []
            for text in item.content:
                if type(text) is not str:
                    return False
                if text and not text.isspace():
                    blocks.append({"text": text, "type": "text"})
        elif item.type == "function_call":
            speaker = "assistant"
            if not (blocks := self._call(item)):
                return False
        elif item.type == "function_call_output":
            speaker = "user"
            if not (blocks := self._output(item)):
                return False
        else:  # a handoff or the like, which no provider is sent
            return self._enter(item.id)
        if self.messages and self.messages[-1]["role"] == speaker:
            self.messages[-1]["content"] += blocks
        elif blocks:
            self.messages.append(Plain(role=speaker, content=blocks))
        return True

    def _take_system(self, content: Sequence[Any]) -> bool:
        texts = [text for text in content if type(text) is str]
        self.system += filter(None, ["\n".join(texts)])
        return len(texts) == len(content)

    def _enter(self, group: str) -> bool:
        """Begin a new *group*; False if the last one is open, or this one is none."""
        if self.open or group in self._groups:
            return False
        self._groups.add(group)
        self._group = self._group_of[-1] = group
        return True

    def _call(self, item: llm.FunctionCall) -> list[_Block]:
        """The block of a call, in a list; none if it is not plain."""
        group = item.group_id or item.id.partition("/")[0]
        if group != self._group and not self._enter(group):
            return []
        call_id = item.call_id
        arguments = _object(item.arguments)
        if arguments is None or call_id in self._ids or not _CALL_ID.fullmatch(call_id):
            return []
        self._ids.add(call_id)
        self._id_of[-1] = call_id
        self.open.add(call_id)
        return [{"id": call_id, "type": "tool_use", "name": item.name, "input": arguments}]

    def _output(self, item: llm.FunctionCallOutput) -> list[_Block]:
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


def _object(arguments: object) -> dict[str, Any] | None:
    """The JSON object *arguments*, unless it holds a float or half a surrogate pair."""
    if not arguments:
        return {}
    if not isinstance(arguments, str):  # livekit does not check what is assigned
        return None
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
