"""Claude's events in, livekit's chunks and the turn's outcome out. Pure.

Theory of operation
-------------------

`message` reads the events and says what may come when. Here is decided what of the message goes on
to livekit, and when:

- Text goes on with the read that it came in, all of it as one chunk: a chunk costs more than the
  text in it. It passes through the filters first, and what these hold goes on at the end. White
  space before the first word is kept back until that word comes: it is nothing that is heard.
- Notes that are spoken are text (see `speech`). One that is told of is a chunk without content.
- Tool calls go on when the message is finished, because livekit runs a tool as soon as it sees the
  call: only then are all blocks closed and the stop reason known. Of a message that was cut, none;
  where the stop reason never came, none whose input might have been cut off before it began.
- Everything else stays here: other thinking, what server tools do, blocks that are newer than we
  are.

What was handed on is counted (`text_chars`, `tool_calls`), and is never handed on again: after a
fault, `take_text` gives the text that came together with it, and the caller decides whether it is
still wanted. `finish` is the judgement, and the only way to an outcome. It is asked once, at the
end of the message or of the body, and has three answers: chunks and an outcome; a fault, because
the message is not whole; or a fault, because it is whole and says nothing. A message is whole by
its own words: `message_stop` says so, or the stop reason where every block is closed and the body
ends as its framing says, which only the transport can tell.

One translator per attempt: nothing of a failed attempt reaches the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from livekit.agents import llm

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault, malformed

from .blocks import calls_of, content_of, is_inaudible
from .message import TAKE_THEIR_TIME, IncomingMessage
from .message_states import MessageState
from .outcomes import Ending, Outcome, ending_of
from .signed_content import signed_content
from .speech import Notes
from .sse import Event
from .text_filters import TextFilter


class Activity(StrEnum):
    """What the response is doing; decides which clock watches it."""

    WAITING = "waiting"
    SPEAKING = "speaking"
    THINKING = "thinking"
    WORKING = "working"


class Translator:
    """Hands a message on while it arrives.

    Args:
        filters: what the text passes through on its way out.
        notes: what is done with the text of its thinking.
        follows: the end of what was spoken before it, from which it is to be set apart.

    Attributes:
        message: what has come of it.
        text_chars: characters of text handed on.
        tool_calls: tool calls handed on.
    """

    def __init__(
        self, *, filters: Sequence[TextFilter] = (), notes: Notes = "off", follows: str = ""
    ) -> None:
        self.message = IncomingMessage(notes=notes, follows=follows)
        self._filters = filters
        self.text_chars = 0
        self.tool_calls = 0
        self._space: list[str] = []  # before the first word

    @property
    def output_started(self) -> bool:
        """Whether anything was handed on that the caller hears or that has an effect."""
        return self.text_chars > 0 or self.tool_calls > 0

    @property
    def activity(self) -> Activity:
        """What the response is doing now."""
        message = self.message
        if not message.blocks:
            return Activity.WAITING
        block = message.open_block or next(reversed(message.blocks.values()))
        if not (block.counts or block.is_tool or block.type in TAKE_THEIR_TIME):
            return Activity.WAITING  # a block that has begun says nothing yet
        if block.spoken:
            return Activity.SPEAKING
        activity = _ACTIVITIES.get(block.type, Activity.WORKING)
        if activity is Activity.THINKING and self.output_started:
            return Activity.WORKING  # the limit is for those who wait for the first word
        return activity

    @property
    def has_thought(self) -> bool:
        """Whether there was thinking in it, shown or not."""
        return any(
            _ACTIVITIES.get(b.type) is Activity.THINKING for b in self.message.blocks.values()
        )

    @property
    def has_spoken_notes(self) -> bool:
        """Whether any of it is a note that is spoken."""
        return any(block.spoken for block in self.message.blocks.values())

    @property
    def called_servers(self) -> set[object]:
        """The names of the MCP servers that were called, and may have done what they were asked."""
        calls = (b for b in self.message.blocks.values() if b.type == "mcp_tool_use")
        names = (call.start.get("server_name") for call in calls if call.closed)
        return {name if isinstance(name, str) else None for name in names}

    @property
    def signed_content(self) -> list[dict[str, Any]]:
        """Its signed thinking with what stands around it; empty if it cannot go back whole."""
        return signed_content(self.message.blocks.values())

    def feed(self, events: list[Event]) -> list[llm.ChatChunk]:
        """Handle the *events* of one read; text that arrived together becomes one chunk.

        Raises:
            Fault: an `error` event, or an event out of order or of the wrong shape. Text before
                it is not lost: see `take_text`.
        """
        self.message.read(events)
        return self.take_text()

    def take_text(self) -> list[llm.ChatChunk]:
        """The text that has arrived and was not taken yet, as one chunk between two notes."""
        speech = self.message.speech
        if speech.told:
            return self._take_with_notes()
        pieces = speech.pieces
        if not pieces:
            return []
        text = "".join(pieces)
        pieces.clear()
        for each in self._filters:
            text = each.feed(text)
        return self._chunk(text)

    def finish(
        self,
        *,
        may_be_empty: bool,
        may_pause: bool = False,
        after_text: bool = False,
        clean_end: bool = False,
    ) -> tuple[Outcome, list[llm.ChatChunk]]:
        """The outcome of the stream and its last chunks: the tool calls, now that they are safe.

        Args:
            may_be_empty: whether Claude may rightly have nothing to add: after a tool's result,
                when it goes on with an answer that broke off, or when it said nothing once before.
            may_pause: whether an answer that server tools paused will be continued.
            after_text: whether the caller heard text of the same turn before this message.
            clean_end: whether the body has ended as its framing says, so that nothing of it was
                cut off unseen.

        Raises:
            Fault: the stream is no answer: cut off, or ended without output.
        """
        message = self.message
        if not message.finished and not (clean_end and message.state is MessageState.AFTER_CONTENT):
            raise Fault(
                FailureKind.TRUNCATED, "the stream ended before message_stop", retryable=True
            )
        ending = ending_of(message.stop_reason)
        calls = self._finished_calls(ending)
        outcome = ending.outcome
        if calls and outcome is Outcome.PAUSE_TURN:
            outcome = Outcome.COMPLETE  # our tools come first; their results continue the turn
        pauses = may_pause and outcome is Outcome.PAUSE_TURN
        if pauses:
            self.content()  # what cannot be sent back is found out now: later, nobody could retry
        held = self._held_text()
        says = self.output_started or bool(calls)
        if ending.acts and not calls and (says or after_text):
            outcome = Outcome.NO_ACTION
        elif not says and not pauses:
            if message.stop_reason is None or ending.acts or not (ending.whole and may_be_empty):
                raise ending.fault()
            outcome = Outcome.EMPTY
        self.tool_calls = len(calls)
        return outcome, [*held, *map(self._call_chunk, calls)]

    def content(self) -> list[dict[str, Any]]:
        """What Claude has said and done so far, as an assistant message takes it back.

        Raises:
            Fault: a server tool's input is not JSON.
        """
        return content_of(self.message.blocks.values())

    def _finished_calls(self, ending: Ending) -> list[llm.FunctionToolCall]:
        message = self.message
        if message.tool_block_began and ending.cuts_tools:
            raise ending.fault()
        tools = [block for block in message.blocks.values() if block.type == "tool_use"]
        if message.stop_reason is None and not all(tool.has_input for tool in tools):
            raise malformed("a tool call without input in a message without stop reason")
        return calls_of(tools)

    # --- chunks -----------------------------------------------------------------------------

    def _held_text(self) -> list[llm.ChatChunk]:
        """The text that the filters still hold, now that no more comes."""
        text = ""
        for each in self._filters:
            text = each.feed(text) + each.flush()
        return self._chunk(text)

    def _take_with_notes(self) -> list[llm.ChatChunk]:
        """The same where there are notes to be told of: each in its place between the text."""
        speech, chunks = self.message.speech, list[llm.ChatChunk]()
        pieces, told, start = [*speech.pieces], [*speech.told], 0
        speech.told.clear()
        for at, note in [*told, (len(pieces), "")]:
            speech.pieces[:] = pieces[start:at]
            chunks += self.take_text()
            chunks += [self._note_chunk(note)] if note else []
            start = at
        return chunks

    def _chunk(self, text: str) -> list[llm.ChatChunk]:
        """*text* as a chunk, or none if there is nothing to hear in it yet."""
        if not text:
            return []
        if not self.text_chars:
            self._space.append(text)
            if is_inaudible(text):
                return []
            text = "".join(self._space)
            self._space.clear()
        self.text_chars += len(text)
        delta = llm.ChoiceDelta(role="assistant", content=text)
        return [llm.ChatChunk(id=self.message.message_id, delta=delta)]

    def _note_chunk(self, note: str) -> llm.ChatChunk:
        delta = llm.ChoiceDelta(role="assistant", extra={"claude": {"progress": note}})
        return llm.ChatChunk(id=self.message.message_id, delta=delta)

    def _call_chunk(self, call: llm.FunctionToolCall) -> llm.ChatChunk:
        delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
        return llm.ChatChunk(id=self.message.message_id, delta=delta)


_ACTIVITIES = {
    "text": Activity.SPEAKING,
    "tool_use": Activity.SPEAKING,
    "thinking": Activity.THINKING,
    "redacted_thinking": Activity.THINKING,
}
