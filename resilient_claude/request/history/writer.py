"""What is said and done in a history, written as messages, span by span. Pure; see `formatter`."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from livekit.agents import llm

from resilient_claude.request.content import api_id
from resilient_claude.request.tools.names import api_name

from .documents import document_block
from .fitting import Medium, stand_in
from .media import LeftOut, Watched, documents_of, is_read_at_once, picture_of
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
        watched: What of its items is no text.
        unread: Images that take too long to be read for the event loop; a word stands for each.
        media: The images and documents in its messages.
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
    watched: list[Watched] = field(default_factory=list)
    unread: list[llm.ImageContent] = field(default_factory=list)
    media: list[Medium] = field(default_factory=list)


class Words(NamedTuple):
    """What somebody else than the assistant says, and the message that it may have come with."""

    at: int
    content: Sequence[Any]
    message: llm.ChatMessage | None = None


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
        self._media: list[Medium] = []  # in blocks that are written next

    def say(self, words: Words) -> None:
        """Write what somebody else says."""
        begins = self._role == "assistant" and words.at > self._reach and self.span.messages
        if begins:
            self._begin_span(words.at)
        blocks = self._blocks(words.content, from_user=True, message=words.message)
        if not blocks:
            if begins:
                self._take_back_span()
            return
        self._reach = max(self._reach, words.at)
        self._write("user", blocks)

    def answer(self, answer: AssistantItems) -> None:
        """Write what the assistant says and calls, and what came of the calls."""
        blocks = self._blocks(answer.content or (), from_user=False)
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
            self._media += came.media
            exact = exact and given.exact and came.exact
            use = {"id": call_id, "type": "tool_use", "name": name, "input": given.value}
            blocks.append(use)
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
            for at, item in enumerate(self._items[start:end], start):
                if item.type == "message":
                    continue
                if item.type == "function_call" and at not in answers:
                    span.unanswered.append(item.call_id)
                elif item.type == "function_call_output" and at not in answering:
                    span.unasked.append(item.call_id)
        return self._spans

    def _begin_span(self, at: int) -> None:
        self.span = Span()
        self._spans.append(self.span)
        self._starts.append(at)

    def _take_back_span(self) -> None:
        """Nothing has been written in the last one."""
        self._spans.pop()
        self._starts.pop()
        self.span = self._spans[-1]

    def _blocks(
        self, content: Sequence[Any], *, from_user: bool, message: llm.ChatMessage | None = None
    ) -> list[dict[str, Any]]:
        """The blocks of *content*, behind the documents of *message*.

        An image "can only be in `user` messages", and so can a document.
        """
        blocks = self._documents(message) if message is not None and message.extra else []
        for part in content:
            if isinstance(part, _TEXTS):
                text = str(part)
                if text and not text.isspace():
                    blocks.append({"text": text, "type": "text"})
            elif isinstance(part, llm.AudioContent):
                blocks += self._audio(part, content, from_user=from_user)
            elif from_user and isinstance(part, llm.ImageContent):
                blocks.append(self._image(part))
            elif blocks and isinstance(part, BREAKPOINTS):
                self._breakpoints.append(len(blocks) - 1)
        return blocks

    def _image(self, image: llm.ImageContent) -> dict[str, Any]:
        self.span.watched.append(image)
        if not is_read_at_once(image):
            self.span.unread.append(image)
            return self._left_out("an image, not read in time")
        try:
            picture = picture_of(image)
        except LeftOut as why:
            return self._left_out(str(why))
        block = {"type": "image", "source": picture.source}
        self._media.append(Medium(block, picture))
        return block

    def _audio(
        self, audio: llm.AudioContent, content: Sequence[Any], *, from_user: bool
    ) -> list[dict[str, Any]]:
        """What was said in *audio*; nothing if the same is beside it in writing."""
        self.span.watched.append(audio)
        text = audio.transcript
        if isinstance(text, str) and text.strip():
            return [] if text in content else [{"text": text, "type": "text"}]
        return [self._left_out("audio without a transcript")] if from_user else []

    def _documents(self, message: llm.ChatMessage) -> list[dict[str, Any]]:
        """The documents that come with *message*, as blocks."""
        blocks = list[dict[str, Any]]()
        for document in documents_of(message):
            try:
                block = document_block(document)
            except LeftOut as why:
                blocks.append(self._left_out(str(why)))
            else:
                self._media.append(Medium(block))
                blocks.append(block)
        if blocks:
            self.span.watched.append(message)
        return blocks

    def _left_out(self, why: str) -> dict[str, Any]:
        self.span.left_out.append(why)
        return stand_in(why)

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
        if self._media and role == "user":
            for medium in self._media:
                medium.message = messages[-1]
            self.span.media += self._media
            self._media = []

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
