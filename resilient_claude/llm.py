"""`ResilientClaudeLLM`: Claude for LiveKit agents, with the attempt loop below the framework."""

from __future__ import annotations

import asyncio
import inspect
import os
import random
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
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
from opentelemetry import trace

from .connection import AiohttpTransport
from .failures import (
    Evidence,
    Failure,
    FailureKind,
    Origin,
    StreamFault,
    classify,
    relink,
    scrub,
    to_api_error,
)
from .log import CallLog, logger, make_logger, request_adjusted
from .request import Request, RequestOptions, ToolSchemas, build_request
from .retry import AttemptFailed, RetryPolicy, Timeouts, attempts, response_clock_s
from .translate import Outcome, Translator
from .transport import Clocks, Exchange, fresh_connections, is_observed, open_exchange
from .version import __version__

ApiKey = str | Callable[[], str] | Callable[[], Awaitable[str]]


class ResilientClaudeLLM(llm.LLM[Literal["claude_outcome"]]):
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
            it, is translated: its `connect` is `connect_s`, its `read` every other clock.
        max_retries: only 0; see `retry`.
        retry: `RetryPolicy`, when and how often to try again.
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
        self._timeouts = _timeouts(timeout)
        self._policy = RetryPolicy() if retry is None else retry
        if not isinstance(self._policy, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, got {type(retry).__name__}")
        self._log = make_logger(logger)
        self._schemas = ToolSchemas()
        self._adjusted: set[tuple[str, str]] = set()
        self._api_key = None if client is not None else _check_api_key(api_key)
        self._owned = client is None
        self._client = client or _make_client(self._api_key, base_url)

    @property
    def model(self) -> str:
        """The model's id, as given."""
        return self._options.model

    @property
    def provider(self) -> str:
        """Host, and port if it is not the default, that requests go to."""
        return self._client.base_url.netloc.decode("ascii")

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
            TypeError: something cannot be sent; the message names it.
            ValueError: likewise.
        """
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
        return ResilientClaudeStream(
            self, request, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options
        )

    async def aclose(self) -> None:
        """Cancel a prewarm under way and close the client, unless the application made it."""
        await super().aclose()
        if self._owned:
            await self._client.close()

    async def _prewarm_impl(self) -> None:
        """Open a connection and prove the key on it, without spending a token."""
        await self._renew_api_key()
        models = getattr(self._client, "models", None)  # some platforms' clients have none
        if models is not None:
            await models.list(limit=1)

    async def _renew_api_key(self) -> None:
        """Ask for the current key, where it comes from a function.

        Raises:
            StreamFault: the function failed, or what it returned cannot be a key.
        """
        if not callable(self._api_key):
            return
        try:
            key = self._api_key()
            self._client.api_key = _check_key(await key if inspect.isawaitable(key) else key)
        except Exception as exc:  # the application's own code: any exception may come out of it
            raise StreamFault(
                FailureKind.AUTH, "api_key() gave no key", retryable=True, origin=Origin.CALLER
            ) from exc


class ResilientClaudeStream(llm.LLMStream):
    """One turn. Made by `ResilientClaudeLLM.chat`; livekit runs it."""

    def __init__(
        self,
        claude: ResilientClaudeLLM,
        request: Request,
        *,
        chat_ctx: ChatContext,
        tools: list[Tool],
        conn_options: APIConnectOptions,
    ) -> None:
        # The framework would call `_run` again after every failure; retrying is done here.
        super().__init__(
            claude,
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=replace(conn_options, max_retry=0),
        )
        self._claude = claude
        self._request = request
        self._policy = claude._policy
        self._attempt_s = request.timeout_s
        if conn_options is not DEFAULT_API_CONNECT_OPTIONS:
            capped = min(self._policy.max_attempts, conn_options.max_retry + 1)
            self._policy = replace(self._policy, max_attempts=capped)
            limits = [s for s in (conn_options.timeout, request.timeout_s) if s]
            self._attempt_s = min(limits, default=None)
        self._call_log = CallLog(claude._log, model=claude.model, provider=claude.provider)
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._first_output: float | None = None
        self._attempt = 0
        self._last_failure: Failure | None = None
        self._translator = Translator()

    async def _run(self) -> None:
        try:
            async for attempt in attempts(
                self._policy,
                deadline=self._started + self._policy.max_silence_s,
                now=self._loop.time,
                random=random.random,
                sleep=asyncio.sleep,
                before_wait=self._report_retry,
            ):
                with attempt:
                    self._attempt = attempt.retry_state.attempt_number
                    await self._try_once()
        except AttemptFailed as failed:
            self._fail(failed)
        self._report_success()

    async def _try_once(self) -> None:
        """One attempt, which shares nothing with the one before.

        Raises:
            AttemptFailed: it failed, whatever the reason.
        """
        self._translator = Translator()
        clocks = self._clocks()
        exchange: Exchange | None = None
        try:
            async with clocks, AsyncExitStack() as stack:
                await self._claude._renew_api_key()
                exchange = await open_exchange(self._claude._client, self._request, clocks, stack)
                await self._stream(exchange, clocks)
        except Exception as exc:  # the one place where any exception gets its name
            raise await self._name(exc, clocks, exchange) from exc

    def _clocks(self) -> Clocks:
        deadline = self._started + self._policy.max_silence_s
        return Clocks(
            self._claude._timeouts,
            response_s=response_clock_s(
                self._attempt, self._policy, self._claude._timeouts, deadline - self._loop.time()
            ),
            silence_deadline=deadline,
            attempt_s=self._attempt_s,
            observed=is_observed(self._claude._client),
        )

    async def _stream(self, exchange: Exchange, clocks: Clocks) -> None:
        translator, seen = self._translator, 0
        while not translator.finished:
            events = await exchange.read()
            if events is None:
                break
            try:
                chunks = translator.feed(events)
            except StreamFault:
                # Text that came together with the fault goes on to a caller who heard what came
                # before it; otherwise it is dropped, and the next attempt starts clean.
                if translator.output_started:
                    self._send(translator.take_text())
                raise
            self._send(chunks)
            if translator.progress != seen:
                seen = translator.progress
                clocks.progressed(translator.activity)
        outcome, chunks = translator.finish(after_tool_result=_ends_with_tool_result(self._request))
        self._send(chunks)
        self._report_outcome(outcome)
        await exchange.drain()

    def _send(self, chunks: list[llm.ChatChunk]) -> None:
        for chunk in chunks:
            if self._first_output is None:
                self._first_output = self._loop.time()
            self._event_ch.send_nowait(chunk)

    async def _name(
        self, exc: Exception, clocks: Clocks, exchange: Exchange | None
    ) -> AttemptFailed:
        """*exc* as a named failure; the connections it came over are not used again."""
        evidence = Evidence(
            phase=clocks.phase,
            https=self._claude._client.base_url.scheme == "https",
            request_id=exchange.request_id if exchange is not None else None,
            private=self._private_texts,
        )
        failure = classify(exc, evidence)
        relink(exc)
        scrub(exc, failure)
        if failure.status is None or failure.status < 300:
            await fresh_connections(self._claude._client)
        heard = self._translator.output_started
        return AttemptFailed(failure, exc, retryable=failure.retryable and not heard)

    def _private_texts(self) -> Iterator[str]:
        """What must not appear in a message: the conversation, as it was sent."""
        return _texts((self._request.body.get("messages"), self._request.body.get("system")))

    # --- reports ------------------------------------------------------------------------------

    def _elapsed_s(self) -> float:
        return self._loop.time() - self._started

    def _report_retry(self, failed: AttemptFailed, attempt: int, wait_s: float) -> None:
        self._report_attempt(failed, wait_s)
        summary = f"attempt {attempt} failed, the next follows in {wait_s:.2f} s"
        self._emit_error(to_api_error(failed.failure, summary=summary), recoverable=True)
        # livekit suppresses the metrics of a stream whose last attempt has an error.
        self._current_attempt_has_error = False

    def _report_attempt(self, failed: AttemptFailed, wait_s: float | None) -> None:
        self._last_failure = failed.failure
        fields = self._call_log.attempt_failed(
            failed.failure, attempt=self._attempt, elapsed_s=self._elapsed_s(), wait_s=wait_s
        )
        known = {name: value for name, value in fields.items() if value is not None}
        trace.get_current_span().add_event("claude.attempt_failed", known)

    def _fail(self, failed: AttemptFailed) -> None:
        self._report_attempt(failed, None)
        elapsed_s = self._elapsed_s()
        translator, number = self._translator, self._attempt
        times = "1 attempt" if number == 1 else f"{number} attempts"
        if translator.output_started:
            self._call_log.call_interrupted(
                failed.failure,
                attempts=number,
                elapsed_s=elapsed_s,
                text_chars=translator.text_chars,
                tool_calls=translator.tool_calls,
            )
            summary = (
                f"the answer broke off after {translator.text_chars} characters and "
                f"{translator.tool_calls} tool calls ({times}, {elapsed_s:.1f} s)"
            )
        else:
            self._call_log.call_failed(failed.failure, attempts=number, elapsed_s=elapsed_s)
            summary = f"no answer from Claude after {times} in {elapsed_s:.1f} s"
        error = to_api_error(failed.failure, summary=summary)
        error.retryable = error.retryable and not translator.output_started
        raise error from failed.error

    def _report_success(self) -> None:
        if self._last_failure is None:
            return
        heard_at = self._first_output or self._loop.time()
        self._call_log.call_recovered(
            self._last_failure,
            attempts=self._attempt,
            elapsed_s=self._elapsed_s(),
            silence_s=heard_at - self._started,
        )

    def _report_outcome(self, outcome: Outcome) -> None:
        translator = self._translator
        self._event_ch.send_nowait(
            llm.ChatChunk(id=translator.message_id, usage=translator.usage.to_livekit())
        )
        if outcome not in (Outcome.COMPLETE, Outcome.STOP_SEQUENCE):
            self._call_log.outcome(
                outcome.value,
                stop_reason=translator.stop_reason,
                text_chars=translator.text_chars,
            )


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
    if isinstance(timeout, (int, float)):
        timeout = httpx2.Timeout(timeout)
    if not isinstance(timeout, httpx2.Timeout):
        raise TypeError(
            f"timeout must be resilient_claude.Timeouts or httpx2.Timeout, "
            f"got {type(timeout).__name__}"
        )
    default = Timeouts()
    read = timeout.read
    return Timeouts(
        connect_s=timeout.connect or default.connect_s,
        response_s=read or default.response_s,
        first_token_s=read or default.first_token_s,
        stall_s=read or default.stall_s,
        thinking_s=read or default.thinking_s,
    )


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


def _ends_with_tool_result(request: Request) -> bool:
    content = request.body["messages"][-1]["content"]
    return isinstance(content, list) and any(
        isinstance(block, dict) and block.get("type") == "tool_result" for block in content
    )


def _texts(value: object) -> Iterator[str]:
    """Every string in a piece of a request that is long enough to be speech."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


class _ResilientClaudePlugin(Plugin):
    """Makes LiveKit's worker import this module in its fork server, once for all jobs."""

    def __init__(self) -> None:
        super().__init__("resilient_claude", __version__, __name__, logger)


if threading.current_thread() is threading.main_thread():  # livekit registers nowhere else
    Plugin.register_plugin(_ResilientClaudePlugin())
