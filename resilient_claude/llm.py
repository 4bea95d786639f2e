"""`ResilientClaudeLLM`: Claude for LiveKit agents, with the attempt loop below the framework."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import threading
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal

import anthropic
import httpx2
from livekit.agents import Plugin, llm
from livekit.agents.llm import ChatContext, Tool, ToolChoice
from livekit.agents.types import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    NotGivenOr,
)
from livekit.agents.utils import is_given

from .connection import AiohttpTransport
from .failures import FailureKind, Origin, StreamFault
from .log import handler_failed, logger, make_logger, request_adjusted
from .request import RequestOptions, ToolSchemas, build_request
from .retry import RetryPolicy, Timeouts
from .stream import ResilientClaudeStream
from .version import __version__

ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]]


class ResilientClaudeLLM(llm.LLM[Literal["claude_turn_ended"]]):
    """Claude for `AgentSession(llm=...)`, in place of `livekit.plugins.anthropic.LLM`.

    Args:
        model: id of a Claude model.
        api_key: an Anthropic API key, or a function that returns one (awaited if need be), called
            for every attempt, so that keys can rotate. Default: `ANTHROPIC_API_KEY`.
        base_url: where the Messages API is. Default: `ANTHROPIC_BASE_URL`, else Anthropic's.
        user: an opaque id of the end user, sent as `metadata.user_id`.
        client: a client of the SDK to use instead: Bedrock, Vertex, a proxy, your own transport.
            It needs no API key here, and it is yours to close.
        top_k: sent as it is to models that accept it, else left out with one warning.
        max_tokens: longest answer, in tokens. Default: 1024.
        temperature: from 0 to 1; sent to models that accept it, else left out with one warning.
        parallel_tool_calls: whether Claude may call several tools at once.
        tool_choice: "auto", "required", "none" or a named function.
        caching: "ephemeral" caches tools, system prompt and history at the API.
        timeout: `Timeouts`, the clocks of one attempt. An `httpx2.Timeout`, as the plugin takes
            it, is translated: its `connect` is `connect_s`, its `read` every other clock; so is
            a number of seconds, which is both.
        max_retries: only 0; see `retry`.
        retry: `RetryPolicy`, when and how often to try again.
        filter_thinking: whether `<thinking>` tags that leak into the text are taken out of it.
        logger: a structlog logger, or a stdlib one; default: stdlib's `LOGGER_NAME`.
        _strict_tool_schema: whether tool schemas are strict, as the plugin's argument.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument has a value that cannot work; its message says what to do.
    """

    def __init__(
        self,
        *,
        model: str = "claude-sonnet-4-6",
        api_key: NotGivenOr[ApiKey] = NOT_GIVEN,
        base_url: NotGivenOr[str] = NOT_GIVEN,
        user: NotGivenOr[str] = NOT_GIVEN,
        client: anthropic.AsyncAnthropic | None = None,
        top_k: NotGivenOr[int] = NOT_GIVEN,
        max_tokens: NotGivenOr[int] = NOT_GIVEN,
        temperature: NotGivenOr[float] = NOT_GIVEN,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        caching: NotGivenOr[Literal["ephemeral"]] = NOT_GIVEN,
        timeout: NotGivenOr[Timeouts | httpx2.Timeout | float | None] = NOT_GIVEN,
        max_retries: NotGivenOr[int] = NOT_GIVEN,
        retry: RetryPolicy | None = None,
        filter_thinking: bool = False,
        logger: Any = None,
        _strict_tool_schema: bool = True,
    ) -> None:
        super().__init__()
        self._options = RequestOptions(
            model=model,
            user=_or_none(user),
            temperature=_or_none(temperature),
            top_k=_or_none(top_k),
            max_tokens=max_tokens if is_given(max_tokens) else 1024,
            parallel_tool_calls=_or_none(parallel_tool_calls),
            tool_choice=_or_none(tool_choice),
            caching=_or_none(caching),
            strict_tool_schema=_strict_tool_schema,
        )
        _check_max_retries(max_retries)
        self.timeouts = _timeouts(timeout)
        self.retry = RetryPolicy() if retry is None else retry
        if not isinstance(self.retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, got {type(retry).__name__}")
        if not isinstance(filter_thinking, bool):
            raise TypeError(f"filter_thinking must be a bool, got {filter_thinking!r}")
        self.filter_thinking = filter_thinking
        self._log = make_logger(logger)
        self._schemas = ToolSchemas()
        self._adjusted: set[tuple[str, str]] = set()
        _check_client(client, base_url)
        self._api_key = None if client is not None else _check_api_key(api_key)
        self._owned = client is None
        self._closed = False
        self._streams: weakref.WeakSet[ResilientClaudeStream] = weakref.WeakSet()
        self.client = client or _make_client(self._api_key, base_url)

    @property
    def model(self) -> str:
        """The model's id, as given."""
        return self._options.model

    @property
    def provider(self) -> str:
        """Host, and port if it is not the default, that requests go to."""
        return self.client.base_url.netloc.decode("ascii")

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: list[Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> ResilientClaudeStream:
        """Ask for the next turn.

        Args:
            chat_ctx: the conversation.
            tools: what Claude may call.
            conn_options: livekit's default object leaves everything to this instance's `retry`
                and `timeout`; any other caps the attempts (`max_retry + 1`) and how long each
                may wait for content (`timeout`, seconds; 0 for no such cap).
            parallel_tool_calls: as in the constructor, for this turn.
            tool_choice: as in the constructor, for this turn.
            extra_kwargs: any argument of the SDK's `messages.create`; they win over all others.

        Raises:
            RuntimeError: `aclose()` was called.
            TypeError: something cannot be sent; the message names it.
            ValueError: likewise.
        """
        if self._closed:
            raise RuntimeError("this ResilientClaudeLLM is closed: make a new one")
        request = build_request(
            self._options,
            chat_ctx,
            tools=tools or (),
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            extra_kwargs=extra_kwargs,
            schemas=self._schemas,
        )
        for adjustment in request.adjustments:
            if (adjustment.argument, adjustment.reason) not in self._adjusted:
                self._adjusted.add((adjustment.argument, adjustment.reason))
                request_adjusted(self._log, adjustment, model=self.model)
        stream = ResilientClaudeStream(
            self, request, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options
        )
        self._streams.add(stream)
        return stream

    def emit(self, event: Any, *arguments: Any) -> None:
        """Tell the application's handlers of *event*; what one of them raises ends no turn.

        livekit logs it, but lets a TypeError out. Source: livekit/rtc/event_emitter.py, `emit`.
        """
        try:
            super().emit(event, *arguments)
        except TypeError as exc:
            handler_failed(self._log, exc, event=str(event))

    async def aclose(self) -> None:
        """Cancel a prewarm, end running turns with an error, and close a client of our own."""
        self._closed = True
        for stream in list(self._streams):
            stream.abort()
        await super().aclose()
        if self._owned:
            await self.client.close()

    async def _prewarm_impl(self) -> None:
        """Open a connection and prove the key on it, without spending a token."""
        await self.prepare()
        models = getattr(self.client, "models", None)  # some platforms' clients have none
        if models is not None:
            async with asyncio.timeout(self.timeouts.connect_s + self.timeouts.response_s):
                await models.list(limit=1)

    async def prepare(self) -> None:
        """Before an attempt: ask for the current key, where it comes from a function.

        Raises:
            StreamFault: the adapter is closed, the function failed, or it returned no key.
        """
        if self._closed:
            raise StreamFault(
                FailureKind.CANCELLED,
                "the adapter was closed",
                retryable=False,
                origin=Origin.LOCAL,
            )
        if not callable(self._api_key):
            return
        try:
            key = self._api_key()
            self.client.api_key = _check_key(await key if inspect.isawaitable(key) else key)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise StreamFault(  # something that the function shares was cancelled, not this turn
                FailureKind.AUTH, "api_key() was cancelled", retryable=True, origin=Origin.CALLER
            ) from exc
        except Exception as exc:  # the application's own code: any exception may come out of it
            raise StreamFault(
                FailureKind.AUTH, "api_key() gave no key", retryable=True, origin=Origin.CALLER
            ) from exc


# --- arguments ----------------------------------------------------------------------------------


def _or_none(value: Any) -> Any:
    return value if is_given(value) else None


def _check_max_retries(max_retries: NotGivenOr[int]) -> None:
    if is_given(max_retries) and max_retries != 0:
        raise ValueError(
            f"max_retries must be 0, got {max_retries!r}: retries of the SDK would multiply with "
            f"those made here; use retry=RetryPolicy(max_attempts=...)"
        )


def _timeouts(timeout: NotGivenOr[Timeouts | httpx2.Timeout | float | None]) -> Timeouts:
    if not is_given(timeout) or timeout is None:
        return Timeouts()
    if isinstance(timeout, Timeouts):
        return timeout
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        timeout = httpx2.Timeout(timeout)
    if not isinstance(timeout, httpx2.Timeout):
        raise TypeError(
            f"timeout must be resilient_claude.Timeouts or httpx2.Timeout, "
            f"got {type(timeout).__name__}"
        )
    default = Timeouts()
    connect, read = timeout.connect, timeout.read
    if connect is not None:
        default = replace(default, connect_s=connect)
    if read is not None:
        default = replace(
            default, response_s=read, first_token_s=read, stall_s=read, thinking_s=read
        )
    return default


def _check_client(client: object, base_url: NotGivenOr[str]) -> None:
    if client is not None:
        if not inspect.iscoroutinefunction(getattr(client, "post", None)):
            raise TypeError(
                f"client must be an async anthropic client, got {type(client).__name__}"
            )
        if is_given(base_url):
            raise ValueError("base_url has no effect with client=: give it to the client")
    elif is_given(base_url) and not re.match(r"https?://\S", base_url):
        raise ValueError(f"base_url must begin with http:// or https://, got {base_url!r}")


def _check_api_key(api_key: NotGivenOr[ApiKey]) -> ApiKey:
    if is_given(api_key):
        return api_key if callable(api_key) else _check_key(api_key, "api_key")
    key = os.environ.get("ANTHROPIC_API_KEY")
    if key is None:
        raise ValueError(
            "an Anthropic API key is missing: pass api_key= or set ANTHROPIC_API_KEY "
            "(with client=, no key is needed)"
        )
    return _check_key(key, "ANTHROPIC_API_KEY")


def _check_key(key: object, name: str = "api_key()") -> str:
    """*key* if it can be sent in a header. No message ever shows it, or a part of it."""
    if not isinstance(key, str):
        raise TypeError(f"{name} must be a str, got {type(key).__name__}")
    if not key:
        raise ValueError(f"{name} is empty")
    bad = re.search(r"[^\x21-\x7e]", key)
    if bad is not None:
        raise ValueError(
            f"{name} has a character that no key has, U+{ord(bad.group()):04X} at position "
            f"{bad.start()} of {len(key)}: check for quotes, spaces and line ends"
        )
    return key


def _make_client(api_key: ApiKey | None, base_url: NotGivenOr[str]) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        # A function is asked before every attempt; the SDK wants to have something until then.
        api_key=api_key if isinstance(api_key, str) else "not-asked-yet",
        base_url=base_url if is_given(base_url) else None,
        max_retries=0,
        # The API never redirects; following one would show the key to wherever it leads.
        http_client=httpx2.AsyncClient(
            transport=AiohttpTransport(), timeout=None, follow_redirects=False
        ),
    )


class _ResilientClaudePlugin(Plugin):
    """Makes LiveKit's worker import this module in its fork server, once for all jobs."""

    def __init__(self) -> None:
        super().__init__("resilient_claude", __version__, __name__, logger)


if threading.current_thread() is threading.main_thread():  # livekit registers nowhere else
    Plugin.register_plugin(_ResilientClaudePlugin())
