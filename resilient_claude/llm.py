"""`ResilientClaudeLLM`: Claude for LiveKit agents, with the attempt loop below the framework."""

from __future__ import annotations

import asyncio
import inspect
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Literal, cast

import anthropic
import httpx2
from livekit.agents import Plugin, llm
from livekit.agents.llm import ChatContext, Tool, ToolChoice, Toolset
from livekit.agents.types import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    NotGivenOr,
)
from livekit.agents.utils import aio, is_given

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault, adapter_closed
from resilient_claude.policy.retry import RetryPolicy
from resilient_claude.policy.timeouts import Timeouts, timeouts_of
from resilient_claude.request.build import build_request, build_schemas
from resilient_claude.request.given import or_default as given
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.telemetry.log import handler_failed, logger, make_logger, request_adjusted
from resilient_claude.transport.exchange import rehearse
from resilient_claude.transport.pool import AiohttpTransport
from resilient_claude.transport.target import (
    ApiKey,
    check_api_key,
    check_base_url,
    check_client,
    check_key,
)
from resilient_claude.turn.stream import ResilientClaudeStream
from resilient_claude.version import __version__

if TYPE_CHECKING:
    from resilient_claude.transport.target import AnyClient


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
        api_key: NotGivenOr[ApiKey | None] = NOT_GIVEN,
        base_url: NotGivenOr[str | None] = NOT_GIVEN,
        user: NotGivenOr[str] = NOT_GIVEN,
        client: AnyClient | None = None,
        top_k: NotGivenOr[int] = NOT_GIVEN,
        max_tokens: NotGivenOr[int | None] = NOT_GIVEN,
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
            user=given(user, None),
            temperature=given(temperature, None),
            top_k=given(top_k, None),
            max_tokens=given(max_tokens, 1024),
            parallel_tool_calls=given(parallel_tool_calls, None),
            tool_choice=given(tool_choice, None),
            caching=given(caching, None),
            strict_tool_schema=_strict_tool_schema,
        )
        check_max_retries(max_retries)
        self.timeouts = timeouts_of(timeout)
        self.retry = RetryPolicy() if retry is None else retry
        if not isinstance(self.retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, got {type(retry).__name__}")
        if not isinstance(filter_thinking, bool):
            raise TypeError(f"filter_thinking must be a bool, got {filter_thinking!r}")
        self.filter_thinking = filter_thinking
        self._log = make_logger(logger)
        self._schemas = ToolSchemas()
        self._histories = HistoryCache()
        self._warming: set[asyncio.Task[None]] = set()
        self._adjusted: set[tuple[str, str]] = set()
        check_client(client, base_url=base_url, api_key=api_key)
        self._api_key = None if client is not None else check_api_key(api_key)
        self._owned = client is None
        self._closed = False
        self._streams: weakref.WeakSet[ResilientClaudeStream] = weakref.WeakSet()
        self.client = (
            client if client is not None else _make_client(self._api_key, check_base_url(base_url))
        )

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
            histories=self._histories,
        )
        for adjustment in request.adjustments:
            if (adjustment.argument, adjustment.reason) not in self._adjusted:
                self._adjusted.add((adjustment.argument, adjustment.reason))
                request_adjusted(
                    self._log, adjustment.argument, adjustment.reason, model=self.model
                )
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
        await super().aclose()
        await aio.cancel_and_wait(*self._warming)
        # Before the client: a turn that found it closed would take that for a bug.
        await asyncio.gather(*[stream.abort() for stream in list(self._streams)])
        if self._owned:
            await self.client.close()

    def prewarm(
        self,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        tools: Sequence[Tool | Toolset] = (),
    ) -> None:
        """Prepare the first turn, without spending a token: connection, key, imports, schemas.

        Returns at once; what fails is not reported, since the first turn will report it. livekit's
        session calls it as well, but without the tools.

        Args:
            loop: where it runs; default: the current event loop.
            tools: the agent's (`agent.tools`). Their schemas, 0.5 to 2 ms of CPU each, are built
                one by one while others run, instead of all at once in the first turn.

        Raises:
            RuntimeError: there are *tools*, and no event loop is running.
            TypeError: *tools* holds something else.
        """
        if isinstance(tools, str) or not isinstance(tools, Sequence):
            raise TypeError(
                f"tools must be a list, such as agent.tools, got {type(tools).__name__}"
            )
        for tool in tools:
            if not isinstance(tool, (Tool, Toolset)):
                raise TypeError(f"tools must hold livekit's tools, got {type(tool).__name__}")
        if tools and not self._closed:
            loop = loop or asyncio.get_running_loop()
            task = loop.create_task(self._build_schemas(tools))
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)
        super().prewarm(loop=loop)

    async def _build_schemas(self, tools: Sequence[Tool | Toolset]) -> None:
        with suppress(Exception):  # whatever it is, `chat()` will raise it to somebody who cares
            for _ in build_schemas(self._options, tools, self._schemas):
                await asyncio.sleep(0)
            self._rehearsal(tools)

    def _rehearsal(self, tools: Sequence[Tool | Toolset] = ()) -> Request:
        context = ChatContext.empty()
        context.add_message(role="user", content="?")
        return build_request(self._options, context, tools=tools, schemas=self._schemas)

    async def _prewarm_impl(self) -> None:
        """Rehearse a turn; open a connection, and show the key on it."""
        client = await self.prepare()
        await rehearse(client, self._rehearsal())
        models = getattr(client, "models", None)  # some platforms' clients have none
        if models is not None:
            async with asyncio.timeout(self.timeouts.connect_s + self.timeouts.response_s):
                await models.list(limit=1)

    async def prepare(self) -> AnyClient:
        """For the stream, before an attempt: the client for it, with the current key.

        Raises:
            Fault: the adapter is closed, the function failed, or it returned no key.
        """
        if self._closed:
            raise adapter_closed()
        if not callable(self._api_key):
            return self.client
        try:
            given = self._api_key()
            key = check_key(await given if inspect.isawaitable(given) else given)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Fault(  # something that the function shares was cancelled, not this turn
                FailureKind.AUTH, "api_key() was cancelled", retryable=True, origin=Origin.CALLER
            ) from exc
        except Exception as exc:  # the application's own code: any exception may come out of it
            raise Fault(
                FailureKind.AUTH, "api_key() gave no key", retryable=True, origin=Origin.CALLER
            ) from exc
        # A client of its own for every key: another turn may be asking for one at the same time.
        if key != getattr(self.client, "api_key", None):
            self.client = cast("anthropic.AsyncAnthropic", self.client).with_options(api_key=key)
        return self.client


def _make_client(api_key: ApiKey | None, base_url: str | None) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        # A function is asked before every attempt; the SDK wants to have something until then.
        api_key=api_key if isinstance(api_key, str) else "not-asked-yet",
        base_url=base_url,
        max_retries=0,
        # The API never redirects; following one would show the key to wherever it leads.
        # Nor does it need cookies: one would tie all later requests to what set it.
        http_client=httpx2.AsyncClient(
            transport=AiohttpTransport(),
            timeout=None,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        ),
    )


class _ResilientClaudePlugin(Plugin):
    """Makes LiveKit's worker import this module in its fork server, once for all jobs."""

    def __init__(self) -> None:
        super().__init__("resilient_claude", __version__, __name__, logger)


if threading.current_thread() is threading.main_thread():  # livekit registers nowhere else
    Plugin.register_plugin(_ResilientClaudePlugin())


def check_max_retries(max_retries: NotGivenOr[int]) -> None:
    """Check that retries are left to this package.

    Raises:
        ValueError: they are not.
    """
    if is_given(max_retries) and max_retries != 0:
        raise ValueError(
            f"max_retries must be 0, got {max_retries!r}: retries of the SDK would multiply with "
            f"those made here; use retry=RetryPolicy(max_attempts=...)"
        )
