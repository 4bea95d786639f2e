"""A voice agent that begins with a quick model and moves to a stronger one in mid-call.

Run it as `voice_agent.py`. Most of what callers ask is short, and Haiku 5.5 answers it soonest and
for the least money. When a caller disputes a bill or wants ten things weighed, Claude itself calls
the tool `weigh_it_up`, and from that moment on Sonnet 5.5 answers: the turn that goes on after the
tool already comes from it. When the matter is settled, the quick model has the call again.
"""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, function_tool, room_io

from resilient_claude import ResilientClaudeLLM, RetryPolicy
from resilient_claude.voice import Care, keep_caller_informed

GREETING = "Hello, this is the Blue Door. How can I help you?"
QUICK, STRONG = "claude-haiku-5-5", "claude-sonnet-5-5"


class Receptionist(Agent):
    """Answers the phone of a restaurant, and knows when it needs a better head."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief and friendly.")

    async def on_enter(self) -> None:
        """Greet with a fixed sentence, which is heard at once, and when Claude is down as well."""
        self.session.say(GREETING)

    @function_tool
    async def weigh_it_up(self, matter: str) -> str:
        """Call this before you answer a complaint or a question with many conditions.

        Args:
            matter: what it is about, in a few words.
        """
        return self._ask(STRONG, f"Take your time with this: {matter}.")

    @function_tool
    async def settled(self) -> str:
        """Call this when a complaint or a difficult question is settled."""
        return self._ask(QUICK, "Good. Go on with the call.")

    def _ask(self, model: str, result: str) -> str:
        """From the next request on, *model* is asked; the turn that runs keeps what it began with.

        Thinking, effort and `max_tokens` are those that suit a voice on the new model, since
        `make_llm` sets none. Its first turn finds nothing in the prompt cache, which holds what one
        model has read: change for a stretch of the call, not for a single turn.
        """
        claude = self.session.llm
        assert isinstance(claude, ResilientClaudeLLM)
        claude.update_options(model=model)
        return result


def make_llm() -> ResilientClaudeLLM:
    """Make the agent's brain.

    Its budget of silence ends before `keep_caller_informed` gives a turn up (12 s), so that a lost
    turn ends with its cause in the log.
    """
    return ResilientClaudeLLM(model=QUICK, caching="ephemeral", retry=RetryPolicy(max_silence_s=11))


def attend(session: AgentSession[None]) -> Care:
    """The stronger model takes longer to begin: a hold line covers what is above the usual."""
    return keep_caller_informed(session, hold_after_s="auto")


server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    claude = make_llm()
    ctx.add_shutdown_callback(claude.aclose)
    agent = Receptionist()
    claude.prewarm(tools=agent.tools)
    session = AgentSession[None](stt="deepgram/nova-3", llm=claude, tts="cartesia/sonic-3")
    attend(session)
    hang_up = room_io.RoomOptions(delete_room_on_close=True)
    await session.start(agent=agent, room=ctx.room, room_options=hang_up)
