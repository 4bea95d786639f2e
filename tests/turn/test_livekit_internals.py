"""livekit's private names: each test says what an upgrade has taken away."""

from __future__ import annotations

import inspect

from livekit.agents import llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, SimulatedClaude
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
