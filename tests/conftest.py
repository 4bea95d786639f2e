"""What the tests of the shell share: adapters that talk to a Claude that fails on script."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Protocol

import pytest
from livekit.agents import llm

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts
from resilient_claude.telemetry.log import LOGGER_NAME
from resilient_claude.testing import SimulatedClaude

KEY = "sk-ant-api03-this-key-is-for-tests-only"


class MakeLLM(Protocol):
    """Makes an adapter whose clocks and waits are short enough for a test."""

    def __call__(self, claude: SimulatedClaude, **arguments: Any) -> ResilientClaudeLLM: ...


@pytest.fixture
def make_llm(monkeypatch: pytest.MonkeyPatch) -> MakeLLM:
    """Adapters with shrunk clocks, for a simulated Claude over TCP or TLS."""

    def make(claude: SimulatedClaude, **arguments: Any) -> ResilientClaudeLLM:
        if claude.base_url.startswith("https"):
            monkeypatch.setenv("SSL_CERT_FILE", claude.ca_file)
        where = {"base_url": claude.base_url, "api_key": KEY}
        return ResilientClaudeLLM(
            **{
                **({} if "client" in arguments else where),
                "retry": shrunk_policy(),
                "timeout": shrunk_timeouts(),
                **arguments,
            }
        )

    return make


FASTER = 10
"""How much faster than by default the clocks of these tests run."""


def shrunk_policy(**changes: Any) -> RetryPolicy:
    """The default policy on a clock that runs faster, so that no test hides a default."""
    policy = RetryPolicy()
    names = [field.name for field in fields(policy) if field.name.endswith("_s")]
    seconds = {name: getattr(policy, name) / FASTER for name in names}
    return RetryPolicy(**{**seconds, **changes})


def shrunk_timeouts(**changes: Any) -> Timeouts:
    """The default clocks, running faster; a loaded machine still needs a moment for TLS."""
    timeouts = Timeouts()
    seconds = {f.name: getattr(timeouts, f.name) / FASTER for f in fields(timeouts)}
    return Timeouts(**{**seconds, "connect_s": 0.5, **changes})


def conversation(said: str = "Hello?") -> llm.ChatContext:
    """A chat context with one turn of a caller."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=said)
    return context


class Lines(logging.Handler):
    """The log events of the adapter, as (event, fields)."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = {k: v for k, v in vars(record).items() if k not in _RECORD}
        self.events.append((record.getMessage(), fields))

    def named(self, event: str) -> list[dict[str, Any]]:
        """The fields of every line with this event name."""
        return [fields for name, fields in self.events if name == event]


_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime"}


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the adapter logs through stdlib's logging during the test."""
    handler = Lines()
    logger = logging.getLogger(LOGGER_NAME)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


class Heard:
    """What came out of a stream: its text, its tool calls, its usage, and its error."""

    def __init__(self) -> None:
        self.text = ""
        self.calls: list[llm.FunctionToolCall] = []
        self.usage: llm.CompletionUsage | None = None
        self.error: Exception | None = None


@pytest.fixture
def listen() -> Callable[[llm.LLMStream], Any]:
    """Reads a stream to its end, whatever the end is, and closes it."""
    return read_stream


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
