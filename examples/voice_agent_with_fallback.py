"""The same voice agent with a second provider behind Claude.

Run it as `voice_agent.py`. Retries heal hiccups of seconds; another provider is for outages of
minutes, for exhausted credit and for rejected keys, which no retry heals.
"""

from __future__ import annotations

from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    APIConnectOptions,
    ErrorEvent,
    JobContext,
    cli,
    inference,
    llm,
)
from livekit.agents.voice.agent_session import SessionConnectOptions

from resilient_claude import ResilientClaudeLLM

APOLOGY = "I'm sorry, I lost my train of thought. Could you say that again?"


def make_llm(claude: ResilientClaudeLLM) -> llm.FallbackAdapter:
    """Claude first, then another provider."""
    return llm.FallbackAdapter(
        [claude, inference.LLM(model="openai/gpt-4.1-mini")],
        # The adapter's options reach ResilientClaudeLLM and cap what its own policy would do: at
        # most 1 + max_retry_per_llm attempts, each of which has attempt_timeout seconds to begin
        # its answer. By default that is a single attempt, and every dropped packet would send a
        # turn to the other provider; a second one costs a tenth of a second and heals most faults.
        max_retry_per_llm=1,
        attempt_timeout=5.0,
        # retry_on_chunk_sent stays False: the other provider would begin the answer again, and the
        # caller would hear its first words twice.
    )


def make_session(brain: llm.LLM[Any]) -> AgentSession[None]:
    """Put the agent's ears, brain and voice together."""
    session = AgentSession[None](
        stt="deepgram/nova-3",
        llm=brain,
        tts="cartesia/sonic-3",
        # One round through the providers: by default the session starts three more, 4 s apart in
        # all, while the caller waits for the apology.
        conn_options=SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0)),
    )
    apologise_for_failed_turns(session)
    return session


def apologise_for_failed_turns(session: AgentSession[None]) -> None:
    """Say something when every provider has failed: livekit itself would stay silent."""

    @session.on("error")
    def on_error(event: ErrorEvent) -> None:
        # One that is recoverable is followed by another round through the providers.
        if isinstance(event.error, llm.LLMError) and not event.error.recoverable:
            session.say(APOLOGY)


server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    claude = ResilientClaudeLLM()
    ctx.add_shutdown_callback(claude.aclose)  # the fallback adapter leaves its LLMs open
    session = make_session(make_llm(claude))
    agent = Agent(instructions="You answer a restaurant's phone. Be brief and friendly.")
    await session.start(agent=agent, room=ctx.room)
    session.generate_reply(instructions="Greet the caller and offer your help.")


if __name__ == "__main__":
    cli.run_app(server)
