"""Who is measured: five ways to read the same stream, behind one interface."""

from __future__ import annotations

import asyncio
import json
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

OURS, PLUGIN, SDK, FLOOR, SOCKET = "ours", "plugin", "SDK", "base class", "raw socket"

KEY = "sk-ant-api03-for-benchmarks"
MODEL = "claude-sonnet-4-6"

Heard = Callable[[str], None]
"""Takes the text of a stream as it comes."""


def has_plugin() -> bool:
    """Whether `livekit-plugins-anthropic` is installed."""
    try:
        from livekit.plugins import anthropic  # noqa: F401
    except ImportError:
        return False
    return True


class Contender(ABC):
    """One client with its own connections."""

    @abstractmethod
    async def turn(self, context: llm.ChatContext, tools: list[llm.Tool], heard: Heard) -> None:
        """One turn, read to its end."""

    @abstractmethod
    async def prewarm(self, tools: Sequence[llm.Tool] = ()) -> None:
        """What can be done before the first turn, which will have *tools*."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections."""


def contender(name: str, url: str) -> Contender:
    """A new one of the contender *name*, for the base URL *url*."""
    if name == OURS:
        from resilient_claude import ResilientClaudeLLM

        return LiveKit(ResilientClaudeLLM(api_key=KEY, base_url=url, model=MODEL))
    if name == PLUGIN:
        from livekit.plugins import anthropic

        return LiveKit(anthropic.LLM(api_key=KEY, base_url=url, model=MODEL))
    if name == SDK:
        return BareSdk(url)
    if name == FLOOR:
        return LiveKit(BaseClassOnly(tokens=int(url.rpartition("/")[2].partition("at")[0])))
    assert name == SOCKET
    return RawSocket(url)


class LiveKit(Contender):
    """Anything that livekit calls an LLM."""

    def __init__(self, adapter: llm.LLM[Any]) -> None:
        self.adapter = adapter

    async def turn(self, context: llm.ChatContext, tools: list[llm.Tool], heard: Heard) -> None:
        async with self.adapter.chat(chat_ctx=context, tools=tools) as stream:
            async for chunk in stream:
                if chunk.delta is not None and chunk.delta.content:
                    heard(chunk.delta.content)

    async def prewarm(self, tools: Sequence[llm.Tool] = ()) -> None:
        warm = getattr(self.adapter, "warm", None)
        if warm is not None:
            await warm(tools=tools)
        else:  # the plugin's takes no tools, and cannot be awaited
            await self.adapter._prewarm_impl()

    async def aclose(self) -> None:
        await self.adapter.aclose()
        client = getattr(self.adapter, "_client", None)
        if client is not None:  # the plugin leaves its HTTP client open
            await client.close()


class BareSdk(Contender):
    """The SDK as its README shows it: `messages.create(stream=True)`, typed events."""

    def __init__(self, url: str) -> None:
        import anthropic

        self._client = anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0)

    async def prewarm(self, tools: Sequence[llm.Tool] = ()) -> None:
        await self._client.models.list(limit=1)

    async def turn(self, context: llm.ChatContext, tools: list[llm.Tool], heard: Heard) -> None:
        stream = await self._client.messages.create(**_arguments(context, tools))
        async with stream:
            async for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    heard(event.delta.text)

    async def aclose(self) -> None:
        await self._client.close()


class BaseClassOnly(llm.LLM[Any]):
    """Livekit's own share: an LLM that has all its chunks in memory."""

    def __init__(self, *, tokens: int) -> None:
        super().__init__()
        chunk = llm.ChatChunk(id="msg", delta=llm.ChoiceDelta(role="assistant", content="word "))
        self.chunks = [chunk] * tokens

    def chat(self, **arguments: Any) -> llm.LLMStream:
        return _FromMemory(
            self,
            chat_ctx=arguments["chat_ctx"],
            tools=arguments["tools"],
            conn_options=DEFAULT_API_CONNECT_OPTIONS,
        )


class _FromMemory(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, BaseClassOnly)
        for chunk in self._llm.chunks:
            self._event_ch.send_nowait(chunk)


class RawSocket(Contender):
    """Sockets and ready-made requests; nothing is decoded, only the end is looked for."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        self._url = urlsplit(url)
        self._tls = tls
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._requests: dict[tuple[int, int], bytes] = {}

    async def turn(self, context: llm.ChatContext, tools: list[llm.Tool], heard: Heard) -> None:
        if not self._idle:
            await self.prewarm()
        reader, writer = self._idle.pop()
        try:
            writer.write(self._request(context, tools))
            tail = b""
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                data = await reader.read(2**18)
                if not data:
                    raise ConnectionError("the benchmark server closed the connection")
                if b"text_delta" in data:
                    heard(data.decode())
                tail = (tail + data)[-7:]
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))

    async def prewarm(self, tools: Sequence[llm.Tool] = ()) -> None:
        host, port = self._url.hostname, self._url.port
        name = host if self._tls else None
        connection = await asyncio.open_connection(host, port, ssl=self._tls, server_hostname=name)
        self._idle.append(connection)

    async def aclose(self) -> None:
        for _, writer in self._idle:
            writer.close()

    def _request(self, context: llm.ChatContext, tools: list[llm.Tool]) -> bytes:
        key = (id(context), len(tools))
        if key not in self._requests:
            body = json.dumps(_arguments(context, tools)).encode()
            head = f"POST {self._url.path}/v1/messages HTTP/1.1\r\ncontent-length: {len(body)}\r\n"
            self._requests[key] = head.encode() + b"\r\n" + body
        return self._requests[key]


def _arguments(context: llm.ChatContext, tools: list[llm.Tool]) -> dict[str, Any]:
    messages, data = context.to_provider_format("anthropic")
    system = [{"type": "text", "text": text} for text in data.system_messages or ()]
    schemas = llm.ToolContext(tools).parse_function_tools("anthropic") if tools else []
    return {
        "model": MODEL,
        "max_tokens": 1024,
        "messages": messages,
        "stream": True,
        **({"system": system} if system else {}),
        **({"tools": schemas} if schemas else {}),
    }
