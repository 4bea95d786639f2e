"""The usual histories, turned into messages in one pass, and from then on only what is new. Pure.

livekit's formatter and the repairs after it look at every item five times, in every turn. Most
histories need none of that: texts, and calls that are followed by their results. Whatever else a
history holds is left to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from livekit.agents import llm

__all__ = ["Plain", "PlainHistory"]

_Block = dict[str, Any]


class Plain(dict[str, Any]):
    """A message, or a block of the system, that every JSON encoder writes alike.

    It holds nothing but strings, integers, booleans and null, in dicts and lists, and is the same
    object in many requests. Never change one that is part of a request: make another.

    Attributes:
        json: its JSON, in UTF-8, once a request has encoded it.
    """

    __slots__ = ("json",)

    def __init__(self, **fields: Any) -> None:
        super().__init__(fields)
        self.json: bytes | None = None


class PlainHistory:
    """Turns usual histories into messages, the one of a conversation turn by turn.

    What the last two histories begin with alike is not converted again. Of every item, all that
    its message is made of is compared, so a changed item is never sent as it was.
    """

    def __init__(self) -> None:
        self._looks: list[_Look] = []  # the items of the last history
        self._begun = _Messages()  # what its first items have become
        self._count = 0  # so many of them

    def messages(self, chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]] | None:
        """The messages and the system's texts, as livekit's formatter and the repairs make them.

        Returns:
            None if the history holds anything but texts, calls right before their results, and a
            system message at its beginning.
        """
        items = chat_ctx.items
        looks = [_LOOKS.get(item.type, _LOOK_OF_OTHERS)(item) for item in items]
        same = _common(looks, self._looks)
        if same < self._count:
            self._begun, self._count = _Messages(), 0
        self._looks[same:] = map(_snapshot, looks[same:])
        if not self._begun.take(items[self._count : same]):
            self._begun, self._count = _Messages(), 0
            return None
        self._count = same
        # The last of these messages may still grow: what comes next is put into a copy.
        whole = self._begun.copy()
        if not whole.take(items[same:]) or whole.open:
            return None
        return whole.messages, whole.system


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

    def copy(self) -> _Messages:
        """Another one that can go on from here."""
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

    def take(self, items: Sequence[llm.ChatItem]) -> bool:
        """Go on with *items*; False if they are not plain, and then this is of no use any more."""
        for item in items:  # in every turn: one look at each item, few calls
            if item.type == "message":
                speaker = item.role
                if not self._enter(
                    item.id.partition("/")[0] if speaker == "assistant" else item.id
                ):
                    return False
                if speaker == "system" and len(self._groups) == 1:
                    if not self._take_system(item.content):
                        return False
                    continue
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
            elif self._enter(item.id):  # a handoff or the like, which no provider is sent
                continue
            else:
                return False
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
        self._group = group
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
