"""The items of a history, turned into messages span by span. Pure.

Theory of operation. The order is that of the items, with what the API asks for on top: the calls of
one answer are in one message, their results right behind them, and neighbours of one role are one
message. So an item may belong to a message that began long before it; which ones do is told by
position first, and by ids only where they cannot mislead:

- An output belongs to the call that `pairing` finds for it. A call without an answer is left out,
  and so is an output without a call.
- The message and the calls of one answer have one id, up to a slash, or one `group_id`. Others may
  have the same again later, so an answer is over with the next message of somebody else, as soon as
  its calls are answered.
- The ids that are sent are made unique at last.

A *span* is a run of items that become whole messages, whatever stands before and behind it: it
begins with words of the caller's after a message of the assistant, and nothing before them waits
for anything behind them. All that crosses is which ids are taken. So spans can be kept.

Instructions in mid-conversation become words of the caller's in a tag, as livekit's formatter does
it; cache breakpoints, which are for others, and audio are left out.

Invariant: the spans of a history, one after the other, are the same however often it is cut in two
between them, provided that no call of the first part is answered in the second one.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import llm

from resilient_claude.request.content import api_id
from resilient_claude.request.tools.names import api_name

from .media import LeftOut, image_block
from .message import PlainJson
from .pairing import answers_of
from .tool_content import input_of, result_of

__all__ = ["NOBODY_SPOKE", "Span", "spans_of"]

# livekit's own stand-in for the caller's words in a conversation that the assistant opens.
NOBODY_SPOKE = PlainJson(role="user", content=[{"text": "(empty)", "type": "text"}]).encoded()
_INSTRUCTIONS = "<instructions>\n{}\n</instructions>"
# What an agent tells anew for each call, behind its instructions. Source:
# livekit/agents/llm/chat_context.py, DYNAMIC_INSTRUCTIONS_MESSAGE_ID, which "must not change".
_DYNAMIC_INSTRUCTIONS = "lk.agent_task.instructions.dynamic"
_SYSTEM_ROLES = ("system", "developer")


@dataclass(slots=True)
class Span:
    """Items that become whole messages.

    Attributes:
        count: How many items there are.
        messages: What they become.
        system: The system's texts among them.
        calls: The calls, by the ids that they are sent with.
        ids: The ids that it takes, and how often each was wanted.
        renamed: Whether one of its calls has another id because its own was taken.
        unanswered: The `call_id`s of calls without an output.
        unasked: The `call_id`s of outputs without a call.
        left_out: What could not be sent.
        images: Those in its messages.
    """

    count: int = 0
    messages: list[PlainJson] = field(default_factory=list)
    system: list[str] = field(default_factory=list)
    calls: dict[str, llm.FunctionCall] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    renamed: bool = False
    unanswered: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    images: list[llm.ImageContent] = field(default_factory=list)


@dataclass(slots=True)
class _Words:
    """What somebody else than the assistant says."""

    at: int
    content: Sequence[Any]


@dataclass(slots=True)
class _Answer:
    """What the assistant says and calls in one breath.

    Attributes:
        content: What it says; None if it has not said anything yet.
        calls: Where its calls are that are answered, and where their outputs are.
        last: Where the last of its items is.
    """

    last: int
    content: Sequence[Any] | None = None
    calls: list[tuple[int, int]] = field(default_factory=list)
    call_ids: set[str] = field(default_factory=set)


def spans_of(
    items: Sequence[llm.ChatItem], ids: MutableMapping[str, int], *, first: bool
) -> list[Span]:
    """What *items* become; at least one span.

    Args:
        items: Those of a history, or of its end.
        ids: The ids that the spans before have taken; those of these items are added.
        first: Whether no item stands before them.
    """
    answers = answers_of(items)
    system, begin = _preamble(items) if first else ("", 0)
    writer = _Writer(items, ids, first=first)
    if isinstance(system, str):
        writer.span.system = [system] if system else []
    else:
        writer.say(_Words(0, system))
    for entry in _entries(items, begin, answers):
        if isinstance(entry, _Words):
            writer.say(entry)
        else:
            writer.answer(entry)
    return writer.finish(answers)


def _preamble(items: Sequence[llm.ChatItem]) -> tuple[str | Sequence[Any], int]:
    """The text of the system, or what else the first instructions hold; and where they end."""
    for at, item in enumerate(items):
        if item.type in ("function_call", "function_call_output"):
            break
        if item.type != "message":
            continue
        if item.role not in _SYSTEM_ROLES:
            break
        content, end = _content(item), at + 1
        after = items[1] if at == 0 and len(items) > 1 else None
        if after is not None and after.type == "message" and after.id == _DYNAMIC_INSTRUCTIONS:
            content, end = [*content, *_content(after)], 2
        text = _text(content) if item.role == "system" else ""
        return text or content, end
    return "", 0


def _content(item: llm.ChatMessage) -> Sequence[Any]:
    # livekit does not check what is assigned.
    return [item.content] if isinstance(item.content, str) else item.content


def _text(content: Iterable[Any]) -> str:
    return "\n".join(part for part in content if isinstance(part, str))


def _entries(
    items: Sequence[llm.ChatItem], begin: int, answers: dict[int, int]
) -> list[_Words | _Answer]:
    """What is said and done, in the order in which it begins."""
    entries: list[_Words | _Answer] = []
    open_answers: dict[str, _Answer] = {}  # which later items may belong to
    for at in range(begin, len(items)):
        item = items[at]
        if item.type == "function_call":
            if at not in answers:
                continue
            key = item.group_id or item.id.partition("/")[0]
            answer = open_answers.get(key)
            if answer is None or item.call_id in answer.call_ids:
                answer = _begun(entries, open_answers, key, at)
            answer.calls.append((at, answers[at]))
            answer.call_ids.add(item.call_id)
            answer.last = max(answer.last, answers[at])
        elif item.type != "message":
            continue
        elif item.role == "assistant":
            key = item.id.partition("/")[0]
            answer = open_answers.get(key)
            if answer is None or answer.content is not None:
                answer = _begun(entries, open_answers, key, at)
            answer.content = _content(item)
            answer.last = max(answer.last, at)
        else:
            content = _content(item)
            if item.role in _SYSTEM_ROLES:
                text = _text(content)
                content = [_INSTRUCTIONS.format(text)] if text else []
            _close(open_answers, at)
            entries.append(_Words(at, content))
    return entries


def _begun(
    entries: list[_Words | _Answer], open_answers: dict[str, _Answer], key: str, at: int
) -> _Answer:
    _close(open_answers, at)
    answer = open_answers[key] = _Answer(at)
    entries.append(answer)
    return answer


def _close(open_answers: dict[str, _Answer], at: int) -> None:
    """Nothing later than *at* belongs to an answer whose calls are answered by then."""
    still_open = {key: answer for key, answer in open_answers.items() if answer.last >= at}
    open_answers.clear()  # a dict that is only deleted from gets slow
    open_answers.update(still_open)


class _Writer:
    """Writes messages, and begins a span wherever one may begin."""

    def __init__(
        self, items: Sequence[llm.ChatItem], ids: MutableMapping[str, int], *, first: bool
    ) -> None:
        self.span = Span()
        self._items = items
        self._ids = ids
        self._spans = [self.span]
        self._starts = [0]
        self._role = "" if first else "assistant"  # of the last message
        self._reach = -1  # where the last item is that has been written

    def say(self, words: _Words) -> None:
        blocks = self._blocks(words.content, images=True)
        if not blocks:
            return
        if self._role == "assistant" and words.at > self._reach and self.span.messages:
            self._begin_span(words.at)
        self._reach = max(self._reach, words.at)
        self._write("user", blocks)

    def answer(self, answer: _Answer) -> None:
        blocks = self._blocks(answer.content or (), images=False)
        exact = True
        results = dict[int, dict[str, Any]]()
        for at, output_at in answer.calls:
            call, output = self._items[at], self._items[output_at]
            assert isinstance(call, llm.FunctionCall)
            assert isinstance(output, llm.FunctionCallOutput)
            given, came = input_of(call.arguments), result_of(output)
            call_id = self._unique(call.call_id)
            self.span.calls[call_id] = call
            self.span.left_out += (*given.left_out, *came.left_out)
            exact = exact and given.exact and came.exact
            blocks.append(
                {
                    "id": call_id,
                    "type": "tool_use",
                    "name": api_name(str(call.name)),
                    "input": given.value,
                }
            )
            results[output_at] = {
                "tool_use_id": call_id,
                "type": "tool_result",
                "content": came.value,
                "is_error": bool(output.is_error),
            }
        self._reach = max(self._reach, answer.last)
        self._write("assistant", blocks, exact=exact)
        self._write("user", [results[at] for at in sorted(results)], exact=exact)

    def finish(self, answers: dict[int, int]) -> list[Span]:
        """The spans, once everything is written."""
        ends = [*self._starts[1:], len(self._items)]
        answering = {*answers.values()}
        for span, start, end in zip(self._spans, self._starts, ends, strict=True):
            span.count = end - start
            for at in range(start, end):
                item = self._items[at]
                if item.type == "function_call" and at not in answers:
                    span.unanswered.append(item.call_id)
                elif item.type == "function_call_output" and at not in answering:
                    span.unasked.append(item.call_id)
        return self._spans

    def _begin_span(self, at: int) -> None:
        self.span = Span()
        self._spans.append(self.span)
        self._starts.append(at)

    def _blocks(self, content: Iterable[Any], *, images: bool) -> list[dict[str, Any]]:
        """The blocks of *content*; an image "can only be in `user` messages"."""
        blocks = list[dict[str, Any]]()
        for part in content:
            if isinstance(part, llm.ImageContent):
                if images:
                    blocks.append(self._image(part))
            elif isinstance(part, (str, *_INSTRUCTION_TYPES)):
                text = str(part)
                if text and not text.isspace():
                    blocks.append({"text": text, "type": "text"})
        return blocks

    def _image(self, image: llm.ImageContent) -> dict[str, Any]:
        self.span.images.append(image)
        try:
            return image_block(image)
        except LeftOut as why:
            self.span.left_out.append(str(why))
            return {"text": f"[Left out: {why}]", "type": "text"}

    def _write(self, role: str, blocks: list[dict[str, Any]], *, exact: bool = True) -> None:
        if not blocks:
            return
        messages = self.span.messages
        if role == self._role and messages:
            messages[-1]["content"] += blocks
            messages[-1].exact = messages[-1].exact and exact
            return
        if not self._role and role == "assistant":
            messages.append(NOBODY_SPOKE)
        messages.append(PlainJson(role=role, content=blocks, exact=exact))
        self._role = role

    def _unique(self, call_id: object) -> str:
        """An id for a call that is nobody else's in the request."""
        wanted = unique = api_id(str(call_id))
        number = self._ids.get(wanted)
        if number is not None:
            self.span.renamed = True
            while (unique := f"{wanted}_{number}") in self._ids:
                number += 1
            self._take(wanted, number + 1)
        self._take(unique, 2)
        return unique

    def _take(self, call_id: str, number: int) -> None:
        self._ids[call_id] = self.span.ids[call_id] = number


# livekit's instructions, whose text is `str()` of them; they are no part of older releases.
_INSTRUCTION_TYPES = tuple(
    kind for kind in (getattr(llm, "Instructions", None),) if isinstance(kind, type)
)
