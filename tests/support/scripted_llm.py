"""A tiny LLM of another vendor, which does what its script says: no socket, no server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions


class Foreign(Exception):
    """What another vendor's client raises."""


@dataclass(frozen=True)
class Turn:
    """What one request gets.

    Attributes:
        text: the answer, a word per chunk.
        first_s: seconds until its first word.
        then: raised after the text, or in its place; None to end well.
        tool: name of a tool that is called, after the text.
        stall_s: seconds before `then`.
    """

    text: str = ""
    first_s: float = 0.6
    then: Exception | None = None
    tool: str = ""
    stall_s: float = 0.0


HANGS = Turn(first_s=1000.0)
FAILS = Turn(then=Foreign("no"), first_s=0.05)


@dataclass
class _Asked:
    chat_ctx: llm.ChatContext
    cancelled: bool = False


class ScriptedLLM(llm.LLM[Any]):
    """Answers with *turns*, the last of them for ever.

    Attributes:
        asked: the chat context of each request.
    """

    def __init__(self, *turns: Turn) -> None:
        super().__init__()
        self.asked: list[_Asked] = []
        self._turns = turns

    @property
    def texts(self) -> list[list[str]]:
        """What each request held of what the agent has said."""
        return [
            [
                item.text_content or ""
                for item in asked.chat_ctx.items
                if isinstance(item, llm.ChatMessage) and item.role == "assistant"
            ]
            for asked in self.asked
        ]

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: Sequence[Any] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        turn = self._turns[min(len(self.asked), len(self._turns) - 1)]
        self.asked.append(_Asked(chat_ctx.copy()))
        return _Stream(
            self, turn, self.asked[-1], chat_ctx=chat_ctx, tools=[], conn_options=conn_options
        )


class _Stream(llm.LLMStream):
    def __init__(self, model: ScriptedLLM, turn: Turn, asked: _Asked, **arguments: Any) -> None:
        self._turn, self._asked = turn, asked
        super().__init__(model, **arguments)

    async def _run(self) -> None:
        turn = self._turn
        try:
            await asyncio.sleep(turn.first_s)
            for word in turn.text.split():
                self._event_ch.send_nowait(_chunk(content=f"{word} "))
                await asyncio.sleep(0.02)
            if turn.tool:
                call = llm.FunctionToolCall(name=turn.tool, arguments="{}", call_id="call_1")
                self._event_ch.send_nowait(_chunk(tool_calls=[call]))
            if turn.then is not None:
                await asyncio.sleep(turn.stall_s)
                raise turn.then
        except asyncio.CancelledError:
            self._asked.cancelled = True
            raise


def _chunk(**delta: Any) -> llm.ChatChunk:
    return llm.ChatChunk(id="x", delta=llm.ChoiceDelta(role="assistant", **delta))
