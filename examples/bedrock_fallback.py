"""A voice agent on Amazon Bedrock, with Anthropic's own API behind it.

Run it as `voice_agent.py`, with AWS credentials beside the key. It is the same model twice, so the
caller hears no difference; an outage of one of them is seldom one of the other.
"""

from __future__ import annotations

import os

from anthropic import AsyncAnthropicBedrock
from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    APIConnectOptions,
    JobContext,
    llm,
    room_io,
)
from livekit.agents.voice.agent_session import SessionConnectOptions

from resilient_claude import ResilientClaudeLLM
from resilient_claude.voice import Care, keep_caller_informed

GREETING = "Hello, this is the Blue Door. How can I help you?"

# A profile that routes within Europe; Bedrock has names of its own for the same model.
ON_BEDROCK = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
AT_ANTHROPIC = "claude-haiku-4-5"
REGION = os.environ.get("AWS_REGION", "eu-central-1")

# One round through both. By default the session starts three more, 4 s apart in all, while the
# caller waits for the apology.
CONN_OPTIONS = SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0))


class Receptionist(Agent):
    """Answers the phone of a restaurant."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief and friendly.")

    async def on_enter(self) -> None:
        """Greet with a fixed sentence, which needs no vendor at all."""
        self.session.say(GREETING)


def make_llm(bedrock: ResilientClaudeLLM, anthropic: ResilientClaudeLLM) -> llm.FallbackAdapter:
    """Bedrock first, then Anthropic's own API; each gets two attempts of 3 s at most."""
    return llm.FallbackAdapter([bedrock, anthropic], max_retry_per_llm=1, attempt_timeout=3.0)


def attend(session: AgentSession[None]) -> Care:
    """Hold lines while they take their time, the apology when both have failed."""
    return keep_caller_informed(session)


server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    client = AsyncAnthropicBedrock(aws_region=REGION)
    bedrock = ResilientClaudeLLM(model=ON_BEDROCK, client=client, temperature=0.3)
    anthropic = ResilientClaudeLLM(model=AT_ANTHROPIC, temperature=0.3)

    async def close() -> None:
        # The fallback adapter leaves its LLMs open, and an LLM the client that it was given.
        await bedrock.aclose()
        await anthropic.aclose()
        await client.close()

    ctx.add_shutdown_callback(close)
    session = AgentSession[None](
        stt="deepgram/nova-3",
        llm=make_llm(bedrock, anthropic),
        tts="cartesia/sonic-3",
        conn_options=CONN_OPTIONS,
    )
    # boto3 and AWS's credentials in a thread, while the phone rings. The session warms the first of
    # the two by itself; the second one is to be ready as well when it is needed.
    bedrock.prewarm()
    anthropic.prewarm()
    attend(session)
    hang_up = room_io.RoomOptions(delete_room_on_close=True)
    await session.start(agent=Receptionist(), room=ctx.room, room_options=hang_up)
