"""A voice agent that looks things up on the web, in the caller's ear.

Run it as `voice_agent.py`. Claude searches by itself, in the middle of an answer: it says that it
looks, searches for some seconds, and goes on. No function of yours runs, and none is needed.
"""

from __future__ import annotations

import logging

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, function_tool, room_io

from resilient_claude import ResilientClaudeLLM, TurnEnded, WebSearch
from resilient_claude.voice import Care, keep_caller_informed

GREETING = "Hello, this is the Blue Door. How can I help you?"
INSTRUCTIONS = """\
You answer a restaurant's phone. Be brief and friendly. Search the web for what happens around us,
such as trains, events and the weather, and say in a few words that you look it up before you do.
Read no addresses of pages out."""

log = logging.getLogger("blue-door")


class Receptionist(Agent):
    """Answers the phone of a restaurant, and knows what happens around it."""

    def __init__(self) -> None:
        super().__init__(
            instructions=INSTRUCTIONS,
            # Next to function tools. By default Claude searches at most three times per request,
            # and directly: with code that filters what was found, a caller waits much longer.
            tools=[
                WebSearch(
                    max_uses=2,
                    user_location={"city": "Lyon", "country": "FR", "timezone": "Europe/Paris"},
                )
            ],
        )

    async def on_enter(self) -> None:
        """Greet with a fixed sentence, which is heard at once."""
        self.session.say(GREETING)

    @function_tool
    async def opening_hours(self, day: str) -> str:
        """Look up when the restaurant is open.

        Args:
            day: a day of the week.
        """
        return f"On {day}, from 17:00 to 23:00."


def make_llm() -> ResilientClaudeLLM:
    """Make the agent's brain, which tells what its words rely on."""
    claude = ResilientClaudeLLM(model="claude-haiku-5-5")

    @claude.on("claude_turn_ended")
    def on_turn_ended(turn: TurnEnded) -> None:
        for call in turn.server_tools:
            pages = ", ".join(source.url for source in call.sources)
            log.info("%s: %s", call.name, call.error or pages or "nothing found")

    return claude


def attend(session: AgentSession[None]) -> Care:
    """Say a hold line when a search takes its time."""
    return keep_caller_informed(session, hold_after_s="auto")


server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    claude = make_llm()
    ctx.add_shutdown_callback(claude.aclose)
    session = AgentSession[None](stt="deepgram/nova-3", llm=claude, tts="cartesia/sonic-3")
    attend(session)
    hang_up = room_io.RoomOptions(delete_room_on_close=True)
    await session.start(agent=Receptionist(), room=ctx.room, room_options=hang_up)
