"""The items of a plain history, turned into messages one after the other. Pure.

Theory of operation. Plain is what every release of livekit's formatter, with the repairs after it,
turns into the same messages, and every JSON encoder into the same bytes: texts, calls right before
their results, and a system message at the beginning. Whatever else there is raises `NotPlain`.

Each item belongs to a group, in livekit's sense: the message and the calls of one answer have the
same, any other item has its own. Items are taken in their order, and which may follow is told by
two things, `unanswered` (calls that have no result yet) and the group that calls may still join:

- no call is unanswered: any item may come. It begins a group that has not been there yet, or is a
  call of the last item's group;
- calls are unanswered: further calls of their group, and results;
- from the first result on: results only, until no call is unanswered.

Neighbours of one role become one message. So an item begins a message or joins the last one, and
only the last one may still grow; the others are given their JSON, once for all requests.

A run of items can be taken out again, without a look at the rest, if it begins and ends with a
message, and if what stood around it is not joined by that. To do so, `PlainMessages` keeps a trace
of every item.

Invariant: taking items in two steps, or taking out a run of them, leaves the same messages as
taking what is left in one step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from livekit.agents import llm
from pydantic_core import to_json

__all__ = ["NotPlain", "PlainJson", "PlainMessages"]

_Block = dict[str, Any]


class NotPlain(Exception):
    """A history holds what has to be left to livekit's formatter."""


class PlainJson(dict[str, Any]):
    """A message, or a block of the system, that every JSON encoder writes alike.

    It holds nothing but strings, integers, booleans and null, in dicts and lists. Several requests
    have the same object: never change one, make another.

    Attributes:
        json: Its JSON, in UTF-8, if it is expected to be needed again.
    """

    __slots__ = ("json",)

    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)
        self.json: bytes | None = None

    def encoded(self) -> PlainJson:
        """The same, with its JSON if it has any: half a surrogate pair has none."""
        with suppress(ValueError):
            self.json = to_json(self)
        return self


class _Trace:
    """What an item has left behind.

    Attributes:
        begins_message: Whether it began a message.
        group: The group that it began, if it did.
        call_id: The id of the call that it is, if it is one.
    """

    __slots__ = ("begins_message", "call_id", "group")

    def __init__(self) -> None:
        self.begins_message = False
        self.group: str | None = None
        self.call_id: str | None = None


class PlainMessages:
    """What the items of a history have become so far.

    After `NotPlain`, or any other exception, it is of no use any more.

    Attributes:
        messages: The messages, of which only the last one may still grow.
        system: The system's texts.
        unanswered: The ids of the calls that have no result yet.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []  # every one is a `PlainJson`
        self.system: list[str] = []
        self.unanswered: set[str] = set()
        self._groups: set[str] = set()
        self._open_group: str | None = None  # which calls may still join
        self._call_ids: set[str] = set()
        self._traces: list[_Trace] = []
        self._encoded = 0  # how many messages have been given their JSON

    @property
    def count(self) -> int:
        """How many items have been taken and not been taken out again."""
        return len(self._traces)

    def copy(self) -> PlainMessages:
        """Another one, which can go on from here without changing this one."""
        copy = PlainMessages()
        copy.messages = [*self.messages]
        if copy.messages:
            last = copy.messages[-1]
            copy.messages[-1] = PlainJson(role=last["role"], content=[*last["content"]])
        copy.system = [*self.system]
        copy.unanswered = {*self.unanswered}
        copy._groups = {*self._groups}
        copy._open_group = self._open_group
        copy._call_ids = {*self._call_ids}
        copy._traces = [*self._traces]
        copy._encoded = self._encoded
        return copy

    def encode(self) -> None:
        """Give the messages that grow no more their JSON, for this request and the next ones."""
        for message in self.messages[self._encoded : -1]:
            message.encoded()  # type: ignore[attr-defined]  # every one is a `PlainJson`
        self._encoded = max(self._encoded, len(self.messages) - 1)

    def drop(self, start: int, end: int) -> bool:
        """Take the items from *start* up to *end* out again; False if more would have to go."""
        traces = self._traces
        if end >= self.count or not (traces[start].begins_message and traces[end].begins_message):
            return False  # parts of messages would go
        first = sum(trace.begins_message for trace in traces[:start])
        until = first + sum(trace.begins_message for trace in traces[start:end])
        if "tool_result" in (self.messages[at]["content"][0]["type"] for at in (first, until)):
            return False  # a call would go without its result, or the other way round
        if first and self.messages[first - 1]["role"] == self.messages[until]["role"]:
            return False  # they would be one message
        self._groups -= {trace.group for trace in traces[start:end]}
        self._call_ids -= {trace.call_id for trace in traces[start:end]}
        del traces[start:end]
        del self.messages[first:until]
        self._encoded = max(first, self._encoded - (until - first))
        return True

    def take(self, items: Iterable[llm.ChatItem]) -> None:
        """Go on with *items*.

        Raises:
            NotPlain: One of them is not plain where it stands.
        """
        for item in items:
            before = len(self.messages)
            self._traces.append(trace := _Trace())
            self._take(item, trace)
            trace.begins_message = len(self.messages) > before

    def _take(self, item: llm.ChatItem, trace: _Trace) -> None:
        if item.type == "message":
            role = item.role
            group = item.id.partition("/")[0] if role == "assistant" else item.id
            self._begin_group(group, trace)
            if role == "system" and len(self._groups) == 1:
                self.system += filter(None, ["\n".join(_texts(item.content))])
                return
            if role not in ("user", "assistant"):
                raise NotPlain
            blocks = [
                {"text": text, "type": "text"}
                for text in _texts(item.content)
                if text and not text.isspace()
            ]
        elif item.type == "function_call":
            role, blocks = "assistant", [self._call(item, trace)]
        elif item.type == "function_call_output":
            role, blocks = "user", [self._result(item)]
        else:  # a handoff or the like, which no provider is sent
            self._begin_group(item.id, trace)
            return
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        elif blocks:
            self.messages.append(PlainJson(role=role, content=blocks))

    def _begin_group(self, group: str, trace: _Trace) -> None:
        if self.unanswered or group in self._groups:
            raise NotPlain
        self._groups.add(group)
        self._open_group = trace.group = group

    def _call(self, item: llm.FunctionCall, trace: _Trace) -> _Block:
        group = item.group_id or item.id.partition("/")[0]
        if group != self._open_group:
            self._begin_group(group, trace)
        call_id = item.call_id
        arguments = _plain_object(item.arguments)
        if call_id in self._call_ids or not _CALL_ID.fullmatch(call_id):
            raise NotPlain
        self._call_ids.add(call_id)
        trace.call_id = call_id
        self.unanswered.add(call_id)
        return {"id": call_id, "type": "tool_use", "name": item.name, "input": arguments}

    def _result(self, item: llm.FunctionCallOutput) -> _Block:
        call_id, output = item.call_id, item.output
        if call_id not in self.unanswered or output.lstrip()[:1] == "[":
            raise NotPlain  # livekit may take the output for content blocks
        self.unanswered.remove(call_id)
        self._open_group = None
        return {
            "tool_use_id": call_id,
            "type": "tool_result",
            "content": "Error" if item.is_error and not output else output,
            "is_error": item.is_error,
        }


_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def _texts(content: Sequence[Any]) -> Sequence[str]:
    """The texts that *content* is."""
    for part in content:
        if type(part) is not str:
            raise NotPlain
    return content


def _plain_object(arguments: object) -> dict[str, Any]:
    """The JSON object *arguments*, if it holds no float and no half of a surrogate pair."""
    if not arguments:
        return {}
    if not isinstance(arguments, str):  # livekit does not check what is assigned
        raise NotPlain
    try:
        arguments.encode()
        value = _DECODER.decode(arguments)
    except (ValueError, RecursionError):
        raise NotPlain from None
    if not isinstance(value, dict) or "\\u" in arguments:
        raise NotPlain
    return value


def _refuse(number: str) -> float:
    # Encoders differ in how they write floats, and JSON lacks some of them.
    raise ValueError(number)


_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
