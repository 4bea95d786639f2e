"""Requests that are made once more, and those that cannot be made, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import APIStatusError, llm

from resilient_claude import FailureKind, Origin, Phase, failure_of
from resilient_claude.testing import Answer, HttpError, SimulatedClaude
from tests.benchmarks import conversation as desk
from tests.support.adapters import MakeLLM
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

TOO_COMPLEX = HttpError(400, message="tools.0: Schema is too complex for compilation.")


def strict_tools(request: Any) -> int:
    return sum(tool.get("strict") is True for tool in request.body["tools"])


async def test_schemas_too_complex_together_are_sent_once_more_without_strict(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """And so is every later turn, at once: the API would say the same again."""
    tools = [*desk.tools(3)]
    with SimulatedClaude(TOO_COMPLEX, default=Answer("Hello.")) as claude:
        adapter = make_llm(claude)
        first = await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        second = await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        await adapter.aclose()

        assert [strict_tools(request) > 0 for request in claude.requests] == [True, False, False]
    assert (first.text, first.error) == ("Hello.", None)
    assert (second.text, second.error) == ("Hello.", None)
    adjusted = [line["argument"] for line in lines.named("claude.request_adjusted")]
    assert adjusted == ["strict_tool_schema"]


async def test_what_is_rejected_again_is_not_sent_a_third_time(make_llm: MakeLLM) -> None:
    """A rejection that repeats is not about strictness."""
    with SimulatedClaude(default=TOO_COMPLEX) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=conversation(), tools=[*desk.tools(3)]))
        await adapter.aclose()

        assert len(claude.requests) == 2
    assert isinstance(heard.error, APIStatusError)


async def test_any_other_rejection_is_the_end(make_llm: MakeLLM) -> None:
    """What nobody knows how to repair is told, not tried."""
    with SimulatedClaude(default=HttpError(400, message="max_tokens: too large")) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation(), tools=[*desk.tools(3)]))
        await adapter.aclose()

        assert len(claude.requests) == 1


async def test_a_history_of_which_nothing_can_be_sent_fails_the_turn(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `chat()` raises, nobody in a session hears of; an error event plays the apology."""

    def broken(*arguments: object) -> None:
        raise RecursionError("too deep: my card number is 4711")

    monkeypatch.setattr("resilient_claude.request.build.conversation", broken)
    errors: list[llm.LLMError] = []
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        adapter.on("error", errors.append)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert claude.requests == []
    failure = failure_of(heard.error)
    assert failure is not None
    named = failure.kind, failure.origin, failure.phase, failure.retryable
    assert named == (FailureKind.REJECTED, Origin.CALLER, Phase.BUILD, False)
    assert [error.recoverable for error in errors] == [False]
    assert "4711" not in f"{heard.error} {failure}"
