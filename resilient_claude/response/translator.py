"""Claude's events in, livekit's chunks and the turn's outcome out. A state machine, no I/O.

One translator per attempt: nothing of a failed attempt reaches the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import takewhile
from typing import Any

from livekit.agents import llm
from pydantic import ValidationError

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.failures.redaction import identifier
from resilient_claude.failures.statuses import RETRYABLE_ERRORS, kind_of_error_type

from .blocks import Block, call_of, string
from .outcomes import Ending, Outcome, ending_of
from .speech import TextFilter
from .sse import Event
from .usage import Usage

LONGEST_MESSAGE_CHARS = 8 * 1024 * 1024
"""Longest message that is kept, in characters; beyond it, the stream is not Claude's."""

MESSAGE_BLOCKS = 4096
"""Most content blocks of a message; with more, the stream is not Claude's."""


class Activity(StrEnum):
    """What the response is doing; decides which clock watches it."""

    WAITING = "waiting"
    SPEAKING = "speaking"
    WORKING = "working"


class Translator:
    """Turns the events of one response into chunks.

    Text is handed on as it comes. Tool calls are kept until `message_stop`: only then are all
    blocks closed and the stop reason known, and livekit runs a tool as soon as it sees the call.

    Args:
        model: id of the model that was asked; its signed thinking is of use to no other.
        filters: what the text passes through on its way out.

    Attributes:
        message_id: id of the message, empty until `message_start`.
        usage: its token counts so far.
        stop_reason: the API's word for why it ended, None until it says so.
        container: id of the server-side container that its tools ran in, if any.
        finished: whether `message_stop` has arrived.
        text_chars: characters of text handed on.
        tool_calls: tool calls handed on.
        progress: grows with every event that is progress; pings and empty deltas are not.
    """

    def __init__(self, *, model: str = "", filters: Sequence[TextFilter] = ()) -> None:
        self._model = model
        self._filters = filters
        self.message_id = ""
        self.usage = Usage()
        self.stop_reason: str | None = None
        self.container: str | None = None
        self.finished = False
        self.text_chars = 0
        self.tool_calls = 0
        self.progress = 0
        self._blocks: dict[int, Block] = {}
        self._open: Block | None = None
        self._chars = 0
        self._delta_came = False
        self._text: list[str] = []
        self._space = ""  # before the first word

    @property
    def output_started(self) -> bool:
        """Whether anything was handed on that the caller hears or that has an effect."""
        return self.text_chars > 0 or self.tool_calls > 0

    @property
    def activity(self) -> Activity:
        """What the response is doing now."""
        if not self._blocks:
            return Activity.WAITING
        block = self._open or next(reversed(self._blocks.values()))
        if block.type == "text" and not self._delta_came:
            return Activity.WAITING  # a block that has begun says nothing yet
        return Activity.SPEAKING if block.type in _SPEAKING else Activity.WORKING

    @property
    def tool_block_began(self) -> bool:
        """Whether a tool call of ours has begun, complete or not."""
        return any(block.type == "tool_use" for block in self._blocks.values())

    def texts(self) -> Iterator[str]:
        """What Claude wrote, heard or not: text, thinking, input of tools."""
        for block in self._blocks.values():
            yield "".join(block.parts)

    def feed(self, events: list[Event]) -> list[llm.ChatChunk]:
        """Handle the *events* of one read; text that arrived together becomes one chunk.

        Raises:
            Fault: an `error` event, an event out of order or of the wrong shape, or a
                message whose end is not an answer. Text before it is lost: see `take_text`.
        """
        for event in events:
            if self.finished:
                break  # the answer is whole; whatever follows it is none of it
            handler = _HANDLERS.get(event["type"])
            if handler is None:
                continue  # a ping, or a type of event that is newer than we are
            try:
                handler(self, event)
            except (KeyError, TypeError, AttributeError, ValidationError) as exc:
                # Data from the network, read in place: checking each field first costs time
                # with every token. `from None`: the error's message would quote the data.
                raise malformed(
                    f"a {event['type']} event has the wrong shape ({type(exc).__name__})"
                ) from None
        return self.take_text()

    def take_text(self) -> list[llm.ChatChunk]:
        """The text that has arrived and was not taken yet, as at most one chunk."""
        if not self._text:
            return []
        text = "".join(self._text)
        self._text.clear()
        for each in self._filters:
            text = each.feed(text)
        return self._chunk(text)

    def _held_text(self) -> list[llm.ChatChunk]:
        """The text that the filters still hold, now that no more comes."""
        text = ""
        for each in self._filters:
            text = each.feed(text) + each.flush()
        return self._chunk(text)

    def _chunk(self, text: str) -> list[llm.ChatChunk]:
        if not self.text_chars:  # white space is no speech: it waits for the first word
            self._space += text
            if not self._space or self._space.isspace():
                return []
            text, self._space = self._space, ""
        if not text:
            return []
        self.text_chars += len(text)
        return [
            llm.ChatChunk(id=self.message_id, delta=llm.ChoiceDelta(role="assistant", content=text))
        ]

    def finish(
        self, *, may_be_empty: bool, may_pause: bool = False
    ) -> tuple[Outcome, list[llm.ChatChunk]]:
        """The outcome of the stream and its last chunks: the tool calls, now that they are safe.

        Args:
            may_be_empty: whether Claude may rightly have nothing to add: after a tool's result,
                or when it goes on with an answer that broke off.
            may_pause: whether an answer that server tools paused will be continued.

        Raises:
            Fault: the stream is no answer: cut off, or ended without output.
        """
        if not self.finished:
            raise Fault(
                FailureKind.TRUNCATED,
                "the stream ended before message_stop",
                retryable=True,
            )
        ending = ending_of(self.stop_reason)
        outcome = ending.outcome
        calls = self._finished_calls(ending)
        held = self._held_text()
        if calls and outcome is Outcome.PAUSE_TURN:
            outcome = Outcome.COMPLETE  # our tools come first; their results continue the turn
        pauses = may_pause and outcome is Outcome.PAUSE_TURN
        if not self.output_started and not calls and not pauses:
            if not (ending.whole and may_be_empty):
                raise ending.fault()
            outcome = Outcome.EMPTY
        if pauses:
            self.content()  # what cannot be sent back is found out while it can be a failure
        self.tool_calls = len(calls)
        chunks = [
            llm.ChatChunk(
                id=self.message_id, delta=llm.ChoiceDelta(role="assistant", tool_calls=[call])
            )
            for call in calls
        ]
        return outcome, held + chunks

    def content(self) -> list[dict[str, Any]]:
        """What Claude has said and done so far, as an assistant message takes it back.

        Raises:
            Fault: a server tool's input is not JSON.
        """
        try:
            blocks = [block.to_api() for block in self._blocks.values() if block.closed]
        except ValueError as exc:
            raise Fault(
                FailureKind.MALFORMED, "a server tool's input is not JSON", retryable=False
            ) from exc
        return [block for block in blocks if block["type"] != "text" or block["text"].strip()]

    def _finished_calls(self, ending: Ending) -> list[llm.FunctionToolCall]:
        blocks = [block for block in self._blocks.values() if block.type == "tool_use"]
        if not blocks:
            return []
        if ending.cuts_tools:
            raise ending.fault()
        calls = [call_of(block) for block in blocks]
        if len({call.call_id for call in calls}) < len(calls):
            raise malformed("two tool calls with one id")
        thinking = self._leading_thinking()
        if thinking:
            # livekit keeps this with the call, and the API wants it back with the tool's result.
            calls[0].extra = {"claude": {"model": self._model, "thinking": thinking}}
        return calls

    def _leading_thinking(self) -> list[dict[str, Any]]:
        """The signed thinking that the message begins with, unless more of it comes later.

        The API wants all of it back and in its place, and livekit keeps no places.
        """
        blocks = list(self._blocks.values())
        leading = list(takewhile(lambda block: block.type in _THINKING, blocks))
        if any(block.type in _THINKING for block in blocks[len(leading) :]):
            return []
        return [block.to_api() for block in leading]

    # --- one method per event type ----------------------------------------------------------

    def _message_start(self, event: Event) -> None:
        message = event["message"]
        if self.message_id:
            raise malformed("a second message_start")
        self.message_id = string(message["id"]) or "msg_unknown"
        self.usage.update(message.get("usage"))
        self._take_container(message)

    def _block_start(self, event: Event) -> None:
        index, content = event["index"], event["content_block"]
        if not self.message_id or self.stop_reason is not None:
            raise malformed("content_block_start outside of the message's content")
        if len(self._blocks) == MESSAGE_BLOCKS:
            raise malformed(f"more than {MESSAGE_BLOCKS} content blocks")
        if self._open is not None or index in self._blocks:
            raise malformed("a content block inside another one")
        self._open = self._blocks[index] = Block(string(content["type"]), content)
        self.progress += 1
        self._grow(len(repr(content)))  # the results of server tools are in here, whole
        if content["type"] == "text":
            self._text.append(string(content["text"] or ""))
        elif content["type"] == "tool_use" and "" in (
            string(content["id"]),
            string(content["name"]),
        ):
            raise malformed("a tool call without id or name")

    def _block_delta(self, event: Event) -> None:
        block = self._blocks[event["index"]]
        if block is not self._open:
            raise malformed("a delta for a content block that is not open")
        delta = event["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            if block.type != "text":
                raise malformed("text in a content block that is not text")
            text = string(delta["text"])
            if self._delta_came or not text.isspace():
                self._keep(block, text)
            else:  # white space says nothing yet, however much of it comes
                self._grow(len(text))
                block.parts.append(text)
            self._text.append(text)
        elif kind == "input_json_delta":
            if "input" in block.start:
                self._keep(block, delta["partial_json"])
        elif kind == "thinking_delta":
            self._keep(block, delta["thinking"])
        elif block.type == "tool_use":
            raise malformed("a delta in a tool call that is not input")
        else:
            if kind == "signature_delta":
                if block.signature:
                    return
                block.signature = string(delta["signature"])
            elif kind == "citations_delta":
                self._grow(len(repr(delta["citation"])))
                block.citations.append(delta["citation"])
            self.progress += 1  # also what is newer than we are

    def _block_stop(self, event: Event) -> None:
        block = self._blocks[event["index"]]
        if block is not self._open:
            raise malformed("content_block_stop for a block that is not open")
        block.closed = True
        self._open = None
        self.progress += 1

    def _message_delta(self, event: Event) -> None:
        if not self.message_id:
            raise malformed("message_delta before message_start")
        stop_reason = string(event["delta"].get("stop_reason") or "")
        if stop_reason and self.stop_reason is None:
            self.stop_reason = stop_reason
            self.progress += 1
        self.usage.update(event.get("usage"))
        self._take_container(event["delta"])

    def _message_stop(self, event: Event) -> None:
        # A block may still be open: `max_tokens` ends a message without closing it.
        if self.stop_reason is None:
            raise malformed("message_stop without a stop reason")
        self.finished = True

    def _error(self, event: Event) -> None:
        error = event["error"]
        kind = kind_of_error_type(error.get("type"))
        raise Fault(
            kind,
            string(error.get("message") or "no message"),
            retryable=kind in RETRYABLE_ERRORS,
            error_type=identifier(error.get("type")),
            origin=Origin.REMOTE if kind in RETRYABLE_ERRORS else Origin.CALLER,
        )

    def _take_container(self, holder: dict[str, Any]) -> None:
        container = holder.get("container")
        if isinstance(container, dict) and isinstance(container.get("id"), str):
            self.container = container["id"]

    def _keep(self, block: Block, part: object) -> None:
        part = string(part)
        if not part:
            return
        self._grow(len(part))
        self._delta_came = True
        self.progress += 1
        block.parts.append(part)

    def _grow(self, chars: int) -> None:
        self._chars += chars
        if self._chars > LONGEST_MESSAGE_CHARS:
            raise Fault(
                FailureKind.MALFORMED,
                f"the message is longer than {LONGEST_MESSAGE_CHARS} characters",
                retryable=False,
            )


_SPEAKING = ("text", "tool_use")
_THINKING = ("thinking", "redacted_thinking")
_HANDLERS = {
    "content_block_delta": Translator._block_delta,
    "content_block_start": Translator._block_start,
    "content_block_stop": Translator._block_stop,
    "message_start": Translator._message_start,
    "message_delta": Translator._message_delta,
    "message_stop": Translator._message_stop,
    "error": Translator._error,
}
