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


class _NotPlainError(Exception):
    """The history holds something that livekit's formatter has to see."""


def plain_messages(chat_ctx: llm.ChatContext) -> tuple[PlainMessages, list[str]] | None:
    """The messages and the system's texts, as livekit's formatter and the repairs make them.

    Returns:
        None if the history holds anything but texts, calls right before their results, and a
        system message at its beginning.
    """
    pass_ = _Pass()
    try:
        for item in chat_ctx.items:
            pass_.take(item)
        pass_.no_open_calls()
    except _NotPlainError:
        return None
    return pass_.messages, pass_.system


class _Pass:
    """What the items so far come to.

    Attributes:
        messages: the messages.
        system: the system's texts.
    """

    def __init__(self) -> None:
        self.messages = PlainMessages()
        self.system: list[str] = []
        self._content: list[_Block] = []
        self._role = ""
        self._groups: set[str] = set()
        self._group = ""  # of the last assistant message or call, while calls may join it
        self._open_calls: set[str] = set()
        self._calls: set[str] = set()

    def take(self, item: llm.ChatItem) -> None:
        """Add *item*.

        Raises:
            _NotPlainError: it is none of the usual.
        """
        if item.type == "message":
            self._message(item)
        elif item.type == "function_call":
            self._call(item)
        elif item.type == "function_call_output":
            self._output(item)
        else:  # handoffs and the like, which no provider is sent
            self._enter(item.id)

    def no_open_calls(self) -> None:
        """Check that every call has its result.

        Raises:
            _NotPlainError: one has not.
        """
        if self._open_calls:
            raise _NotPlainError

    def _message(self, item: llm.ChatMessage) -> None:
        role, content = item.role, item.content
        if role == "assistant":
            self._enter(item.id.partition("/")[0])
        else:
            self._enter(item.id)
            self._group = ""
        texts = [part for part in content if type(part) is str]
        if len(texts) < len(content) or role == "developer":
            raise _NotPlainError
        if role == "system":
            if self._role or len(self._groups) > 1:
                raise _NotPlainError
            self.system += filter(None, ["\n".join(texts)])
            return
        for text in texts:
            if text and not text.isspace():
                self._add(role, {"text": text, "type": "text"})

    def _call(self, item: llm.FunctionCall) -> None:
        group = item.group_id or item.id.partition("/")[0]
        if group != self._group:
            self._enter(group)
        call_id, arguments = item.call_id, item.arguments
        if call_id in self._calls or not _CALL_ID.fullmatch(call_id) or "\\u" in arguments:
            raise _NotPlainError
        self._calls.add(call_id)
        self._open_calls.add(call_id)
        block = {"id": call_id, "type": "tool_use", "name": item.name, "input": _input(arguments)}
        self._add("assistant", block)

    def _output(self, item: llm.FunctionCallOutput) -> None:
        call_id, output = item.call_id, item.output
        if call_id not in self._open_calls or output.lstrip()[:1] == "[":
            raise _NotPlainError
        self._open_calls.remove(call_id)
        self._group = ""
        content = "Error" if item.is_error and not output else output
        self._add(
            "user",
            {
                "tool_use_id": call_id,
                "type": "tool_result",
                "content": content,
                "is_error": item.is_error,
            },
        )

    def _enter(self, group: str) -> None:
        """A new group begins, in livekit's sense: a message, its calls and their results."""
        if self._open_calls or group in self._groups:
            raise _NotPlainError
        self._groups.add(group)
        self._group = group

    def _add(self, role: str, block: _Block) -> None:
        if role != self._role:
            self._role = role
            self._content = []
            self.messages.append({"role": role, "content": self._content})
        self._content.append(block)


_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def _input(arguments: str) -> dict[str, Any]:
    if not arguments:
        return {}
    try:
        arguments.encode()  # half a surrogate pair is no text
        given = json.loads(arguments, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        raise _NotPlainError from exc
    if not isinstance(given, dict):
        raise _NotPlainError
    return given


def _refuse(number: str) -> float:
    # Encoders differ in how they write floats, and JSON lacks some of them.
    raise _NotPlainError
