"""The sockets: what is left when nobody closes, and what a connection is set up with."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time

import pytest

from resilient_claude import Timeouts
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude
from tests.support.adapters import SHORT_S, MakeLLM
from tests.support.listening import GREETING, conversation, read_stream

UNCLOSED = """
import asyncio
from livekit.agents import llm
from resilient_claude import Timeouts, ResilientClaudeLLM
from resilient_claude.testing import SimulatedClaude

async def main(base_url):
    adapter = ResilientClaudeLLM(api_key="sk-ant-test", base_url=base_url)
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="Hello?")
    print((await adapter.chat(chat_ctx=context).collect()).text)

with SimulatedClaude() as claude:
    asyncio.run(main(claude.base_url))
"""


def test_an_adapter_that_nobody_closes_ends_quietly() -> None:
    """An AgentSession does not close its LLM, so a worker's log would be full of complaints."""
    result = subprocess.run(
        [sys.executable, "-c", UNCLOSED], capture_output=True, text=True, timeout=300, check=False
    )

    assert (result.stdout, result.stderr, result.returncode) == ("Hello.\n", "", 0)


async def test_an_adapter_that_is_dropped_gives_its_connections_back(
    make_llm: MakeLLM, recwarn: pytest.WarningsRecorder
) -> None:
    """A worker that makes one per call would otherwise run out of sockets, and complain of it."""
    with SimulatedClaude() as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        assert claude.open_connections == 1

        del adapter
        gc.collect()
        await asyncio.to_thread(wait_until_none_is_open, claude)

    assert [str(warning.message) for warning in recwarn] == []


def wait_until_none_is_open(claude: SimulatedClaude, timeout_s: float = 5.0) -> None:
    """The server sees the end of a connection a moment after the client."""
    deadline = time.monotonic() + timeout_s
    while claude.open_connections:
        assert time.monotonic() < deadline, "connections outlived the adapter"
        time.sleep(0.01)


async def test_a_healthy_connection_is_used_again(make_llm: MakeLLM) -> None:
    """A handshake per turn costs a caller a tenth of a second."""
    with SimulatedClaude(default=GREETING) as claude:
        adapter = make_llm(claude)
        for _ in range(3):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert [request.connection for request in claude.requests] == [1, 1, 1]


async def test_after_a_transport_failure_no_pooled_connection_is_used(make_llm: MakeLLM) -> None:
    """A pool that went dark would otherwise swallow one attempt per connection in it."""
    together = [Answer("One two three.", piece_s=0.2)] * 4  # none ends before all are asked
    with SimulatedClaude(*together, default=GREETING) as claude:
        adapter = make_llm(claude, timeout=Timeouts(first_token_s=SHORT_S))
        await asyncio.gather(
            *[read_stream(adapter.chat(chat_ctx=conversation())) for _ in range(4)]
        )
        assert claude.open_connections == 4

        claude.go_dark()
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert heard.text == GREETING.text
        assert claude.connections == 5


async def test_an_error_status_keeps_the_connection(make_llm: MakeLLM) -> None:
    """The exchange was fine; only its answer was no."""
    with SimulatedClaude(HttpError(529), GREETING) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert [request.connection for request in claude.requests] == [1, 1]


async def test_a_failure_does_not_disturb_another_turn(make_llm: MakeLLM) -> None:
    """Retiring the pool must not cut a stream that is being spoken."""
    slow = Answer("One two three four five six.", piece_s=0.03)
    with SimulatedClaude(slow, Break("reset", at="request"), GREETING) as claude:
        adapter = make_llm(claude)
        first = asyncio.create_task(read_stream(adapter.chat(chat_ctx=conversation())))
        await asyncio.to_thread(claude.wait_for_requests, 1)

        second = await read_stream(adapter.chat(chat_ctx=conversation()))
        heard = await first
        await adapter.aclose()

        assert (heard.text, second.text) == (
            "One two three four five six.",
            "Hello, this is Claude.",
        )
