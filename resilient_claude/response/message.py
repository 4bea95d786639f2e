"""One message while it arrives: Claude's events in, its content blocks and counts kept. Pure.

Theory of operation
-------------------

A message is `message_start`, content blocks one after the other, at least one `message_delta`, and
`message_stop`::

    BEFORE_MESSAGE -- message_start --> BETWEEN_BLOCKS <-- block start, block stop --> IN_BLOCK
                                              |                                           |
                                    message_delta with the stop reason        the same, block open
                                              v                                           v
    FINISHED <-- message_stop --------- AFTER_CONTENT <------- block stop --------- IN_LAST_BLOCK

`_STEPS` is the machine: for each state the events that may come, what is done with each, and the
state that follows. Three things are not drawn. A `message_delta` may bring nothing but counts, in
every state after `message_start`, and changes none. A block may be open when the stop reason comes,
because `max_tokens` ends a message where it stands: IN_LAST_BLOCK takes the rest of that block and
`message_stop` too, and opens no other. An `error` may take the place of any event, and is raised.

What has a place in a message and comes where its state has no step for it is a fault: to guess what
was meant could say a sentence twice or run half of a tool. What has no place in any state, a ping
or an event newer than we are, is passed over, as are blocks and deltas of types that we do not
know; so the API asks its readers to do. Whatever follows `message_stop` is none of the message.

What holds all the time:

- At most one block is open, and it is the last. No index is used twice. Blocks keep the order in
  which they began.
- `message_id` is set in every state but BEFORE_MESSAGE; `stop_reason` in the last three and in no
  other. The first stop reason stands.
- An event is handled whole, or it is a fault and the state stays.
- What is kept is bounded, in characters and in blocks, whatever the network sends; and nothing that
  it sends raises anything but a `Fault`.

It cannot see whether the content means anything: whether a tool's input is JSON is looked at when
the message is over (`blocks`), what its end means for the turn in `outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.failures.redaction import identifier

from .blocks import Block
from .outcomes import error_of
from .sse import Event, string
from .usage import Usage

LONGEST_MESSAGE_CHARS = 8 * 1024 * 1024
"""Longest message that is kept, in characters; beyond it, the stream is not Claude's."""

MESSAGE_BLOCKS = 4096
"""Most content blocks of a message; with more, the stream is not Claude's."""


class State(StrEnum):
    """Where in a message the next event stands. The values complete the sentence of a fault."""

    BEFORE_MESSAGE = "before message_start"
    BETWEEN_BLOCKS = "between content blocks"
    IN_BLOCK = "inside a content block"
    IN_LAST_BLOCK = "inside a content block, after the stop reason"
    AFTER_CONTENT = "after the stop reason"
    FINISHED = "after message_stop"


class IncomingMessage:
    """What has come of one message so far.

    Attributes:
        state: where in the message the next event stands.
        message_id: id of the message, empty until `message_start`.
        usage: its token counts so far.
        stop_reason: the API's word for why it ended, None until it says so.
        container: id of the server-side container that its tools ran in, if any.
        finished: whether `message_stop` has arrived.
        progress: grows with every event that is progress; pings and empty deltas are not.
    """

    def __init__(self) -> None:
        self.state = State.BEFORE_MESSAGE
        self.message_id = ""
        self.usage = Usage()
        self.stop_reason: str | None = None
        self.container: str | None = None
        self.finished = False  # asked with every read, where looking a state up costs too much
        self.progress = 0
        self._blocks: dict[int, Block] = {}
        self._open: Block | None = None
        self._chars = 0
        self._delta_came = False
        self._new_text: list[str] = []  # which nobody has taken yet

    @property
    def tool_block_began(self) -> bool:
        """Whether a tool call of ours has begun, complete or not."""
        return any(block.type == "tool_use" for block in self._blocks.values())

    def texts(self) -> Iterator[str]:
        """What Claude wrote, heard or not: text, thinking, input of tools."""
        for block in self._blocks.values():
            yield "".join(block.parts)

    def read(self, events: list[Event]) -> None:
        """Take the *events* in, in order.

        Raises:
            Fault: an `error` event, or an event out of order or of the wrong shape.
        """
        state = self.state
        steps = _STEPS[state]
        for event in events:
            if not steps:
                break  # the message is finished; whatever follows it is none of it
            kind = event["type"]
            try:
                if kind == "message_delta" and event["delta"].get("stop_reason"):
                    kind = _STOP_REASON
                step = steps.get(kind)
                if step is None:
                    self._without_step(kind, event)
                    continue
                action, following = step
                action(self, event)
            except (KeyError, TypeError, AttributeError) as exc:
                # Data from the network, read in place: checking each field first costs time
                # with every token. `from None`: the error's message would quote the data.
                raise malformed(
                    f"a {event['type']} event has the wrong shape ({type(exc).__name__})"
                ) from None
            if following is not state:
                self.state = state = following
                steps = _STEPS[state]

    def _without_step(self, kind: str, event: Event) -> None:
        """The present state has no step for *event*: it is a fault, or it is passed over."""
        if kind == "error":
            raise error_of(event)
        if kind in _PLACED:
            raise malformed(f"{kind} {self.state}")

    # --- the actions of the steps -----------------------------------------------------------

    def _message_start(self, event: Event) -> None:
        message = event["message"]
        self.message_id = identifier(string(message["id"])) or "msg_unknown"
        self.usage.update(message.get("usage"))
        self._take_container(message)

    def _block_start(self, event: Event) -> None:
        index, content = event["index"], event["content_block"]
        if len(self._blocks) == MESSAGE_BLOCKS:
            raise malformed(f"more than {MESSAGE_BLOCKS} content blocks")
        if index in self._blocks:
            raise malformed("two content blocks with one index")
        self._open = self._blocks[index] = Block(string(content["type"]), content)
        self.progress += 1
        self._grow(len(repr(content)))  # the results of server tools are in here, whole
        if content["type"] == "text":
            self._new_text.append(string(content["text"] or ""))
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
            text = delta["text"]
            if self._delta_came or not text.isspace():
                self._keep(block, text)
            else:  # white space says nothing yet, however much of it comes
                self._grow(len(text))
                block.parts.append(text)
            self._new_text.append(text)
        elif kind == "input_json_delta":
            if "input" in block.start:
                self._keep(block, delta["partial_json"])
        elif kind == "thinking_delta":
            self._keep(block, delta["thinking"])
        elif block.type == "tool_use":
            raise malformed("a delta in a tool call that is not input")
        else:
            self._annotate(block, kind, delta)

    def _block_stop(self, event: Event) -> None:
        block = self._blocks[event["index"]]
        if block is not self._open:
            raise malformed("content_block_stop for a block that is not open")
        block.closed = True
        self._open = None
        self.progress += 1

    def _message_delta(self, event: Event) -> None:
        stop_reason = string(event["delta"].get("stop_reason") or "")
        if stop_reason and self.stop_reason is None:
            self.stop_reason = identifier(stop_reason) or "unreadable"
            self.progress += 1
        self.usage.update(event.get("usage"))
        self._take_container(event["delta"])

    def _message_stop(self, event: Event) -> None:
        self.finished = True

    # --- what they keep ---------------------------------------------------------------------

    def _keep(self, block: Block, part: object) -> None:
        """*part* is the next piece of what *block* says; it is progress unless it is empty."""
        part = string(part)
        if not part:
            return
        self._grow(len(part))
        self._delta_came = True
        self.progress += 1
        block.parts.append(part)

    def _annotate(self, block: Block, kind: str, delta: dict[str, Any]) -> None:
        """A delta that adds nothing to what *block* says; what is newer than we are is progress."""
        if kind == "signature_delta":
            if block.signature:
                return
            block.signature = string(delta["signature"])
        elif kind == "citations_delta":
            self._grow(len(repr(delta["citation"])))
            block.citations.append(delta["citation"])
        self.progress += 1

    def _take_container(self, holder: dict[str, Any]) -> None:
        container = holder.get("container")
        if isinstance(container, dict):
            self.container = identifier(container.get("id")) or self.container

    def _grow(self, chars: int) -> None:
        self._chars += chars
        if self._chars > LONGEST_MESSAGE_CHARS:
            raise Fault(
                FailureKind.MALFORMED,
                f"the message is longer than {LONGEST_MESSAGE_CHARS} characters",
                retryable=False,
            )


_Step = tuple[Callable[[IncomingMessage, Event], None], State]
_STOP_REASON = "message_delta with a stop reason"

_STEPS: dict[State, dict[str, _Step]] = {
    State.BEFORE_MESSAGE: {
        "message_start": (IncomingMessage._message_start, State.BETWEEN_BLOCKS),
    },
    State.BETWEEN_BLOCKS: {
        "content_block_start": (IncomingMessage._block_start, State.IN_BLOCK),
        "message_delta": (IncomingMessage._message_delta, State.BETWEEN_BLOCKS),
        _STOP_REASON: (IncomingMessage._message_delta, State.AFTER_CONTENT),
    },
    State.IN_BLOCK: {
        "content_block_delta": (IncomingMessage._block_delta, State.IN_BLOCK),
        "content_block_stop": (IncomingMessage._block_stop, State.BETWEEN_BLOCKS),
        "message_delta": (IncomingMessage._message_delta, State.IN_BLOCK),
        _STOP_REASON: (IncomingMessage._message_delta, State.IN_LAST_BLOCK),
    },
    State.IN_LAST_BLOCK: {
        "content_block_delta": (IncomingMessage._block_delta, State.IN_LAST_BLOCK),
        "content_block_stop": (IncomingMessage._block_stop, State.AFTER_CONTENT),
        "message_delta": (IncomingMessage._message_delta, State.IN_LAST_BLOCK),
        _STOP_REASON: (IncomingMessage._message_delta, State.IN_LAST_BLOCK),
        "message_stop": (IncomingMessage._message_stop, State.FINISHED),
    },
    State.AFTER_CONTENT: {
        "message_delta": (IncomingMessage._message_delta, State.AFTER_CONTENT),
        _STOP_REASON: (IncomingMessage._message_delta, State.AFTER_CONTENT),
        "message_stop": (IncomingMessage._message_stop, State.FINISHED),
    },
    State.FINISHED: {},
}
"""For each state: the events that may come, what is done with each, and the state that follows."""

_PLACED = {kind for row in _STEPS.values() for kind in row}
