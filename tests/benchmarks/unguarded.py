"""Our stream without what makes it resilient: one attempt, no clock, no log, no report."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from resilient_claude import ResilientClaudeLLM
from resilient_claude.failures.evidence import Evidence
from resilient_claude.request.build import build_request
from resilient_claude.request.request import Request
from resilient_claude.response.translator import Translator
from resilient_claude.transport.exchange import open_exchange

UNGUARDED = "ours unguarded"


class UnguardedLLM(ResilientClaudeLLM):
    """The same requests over the same transport, read by the same decoder and translator."""

    def chat(self, **arguments: Any) -> Any:
        context, tools = arguments["chat_ctx"], arguments["tools"]
        request = build_request(
            self._requests._fixed,
            context,
            tools=tools,
            schemas=self._schemas,
            histories=self._requests._histories,
        )
        return _UnguardedStream(self, request, context, tools)


class _UnguardedStream(llm.LLMStream):
    def __init__(
        self,
        claude: UnguardedLLM,
        request: Request,
        context: llm.ChatContext,
        tools: list[llm.Tool],
    ) -> None:
        options = DEFAULT_API_CONNECT_OPTIONS
        super().__init__(claude, chat_ctx=context, tools=tools, conn_options=options)
        self._claude = claude
        self._request = request

    async def _run(self) -> None:
        translator = Translator()
        async with AsyncExitStack() as stack:
            exchange = await open_exchange(
                self._claude.client,
                self._claude._target.transport,
                self._request,
                Evidence(),
                stack,
                connect_s=3.0,
            )
            while not translator.message.finished:
                events = await exchange.read()
                if events is None:
                    break
                for chunk in translator.feed(events):
                    self._event_ch.send_nowait(chunk)
            _, chunks = translator.finish(may_be_empty=False)
            for chunk in chunks:
                self._event_ch.send_nowait(chunk)
            while await exchange.read() is not None:
                pass
        usage = translator.message.usage.to_livekit()
        self._event_ch.send_nowait(llm.ChatChunk(id=translator.message.message_id, usage=usage))
