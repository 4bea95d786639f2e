"""What is done before the first turn, and what it says when it cannot be done."""

from __future__ import annotations

import pytest
from livekit.agents import APIError, APIStatusError

from resilient_claude import FailureKind, ResilientClaudeLLM, failure_of
from resilient_claude.testing import SimulatedClaude
from tests.benchmarks import conversation as desk
from tests.support.adapters import KEY, MakeLLM
from tests.support.listening import conversation, read_stream


async def test_warming_can_be_awaited(make_llm: MakeLLM) -> None:
    """An entrypoint that waits for it knows that the first turn finds everything ready."""
    tools = [*desk.tools(3)]
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await adapter.warm(tools=tools)
        opened = claude.connections

        await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        await adapter.aclose()

        assert (opened, claude.connections) == (1, 1)
        assert len(claude.requests) == 1


async def test_warming_says_what_is_wrong(make_llm: MakeLLM) -> None:
    """A port that nobody listens on is known before the first caller speaks."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        claude.refuse()

        with pytest.raises(APIError, match="warming failed: connect") as caught:
            await adapter.warm()
        await adapter.aclose()

    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind is FailureKind.CONNECT
    assert not isinstance(caught.value, APIStatusError)


async def test_a_closed_adapter_is_not_warmed() -> None:
    """As `chat()` says it."""
    adapter = ResilientClaudeLLM(api_key=KEY)
    await adapter.aclose()

    with pytest.raises(RuntimeError, match="is closed: make a new one"):
        await adapter.warm()
