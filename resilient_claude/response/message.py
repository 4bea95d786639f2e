"""One message while it arrives: Claude's events in, its content blocks and counts kept. Pure.

`message_states` says which event may come when. What is done with each is here, in `_ACTIONS`.

What holds all the time:

- At most one block is open, and it is the last. No index is used twice. Blocks keep the order in
  which they began.
- `message_id` is set in every state but BEFORE_MESSAGE; `stop_reason` in IN_LAST_BLOCK and in
  AFTER_CONTENT, in FINISHED unless it never came, and in no other.
- An event is handled whole, or it is a fault and the state stays.
- What is kept is bounded, in characters and in blocks, and so is the work for each event, whatever
  the network sends; and nothing that it sends raises anything but a `Fault`.
- `progress` grows with what says something, which can be heard or sets out to: not with pings,
  empty pieces, white space, or what is newer than we are. That thinking begins is progress once
  after each thing that was said, since the wait for it is another one.

It cannot see whether the content means anything: whether a tool's input is JSON is looked at when
the message is over (`blocks`), what its end means for the turn in `outcomes`.

Longer than other modules, because all that an event does to a message is read in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.failures.private import texts_in
from resilient_claude.failures.redaction import identifier
from resilient_claude.failures.statuses import fault_of_error

from .blocks import PART_CHARS, Block, find_audible
from .message_states import FOLLOWING, PLACED, STOP_REASON, Kind, MessageState
from .outcomes import StopDetails
from .speech import Notes, SpokenText
from .sse import DONE, Event, string
from .usage import Usage

LONGEST_MESSAGE_CHARS = 8 * 1024 * 1024
"""Longest message that is kept, in characters; beyond it, the stream is not Claude's."""

MESSAGE_BLOCKS = 1024
"""Most content blocks of a message; with more, the stream is not Claude's.

The most in a recorded one are 17. As many calls of tools are handed on in some 20 ms.
"""

TAKE_THEIR_TIME = ("thinking", "compaction")
"""Blocks that begin long before they say anything."""


class IncomingMessage:
    """What has come of one message so far.

    Args:
        notes: what is done with the text of its thinking.
        follows: the end of what was spoken before it, from which it is to be set apart.

    Attributes:
        state: where in the message the next event stands.
        message_id: id of the message, empty until `message_start`.
        usage: its token counts so far.
        stop_reason: the API's word for why it ended, None until it says so, if ever.
        stop_details: what it says of a refusal, if it says anything.
        container: id of the server-side container that its tools ran in, if any.
        cache_miss_reason: why the prompt cache missed, if the API tells.
        has_server_work: whether tools were called at Anthropic's, or words rely on something.
        finished: whether `message_stop` has arrived, or what is as good.
        progress: grows with every event that says something.
        blocks: its content blocks by index, in the order in which they began.
        open_block: the one that is open, if any.
        speech: what of it is spoken, and nobody has taken yet.
    """

    def __init__(self, *, notes: Notes = "off", follows: str = "") -> None:
        self.state = MessageState.BEFORE_MESSAGE
        self.message_id = ""
        self.usage = Usage()
        self.stop_reason: str | None = None
        self.stop_details: StopDetails | None = None
        self.container: str | None = None
        self.cache_miss_reason: str | None = None
        self.has_server_work = False
        self.finished = False  # asked with every read, where looking a state up costs too much
        self.progress = 0
        self.blocks: dict[int, Block] = {}
        self.open_block: Block | None = None
        self.speech = SpokenText(notes=notes, follows=follows)
        self._open_index: int | None = None
        self._chars = 0
        self._said = True  # something, since thinking began last

    @property
    def tool_block_began(self) -> bool:
        """Whether a tool call of ours has begun, complete or not."""
        return any(block.type == "tool_use" for block in self.blocks.values())

    def texts(self) -> Iterator[str]:
        """What Claude wrote, heard or not: text, thinking, input of tools."""
        for block in self.blocks.values():
            yield "".join(block.parts)
            yield from texts_in([block.start.get(field) for field in ("text", "thinking", "input")])

    def read(self, events: list[Event]) -> None:
        """Take the *events* in, in order.

        Raises:
            Fault: an `error` event, or an event out of order or of the wrong shape.
        """
        state = self.state
        steps = _STEPS[state]
        if not steps:
            return  # the message is finished; whatever follows it is none of it
        for event in events:
            kind: Kind = event["type"]
            try:
                if kind == "message_delta" and _delta_of(event).get("stop_reason"):
                    kind = STOP_REASON
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
                if not steps:
                    return

    def _without_step(self, kind: Kind, event: Event) -> None:
        """The present state has no step for *event*: it is a fault, or it is passed over."""
        if kind == "error":
            raise fault_of_error(event)
        if kind in PLACED:
            raise malformed(f"{event['type']} {self.state}")

    # --- the actions of the steps -----------------------------------------------------------

    def _message_start(self, event: Event) -> None:
        message = event["message"]
        given = message.get("id")
        self.message_id = identifier("" if given is None else string(given)) or "msg_unknown"
        self.usage.update(message.get("usage"))
        self._take_container(message)
        if (diagnostics := message.get("diagnostics")) is not None:
            self.cache_miss_reason = _miss_reason(diagnostics)

    def _block_start(self, event: Event) -> None:
        self._begin(event["index"], Block.begin(event["content_block"]))

    def _block_delta(self, event: Event) -> None:
        index, delta = event["index"], event["delta"]
        kind = delta["type"]
        block = self.open_block
        if block is None or index != self._open_index or type(index) is not int:
            block = self._begin_without_start(index, kind)
        if kind == "text_delta" and block.type == "text":  # as with almost every token
            text = delta["text"]
            # The end of most tokens tells it sooner than a search.
            if (text[-1:].isalnum() and text.isascii()) or find_audible(text):
                self.progress += 1
                self._said = block.counts = True
            elif not text:
                return
            self._chars += len(text) + PART_CHARS
            if self._chars > LONGEST_MESSAGE_CHARS:
                self._grow(0)
            block.parts.append(text)
            speech = self.speech
            speech.pieces.append(speech.set_apart(text) if speech.is_apart else text)
            return
        weight, says = block.add(kind, delta)
        self._grow(weight)
        if says:
            self.progress += 1
            self._said = block.counts = True
        if kind == "citations_delta":
            self.has_server_work = True
        if weight and kind == "thinking_delta":
            self.speech.note(block, delta["thinking"])

    def _block_stop(self, event: Event) -> None:
        block, index = self.open_block, event["index"]
        if block is None or index != self._open_index or type(index) is not int:
            raise malformed("content_block_stop for a block that is not open")
        self._close()
        self.progress += block.counts

    def _message_delta(self, event: Event) -> None:
        delta = _delta_of(event)
        reason = delta.get("stop_reason")
        if reason is not None and string(reason):
            reason = identifier(reason) or "unreadable"
            if self.stop_reason is None:
                self.stop_reason = reason
                self.progress += 1
            elif reason != self.stop_reason:
                raise malformed("two stop reasons")
            self.stop_details = StopDetails.of(delta.get("stop_details")) or self.stop_details
        self.usage.update(event.get("usage"))
        self._take_container(delta)

    def _message_stop(self, event: Event) -> None:
        if self.stop_reason is None and not self.blocks:
            raise malformed(f"message_stop {self.state}")
        self.finished = True

    # --- what they keep ---------------------------------------------------------------------

    def _begin(self, index: int, block: Block) -> None:
        """*block* begins; one that can be no half of anything need not have been closed."""
        if self.open_block is not None and self.open_block.type not in _CLOSED_BY_THE_NEXT:
            raise malformed(f"content_block_start {self.state}")
        if type(index) is not int:
            raise TypeError(f"must be an int, got {type(index).__name__}")
        if index in self.blocks:
            raise malformed("two content blocks with one index")
        if len(self.blocks) == MESSAGE_BLOCKS:
            raise malformed(f"more than {MESSAGE_BLOCKS} content blocks")
        self._grow(block.weight())
        self._close()
        self.open_block, self._open_index = block, index
        self.blocks[index] = block
        if block.type not in _OURS or block.citations:
            self.has_server_work = True
        self.speech.begin(block)
        if block.counts:
            self._said = True
        elif block.type in TAKE_THEIR_TIME and self._said:
            self._said, block.counts = False, True
        self.progress += block.counts

    def _begin_without_start(self, index: int, kind: str) -> Block:
        """The block of a delta that belongs to none: a new one, if it is text that comes."""
        opens = kind == "text_delta" and self.stop_reason is None and index not in self.blocks
        if not opens:
            raise malformed(f"content_block_delta of no open block, {self.state}")
        block = Block("text", {"type": "text", "text": ""})
        self._begin(index, block)
        return block

    def _close(self) -> None:
        if self.open_block is not None:
            self.open_block.closed = True
            self.speech.close(self.open_block)
            self.open_block = self._open_index = None

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


def _miss_reason(diagnostics: Any) -> str | None:
    """What has changed since the message before, by the API's *diagnostics*; None if they say none.

    Where they could not be made, the reason is no reason. Source: platform.claude.com/docs/en/
    build-with-claude/cache-diagnostics, "Cache miss reason types".
    """
    reason = diagnostics.get("cache_miss_reason") if isinstance(diagnostics, dict) else None
    kind = identifier(reason.get("type")) if isinstance(reason, dict) else None
    return kind if kind is not None and kind.endswith("_changed") else None


def _delta_of(event: Event) -> dict[str, Any]:
    """The delta of a `message_delta`; an empty one where it brings nothing but counts."""
    delta: dict[str, Any] | None = event.get("delta")
    return {} if delta is None else delta


_OURS = ("text", "thinking", "redacted_thinking", "tool_use")
_CLOSED_BY_THE_NEXT = ("text", "thinking", "redacted_thinking")

_ACTIONS: dict[Kind, Callable[[IncomingMessage, Event], None]] = {
    "message_start": IncomingMessage._message_start,
    "content_block_start": IncomingMessage._block_start,
    "content_block_delta": IncomingMessage._block_delta,
    "content_block_stop": IncomingMessage._block_stop,
    "message_delta": IncomingMessage._message_delta,
    STOP_REASON: IncomingMessage._message_delta,
    "message_stop": IncomingMessage._message_stop,
    DONE: IncomingMessage._message_stop,
}

_STEPS = {
    state: {kind: (_ACTIONS[kind], following) for kind, following in row.items()}
    for state, row in FOLLOWING.items()
}
"""For each state: the events that may come, what is done with each, and the state that follows."""
