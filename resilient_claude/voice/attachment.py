"""What hangs on one `AgentSession`: its replies, its events, and the nodes of its agents.

Theory of operation. `speech_created` comes before livekit looks up the agent's `llm_node`: there
the agent's node is replaced by one that accompanies it, and a context variable says which reply it
runs for (the task that plays the reply, and every task below it, inherits the event's context). A
reply is *committed*, that is what the caller waits for, when it is the session's `current_speech`
and not interrupted; before, it is speculation.

What is heard is told by the audio output: each line is a piece of sound of its own, so that the
answer is heard when one piece more than there were lines has begun to play.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from livekit.agents import (
    Agent,
    AgentSession,
    AgentStateChangedEvent,
    CloseEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    SpeechCreatedEvent,
    UserStateChangedEvent,
    llm,
)
from livekit.agents.tts import TTSError
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.io import AudioOutput

from .arguments import Arguments
from .attending import Attending
from .erasing import erase_lines
from .error_limit import ErrorLimit
from .intervals import AskingAgain, ToolLines
from .lines import Line
from .node import STEP, Chunk, accompanied
from .recordings import recorded_or_spoken
from .reply import Reply, ReplyStep
from .session_internals import items_of
from .wait import State

REPLY: ContextVar[Reply] = ContextVar("resilient_claude_voice_reply")
"""The reply that runs around us."""


class Attachment:
    """Everything that is attached to *session*, until `detach`, which calls *detached*."""

    def __init__(
        self, session: AgentSession[Any], arguments: Arguments, detached: Callable[[], None]
    ) -> None:
        self._detached = detached
        self.attending = Attending(session, arguments, self._step_of)
        self._session = session
        self._recorded = arguments.recorded
        self._replies: dict[str, Reply] = {}
        self._nodes: dict[Agent, list[tuple[str, Any, Any]]] = {}
        self._erased: set[str] = set()
        self._output: AudioOutput | None = None
        self._tool_lines = ToolLines(session, self.attending)
        self._asking = AskingAgain(session, self.attending, arguments.ask_again_every_s)
        self._limit = ErrorLimit(session)
        self._handlers: dict[Any, Callable[[Any], None]] = {
            "speech_created": self._speech_created,
            "conversation_item_added": self._item_added,
            "user_state_changed": self._user_state_changed,
            "agent_state_changed": self._agent_state_changed,
            "tool_execution_updated": self._tool_updated,
            "error": self._failed,
            "close": self._closed,
        }
        for event, handler in self._handlers.items():
            session.on(event, handler)

    def detach(self) -> None:
        """Leave the session as it was; a line that plays goes on."""
        for event, handler in self._handlers.items():
            if handler != self._item_added or not self._replies:
                self._session.off(event, handler)
        self._handlers = {}
        self._limit.give_back()
        self._tool_lines.aclose()
        self._asking.aclose()
        self._listen_to(None)
        for agent, nodes in self._nodes.items():
            for name, ours, before in nodes:
                if vars(agent).get(name) is ours:
                    delattr(agent, name)
                    if before is not None:
                        setattr(agent, name, before)
            nodes.clear()  # the agent stays: a line may yet be written down in its history
        self.attending.detach()
        self._detached()

    async def over(self, stream: AsyncIterable[Chunk]) -> AsyncIterator[Chunk]:
        """Accompany *stream* in the reply that runs around us."""
        step, reply = STEP.get(None), REPLY.get(None)
        if step is None and reply is not None:
            step = reply.step = ReplyStep(reply)
        if step is None or step.over or not self._handlers:
            async for chunk in stream:
                yield chunk
            return
        async for chunk in accompanied(lambda: stream, step, self.attending):
            yield chunk

    # --- replies --------------------------------------------------------------------------------

    def _speech_created(self, event: SpeechCreatedEvent) -> None:
        handle = event.speech_handle
        self._listen_to(self._session.output.audio)
        if event.source == "say":
            self._tool_lines.said()
            return
        agent = self._session.current_agent
        reply = self._replies[handle.id] = Reply(handle, agent, asked_again=self._asking.asking)
        REPLY.set(reply)
        handle.add_done_callback(self._reply_done)
        self._install(agent)

    def _step_of(self, handle: SpeechHandle) -> ReplyStep | None:
        reply = self._replies.get(handle.id)
        return None if reply is None else reply.step

    def _reply_done(self, handle: SpeechHandle) -> None:
        reply = self._replies.pop(handle.id, None)
        if not self._handlers and not self._replies:  # detached, and nothing is left to erase
            self._session.off("conversation_item_added", self._item_added)
        step = None if reply is None else reply.step
        if reply is None or step is None or step.committed_at is None or not self._handlers:
            return
        attending, now = self.attending, self.attending.now()
        if handle.interrupted:
            if step.apology_talked_over(now):
                attending.wait.unheard(now)
                attending.announcer.meter.talked_over()
            elif not step.settled or attending.wait.state is State.WORKING:
                attending.wait.cut(now)
            return
        if step.speech_error is not None and not step.settled:
            attending.unspoken(step)
        elif step.apologised or step.first_word_at is not None:
            attending.heard(step)
        working = attending.wait.state is State.WORKING
        if working and self._session.current_agent is not reply.agent:
            attending.wait.cut(now, handed_on=True)
        elif working or not step.settled:
            attending.wait.ended()
            attending.announcer.meter.ended(now, "silent", attending.wait.hold_lines)
        if step.apologised:
            self._asking.apologised()

    # --- the agents' nodes ----------------------------------------------------------------------

    def _install(self, agent: Agent) -> None:
        if agent in self._nodes:
            return
        self._nodes[agent] = []
        self._replace(agent, "llm_node", partial(self._llm_node, agent.llm_node))
        if self._recorded:
            tts_node = partial(recorded_or_spoken, agent.tts_node, self._recordings)
            self._replace(agent, "tts_node", tts_node)

    def _replace(self, agent: Agent, name: str, ours: Callable[..., Any]) -> None:
        self._nodes[agent].append((name, ours, vars(agent).get(name)))
        setattr(agent, name, ours)

    def _llm_node(
        self, node: Callable[..., Any], chat_ctx: llm.ChatContext, *arguments: Any
    ) -> Any:
        reply = REPLY.get(None)
        if reply is None or not self._handlers:
            return node(chat_ctx, *arguments)
        if self._erased:
            chat_ctx.items[:] = [item for item in chat_ctx.items if item.id not in self._erased]
        step = reply.step = ReplyStep(reply)
        step.takes_tools = getattr(arguments[-1], "tool_choice", None) != "none"
        return accompanied(partial(node, chat_ctx, *arguments), step, self.attending)

    def _recordings(self) -> list[Line]:
        reply = REPLY.get(None)
        return [] if reply is None or reply.step is None else reply.step.recordings

    # --- what happens in the session ------------------------------------------------------------

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, llm.ChatMessage):
            return
        if item.role == "user" and self._handlers:
            self._asking.aclose()
            self.attending.asked()
            return
        speech = self._session.current_speech
        step = None if speech is None else self._step_of(speech)
        if item.role != "assistant" or step is None or not step.lines:
            return
        if erase_lines(item, step.parts):
            self._erase(item)

    def _erase(self, message: llm.ChatMessage) -> None:
        """Take *message*, of which nothing is left, out of every history."""
        self._erased.add(message.id)
        for items in (self._session.history.items, *map(items_of, self._nodes)):
            items[:] = [item for item in items if item.id != message.id]

    def _user_state_changed(self, event: UserStateChangedEvent) -> None:
        attending, now = self.attending, self.attending.now()
        if event.new_state == "speaking":
            self._asking.caller_spoke()
            attending.wait.caller_spoke(now)
        elif event.old_state == "speaking":
            speech = self._session.current_speech
            unheeded = speech is not None and not speech.allow_interruptions
            attending.wait.caller_fell_silent(now, unheeded=unheeded)
            self._tool_lines.look()
            # The event is dated back to his last word, on another clock.
            since_s = min(max(time.time() - event.created_at, 0.0), 3.0)
            attending.announcer.meter.caller_fell_silent(now - since_s)
        elif event.new_state == "away":
            attending.announcer.meter.caller_went_away()
        attending.wake_all()

    def _agent_state_changed(self, event: AgentStateChangedEvent) -> None:
        self.attending.check_commit()

    def _tool_updated(self, event: Any) -> None:
        if event.update.type == "tool_call_started":
            self._tool_lines.tool_started()

    def _failed(self, event: ErrorEvent) -> None:
        speech = self._session.current_speech
        step = None if speech is None else self._step_of(speech)
        if step is not None and isinstance(event.error, TTSError) and not event.error.recoverable:
            step.speech_error = event.error.error

    def _listen_to(self, output: AudioOutput | None) -> None:
        if output is self._output:
            return
        if self._output is not None:
            self._output.off("playback_started", self._playback_started)
            self._output.off("playback_finished", self._playback_finished)
        self._output = output
        if output is not None:
            output.on("playback_started", self._playback_started)
            output.on("playback_finished", self._playback_finished)

    def _playback_started(self, _: object) -> None:
        self.attending.check_commit()
        self.attending.announcer.meter.voice_started(self.attending.now())
        speech = self._session.current_speech
        step = None if speech is None else self._step_of(speech)
        if step is not None:
            step.played += 1
            if step.due_to_be_heard:
                self.attending.heard(step)

    def _playback_finished(self, _: object) -> None:
        self.attending.announcer.meter.voice_stopped(self.attending.now())

    def _closed(self, _: CloseEvent) -> None:
        attending = self.attending
        attending.announcer.meter.ended(attending.now(), "abandoned", attending.wait.hold_lines)
        self.detach()
