"""The usual histories, turned into messages in one pass, and from then on only what is new. Pure.

livekit's formatter and the repairs after it look at every item five times, in every turn. Most
histories need none of that: texts, and calls that are followed by their results. Whatever else a
history holds is left to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any

from livekit.agents import llm
from pydantic_core import to_json

__all__ = ["Plain", "PlainHistories"]

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


class PlainHistories:
    """Turns usual histories into messages, those of a conversation turn by turn.

    What the last two histories of a conversation have in common is not converted again: their
    beginnings, also when the oldest items after the system message have been taken away since. Of
    every item, all that its message is made of is compared, so a changed item is never sent as it
    was. Some conversations may take turns: a second agent's, one that watches the first.
    """

    def __init__(self) -> None:
        self._recent: list[_Conversation] = []

    def messages(self, chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]] | None:
        """The messages and the system's texts, as livekit's formatter and the repairs make them.

        Returns:
            None if the history holds anything but texts, calls right before their results, and a
            system message at its beginning.
        """
        items = chat_ctx.items
        looks = [_LOOKS.get(item.type, _LOOK_OF_OTHERS)(item) for item in items]
        for conversation in self._recent:
            if conversation.has(looks[:2][-1:]):  # the first is often everybody's system message
                self._recent.remove(conversation)
                break
        else:
            conversation = _Conversation()
        self._recent.insert(0, conversation)
        del self._recent[MOST_CONVERSATIONS:]
        return conversation.messages(items, looks)


MOST_CONVERSATIONS = 4
"""How many conversations are remembered."""


class _Conversation:
    """The history of one conversation."""

    def __init__(self) -> None:
        self._looks: list[_Look] = []  # the items of the last history
        self._begun = _Messages()  # what its first items have become

    def has(self, look: list[_Look]) -> bool:
        """Whether there was an item that looked like the one in *look*, if there is one."""
        return not look or look[0] in self._looks

    def messages(
        self, items: Sequence[llm.ChatItem], looks: list[_Look]
    ) -> tuple[list[dict[str, Any]], list[str]] | None:
        """As of `PlainHistories`."""
        same = self._recognise(looks)
        self._looks[same:] = map(_snapshot, looks[same:])
        begun, self._begun = self._begun, _Messages()  # nothing is kept of what fails half-way
        if not begun.take(items[begun.count : same]):
            return None
        begun.encode()
        self._begun = begun
        # The last of these messages may still grow: what comes next is put into a copy.
        whole = begun.copy()
        if not whole.take(items[same:]) or whole.open:
            return None
        return whole.messages, whole.system

    def _recognise(self, looks: list[_Look]) -> int:
        """How many items this history and the last begin with, those of `_begun` among them."""
        same = _common(looks, self._looks)
        if same < min(len(looks), len(self._looks)):
            gone = _position(looks[same], self._looks, same)
            if gone is not None:  # what stood before it has been taken away
                if same < self._begun.count and not self._begun.drop(same, gone):
                    self._begun = _Messages()
                del self._looks[same:gone]
                same = _common(looks, self._looks)
        if same < self._begun.count:
            self._begun = _Messages()
        return same


_Look = tuple[Any, ...]

_LOOKS = {
    "message": attrgetter("type", "role", "id", "content"),
    "function_call": attrgetter("type", "id", "group_id", "call_id", "name", "arguments"),
    "function_call_output": attrgetter("type", "call_id", "output", "is_error"),
}
_LOOK_OF_OTHERS = attrgetter("type", "id")


def _snapshot(look: _Look) -> _Look:
    """*look*, such that changing a message's content in place makes them differ."""
    return (*look[:-1], [*look[-1]]) if look[0] == "message" else look


def _common(looks: Sequence[_Look], others: Sequence[_Look]) -> int:
    """How many items both begin with."""
    if looks[: len(others)] == others:  # as in most turns
        return len(others)
    count = 0
    for look, other in zip(looks, others, strict=False):
        if look != other:
            break
        count += 1
    return count


def _position(look: _Look, looks: Sequence[_Look], start: int) -> int | None:
    """Where *look* stands in *looks*, from *start* on."""
    try:
        return looks.index(look, start)
    except ValueError:
        return None


class _Messages:
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

    def copy(self) -> _Messages:
        """Another one that can go on from here, and do nothing else."""
        copy = _Messages()
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
