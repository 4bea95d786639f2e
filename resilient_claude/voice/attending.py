"""Attends the steps of replies: looks whether they are committed, and says what is due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Any

from livekit.agents import AgentSession, llm
from livekit.agents.types import FlushSentinel
from livekit.agents.voice import SpeechHandle

from .announcer import Announcer
from .arguments import Arguments, said_after_s
from .handing_over import HandingOver
from .hung import HungAnswers
from .lines import Line
from .node import Chunk
from .recordings import say
from .reply import ReplyStep
from .stats import AUTO_START_S, FirstTokens
from .timing import Wakes
from .wait import Action, CallerWait, State

POLL_S = 0.05
"""How often a step looks whether it was committed: no event says so."""
STALLED_S = 0.25
"""An answer of which nothing more has come for so long may be in the middle of a sentence."""
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "\uff01", "\uff1f", "؟", "।")
ANNOUNCE_WITHIN_S = 10.0
"""How long a step that has failed waits until the caller may be told."""


class Attending:
    """The steps of one session's replies; implements `node.Attendance`.

    Args:
        session: whose steps they are.
        arguments: of `keep_caller_informed`.
        step_of: the step that a reply is at, None if it has none.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        arguments: Arguments,
        step_of: Callable[[SpeechHandle], ReplyStep | None],
    ) -> None:
        auto = arguments.hold_after_s == "auto"
        self._first_tokens = FirstTokens() if auto else None
        after_s = AUTO_START_S if auto else said_after_s(float(arguments.hold_after_s))
        self.wait = CallerWait(arguments.pace, after_s)
        self.announcer = Announcer(arguments, self.wait)
        self.handing_over = HandingOver(session, arguments.on_give_up)
        self.hung = HungAnswers(session, self.announcer, self.wait, arguments.pace.give_up_after_s)
        self._session = session
        self._arguments = arguments
        self.step_of = step_of
        self._wakes = Wakes()
        self._attached = True

    def detach(self) -> None:
        """Say nothing any more; what runs goes on as if we had never been there."""
        self._attached = False
        self.hung.aclose()
        self.wake_all()

    @property
    def audible(self) -> bool:
        """Whether the session has sound."""
        return self._session.output.audio is not None and self._session.output.audio_enabled

    # --- for nodes ------------------------------------------------------------------------------

    def wake(self, step: ReplyStep) -> asyncio.Future[None]:
        """Done when something may be due, or has happened."""
        now = self.now()
        self.check_commit()
        if step.reply.asked_again or step.failed_at is not None or not self._is_awaited(step):
            when = now + POLL_S  # what is due then is another reply's to say
        else:
            due = -math.inf if step.sentence_held else self.wait.next_due(now)
            when = max(due, step.last_chunk_at + STALLED_S, now + 0.001)
        return self._wakes.at(when if self._attached else math.inf)

    def due(self, step: ReplyStep) -> Iterable[Chunk]:
        """What is to be said now, while *step* has no words."""
        if not self._is_awaited(step):
            return ()
        now = self.now()
        if step.first_word_at is not None and now < step.last_chunk_at + STALLED_S:
            return ()  # it flows
        if step.sentence_held:
            step.sentence_held = False
            return (FlushSentinel(),)  # the text-to-speech would wait for the next sentence
        if step.reply.asked_again:
            return self._due_unasked(step, now)
        action = self.wait.due(now)
        if action is Action.SPEAK_UP:
            self.wait.spoken_up(now)
            return (FlushSentinel(),)  # the text-to-speech would wait for the sentence's end
        if action is Action.HOLD_LINE:
            return self._out(step, self.announcer.hold_line(now, during_tool=False))
        return self._end(step, action, None)

    def may_announce(self, step: ReplyStep) -> bool:
        """Whether the caller may be told now that *step* has failed."""
        now = self.now()
        if step.failed_at is None:
            step.failed_at = now
        if now - step.failed_at > ANNOUNCE_WITHIN_S or not self._attached:
            return True
        self.check_commit()
        may = self.wait.may_apologise if step.first_word_at is None else self.wait.free
        return self._is_awaited(step) and may(now)

    def lost(self, step: ReplyStep, error: Exception) -> Iterable[Chunk]:
        """What is to be said after *step* failed before a word."""
        self.check_commit()
        if not self._is_awaited(step):
            return ()
        return self._end(step, self.wait.failed(), error)

    def broke_off(self, step: ReplyStep, error: Exception) -> Iterable[Chunk]:
        """What is to be said after *step* failed behind a word."""
        if not self._attached:
            return ()
        step.over = True
        line = self.announcer.broke_off(error)
        return [FlushSentinel(), *self._spoken(step, line, before=" ")]

    def goes_out(self, step: ReplyStep, chunk: Chunk) -> None:
        """A *chunk* goes out; it may have the first word of the answer."""
        step.last_chunk_at = self.now()
        text: object = chunk
        if isinstance(chunk, llm.ChatChunk):
            text = chunk.delta.content if chunk.delta else None
            if step.first_word_at is None and chunk.delta and chunk.delta.tool_calls:
                step.tools, step.tools_refused = step.takes_tools, not step.takes_tools
        if not isinstance(text, str) or not text:
            return
        if step.first_word_at is None and not self._says_something(text):
            step.parts.append((text, False))
            return
        if not text.strip():
            return
        step.sentence_held = text.rstrip().endswith(_SENTENCE_ENDS)
        if step.first_word_at is not None:
            return
        step.first_word_at = step.last_chunk_at
        self.check_commit()
        if step.committed_at is not None:
            self._arrived(step)

    # --- for the session's events ---------------------------------------------------------------

    def now(self) -> float:
        """The event loop's time."""
        return asyncio.get_running_loop().time()

    def check_commit(self) -> None:
        """See whether a reply has become what the caller waits for."""
        speech = self._session.current_speech
        if speech is None or speech.interrupted or not self._attached:
            return
        step = self.step_of(speech)
        if step is None or step.committed_at is not None:
            return
        now = step.committed_at = self.now()
        if not step.reply.asked_again:
            lines = self.wait.hold_lines  # of the wait before
            if self.wait.committed(now):
                self.announcer.meter.ended(now, "abandoned", lines)
            if self.wait.state is not State.LOST:
                self.announcer.meter.began(now)
        if step.first_word_at is not None:
            self._arrived(step)

    def asked(self) -> None:
        """A turn of the caller's was written down, which may be later than it was committed."""
        speech = self._session.current_speech
        step = None if speech is None else self.step_of(speech)
        if self.wait.state is State.LOST and step is not None and not step.over:
            step.committed_at = None
        self.wait.asked()
        self.wake_all()

    def wake_all(self) -> None:
        """Something has happened: let every step see whether something is due."""
        self.check_commit()
        self._wakes.ring()

    def heard(self, step: ReplyStep) -> None:
        """The caller hears what the step had to say."""
        if step.settled:
            return
        step.settled = True
        now = self.now()
        if step.first_word_at is None and not step.apologised:  # a voice that speaks signs
            step.first_word_at = now
            self._arrived(step)
        step.heard_at = now if self.audible else None
        if step.apologised:
            self.announcer.meter.ended(now, "apologised", self.wait.hold_lines)
        else:
            self.announcer.answered(now, asked_again=step.reply.asked_again)
            self.hung.watch(step)
        if self.wait.state is State.WORKING:
            self.announcer.meter.tool_began(now)

    def unspoken(self, step: ReplyStep) -> None:
        """What *step* had to say could not be spoken."""
        now, error = self.now(), step.speech_error
        action = Action.NOTHING if step.reply.asked_again else self.wait.failed()
        step.settled = True
        if action is Action.GIVE_UP:
            self._give_up(step, error)
        elif action is Action.APOLOGISE:
            line = self.announcer.apology(now, error)
            self.announcer.meter.ended(now, "apologised", self.wait.hold_lines)
            say(self._session, line)  # the text-to-speech may be well again

    # --------------------------------------------------------------------------------------------

    def _says_something(self, text: str) -> bool:
        """Whether *text* is heard, or read; no voice makes a word of an asterisk or an emoji."""
        return any(map(str.isalnum, text)) if self.audible else bool(text.strip())

    def _is_awaited(self, step: ReplyStep) -> bool:
        handle: SpeechHandle = step.reply.handle
        current = self._attached and self._session.current_speech is handle
        return current and not (handle.interrupted or step.over or step.committed_at is None)

    def _arrived(self, step: ReplyStep) -> None:
        assert step.first_word_at is not None
        assert step.committed_at is not None
        self.wait.arrived()
        if self._first_tokens is not None and not step.reply.asked_again:
            self._first_tokens.add(max(step.first_word_at - step.committed_at, 0.0))
            self.wait.hold_after_s = self._first_tokens.hold_after_s()
        self._if_silent(step)

    def _due_unasked(self, step: ReplyStep, now: float) -> Iterable[Chunk]:
        """Nobody waits for *step*; but as long as it lasts, nothing else can be said."""
        late = now - (step.committed_at or now) >= self._arguments.give_up_after_s
        if step.first_word_at is None or not late:
            step.over = late
        elif not step.settled and now >= step.last_chunk_at + self.wait.hold_after_s:
            return self.broke_off(step, TimeoutError("nothing more of the answer came"))
        return ()

    def _end(self, step: ReplyStep, action: Action, error: Exception | None) -> Iterable[Chunk]:
        """The apology, or what stands in for it, after which the step has no more to say."""
        if action not in (Action.APOLOGISE, Action.GIVE_UP):
            return ()
        step.over = True
        if action is Action.APOLOGISE:
            step.apologised = True
            return self._spoken(step, self.announcer.apology(self.now(), error))
        step.settled = True
        return () if self._give_up(step, error) else self._spoken(step, self.announcer.closing())

    def _give_up(self, step: ReplyStep, error: BaseException | None) -> bool:
        """Whether the application has taken over, or had already."""
        if self.handing_over.under_way:
            self.announcer.meter.ended(self.now(), "gave_up", self.wait.hold_lines)
            self.wait.gave_up()
            return True
        payload = self.announcer.give_up(self.now(), error)
        return self.handing_over.begin(payload, step.reply.handle)

    def _out(self, step: ReplyStep, line: Line | None) -> Iterable[Chunk]:
        """A hold line, on its way into the reply."""
        if line is None:
            return ()
        step.parts.append((f"{line.caption} ", True))
        step.lines += 1
        if not self.audible:
            self._sounded()
        return self._spoken(step, line, behind=" ")

    def _spoken(
        self, step: ReplyStep, line: Line, before: str = "", behind: str = ""
    ) -> Iterable[Chunk]:
        if line.sound is not None:
            step.recordings.append(line)
        self._if_silent(step)
        return [f"{before}{line.caption}{behind}", FlushSentinel()]

    def _if_silent(self, step: ReplyStep) -> None:
        """Without sound, what is written is heard."""
        if not self.audible and (step.apologised or step.first_word_at is not None):
            self._sounded()
            self.heard(step)

    def _sounded(self) -> None:
        now = self.now()
        self.announcer.meter.voice_started(now)
        self.announcer.meter.voice_stopped(now)
