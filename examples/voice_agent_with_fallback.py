"""The same voice agent with a second vendor behind Claude, and one voice for both.

Run it as `voice_agent.py`. Retries heal hiccups of seconds; another vendor is for outages of
minutes, for exhausted credit and for rejected keys, which no retry heals. The caller hears no
difference: voice, lines and apology belong to the session, and not to the LLM.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    APIConnectOptions,
    JobContext,
    inference,
    llm,
    room_io,
)
from livekit.agents.voice.agent_session import SessionConnectOptions

from resilient_claude import ResilientClaudeLLM
from resilient_claude.voice import Care, keep_caller_informed

GREETING = "Hello, this is the Blue Door. How can I help you?"

# One round through the vendors. By default the session starts three more, 4 s apart in all, while
# the caller waits for the apology.
CONN_OPTIONS = SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0))


class Receptionist(Agent):
    """Answers the phone of a restaurant."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief and friendly.")

    async def on_enter(self) -> None:
        """Greet with a fixed sentence, which needs no vendor at all."""
        self.session.say(GREETING)


def make_llm(claude: ResilientClaudeLLM, other: llm.LLM[Any]) -> llm.FallbackAdapter:
    """Claude first, then *other*."""
    return llm.FallbackAdapter(
        [claude, other],
        # The adapter's options reach ResilientClaudeLLM and cap what its own policy would do: at
        # most 1 + max_retry_per_llm attempts, each of which has attempt_timeout seconds to begin
        # its answer. By default that is a single attempt, and every dropped packet would send a
        # turn to the other vendor; a second one costs a tenth of a second and heals most faults.
        # Two times 3 s leave the other vendor half of the 12 s after which the caller hears the
        # apology; with the default of 5 s it would come too late.
        max_retry_per_llm=1,
        attempt_timeout=3.0,
        # retry_on_chunk_sent stays False: the other vendor would begin the answer again, and the
        # caller would hear its first words twice.
    )


def attend(session: AgentSession[None]) -> Care:
    """Hold lines while the vendors take their time, the apology when all of them have failed."""
    return keep_caller_informed(session)


server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    claude = ResilientClaudeLLM(model="claude-haiku-4-5")
    ctx.add_shutdown_callback(claude.aclose)  # the fallback adapter leaves its LLMs open
    session = AgentSession[None](
        stt="deepgram/nova-3",
        llm=make_llm(claude, inference.LLM(model="openai/gpt-4.1-mini")),
        tts="cartesia/sonic-3",
        conn_options=CONN_OPTIONS,
    )
    attend(session)
    hang_up = room_io.RoomOptions(delete_room_on_close=True)
    await session.start(agent=Receptionist(), room=ctx.room, room_options=hang_up)
