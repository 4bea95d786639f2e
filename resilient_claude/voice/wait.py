"""What is owed to a caller who waits: the state machine. Pure: times are handed in, in seconds.

Theory of operation. A wait begins when a turn of the caller's was committed, which is when he may
expect a voice, and ends when he has heard the first word of an answer, or an apology. It outlives
the turn it began with: a caller who says "Hello?" interrupts that turn, and the framework answers a
new one with new budgets, but he has waited since the first.

    IDLE      nobody waits
    WAITING   a committed turn has no word yet: lines and the apology fall due
    WORKING   a tool runs in it: nothing can be answered, so the time does not count
    CUT       the caller interrupted that turn; the next commit goes on with the same wait
    ARRIVING  the first word of the answer is on its way to his ear
    LOST      an apology was said, and he has not spoken since: nothing more is owed

         IDLE -committed-> WAITING -tools_started-> WORKING -committed-> WAITING
         WAITING, WORKING -cut-> CUT -committed-> WAITING
         WAITING -arrived-> ARRIVING -heard-> IDLE          ARRIVING -cut-> CUT
         WAITING -apologised-> LOST -caller spoke-> IDLE    LOST -unheard-> CUT
         ARRIVING -apologised-> LOST: what came could not be heard, and nothing more comes
         any -ended-> IDLE: the turn is over, and had no words

Beside that runs whether the caller speaks: while he does, nothing is said. What he says while he
waits is part of the waiting if it is short (a "Hello?"); a longer utterance is not.

A line falls due `hold_after_s` after the commit of *each* turn, and then every `hold_every_s`. A
tool that runs before he has heard a word does not change that, nor does one that hands him on,
unless it has a time of its own; behind words ("Let me look."), and when the tool speaks for itself,
there are lines only then. None is said within `CLEARANCE_S` of the apology; one that would be is
said a little earlier if that still makes sense, and an apology that nobody could foresee waits for
so long, as does one that is due right behind the line of a tool. What he says is a turn of its own,
or else (while a tool runs, or where he may not interrupt) brings the next line forward. Where a
line or the apology would fall due while the answer has begun to arrive, but in no whole sentence,
its words are spoken as they are. If nothing is heard of them (an asterisk, an emoji), he waits
still. The invariant: at most one apology per wait; one that he has talked over is said once more
without being counted.

What it cannot see: whether a line or an apology was heard. The shell tells with `heard` and
`unheard`. Longer than other modules: a state machine is read as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

CLEARANCE_S = 2.5
"""Before an apology nothing else is said: a line that promises and then takes it back is worse."""
TTS_S = 0.2
"""A line that is due close to that is said so much earlier, as it takes a moment to be heard."""
PULLED_FORWARD_S = 0.5
"""How much earlier a later line may be said so that it does not fall into the clearance."""
NUDGE_S = 2.5
"""An utterance up to this long, as voice detection sees it, is a "Hello?" and part of the wait."""
SETTLE_S = 0.5
"""After the caller fell silent: what he said may yet be committed, and cut the line short."""
STALE_S = 10.0
"""A turn that begins so long after the one that was cut short is a wait of its own."""


class State(Enum):
    """Where a wait stands."""

    IDLE = "idle"
    WAITING = "waiting"
    WORKING = "working"
    CUT = "cut"
    ARRIVING = "arriving"
    LOST = "lost"


class Action(Enum):
    """What is to be said now."""

    NOTHING = "nothing"
    HOLD_LINE = "hold_line"
    SPEAK_UP = "speak_up"
    """What came of the answer is spoken now, though its sentence is not whole."""
    APOLOGISE = "apologise"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When what is said; the arguments of `keep_caller_informed` of the same names."""

    hold_every_s: float
    max_hold_lines: int
    tool_hold_after_s: float | None
    give_up_after_s: float
    max_apologies: int


class CallerWait:
    """The wait of one caller, over all turns of a session.

    Attributes:
        state: where it stands.
        hold_after_s: seconds from a commit to the first line; may change between waits.
        hold_lines: how many were said in this wait.
        lost: waits that ended with an apology, one after the other, without an answer between.
    """

    def __init__(self, pace: Pace, hold_after_s: float) -> None:
        self.state = State.IDLE
        self.hold_after_s = hold_after_s
        self.hold_lines = 0
        self.lost = 0
        self._pace = pace
        self._began = 0.0
        self._not_waiting_s = 0.0  # tools, long utterances
        self._committed = 0.0
        self._line_due = math.inf
        self._said_since_commit = False
        self._line_said = -math.inf
        self._spoken_up = math.inf
        self._talked_over = False
        self._spoke_at: float | None = None
        self._settled = -math.inf
        self._tool_began: float | None = None
        self._cut_at = 0.0
        self._handed_on = False
        self._answered = (0.0, 0)  # when the wait began that an answer ends, and its lines

    def waited_s(self, now: float) -> float:
        """Seconds of this wait so far, without those in which nothing could be answered."""
        until = self._tool_began if self._tool_began is not None else now
        return max(until - self._began - self._not_waiting_s, 0.0)

    # --- what happens ---------------------------------------------------------------------------

    def committed(self, now: float) -> bool:
        """A reply, or one to results of tools, is what he waits for; whether a wait begins."""
        if self.state in (State.WAITING, State.LOST):
            return False
        stale = self.state is State.CUT and now - self._cut_at > STALE_S
        new = stale or self.state in (State.IDLE, State.ARRIVING)
        if new:
            self._began, self._not_waiting_s, self.hold_lines = now, 0.0, 0
            self._talked_over = False
        self._tool_ended(now)
        goes_on = not new and (self.state is State.WORKING or self._handed_on)
        own_time = self._pace.tool_hold_after_s is not None or self._line_due == math.inf
        if not goes_on or own_time:  # else he waits since before the tool
            self._line_due, self._said_since_commit = now + self.hold_after_s, False
        self.state, self._handed_on = State.WAITING, False
        self._committed, self._settled, self._spoken_up = now, now, math.inf
        return new

    def caller_spoke(self, now: float) -> None:
        """The caller began to speak."""
        if self._spoke_at is None:
            self._spoke_at = now
        self._handed_on = False
        self.asked()

    def asked(self) -> None:
        """The caller said something, or wrote it: what was lost before is settled."""
        if self.state is State.LOST:
            self.state = State.IDLE

    def caller_fell_silent(self, now: float, *, unheeded: bool = False) -> None:
        """The caller stopped speaking; *unheeded*: no turn comes of it while the reply lasts."""
        if self._spoke_at is None:
            return
        spoke_s = now - self._spoke_at
        if spoke_s > NUDGE_S and self._tool_began is None:
            self._not_waiting_s += spoke_s
        self._spoke_at, self._settled = None, now + SETTLE_S
        unheeded = unheeded and self.state is State.WAITING
        if unheeded or self.state is State.WORKING:  # then it is committed after the tool
            self._line_due = min(self._line_due, now + self.hold_after_s)

    def tools_started(self, now: float) -> None:
        """The reply called a tool, which runs from now on."""
        if self.state in (State.WAITING, State.ARRIVING, State.IDLE):
            after_s = self._pace.tool_hold_after_s
            if after_s is not None:
                self._line_due = now + after_s
            elif self.state is not State.WAITING:
                self._line_due = math.inf
            if self.state is not State.WAITING:
                self._began, self._not_waiting_s, self.hold_lines = now, 0.0, 0
            self.state = State.WORKING
            self._tool_began = now

    def tool_spoke(self) -> None:
        """The application said something while a tool runs: it keeps the caller company itself."""
        if self.state is State.WORKING and self._pace.tool_hold_after_s is None:
            self._line_due = math.inf

    def cut(self, now: float, *, handed_on: bool = False) -> None:
        """The reply was interrupted before a word was heard, or its tool *handed on* the caller."""
        if self.state in (State.WAITING, State.WORKING, State.ARRIVING):
            self._tool_ended(now)
            self.state, self._cut_at, self._handed_on = State.CUT, now, handed_on

    def arrived(self) -> None:
        """The first word of an answer came."""
        self._answered = (self._began + self._not_waiting_s, self.hold_lines)
        if self.state is State.WAITING:
            self.state = State.ARRIVING

    def heard(self, now: float) -> tuple[float, int]:
        """The caller hears the answer: after how many seconds, and behind how many lines."""
        self.lost = 0
        if self.state in (State.ARRIVING, State.LOST):
            self.state = State.IDLE
        began, lines = self._answered  # a tool may have begun a wait of its own meanwhile
        return max(now - began, 0.0), lines

    def ended(self) -> None:
        """The reply is over, and had no words: nobody waits for it any more."""
        if self.state in (State.WAITING, State.WORKING, State.ARRIVING):
            self.state, self._tool_began = State.IDLE, None

    def hold_line_said(self, now: float) -> None:
        """A hold line goes out; the next is counted from when this one was due."""
        self.hold_lines += 1
        self._said_since_commit, self._line_said = True, now
        self._line_due = max(self._line_due, now - 0.5) + self._pace.hold_every_s

    def hold_line_left_out(self, now: float) -> None:
        """There was none to say: the next time is as far away as after a line."""
        self._line_due = now + self._pace.hold_every_s

    def spoken_up(self, now: float) -> None:
        """What came of the answer is on its way to his ear: no line is due any more."""
        self._spoken_up = now

    def apologised(self) -> None:
        """An apology goes out."""
        self.state = State.LOST
        self.lost += 1

    def unheard(self, now: float) -> None:
        """That apology was talked over: it is still owed, and counts the second time only."""
        if self.state in (State.LOST, State.IDLE):
            self.lost = self.lost if self._talked_over else max(self.lost - 1, 0)
            self.state, self._cut_at, self._talked_over = State.CUT, now, True

    def gave_up(self) -> None:
        """It is somebody else's call now; if not, it begins anew."""
        self.state, self.lost = State.LOST, 0

    # --- what is due ----------------------------------------------------------------------------

    def failed(self) -> Action:
        """What is to be said now that the reply has failed, and no word of it was heard."""
        if self.state not in (State.WAITING, State.ARRIVING):
            return Action.NOTHING
        return Action.GIVE_UP if self.lost >= self._pace.max_apologies else Action.APOLOGISE

    def due(self, now: float) -> Action:
        """What is to be said now."""
        if not self.free(now):
            return Action.NOTHING
        if now >= self._lost_at():
            return self.failed()
        if self.state is State.ARRIVING:
            return Action.SPEAK_UP if now >= self._speak_up_at() else Action.NOTHING
        return Action.HOLD_LINE if now >= self._next_line(now) else Action.NOTHING

    def next_due(self, now: float) -> float:
        """When `due` is to be asked again, if nothing happens before; infinity for never."""
        due = self._speak_up_at() if self.state is State.ARRIVING else self._next_line(now)
        return max(min(due, self._lost_at()), self._free_at())

    def free(self, now: float) -> bool:
        """Whether something may be said: the caller is silent, and not only just."""
        return now >= self._free_at()

    def may_apologise(self, now: float) -> bool:
        """Whether an apology may be said: also not right behind a line."""
        return now >= self._line_said + CLEARANCE_S and self.free(now)

    def _free_at(self) -> float:
        return math.inf if self._spoke_at is not None else self._settled

    def _lost_at(self) -> float:
        """When the turn is lost; not right behind what was said in it, the line of a tool, say."""
        said = {State.WAITING: self._line_said, State.ARRIVING: self._spoken_up}
        return max(self._deadline(), said.get(self.state, math.inf) + CLEARANCE_S)

    def _speak_up_at(self) -> float:
        """When words that came in no whole sentence are spoken: he waits no longer for them."""
        return min(self._line_due, self._deadline()) if self._spoken_up == math.inf else math.inf

    def _deadline(self) -> float:
        return self._began + self._not_waiting_s + self._pace.give_up_after_s

    def _next_line(self, now: float) -> float:
        """When the next line is due; infinity if there is none before the wait's end."""
        if self.state not in (State.WAITING, State.WORKING):
            return math.inf
        if self.hold_lines >= self._pace.max_hold_lines:
            return math.inf
        due = max(self._line_due, self._settled)
        if self.state is State.WORKING:
            return due
        clear = self._deadline() - CLEARANCE_S
        early = clear - TTS_S
        if due > early:
            # In a later turn better early than not at all; else only if it is not much earlier.
            again = self._committed > self._began and not self._said_since_commit
            forward = early > self._committed if again else due - early <= PULLED_FORWARD_S
            due = early if forward else math.inf
        return due if now <= clear else math.inf

    def _tool_ended(self, now: float) -> None:
        if self._tool_began is not None:
            self._not_waiting_s += now - self._tool_began
            self._tool_began = None
