"""A voice agent on Claude whose callers are never left in silence.

It needs LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET and ANTHROPIC_API_KEY in the environment,
or in a file .env where you start it, if python-dotenv is installed. Serve the rooms of your LiveKit
project, or, with the LiveKit CLI, talk to it through this machine's microphone:

    python -m livekit.agents start --dev examples/voice_agent.py
    lk agent console --entrypoint examples/voice_agent.py
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    JobProcess,
    function_tool,
    room_io,
)

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts
from resilient_claude.voice import Care, keep_caller_informed

GREETING = "Hello, this is the Blue Door. How can I help you?"
NEEDED = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "ANTHROPIC_API_KEY")


def read_environment() -> None:
    """Read .env, and say what is missing before livekit does so with a traceback."""
    with suppress(ImportError):
        from dotenv import load_dotenv  # pip install python-dotenv

        load_dotenv(".env")
    # `lk agent dev` passes what it knows of your project as --url, --api-key and --api-secret.
    options = [argument[2:].partition("=")[0] for argument in sys.argv]
    given = {f"LIVEKIT_{option.upper().replace('-', '_')}" for option in options}
    missing = [name for name in NEEDED if not os.environ.get(name) and name not in given]
    if missing:
        sys.exit(
            f"Missing: {', '.join(missing)}. Set them in the environment, or in a file .env here "
            f"after `pip install python-dotenv`."
        )


class Receptionist(Agent):
    """Answers the phone of a restaurant."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief and friendly.")

    async def on_enter(self) -> None:
        """Greet with a fixed sentence, which is heard at once, and when Claude is down as well."""
        self.session.say(GREETING)

    @function_tool
    async def opening_hours(self, day: str) -> str:
        """Look up when the restaurant is open.

        Args:
            day: a day of the week.
        """
        return f"On {day}, from 17:00 to 23:00."


def make_llm() -> ResilientClaudeLLM:
    """Make the agent's brain."""
    return ResilientClaudeLLM(
        model="claude-haiku-4-5",
        # A healthy first token of this model takes 0.6 s, and hardly ever 3 s. After 4 s the
        # request hangs, and a second one is heard sooner than the first.
        timeout=Timeouts(first_token_s=4),
        # Just below the 12 s after which the caller hears the apology, so that the turn fails with
        # its cause in the log, and is not closed for want of an answer.
        retry=RetryPolicy(max_silence_s=11),
    )


def attend(session: AgentSession[None]) -> Care:
    """See to it that the caller hears a voice, whatever Claude does.

    A hold line when an answer is late, an apology when a turn is lost, within 12 s in any case. The
    fourth lost turn in a row ends the call with a polite sentence.
    """
    return keep_caller_informed(session, hold_after_s="auto")


def set_up(process: JobProcess) -> None:
    """Prepare a process before it gets a call."""
    # A full garbage collection takes about 150 ms with livekit and the SDK imported, in the middle
    # of somebody's sentence. Frozen objects are not looked at again.
    gc.collect()
    gc.freeze()


read_environment()
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
    # Strings are models of LiveKit Inference, which need no plugin and no key of their own.
    session = AgentSession[None](stt="deepgram/nova-3", llm=claude, tts="cartesia/sonic-3")
    attend(session)
    # A session that ends leaves the caller in the room, and in silence: this hangs up.
    hang_up = room_io.RoomOptions(delete_room_on_close=True)
    await session.start(agent=agent, room=ctx.room, room_options=hang_up)
