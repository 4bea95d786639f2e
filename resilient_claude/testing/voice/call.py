"""A call that is played: a real session in voice mode, and a caller who speaks by a script."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, TypeAlias

from livekit.agents import Agent, AgentSession, llm

from resilient_claude.testing.clock.loop import ClockedLoop
from resilient_claude.testing.clock.process_time import skipping_waits
from resilient_claude.testing.server import SimulatedClaude

from .caller import FRAME_S, Caller
from .checks import (
    check_caller,
    check_claudes,
    check_clocks,
    check_tts_down,
    check_who_answers,
)
from .played import CallRecorder, PlayedCall
from .script import Outage, ScriptLine
from .speaker import Speaker
from .stt import MarkedSTT
from .tts import MarkedTTS
from .vad import MarkedVAD

LLM: TypeAlias = llm.LLM[Any]
Session: TypeAlias = AgentSession[Any]


class VoiceCall:
    """A call with timed audio, in a real `AgentSession` in voice mode.

    Example::

        call = VoiceCall(
            lambda: ResilientClaudeLLM(api_key="test", base_url=claude.base_url),
            [Says("When do you open?"), Says("Hello?", when_silent_s=5, repeat=True)],
            claude=claude,
            lasts_s=30,
        ).play()
        assert call.heard()[0].text == "We open at five."

    The session has livekit's defaults, so preemptive generation is on. Not livekit's: turns and
    interruptions are detected by the voice alone, as without livekit's inference service, and
    there is no warm-up of the echo canceller, in which the caller could not interrupt.

    Args:
        llm: What answers: an LLM, or what makes one (in the call's event loop), or an asynchronous
            context manager around one. It is closed with the call.
        caller: What the caller does, in order; see `Says` and `Coughs`.
        agent: The agent, or what makes one; a plain one with *tools* by default.
        tools: Tools of the plain agent.
        claude: The simulated Claude, or several, for `posts` and outages.
        outages: When it is out of order, in seconds of the call.
        prepare: Called with the session before it starts; may be a coroutine function. If what it
            returns has an `aclose`, that is awaited after the call.
        lasts_s: How long the call lasts; None: until the caller is through and nothing has been
            heard for *linger_s*, or until the agent has said nothing for a minute in which the
            caller waits for it to speak. It also ends when the session is closed.
        linger_s: See *lasts_s*.
        word_s: Seconds per word of the agent's voice.
        first_byte_s: Seconds from a sentence to its first audio.
        tts_down: When text-to-speech fails: pairs of seconds of the call.
        interim_s: Seconds from a word to its interim transcript.
        final_s: Seconds from a sentence to its final transcript.
        session_options: More arguments of `AgentSession`, in place of the above.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of range, the call would never end, or nobody would get the
            outages or the tools.
    """

    def __init__(
        self,
        llm: LLM | Callable[[], LLM | AbstractAsyncContextManager[LLM]],
        caller: Sequence[ScriptLine],
        *,
        agent: Agent | Callable[[], Agent] | None = None,
        tools: Sequence[Any] = (),
        claude: SimulatedClaude | Sequence[SimulatedClaude] = (),
        outages: Sequence[Outage] = (),
        prepare: Callable[[Session], Any] | None = None,
        lasts_s: float | None = None,
        linger_s: float = 10.0,
        word_s: float = 0.3,
        first_byte_s: float = 0.35,
        tts_down: Sequence[tuple[float, float]] = (),
        interim_s: float = 0.1,
        final_s: float = 0.3,
        session_options: Mapping[str, Any] | None = None,
    ) -> None:
        claudes = (claude,) if isinstance(claude, SimulatedClaude) else claude
        check_caller(caller, lasts_s)
        check_who_answers(llm, agent, tools)
        check_claudes(claudes, outages)
        check_tts_down(tts_down)
        check_clocks(lasts_s=lasts_s, linger_s=linger_s, word_s=word_s)
        check_clocks(first_byte_s=first_byte_s, interim_s=interim_s, final_s=final_s)
        self._llm = llm
        self._script = tuple(caller)
        self._agent = agent
        self._tools = list(tools)
        self._claudes = tuple(claudes)
        self._outages = tuple(outages)
        self._prepare = prepare
        self._lasts_s = lasts_s
        self._linger_s = linger_s
        self._voice = {"word_s": word_s, "first_byte_s": first_byte_s}
        self._tts_down = tuple(tts_down)
        self._hearing = {"interim_s": interim_s, "final_s": final_s}
        self._options = dict(session_options or {})
        self._llm_closed = False

    def play(self, *, real_time: bool = False) -> PlayedCall:
        """Play the call, in an event loop of its own.

        In a coroutine: `await asyncio.to_thread(call.play)`.

        Args:
            real_time: Wait for every second of it. By default the time in which everybody waits is
                skipped, for the simulated Claudes too; what is heard is the same. What asks other
                servers or threads needs real time.

        Raises:
            RuntimeError: A call is being played in this process already, an event loop runs in this
                thread, or the LLM was closed with this call when it was played before.
        """
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("play() runs a loop of its own: await asyncio.to_thread(call.play)")
        if self._llm_closed:
            raise RuntimeError("the LLM was closed with the call: give a function that makes one")
        self._llm_closed = isinstance(self._llm, llm.LLM)
        time = nullcontext() if real_time else skipping_waits()
        with time, asyncio.Runner(loop_factory=ClockedLoop) as runner:
            return runner.run(self._play())

    async def _play(self) -> PlayedCall:
        speaker = Speaker()
        caller = Caller(self._script, speaker)
        recorder = CallRecorder.start(self._claudes)
        async with AsyncExitStack() as stack:
            model = await stack.enter_async_context(_opened(self._llm))
            session: Session = AgentSession(llm=model, **self._session_options(recorder))
            stack.push_async_callback(session.aclose)
            _record_events(session, recorder)
            session.input.audio, session.output.audio = caller.microphone, speaker
            if self._prepare is not None:
                await _prepared(self._prepare, session, stack)
            await self._talk(session, caller, recorder)
            recorder.end()
            played = PlayedCall.of(recorder, caller, speaker, session)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        played.left_over.extend(task.get_name() for task in left)
        return played

    async def _talk(self, session: Session, caller: Caller, recorder: CallRecorder) -> None:
        """Let the two talk until the call is over."""
        timers = self._set_outages(recorder)
        speaking = asyncio.create_task(caller.speak())
        try:
            await session.start(self._made_agent())
            while not self._is_over(caller, recorder):
                await asyncio.wait([speaking], timeout=FRAME_S)
                if speaking.done():
                    speaking.result()
        finally:
            for timer in timers:
                timer.cancel()
            for claude in {claude for each in self._outages for claude in self._struck(each)}:
                claude.heal()
            speaking.cancel()
            await asyncio.wait([speaking])

    def _is_over(self, caller: Caller, recorder: CallRecorder) -> bool:
        now_s = asyncio.get_running_loop().time() + 1e-6
        if recorder.closed:
            return True
        if self._lasts_s is not None:
            return now_s >= recorder.zero_s + self._lasts_s
        if caller.through:
            return now_s >= caller.quiet_since_s + self._linger_s
        return caller.waits_in_vain(now_s)

    def _made_agent(self) -> Agent:
        if self._agent is None:
            return Agent(instructions="You are a receptionist.", tools=self._tools)
        return self._agent if isinstance(self._agent, Agent) else self._agent()

    def _session_options(self, recorder: CallRecorder) -> dict[str, Any]:
        def down() -> bool:
            now_s = asyncio.get_running_loop().time() - recorder.zero_s
            return any(start_s <= now_s < end_s for start_s, end_s in self._tts_down)

        handling = {"turn_detection": "vad", **(self._options.get("turn_handling") or {})}
        handling["interruption"] = {"mode": "vad", **(handling.get("interruption") or {})}
        return {
            "stt": MarkedSTT(**self._hearing),
            "vad": MarkedVAD(update_s=FRAME_S),
            "tts": MarkedTTS(**self._voice, down=down),
            "aec_warmup_duration": None,
            **self._options,
            "turn_handling": handling,
        }

    def _struck(self, outage: Outage) -> Sequence[SimulatedClaude]:
        return self._claudes if outage.claude is None else [outage.claude]

    def _set_outages(self, recorder: CallRecorder) -> list[asyncio.TimerHandle]:
        loop, timers = asyncio.get_running_loop(), []
        for each in self._outages:
            for claude in self._struck(each):
                if each.from_s <= 0:
                    claude.outage(each.step)
                else:
                    at_s = recorder.zero_s + each.from_s
                    timers.append(loop.call_at(at_s, claude.outage, each.step))
                if each.until_s is not None:
                    timers.append(loop.call_at(recorder.zero_s + each.until_s, claude.heal))
        return timers


@asynccontextmanager
async def _opened(
    given: LLM | Callable[[], LLM | AbstractAsyncContextManager[LLM]],
) -> AsyncIterator[LLM]:
    made = given if isinstance(given, llm.LLM) else given()
    if isinstance(made, llm.LLM):
        try:
            yield made
        finally:
            await made.aclose()
    else:
        async with made as opened:
            yield opened


async def _prepared(
    prepare: Callable[[Session], Any | Awaitable[Any]], session: Session, stack: AsyncExitStack
) -> None:
    care = prepare(session)
    if inspect.isawaitable(care):
        care = await care
    aclose = getattr(care, "aclose", None)
    if aclose is not None:
        stack.push_async_callback(aclose)


def _record_events(session: Session, recorder: CallRecorder) -> None:
    for name in (
        "agent_state_changed",
        "user_state_changed",
        "user_input_transcribed",
        "conversation_item_added",
        "speech_created",
        "function_tools_executed",
        "agent_false_interruption",
        "error",
        "close",
    ):
        session.on(name, recorder.record)
