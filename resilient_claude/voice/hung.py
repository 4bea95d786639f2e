"""Ends an answer of which nothing more comes, where its LLM has no clock for that.

Theory of operation. The caller has heard words, and then the LLM neither goes on nor fails. From
the first word on a token costs next to nothing, so that the node which waits for the next one
cannot be woken; but the session is looked at now and then, until the node has ended. If for
`after_s` no token has come, the agent was not heard, no tool ran and the caller did not speak, the
reply is interrupted, as he might have done himself, and he is told that it broke off.

An LLM that ends its own stalls (ours: `Timeouts.stall_s`) is left alone, also behind a
`FallbackAdapter`: what is silent there may be at work, with a tool that runs on the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import AgentSession

from .announcer import Announcer
from .recordings import say
from .reply import ReplyStep
from .session_internals import llms_of
from .timing import Timer
from .wait import CallerWait, State

LOOK_EVERY_S = 0.5


class HungAnswers:
    """Watches the answer that is heard.

    Args:
        session: in which it is.
        announcer: tells that it broke off.
        wait: the caller's.
        after_s: seconds in which nothing comes and nothing is heard.
    """

    def __init__(
        self, session: AgentSession[Any], announcer: Announcer, wait: CallerWait, after_s: float
    ) -> None:
        self._session = session
        self._announcer = announcer
        self._wait = wait
        self._after_s = after_s
        self._timer = Timer(self._look)
        self._step: ReplyStep | None = None
        self._tokens = 0
        self._since = 0.0

    def watch(self, step: ReplyStep) -> None:
        """The answer of *step* is heard from now on."""
        agent = step.reply.agent
        if not any(map(ends_its_stalls, llms_of(agent.llm or self._session.llm))):
            self._step, self._tokens, self._since = step, step.tokens, _now()
            self._timer.set(self._since + LOOK_EVERY_S)

    def aclose(self) -> None:
        """Watch no more."""
        self._timer.cancel()
        self._step = None

    def _look(self) -> None:
        step, now = self._step, _now()
        if step is None or step.ended or step.over or step.reply.handle.interrupted:
            self.aclose()
            return
        heard = self._announcer.meter.voice or self._wait.state is not State.IDLE
        if heard or step.tokens != self._tokens or not self._wait.free(now):
            self._tokens, self._since = step.tokens, now
        if now < self._since + self._after_s:
            self._timer.set(min(now + LOOK_EVERY_S, self._since + self._after_s))
        else:
            self._end(step)

    def _end(self, step: ReplyStep) -> None:
        self.aclose()
        step.over = True
        error = TimeoutError(f"nothing more of the answer came for {self._after_s:g} s")
        line = self._announcer.broke_off(error)
        step.reply.handle.interrupt(force=True)
        say(self._session, line)


def ends_its_stalls(model: object) -> bool:
    """Whether *model*, an LLM, has a clock for answers of which nothing more comes."""
    return hasattr(getattr(model, "timeouts", None), "stall_s")


def _now() -> float:
    return asyncio.get_running_loop().time()
