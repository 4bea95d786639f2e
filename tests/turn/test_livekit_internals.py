"""livekit's private names: each test says what an upgrade has taken away."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.voice import SpeechHandle
from livekit.rtc import EventEmitter

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.turn.livekit_internals import call_alone, handlers_of, speech_of_this_task
from resilient_claude.turn.stream import ResilientClaudeStream
from tests.support.adapters import KEY
from tests.support.listening import conversation, read_stream


async def test_the_channel_the_task_and_the_error_flag(simulated_claude: SimulatedClaude) -> None:
    """`LLMStream._event_ch`, `_task`, `_current_attempt_has_error`, seen in 1.6.10 to 1.8.9."""
    simulated_claude.script(Answer("Hi."))
    async with ResilientClaudeLLM(api_key=KEY, base_url=simulated_claude.base_url) as claude:
        stream = claude.chat(chat_ctx=conversation())
        names = vars(stream)
        for name in ("_event_ch", "_task", "_current_attempt_has_error"):
            assert name in names, (
                f"livekit's LLMStream has no {name} any more: metrics of a turn, its end or its "
                f"recovery would be lost; see resilient_claude/turn/livekit_internals.py"
            )
        heard = await read_stream(stream)

    assert heard.error is None


def test_emit_error() -> None:
    """`LLMStream._emit_error(api_error, recoverable)`."""
    parameters = [*inspect.signature(llm.LLMStream._emit_error).parameters]

    assert parameters == ["self", "api_error", "recoverable"], (
        "livekit's LLMStream._emit_error takes other arguments: attempts that another follows "
        "would not be reported to the session"
    )


async def test_the_speech_of_a_task(simulated_claude: SimulatedClaude) -> None:
    """`_SpeechHandleContextVar` of a session's activity, seen where the session asks."""
    simulated_claude.script(Answer("Hi."))
    seen: list[SpeechHandle | None] = []

    class Observed(ResilientClaudeLLM):
        def chat(self, **arguments: Any) -> ResilientClaudeStream:
            seen.append(speech_of_this_task())
            return super().chat(**arguments)

    async with (
        Observed(api_key=KEY, base_url=simulated_claude.base_url) as claude,
        AgentSession[None](llm=claude, vad=None) as session,
    ):
        await session.start(Agent(instructions="You book tables."))
        await session.run(user_input="Hi.")

    assert [type(speech) for speech in seen] == [SpeechHandle], (
        "livekit keeps the speech of a task elsewhere: a preemptive generation that is discarded "
        "would be logged like a turn that the caller left"
    )
    assert seen[0] is not None
    assert seen[0].scheduled
    assert speech_of_this_task() is None


def test_the_handlers_of_an_emitter() -> None:
    """`EventEmitter._events`: a mapping of event names to handlers."""
    emitter: EventEmitter[str] = EventEmitter()
    handlers: list[Callable[..., None]] = [lambda: None, lambda event: None]
    for handler in handlers:
        emitter.on("x", handler)

    # Of livekit's set, the order is not told.
    assert {*handlers_of(emitter, "x")} == {*handlers}, (
        "livekit's EventEmitter keeps its handlers elsewhere: no event would reach anybody"
    )
    assert handlers_of(emitter, "y") == []


def test_a_handler_gets_as_much_as_it_takes() -> None:
    """As livekit calls it: `lambda: ...` is a handler too."""
    seen: list[object] = []
    call_alone(lambda: seen.append("nothing"), "x", 1, 2)
    call_alone(lambda one: seen.append(one), "x", 1, 2)
    call_alone(lambda *all_of_it: seen.append(all_of_it), "x", 1, 2)

    assert seen == ["nothing", 1, (1, 2)]
    with pytest.raises(TypeError):
        call_alone(lambda one, two, three: None, "x", 1, 2)
