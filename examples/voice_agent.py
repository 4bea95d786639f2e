"""A voice agent on Claude that keeps talking when Claude or the network does not.

Set LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET and ANTHROPIC_API_KEY, then

    python examples/voice_agent.py console     # talk to it through this machine's microphone
    python examples/voice_agent.py dev         # serve the rooms of your LiveKit project
"""

from __future__ import annotations

import gc
from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    ErrorEvent,
    JobContext,
    JobProcess,
    cli,
    function_tool,
    llm,
)

from resilient_claude import FailureKind, ResilientClaudeLLM, RetryPolicy, failure_of

APOLOGY = "I'm sorry, I lost my train of thought. Could you say that again?"
MAX_APOLOGIES = 3


class Receptionist(Agent):
    """Answers the phone of a restaurant."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief and friendly.")

    @function_tool
    async def opening_hours(self, day: str) -> str:
        """Look up when the restaurant is open.

        Args:
            day: a day of the week.
        """
        return f"On {day}, from 17:00 to 23:00."


def make_llm() -> ResilientClaudeLLM:
    """Make the agent's brain."""
    # A caller who has heard nothing for 12 s is about to hang up, so the turn is given up and the
    # apology below is said while somebody still listens. The default is 20 s.
    return ResilientClaudeLLM(retry=RetryPolicy(max_silence_s=12))


def make_session(claude: llm.LLM[Any]) -> AgentSession[None]:
    """Put the agent's ears, brain and voice together."""
    # Strings are models of LiveKit Inference, which need no plugin and no key of their own.
    session = AgentSession[None](stt="deepgram/nova-3", llm=claude, tts="cartesia/sonic-3")
    apologise_for_failed_turns(session)
    return session


def apologise_for_failed_turns(session: AgentSession[None]) -> None:
    """Say something when a turn has failed for good: livekit itself would stay silent.

    livekit hangs up after four lost turns in a row, but speaking starts its count anew: so this
    ends the call itself, and at once when no further turn can succeed.
    """
    apologies = 0

    @session.on("error")
    def on_error(event: ErrorEvent) -> None:
        nonlocal apologies
        # STT and TTS report their errors here as well; without a TTS nothing can be said anyway.
        if not isinstance(event.error, llm.LLMError):
            return
        # A recoverable error is followed by another attempt within seconds. What is said now would
        # be queued behind the answer and come when nobody needs it any more.
        if event.error.recoverable:
            return
        failure = failure_of(event.error.error)
        hopeless = failure is not None and failure.kind in (FailureKind.AUTH, FailureKind.BILLING)
        if hopeless or apologies == MAX_APOLOGIES:
            session.shutdown()
            return
        apologies += 1
        session.say(APOLOGY)


def set_up(process: JobProcess) -> None:
    """Prepare a process before it gets a call."""
    # A full garbage collection takes about 150 ms with livekit and the SDK imported, in the middle
    # of somebody's sentence. Frozen objects are not looked at again.
    gc.collect()
    gc.freeze()


server = AgentServer(setup_fnc=set_up)


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    claude = make_llm()
    # The session leaves the LLM open, which may be shared; here it ends with the call.
    ctx.add_shutdown_callback(claude.aclose)
    agent = Receptionist()
    # The session would prewarm as well, but it does not know the tools before the first turn.
    claude.prewarm(tools=agent.tools)
    session = make_session(claude)
    await session.start(agent=agent, room=ctx.room)
    session.generate_reply(instructions="Greet the caller and offer your help.")


if __name__ == "__main__":
    cli.run_app(server)
