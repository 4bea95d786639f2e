"""What is said and done in a history, written as messages, span by span. Pure; see `formatter`."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from livekit.agents import llm

from resilient_claude.request.content import api_id
from resilient_claude.request.tools.names import api_name

from .media import LeftOut, image_block
from .plain_json import PlainJson
from .tool_content import input_of, result_of

# livekit's own stand-in for the caller's words in a conversation that the assistant opens.
NOBODY_SPOKE = PlainJson(role="user", content=[{"text": "(empty)", "type": "text"}]).encoded()


class SystemText(NamedTuple):
    """A part of the system's text; joined, the parts are all of it.

    Attributes:
        text: It.
        breakpoint: Whether one of livekit's cache breakpoints ends it.
    """

    text: str
    breakpoint: bool = False


@dataclass(slots=True)
class Span:
    """Items that become whole messages.

    Attributes:
        count: How many items there are.
        messages: What they become.
        system: The system's texts among them, cut where a prefix ends that calls may share.
        breakpoints: Where cache breakpoints are: after which block of which message.
        calls: The calls, by the ids that they are sent with.
        names: The names of the tools that are called, as they are sent.
        ids: The ids that it takes, and how often each was wanted.
        renamed: Whether one of its calls has another id because its own was taken.
        unanswered: The `call_id`s of calls without an output.
        unasked: The `call_id`s of outputs without a call.
        left_out: What could not be sent.
        images: Those in its messages.
    """

    count: int = 0
    messages: list[PlainJson] = field(default_factory=list)
    system: list[SystemText] = field(default_factory=list)
    breakpoints: list[tuple[int, int]] = field(default_factory=list)
    calls: dict[str, llm.FunctionCall] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    renamed: bool = False
    unanswered: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    images: list[llm.ImageContent] = field(default_factory=list)


@dataclass(slots=True)
class Words:
    """What somebody else than the assistant says."""

    at: int
    content: Sequence[Any]


@dataclass(slots=True)
class AssistantItems:
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


class Writer:
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
        self._breakpoints: list[int] = []  # after which of the blocks that are written next

    def say(self, words: Words) -> None:
        """Write what somebody else says."""
        blocks = self._blocks(words.content, images=True)
        if not blocks:
            return
        if self._role == "assistant" and words.at > self._reach and self.span.messages:
            self._begin_span(words.at)
        self._reach = max(self._reach, words.at)
        self._write("user", blocks)

    def answer(self, answer: AssistantItems) -> None:
        """Write what the assistant says and calls, and what came of the calls."""
        blocks = self._blocks(answer.content or (), images=False)
        if answer.last > self._reach:
            self._reach = answer.last
        if answer.calls:
            self._answer_with_calls(answer, blocks)
        else:
            self._write("assistant", blocks)

    def _answer_with_calls(self, answer: AssistantItems, blocks: list[dict[str, Any]]) -> None:
        exact = True
        results = dict[int, dict[str, Any]]()
        for at, output_at in answer.calls:
            call, output = self._items[at], self._items[output_at]
            assert isinstance(call, llm.FunctionCall)
            assert isinstance(output, llm.FunctionCallOutput)
            given, came = input_of(call.arguments), result_of(output)
            call_id, name = self._unique(call.call_id), api_name(str(call.name))
            self.span.calls[call_id] = call
            self.span.names.append(name)
            self.span.left_out += (*given.left_out, *came.left_out)
            exact = exact and given.exact and came.exact
            blocks.append(
                {
                    "id": call_id,
                    "type": "tool_use",
                    "name": name,
                    "input": given.value,
                }
            )
            results[output_at] = {
                "tool_use_id": call_id,
                "type": "tool_result",
                "content": came.value,
                "is_error": bool(output.is_error),
            }
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
            if isinstance(part, _TEXTS):
                text = str(part)
                if text and not text.isspace():
                    blocks.append({"text": text, "type": "text"})
            elif images and isinstance(part, llm.ImageContent):
                blocks.append(self._image(part))
            elif blocks and isinstance(part, BREAKPOINTS):
                self._breakpoints.append(len(blocks) - 1)
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
        before = 0
        if role == self._role and messages:
            before = len(messages[-1]["content"])
            messages[-1]["content"] += blocks
            messages[-1].exact = messages[-1].exact and exact
        else:
            if not self._role and role == "assistant":
                messages.append(NOBODY_SPOKE)
            messages.append(PlainJson(role=role, content=blocks, exact=exact))
            self._role = role
        if self._breakpoints:
            at = len(messages) - 1
            self.span.breakpoints += [(at, before + block) for block in self._breakpoints]
            self._breakpoints.clear()

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
_INSTRUCTIONS = getattr(llm, "Instructions", None)
_TEXTS = (str, _INSTRUCTIONS) if isinstance(_INSTRUCTIONS, type) else (str,)

# What ends a prefix that is worth to be cached. Source: livekit/agents/llm/chat_context.py; older
# releases lack it.
_BREAKPOINT = getattr(llm, "CacheBreakpoint", None)
BREAKPOINTS: tuple[type, ...] = (_BREAKPOINT,) if isinstance(_BREAKPOINT, type) else ()
