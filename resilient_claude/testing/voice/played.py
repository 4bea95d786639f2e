"""A call that was played: what was heard, asked and said, in seconds of the call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

from livekit.agents import AgentSession, APIError, CloseEvent, ErrorEvent, llm

from resilient_claude.testing.server import SimulatedClaude

from .caller import Caller
from .heard import Post, Silence, Sound, Utterance, silences, utterances
from .marks import SOUND
from .script import Says, ScriptLine
from .speaker import Played, Speaker

_ERROR_LETTERS = 200
"""The most that a line of the timeline shows of an error."""


@dataclass(frozen=True)
class Happened:
    """An event of the session.

    Attributes:
        at_s: Second of the call.
        event: livekit's event.
    """

    at_s: float
    event: Any


@dataclass
class CallRecorder:
    """Records what happens while the call is played, by the clock of its loop.

    Attributes:
        zero_s: When the call began, by that clock.
        claudes: The simulated Claudes that may be asked.
        asked_before: How many requests each of them had by then.
        zeros_s: What each one's own clock said then.
        events: The session's events so far.
        closed: Whether the session has closed.
        end_s: The second of the call at which it was over; 0 before `end`.
    """

    zero_s: float
    claudes: Sequence[SimulatedClaude]
    asked_before: Sequence[int]
    zeros_s: Sequence[float]
    events: list[Happened] = field(default_factory=list)
    closed: bool = False
    end_s: float = 0.0

    @classmethod
    def start(cls, claudes: Sequence[SimulatedClaude]) -> "CallRecorder":
        """The call begins now."""
        return cls(
            zero_s=asyncio.get_running_loop().time(),
            claudes=claudes,
            asked_before=[len(claude.requests) for claude in claudes],
            zeros_s=[claude.elapsed_s for claude in claudes],
        )

    def record(self, event: Any) -> None:
        """The session emits *event* now."""
        self.events.append(Happened(asyncio.get_running_loop().time() - self.zero_s, event))
        self.closed = self.closed or isinstance(event, CloseEvent)

    def end(self) -> None:
        """The call is over: now, or since the session was closed."""
        closed = [each.at_s for each in self.events if isinstance(each.event, CloseEvent)]
        self.end_s = closed[0] if closed else asyncio.get_running_loop().time() - self.zero_s

    def posts(self) -> list[Post]:
        """The requests so far."""
        posts = [
            Post(request.at_s - zero_s, request.body, number)
            for number, (claude, before, zero_s) in enumerate(
                zip(self.claudes, self.asked_before, self.zeros_s, strict=True)
            )
            for request in claude.requests[before:]
        ]
        return sorted(posts, key=lambda post: post.at_s)


@dataclass(frozen=True)
class PlayedCall:
    """What became of a call.

    Attributes:
        lasted_s: Its length in seconds.
        events: The session's events in order, with their times.
        history: The chat history at the end.
        closed_at_s: The second at which the session closed by itself; None if it lived.
        sounds: The words as they came out of the loudspeaker.
        unsaid: The lines of the caller's script whose moment did not come.
        left_over: The names of the tasks that were still running when all was closed.
    """

    lasted_s: float
    events: list[Happened]
    history: llm.ChatContext
    closed_at_s: float | None
    sounds: list[Sound]
    _said: list[Utterance]
    _posts: list[Post]
    _claudes: int
    unsaid: list[ScriptLine] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, recorder: CallRecorder, caller: Caller, speaker: Speaker, session: AgentSession[Any]
    ) -> "PlayedCall":
        """Read what was recorded."""
        speaker.hang_up()
        end_s = recorder.end_s
        said = [
            Utterance(
                each.text,
                each.start_s - recorder.zero_s,
                min(each.end_s - recorder.zero_s, end_s),
                "caller",
                whole=each.end_s - recorder.zero_s <= end_s + 1e-3,
            )
            for each in caller.spoken
        ]
        sounds = [
            _sound(each, recorder.zero_s, cut=each.segment in speaker.cut)
            for each in speaker.played
            if each.run.mark
        ]
        return cls(
            lasted_s=end_s,
            events=list(recorder.events),
            history=session.history.copy(),
            closed_at_s=end_s if recorder.closed else None,
            sounds=sounds,
            _said=said,
            _posts=recorder.posts(),
            _claudes=len(recorder.claudes),
            unsaid=caller.unsaid,
        )

    def heard(self) -> list[Utterance]:
        """What the caller heard of the agent, as it came out of the loudspeaker."""
        return utterances(self.sounds)

    def said(self) -> list[Utterance]:
        """What the caller said; a cough has no words."""
        return list(self._said)

    def silences(self) -> list[Silence]:
        """Each wait of the caller, and each gap in what the agent said, in order."""
        return silences([each for each in self._said if each.text], self.heard(), self.lasted_s)

    def posts(self) -> list[Post]:
        """The requests that reached the call's simulated Claudes, in order."""
        return list(self._posts)

    @property
    def errors(self) -> list[Happened]:
        """The session's error events."""
        return [each for each in self.events if isinstance(each.event, ErrorEvent)]

    @property
    def text(self) -> str:
        """All that was heard of the agent, as one line."""
        return " ".join(each.text for each in self.heard())

    def timeline(self) -> str:
        """The call as text, a line for everything that was said, heard, asked or went wrong."""
        rows: list[tuple[float, float | None, str, str]] = [
            (each.start_s, each.end_s, each.who, _quoted(each))
            for each in [*self._said, *self.heard()]
        ]
        rows += [
            (each.start_s, each.end_s, each.kind, f"{each.lasted_s:.2f} s of silence")
            for each in self.silences()
        ]
        rows += [
            (each.at_s, None, "request", f"to Claude {each.claude}" if self._claudes > 1 else "")
            for each in self._posts
        ]
        rows += [(each.at_s, None, "error", _error_line(each.event)) for each in self.errors]
        if self.closed_at_s is not None:
            rows.append((self.closed_at_s, None, "closed", "the session"))
        rows += [(self.lasted_s, None, "unsaid", _of_script(line)) for line in self.unsaid]
        rows.sort(key=lambda row: round(row[0], 3))
        return "\n".join(_row(*row) for row in rows)


def _row(start_s: float, end_s: float | None, who: str, text: str) -> str:
    until = "" if end_s is None else f"- {end_s:6.2f}"
    return f"{start_s:7.2f} {until:<8}  {who:<8}{text}".rstrip()


def _error_line(event: ErrorEvent) -> str:
    """Which component failed, and of what, in one line."""
    kind, cause = type(event.error).__name__, getattr(event.error, "error", event.error)
    # livekit's `str()` of an APIError repeats the body of the response behind its message.
    said = cause.message if isinstance(cause, APIError) else str(cause)
    return f"{kind}: {shorten(said or type(cause).__name__, _ERROR_LETTERS)}"


def _of_script(line: ScriptLine) -> str:
    return f'"{line.text}"' if isinstance(line, Says) else "(a cough)"


def _quoted(each: Utterance) -> str:
    return f'"{each.text}"{"" if each.whole else " (cut off)"}' if each.text else "(a cough)"


def _sound(played: Played, zero_s: float, *, cut: bool) -> Sound:
    word = played.run.word
    total = word.samples if word is not None else played.run.samples
    return Sound(
        mark=played.run.mark if word is not None else SOUND,
        text=word.text if word is not None else "",
        start_s=played.start_s - zero_s,
        end_s=played.end_s - zero_s,
        from_part=played.offset / total,
        to_part=(played.offset + played.run.samples) / total,
        segment=played.segment,
        cut=cut,
    )
