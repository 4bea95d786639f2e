"""The states in which a turn may be closed, and how to bring it there without a sleep."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from resilient_claude import Phase, ResilientClaudeLLM, RetryPolicy
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude, Step, ToolUse
from resilient_claude.turn.stream import ResilientClaudeStream

from .leftovers import open_sockets, until


@dataclass
class OpenTurn:
    """A turn that is to be closed, and how to see how far it has come.

    Attributes:
        claude: what it talks to, unless its place is elsewhere.
        adapter: whose turn it is.
        stream: the turn itself.
        sockets: how many sockets were open before there was an adapter.
        failed: set when an attempt has failed and another will follow.
    """

    claude: SimulatedClaude
    adapter: ResilientClaudeLLM
    stream: ResilientClaudeStream
    sockets: int
    failed: asyncio.Event = field(default_factory=asyncio.Event)

    def phase(self) -> Phase | None:
        """How far the attempt has come; nothing public tells before there is a word to hear."""
        attempt = self.stream._parts._attempt
        return None if attempt is None else attempt._evidence.phase


async def nothing(turn: OpenTurn) -> None:
    """`chat()` has returned, and the turn's task has not begun."""


async def asked(turn: OpenTurn) -> None:
    """Whoever was asked does not answer."""
    await until(ASKED.is_set)


async def connecting(turn: OpenTurn) -> None:
    """There is a socket, and no connection."""
    await until(lambda: turn.phase() is Phase.CONNECT and open_sockets() > turn.sockets)


async def accepted(turn: OpenTurn) -> None:
    """There is a connection, and no TLS."""
    await until(lambda: turn.claude.open_connections == 1)


async def requested(turn: OpenTurn) -> None:
    """The whole request has arrived."""
    await until(lambda: len(turn.claude.requests) == 1)


async def answering(turn: OpenTurn) -> None:
    """The headers of the response have come."""
    await until(lambda: turn.phase() is Phase.FIRST_TOKEN)


async def producing(turn: OpenTurn) -> None:
    """The response has begun a block."""
    await until(lambda: turn.phase() is Phase.STREAMING)


async def heard(turn: OpenTurn) -> None:
    """The caller has heard the first piece."""
    await anext(turn.stream)


async def failed(turn: OpenTurn) -> None:
    """An attempt has failed; the wait before the next has begun."""
    await turn.failed.wait()


ASKED = threading.Event()
"""Set when somebody who will not answer was asked."""

Place = Callable[[SimulatedClaude, ExitStack], Mapping[str, Any]]
"""Prepares what is special about where Claude is; returns arguments of the adapter."""


def anywhere(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """Nothing is special."""
    return {}


def where_the_key_does_not_come(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """A vault that hangs."""

    async def key() -> str:
        ASKED.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("nobody ends it")

    return {"api_key": key}


def where_no_name_is_found(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """The system's look-up hangs, in a thread that nobody can stop."""
    released, look_up = threading.Event(), socket.getaddrinfo

    def hang(host: Any, *arguments: Any, **keywords: Any) -> Any:
        if host != "claude.invalid":
            return look_up(host, *arguments, **keywords)
        ASKED.set()
        released.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    stack.enter_context(patch.object(socket, "getaddrinfo", hang))
    stack.callback(released.set)
    return {"base_url": "http://claude.invalid"}


def where_nobody_accepts(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """The listener's queue is full, so that the kernel drops every further SYN."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
    address = listener.getsockname()
    stack.enter_context(socket.create_connection(address))
    return {"base_url": f"http://127.0.0.1:{address[1]}"}


def where_nobody_listens(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """Every connection is refused, and the waits are long."""
    claude.refuse()
    return _with_long_waits(stack)


def where_it_is_resumed(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """An answer that broke off is asked for again, after a long wait."""
    return _with_long_waits(stack, on_interruption="resume")


def where_tls_hangs(claude: SimulatedClaude, stack: ExitStack) -> Mapping[str, Any]:
    """TCP connects, and then there is silence."""
    claude.tls_mode("hang")
    return {}


def _with_long_waits(stack: ExitStack, **policy: Any) -> Mapping[str, Any]:
    stack.enter_context(patch("random.random", lambda: 0.99))
    return {"retry": RetryPolicy(wait_base_s=9, wait_cap_s=9, **policy)}


SLOW = Answer("One two three four five six seven.", piece_s=0.05)


@dataclass(frozen=True)
class State:
    """Where a turn is when it is closed.

    Attributes:
        reached: waits until it is there.
        step: what Claude does.
        place: what is special about where Claude is.
        tls: whether Claude speaks TLS.
        kept: connections that stay, because they can be used again.
        whole: whether the answer is complete, so that closing the adapter may lose nothing.
    """

    reached: Callable[[OpenTurn], Awaitable[None]]
    step: Step = SLOW
    place: Place = anywhere
    tls: bool = False
    kept: int = 0
    whole: bool = False


BOOKING = ToolUse("book", {"guests": 4})
THINKING = Answer("Yes.", thinking="One two three.")
# After its end comes a delta that no answer has, and a break there leaves the body open.
WHOLE = Answer(
    events=[
        {"type": "message_start", "message": {"id": "msg_1", "role": "assistant"}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": "book", "input": {}},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
        {"type": "message_stop"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
    ]
)

STATES = {
    "before the first step": State(nothing),
    "waiting for the key": State(asked, place=where_the_key_does_not_come),
    "looking the name up": State(asked, place=where_no_name_is_found),
    "connecting over TCP": State(connecting, place=where_nobody_accepts),
    "shaking hands over TLS": State(accepted, place=where_tls_hangs, tls=True),
    "waiting for the headers": State(requested, Break("stall", at="request")),
    "waiting for the first token": State(answering, Break("pings", at="message_start")),
    "thinking": State(producing, Break("stall", at="thinking", answer=THINKING)),
    "streaming text": State(heard),
    "streaming text over TLS": State(heard, tls=True),
    "stalled in text": State(heard, Break("stall", at="text")),
    "in a tool call": State(
        producing, Break("stall", at="tool_json", answer=Answer(tools=[BOOKING]))
    ),
    "in a tool call after text": State(
        heard, Break("stall", at="tool_json", answer=Answer("One moment. ", tools=[BOOKING]))
    ),
    "draining after the end": State(
        heard, Break("stall", at="text", answer=WHOLE, after_pieces=1), whole=True
    ),
    "waiting to retry": State(failed, HttpError(529, headers={"retry-after": "9"}), kept=1),
    "waiting to connect again": State(failed, place=where_nobody_listens),
    "waiting to resume": State(failed, Break("reset", at="text"), place=where_it_is_resumed),
}
