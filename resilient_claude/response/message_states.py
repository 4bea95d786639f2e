"""Which event of a message may come when, and what follows. Pure.

Theory of operation
-------------------

A message is `message_start`, content blocks one after the other, at least one `message_delta`, and
`message_stop`::

    BEFORE_MESSAGE -- message_start --> BETWEEN_BLOCKS <-- block start, block stop --> IN_BLOCK
                                              |                                           |
                                    message_delta with the stop reason        the same, block open
                                              v                                           v
    FINISHED <-- message_stop --------- AFTER_CONTENT <------- block stop --------- IN_LAST_BLOCK

`FOLLOWING` is the machine: for each state the events that may come, and the state that follows.
What is not drawn:

- A `message_delta` may bring nothing but counts, in every state after `message_start`. Between two
  blocks it leads to AFTER_COUNTS, which is BETWEEN_BLOCKS but for this: some gateways never give a
  stop reason, and there `message_stop` ends a message that has content.
- A block may be open when the stop reason comes, because `max_tokens` ends a message where it
  stands: IN_LAST_BLOCK takes the rest of that block and `message_stop` too, and opens no other.
- The start of the next block closes one of text or thinking that nobody closed; a piece of text
  that belongs to no block opens one. Neither is done to the call of a tool: it might be half.
- `[DONE]` after the content is as good as `message_stop`. So is, in AFTER_CONTENT, the clean end of
  the body, which is not seen here: the stop reason has come, every block is closed.
- An `error` may take the place of any event, and is raised.

What has a place in a message and comes where its state has no step for it is a fault: to guess what
was meant could say a sentence twice or run half of a tool. So is what contradicts itself, such as
two stop reasons. What has no place in any state, a ping or an event newer than we are, is passed
over, as are blocks and deltas of types that we do not know (`blocks`); so the API asks its readers
to do. Whatever follows the end is none of the message.
"""

from __future__ import annotations

from enum import StrEnum

from .sse import DONE


class MessageState(StrEnum):
    """Where in a message the next event stands. The values complete the sentence of a fault."""

    BEFORE_MESSAGE = "before message_start"
    BETWEEN_BLOCKS = "between content blocks"
    AFTER_COUNTS = "between content blocks, after counts"
    IN_BLOCK = "inside a content block"
    IN_LAST_BLOCK = "inside a content block, after the stop reason"
    AFTER_CONTENT = "after the stop reason"
    FINISHED = "after message_stop"


Kind = str | tuple[str, str]
"""The type of an event; a pair where what it says makes another one of it."""

STOP_REASON: Kind = ("message_delta", "stop_reason")
"""A `message_delta` with the stop reason. No event can have it for its type, which is a string."""

_BETWEEN: dict[Kind, MessageState] = {
    "content_block_start": MessageState.IN_BLOCK,
    "content_block_delta": MessageState.IN_BLOCK,
    "message_delta": MessageState.AFTER_COUNTS,
    STOP_REASON: MessageState.AFTER_CONTENT,
}

FOLLOWING: dict[MessageState, dict[Kind, MessageState]] = {
    MessageState.BEFORE_MESSAGE: {"message_start": MessageState.BETWEEN_BLOCKS},
    MessageState.BETWEEN_BLOCKS: _BETWEEN,
    MessageState.AFTER_COUNTS: {**_BETWEEN, "message_stop": MessageState.FINISHED},
    MessageState.IN_BLOCK: {
        "content_block_start": MessageState.IN_BLOCK,
        "content_block_delta": MessageState.IN_BLOCK,
        "content_block_stop": MessageState.BETWEEN_BLOCKS,
        "message_delta": MessageState.IN_BLOCK,
        STOP_REASON: MessageState.IN_LAST_BLOCK,
    },
    MessageState.IN_LAST_BLOCK: {
        "content_block_delta": MessageState.IN_LAST_BLOCK,
        "content_block_stop": MessageState.AFTER_CONTENT,
        "message_delta": MessageState.IN_LAST_BLOCK,
        STOP_REASON: MessageState.IN_LAST_BLOCK,
        "message_stop": MessageState.FINISHED,
    },
    MessageState.AFTER_CONTENT: {
        "message_delta": MessageState.AFTER_CONTENT,
        STOP_REASON: MessageState.AFTER_CONTENT,
        "message_stop": MessageState.FINISHED,
        DONE: MessageState.FINISHED,
    },
    MessageState.FINISHED: {},
}
"""For each state: the events that may come, and the state that follows."""

PLACED = {kind for row in FOLLOWING.values() for kind in row} - {DONE}
"""The events that have a place in a message, so that they cannot be passed over in another."""
