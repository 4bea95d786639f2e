"""A voice agent that hands the caller over to a person when Claude stays away. For phone calls.

Run it as `voice_agent.py`. TRANSFER_TO is where the person is reached, such as
"tel:+15105550123"; your SIP trunk must allow transfers. What the caller hears of the trouble may be
recorded beforehand, so that it is heard when the text-to-speech is down as well: put sorry.wav,
moment.wav, still.wav and colleague.wav (16-bit PCM) into the folder "recordings" beside this file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from livekit import api, rtc
from livekit.agents import NOT_GIVEN, Agent, AgentServer, AgentSession, JobContext, room_io
from livekit.protocol.sip import SIPTransferStatus

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts
from resilient_claude.voice import Care, GiveUp, Line, keep_caller_informed

GREETING = "Hello, this is the Blue Door. How can I help you?"
RECORDINGS = Path(__file__).parent / "recordings"
TRANSFER_TO = os.environ.get("TRANSFER_TO", "")
if not TRANSFER_TO:  # said now, and not when the first caller is to be transferred
    sys.exit('Missing: TRANSFER_TO, where the person is reached, such as "tel:+15105550123".')


def said(name: str, text: str) -> Line:
    """*text*, from its recording if there is one."""
    recording = RECORDINGS / f"{name}.wav"
    return Line(text, audio=recording if recording.exists() else None)


class Receptionist(Agent):
    """Answers the phone of a restaurant."""

    def __init__(self) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief and friendly.")

    async def on_enter(self) -> None:
        """Greet with a fixed sentence, which needs no Claude."""
        self.session.say(GREETING)


def attend(session: AgentSession[None], transfer: Callable[[], Awaitable[object]]) -> Care:
    """Tell the caller what is going on, and hand him over with the third lost turn in a row."""
    colleague = said("colleague", "I'll put you through to a colleague.")

    async def hand_over(given_up: GiveUp) -> None:
        # Nobody talks this down: who is transferred without a word thinks that the line is dead.
        sound = recorded(colleague) if colleague.audio else NOT_GIVEN
        await session.say(colleague.text, audio=sound, allow_interruptions=False)
        # What it raises is logged, and a closing sentence ends the call.
        await transfer()
        session.shutdown()

    return keep_caller_informed(
        session,
        hold_lines=[said("moment", "One moment."), said("still", "Still with you.")],
        apology=said("sorry", "I'm sorry, I didn't get that. Could you say it again?"),
        max_apologies=2,
        on_give_up=hand_over,
    )


async def recorded(line: Line) -> AsyncIterator[rtc.AudioFrame]:
    """The recording of *line*, as livekit takes it."""
    assert isinstance(line.audio, tuple)  # of frames, once its file has been read
    for frame in line.audio:
        yield frame


async def refer(lk: api.LiveKitAPI, room: str, caller: str, to: str) -> None:
    """Transfer the phone call of *caller* out of *room* (SIP REFER).

    Raises:
        RuntimeError: the other side did not take it.
        livekit.api.TwirpError: LiveKit refuses.
    """
    request = api.TransferSIPParticipantRequest(
        room_name=room, participant_identity=caller, transfer_to=to
    )
    outcome = await lk.sip.transfer_sip_participant(request)
    if outcome.status == SIPTransferStatus.STS_TRANSFER_FAILED:
        raise RuntimeError(f"the transfer failed: {outcome}")


server = AgentServer()


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Serve one call."""
    claude = ResilientClaudeLLM(
        model="claude-haiku-4-5",
        timeout=Timeouts(first_token_s=4),
        retry=RetryPolicy(max_silence_s=11),
    )
    ctx.add_shutdown_callback(claude.aclose)
    session = AgentSession[None](stt="deepgram/nova-3", llm=claude, tts="cartesia/sonic-3")

    async def transfer() -> None:
        caller = session.room_io.linked_participant
        assert caller is not None  # the session ends when the caller leaves
        await refer(ctx.api, ctx.room.name, caller.identity, TRANSFER_TO)

    attend(session, transfer)
    hang_up = room_io.RoomOptions(delete_room_on_close=True)
    await session.start(agent=Receptionist(), room=ctx.room, room_options=hang_up)
