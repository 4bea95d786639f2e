"""One turn of the real stream in virtual time, seen from every side.

Only `open_exchange` is replaced: everything above it is real.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import anthropic
import httpx2
from livekit.agents import llm

from resilient_claude import ResilientClaudeLLM, TurnEnded
from tests.support import virtual_time

from .scripted import ScriptedClaude
from .scripted_answers import AttemptSeen
from .scripts import PROMPT, Cancel, ScriptedTurn


def _now() -> float:
    return asyncio.get_running_loop().time()


class _Log:
    """A structlog logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def bind(self, **_: Any) -> _Log:
        return self

    def _write(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    debug = info = warning = error = _write


@dataclass
class TurnResult:
    """What one turn looked like from every side."""

    turn: ScriptedTurn
    claude: ScriptedClaude
    started: float
    chunks: list[tuple[float, llm.ChatChunk]] = field(default_factory=list)
    error: BaseException | None = None
    finished: float | None = None
    cancelled: float | None = None
    closing_s: float = 0.0
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[TurnEnded] = field(default_factory=list)
    errors: list[llm.LLMError] = field(default_factory=list)
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All the text that was delivered."""
        return "".join(c.delta.content or "" for _, c in self.chunks if c.delta is not None)

    def text_of(self, attempt: AttemptSeen) -> str:
        """The text that was delivered of one attempt, whose id its chunks carry."""
        chunks = [c for _, c in self.chunks if c.id == f"msg_{attempt.number}"]
        return "".join(c.delta.content or "" for c in chunks if c.delta is not None)

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """The tool calls that were delivered: id, name, arguments."""
        deltas = [c.delta for _, c in self.chunks if c.delta is not None]
        calls = [call for delta in deltas for call in delta.tool_calls]
        return [(call.call_id, call.name, call.arguments) for call in calls]

    def heard_at(self) -> list[float]:
        """When something was delivered that is heard, or that has an effect."""
        return [
            at
            for at, chunk in self.chunks
            if chunk.delta is not None and (chunk.delta.content or chunk.delta.tool_calls)
        ]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The fields of every log line with this name."""
        return [fields for name, fields in self.lines if name == event]


def play(turn: ScriptedTurn) -> TurnResult:
    """Play *turn* to its end; nothing may be left of it."""
    return virtual_time.run(_play(turn))


def _asked(observed: bool) -> dict[str, Any]:
    """Whom to ask: over sockets that report their phases, or over those of a client of our own."""
    return {"api_key": "sk-ant-none"} if observed else {"client": _client()}


@lru_cache
def _client() -> anthropic.AsyncAnthropic:
    """No request ever reaches it."""
    http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(_never))
    return anthropic.AsyncAnthropic(api_key="sk-ant-none", http_client=http_client)


def _never(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError("open_exchange is replaced")


async def _play(turn: ScriptedTurn) -> TurnResult:
    log = _Log()
    claude = ScriptedClaude(turn)
    result = TurnResult(turn, claude, _now(), lines=log.lines)
    adapter = ResilientClaudeLLM(
        **_asked(turn.observed),
        model=turn.model,
        retry=turn.policy,
        timeout=turn.timeouts,
        filter_thinking=turn.filter_thinking,
        logger=log,
    )
    adapter.on("claude_turn_ended", result.ended.append)
    adapter.on("error", result.errors.append)
    with patch("resilient_claude.transport.target.open_exchange", claude.open_exchange):
        stream = adapter.chat(chat_ctx=_context(turn), conn_options=turn.conn_options)
        reading = asyncio.create_task(_listen(stream, result))
        if turn.cancel is not None:
            await _barge_in(stream, turn.cancel, result, reading)
        await reading
        await stream.aclose()
    await adapter.aclose()
    return result


def _context(turn: ScriptedTurn) -> llm.ChatContext:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=PROMPT)
    if turn.after_tool_result:
        context.insert(llm.FunctionCall(call_id="c1", name="book", arguments="{}"))
        output = llm.FunctionCallOutput(call_id="c1", name="book", output="ok", is_error=False)
        context.insert(output)
    return context


async def _listen(stream: llm.LLMStream, result: TurnResult) -> None:
    cancel = result.turn.cancel
    try:
        async for chunk in stream:
            result.chunks.append((_now(), chunk))
            if cancel is not None and len(result.chunks) == cancel.after_chunks:
                result.enough.set()
    except Exception as exc:
        result.error = exc
    result.finished = _now()


async def _barge_in(
    stream: llm.LLMStream, cancel: Cancel, result: TurnResult, reading: asyncio.Task[None]
) -> None:
    if cancel.after_s is not None:
        await asyncio.wait([reading], timeout=cancel.after_s)
    if cancel.after_chunks:
        enough = asyncio.ensure_future(result.enough.wait())
        await asyncio.wait([reading, enough], return_when=asyncio.FIRST_COMPLETED)
        enough.cancel()
    for _ in range(cancel.steps):
        await asyncio.sleep(0)
    if reading.done():
        return
    result.cancelled = _now()
    await stream.aclose()
    result.closing_s = _now() - result.cancelled
