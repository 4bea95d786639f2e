"""What a caller says, and what comes out of the stream that answers."""

from __future__ import annotations

from typing import Any

from livekit.agents import (
    APIError,
    llm,
)

from resilient_claude import ResilientClaudeLLM
from resilient_claude.failures.causes import root_cause
from resilient_claude.testing import (
    Answer,
)


def conversation(said: str = "Hello?") -> llm.ChatContext:
    """A chat context with one turn of a caller."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=said)
    return context


class Heard:
    """What came out of a stream: its text, its tool calls, its usage, and its error."""

    def __init__(self) -> None:
        self.text = ""
        self.calls: list[llm.FunctionToolCall] = []
        self.usage: llm.CompletionUsage | None = None
        self.error: Exception | None = None


async def read_stream(stream: llm.LLMStream) -> Heard:
    """Everything that *stream* delivers, with the error it ends with, if any."""
    heard = Heard()
    async with stream:
        try:
            async for chunk in stream:
                if chunk.delta is not None:
                    heard.text += chunk.delta.content or ""
                    heard.calls += chunk.delta.tool_calls
                heard.usage = chunk.usage or heard.usage
        except Exception as exc:
            heard.error = exc
    return heard


GREETING = Answer("Hello, this is Claude.")


async def fails_always(
    adapter: ResilientClaudeLLM, **arguments: Any
) -> tuple[APIError, BaseException]:
    """The error that a turn ends with, and the end of its `__cause__` chain."""
    heard = await read_stream(adapter.chat(chat_ctx=conversation(), **arguments))
    await adapter.aclose()
    assert heard.text == ""
    assert isinstance(heard.error, APIError)
    end: BaseException = heard.error
    while end.__cause__ is not None:
        end = end.__cause__
    assert end is root_cause(heard.error)
    return heard.error, end
