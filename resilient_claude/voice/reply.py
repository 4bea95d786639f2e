"""A reply of the agent's, as far as the caller's wait is concerned. Written by node and session.

A reply (livekit's `SpeechHandle`) has one step per request to the LLM: the answer, then one for the
results of each round of tools.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from unicodedata import category

from livekit.agents import Agent
from livekit.agents.voice import SpeechHandle

from .lines import Line

UNDERSTOOD_S = 0.75
"""An apology is cut short about 0.5 s after the caller began to speak, which was at its beginning
then: "I'm sor" is none."""


@dataclass(eq=False, slots=True)
class ReplyStep:
    """One run of the agent's `llm_node`.

    Attributes:
        reply: whose step it is.
        committed_at: since when it is what the caller waits for; None while it is speculative.
        first_word_at: when the first word of the answer came; None if none has.
        last_chunk_at: when the latest part of it came; not kept any more once it is heard.
        sentence_held: whether what came last ends a sentence, which livekit keeps until the next
            one begins: Claude may think, or a server search, in between.
        parts: what went out before that word, in its order: (text, whether it is a line of ours).
        lines: how many of them are lines, each of which is played by itself.
        played: how many pieces of sound have begun to play.
        takes_tools: whether the LLM may call tools: livekit ignores the calls of a last step.
        tools: whether it called tools.
        tools_refused: whether it called some that are ignored.
        apologised: whether an apology went out.
        settled: whether the caller has heard what was to be heard: the answer or the apology.
        heard_at: since when he has; None if he has not, or if only a text was written.
        over: whether nothing more is to be said in it.
        ended: whether its node has ended.
        tokens: how many chunks have come since what was to be heard is heard.
        failed_at: when it failed; None if it has not.
        speech_error: why it could not be spoken; None if nothing is known of that.
        recordings: the lines that went out as recordings.
        speaker: the innermost of the nodes around it that say what is due.
    """

    reply: Reply
    committed_at: float | None = None
    first_word_at: float | None = None
    last_chunk_at: float = 0.0
    sentence_held: bool = False
    parts: list[tuple[str, bool]] = field(default_factory=list)
    lines: int = 0
    played: int = 0
    takes_tools: bool = True
    tools: bool = False
    tools_refused: bool = False
    apologised: bool = False
    settled: bool = False
    heard_at: float | None = None
    over: bool = False
    ended: bool = False
    tokens: int = 0
    failed_at: float | None = None
    speech_error: BaseException | None = None
    recordings: list[Line] = field(default_factory=list)
    speaker: object = None

    def apology_talked_over(self, now: float) -> bool:
        """Whether the apology was interrupted before there was a word of it to be understood."""
        at_once = self.heard_at is not None and now - self.heard_at < UNDERSTOOD_S
        return self.apologised and (at_once or not self.settled)

    @property
    def unheard_because(self) -> str | None:
        """Why nothing of an answer that has ended is heard, None if it had nothing to say."""
        if self.over or self.tools or self.first_word_at is not None:
            return None
        if self.tools_refused:
            return "it called tools where it had to answer"
        signs = "".join(text.strip() for text, is_line in self.parts if not is_line)
        return "no voice speaks its answer" if signs and all(map(_is_mute, signs)) else None

    @property
    def due_to_be_heard(self) -> bool:
        """Whether the answer or the apology has begun to play, if each line was played."""
        words = self.apologised or self.first_word_at is not None
        signs = any(text.strip() for text, is_line in self.parts if not is_line)
        return (words or signs) and self.played > self.lines


def _is_mute(sign: str) -> bool:
    """Whether no voice makes a word of *sign*: an emoji, or Markdown."""
    return sign in "*_#`~" or category(sign) in ("So", "Sk", "Cf", "Mn", "Me", "Zs", "Cc")


@dataclass(eq=False, slots=True)
class Reply:
    """One reply and the step that it is at.

    Attributes:
        handle: livekit's.
        agent: whose reply it is.
        asked_again: whether we asked for it, because the caller still waits.
        step: the step that runs, or ran last.
    """

    handle: SpeechHandle
    agent: Agent
    asked_again: bool = False
    step: ReplyStep | None = None
