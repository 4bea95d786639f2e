"""What is done by itself while nobody speaks: lines during tools, and asking again."""

from __future__ import annotations

import math
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import SpeechHandle

from .attending import Attending
from .lines import Line
from .recordings import say
from .timing import Timer
from .wait import Action, State

AGAIN_S = 0.25
"""While somebody speaks, it is looked again after so many seconds."""
ASK_AGAIN = (
    "The caller's last question could not be answered because of a technical problem, and you "
    "have apologised. Answer it now, in the language of the call, if you can. Do not mention the "
    "problem again."
)


class ToolLines:
    """Hold lines while a tool runs: then nothing stands in the session's queue."""

    def __init__(self, session: AgentSession[Any], attending: Attending) -> None:
        self._session = session
        self._attending = attending
        self._timer = Timer(self._fired)
        self._saying = False

    def said(self) -> None:
        """Something is said while a tool may run, by us or by the application."""
        if not self._saying:
            self._attending.wait.tool_spoke()

    def tool_started(self) -> None:
        """A tool runs from now on."""
        wait, now = self._attending.wait, self._attending.now()
        wait.tools_started(now)
        if wait.state is State.WORKING:
            self._attending.announcer.meter.tool_began(now)
        self.look()

    def look(self) -> None:
        """A line may be due earlier than it was."""
        wait, now = self._attending.wait, self._attending.now()
        if wait.state is State.WORKING and wait.next_due(now) != math.inf:
            self._timer.set(wait.next_due(now))

    def aclose(self) -> None:
        """Say nothing any more."""
        self._timer.cancel()

    def _fired(self) -> None:
        wait, now = self._attending.wait, self._attending.now()
        if wait.state is not State.WORKING:
            return
        if self._session.current_speech is not None or not wait.free(now):
            self._timer.set(now + AGAIN_S)
            return
        if wait.due(now) is Action.HOLD_LINE:
            self._say()
        if wait.next_due(now) != math.inf:
            self._timer.set(max(wait.next_due(now), now + AGAIN_S))

    def _say(self) -> None:
        def by_session(line: Line) -> bool:
            return say(self._session, line, written_down=False)

        self._saying = True
        now = self._attending.now()
        self._attending.announcer.hold_line(now, during_tool=True, said=by_session)
        self._saying = False


class AskingAgain:
    """Asks again every so often, as long as the caller waits after an apology.

    Attributes:
        asking: whether the reply that is being created is asked for by us.
    """

    def __init__(
        self, session: AgentSession[Any], attending: Attending, every_s: float | None
    ) -> None:
        self.asking = False
        self._session = session
        self._attending = attending
        self._every_s = every_s
        self._timer = Timer(self._fired)
        self._handle: SpeechHandle | None = None

    def apologised(self) -> None:
        """An apology was said: the caller may wait for an answer still."""
        if self._every_s is not None:
            self._timer.set(self._attending.now() + self._every_s)

    def caller_spoke(self) -> None:
        """Ask no more; a reply that he could not interrupt, and has not heard, gives way to him."""
        self._timer.cancel()
        handle, self._handle = self._handle, None
        step = None if handle is None else self._attending.step_of(handle)
        if handle is not None and step is not None and not step.settled:
            handle.interrupt(force=True)

    def aclose(self) -> None:
        """Ask no more: the caller has written, or is gone."""
        self._timer.cancel()

    def _fired(self) -> None:
        if self._attending.wait.state is not State.LOST or self._every_s is None:
            return
        idle = self._session.current_speech is None and self._session.agent_state == "listening"
        if not idle or self._session.user_state == "speaking":
            self._timer.set(self._attending.now() + AGAIN_S)
            return
        self._timer.set(self._attending.now() + self._every_s)
        self.asking = True
        try:
            self._handle = self._session.generate_reply(instructions=ASK_AGAIN)
        except RuntimeError:  # the session is closing
            self._timer.cancel()
        finally:
            self.asking = False
