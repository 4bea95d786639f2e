"""`ResilientClaudeLLM`: Claude for LiveKit agents, with the attempt loop below the framework.

Longer than other modules, because every argument of the constructor is documented here.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

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

from resilient_claude.policy.retry_policy import RetryPolicy, policy_of
from resilient_claude.policy.timeouts import Timeouts, timeouts_of
from resilient_claude.request.argument_checks import alternatives
from resilient_claude.request.given import or_default
from resilient_claude.request.model_ids import did_you_mean, did_you_mean_on_bedrock
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import BEDROCK, BEDROCK_MESSAGES
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.warming import static_text
from resilient_claude.telemetry.ending_models import ENDING_MODELS
from resilient_claude.telemetry.log import (
    handler_failed,
    logger,
    make_logger,
    model_unknown,
    request_adjusted,
)
from resilient_claude.transport.sdk import platform_asked, tells_cache_misses
from resilient_claude.transport.target import ApiKey, Target
from resilient_claude.turn.livekit_internals import call_alone, handlers_of
from resilient_claude.turn.pricing import check_prices, prices_of
from resilient_claude.turn.rehearsal import Rehearsal, check_tools
from resilient_claude.turn.requests import TurnRequests
from resilient_claude.turn.settings import TurnSettings
from resilient_claude.turn.stream import ResilientClaudeStream
from resilient_claude.version import __version__

if TYPE_CHECKING:
    from anthropic.types import (
        CacheControlEphemeralParam,
        MetadataParam,
        ModelParam,
        OutputConfigParam,
    )
    from livekit.agents.llm.chat_context import Instructions

    from resilient_claude.request.model_facts import Effort
    from resilient_claude.response.prices import Prices
    from resilient_claude.telemetry.events import WarmedCache
    from resilient_claude.transport.sdk import AnyClient

_BEDROCKS = (BEDROCK, BEDROCK_MESSAGES)
_OF_AWS = (".amazonaws.com", ".api.aws")  # and not a gateway, which may have names of its own


_Event: TypeAlias = Literal["claude_turn_ended", "claude_thinking", "claude_progress"]


class ResilientClaudeLLM(llm.LLM[_Event]):
    """Claude for `AgentSession(llm=...)`, in place of `livekit.plugins.anthropic.LLM`.

    Args:
        model: id of a Claude model. One that Anthropic's API is unlikely to know, such as a
            gateway's, is one warning if that is where requests go; so is Anthropic's own on Amazon
            Bedrock.
        api_key: an Anthropic API key, or a function that returns one (awaited if need be), called
            for every attempt, so that keys can rotate. Default: `ANTHROPIC_API_KEY`.
        base_url: where the Messages API is. Default: `ANTHROPIC_BASE_URL`, else Anthropic's.
        user: an opaque id of the end user, sent as `metadata.user_id`; no address or name.
        client: a client of the SDK to use instead: Bedrock, Vertex, a proxy, your own transport.
            It needs no API key here, and it is yours to close. Its own key and address count: an
            `api_key` or `base_url` beside it is one warning.
        model_like: id of the model that *model* is like, with its version, where its own id does
            not say so: an ARN, a deployment, a gateway's alias.
        thinking: what the API takes, such as `{"type": "adaptive"}`; None sends nothing. Default:
            what lets the model speak early, see docs/parameters.md.
        effort: how much Claude puts into an answer; None sends nothing. Default: "low" for models
            that think by default, else nothing.
        progress: what becomes of what Claude notes while it works, between calls of tools: "speak",
            "event" or "off". On models that write it as text, it is text.
        top_k: sent as it is to models that accept it, else left out with one warning.
        top_p: likewise.
        max_tokens: longest answer with its thinking, in tokens. Default: 1024 where nothing thinks,
            else 8192.
        temperature: from 0 to 1; sent to models that accept it, else left out with one warning.
        stop_sequences: texts that end an answer.
        output_config: format of the answer and effort, as the API takes them.
        metadata: `{"user_id": ...}`, as *user*.
        speed: "fast" on the models that have it; tokens come faster, the first one does not.
        service_tier: "auto" or "standard_only".
        inference_geo: where the model runs, such as "us".
        mcp_servers: servers whose tools the API calls by itself, as it takes them; their toolsets
            and the beta are added.
        betas: names of betas to switch on.
        extra_headers: headers of every request.
        extra_body: fields of every request's body, beyond these arguments; not the model.
        parallel_tool_calls: whether Claude may call several tools at once.
        tool_choice: "auto", "required", "none" or a named function.
        caching: "ephemeral" caches tools, instructions and the conversation at the API for five
            minutes after their last use, `{"type": "ephemeral", "ttl": "1h"}` for an hour.
        prices: what models cost, by their ids, where it is not what Anthropic asks or not known:
            `{"my-alias": Prices(input=3, output=15)}`, written as in *model*.
            `TurnEnded.cost_usd` is made of them.
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
        ValueError: an argument has a value that cannot work, or that the model rejects; its message
            says what to do, or what the model takes.
    """

    def __init__(
        self,
        *,
        model: ModelParam = "claude-sonnet-4-6",
        api_key: NotGivenOr[ApiKey | None] = NOT_GIVEN,
        base_url: NotGivenOr[str | None] = NOT_GIVEN,
        user: NotGivenOr[str] = NOT_GIVEN,
        client: AnyClient | None = None,
        model_like: NotGivenOr[str | None] = NOT_GIVEN,
        thinking: NotGivenOr[Mapping[str, Any] | None] = NOT_GIVEN,
        effort: NotGivenOr[Effort | None] = NOT_GIVEN,
        progress: NotGivenOr[Literal["speak", "event", "off"]] = NOT_GIVEN,
        top_k: NotGivenOr[int] = NOT_GIVEN,
        top_p: NotGivenOr[float] = NOT_GIVEN,
        max_tokens: NotGivenOr[int | None] = NOT_GIVEN,
        temperature: NotGivenOr[float] = NOT_GIVEN,
        stop_sequences: NotGivenOr[Sequence[str]] = NOT_GIVEN,
        output_config: NotGivenOr[OutputConfigParam] = NOT_GIVEN,
        metadata: NotGivenOr[MetadataParam] = NOT_GIVEN,
        speed: NotGivenOr[Literal["standard", "fast"]] = NOT_GIVEN,
        service_tier: NotGivenOr[Literal["auto", "standard_only"]] = NOT_GIVEN,
        inference_geo: NotGivenOr[str] = NOT_GIVEN,
        mcp_servers: NotGivenOr[Sequence[Mapping[str, Any]]] = NOT_GIVEN,
        betas: NotGivenOr[Sequence[str]] = NOT_GIVEN,
        extra_headers: NotGivenOr[Mapping[str, str]] = NOT_GIVEN,
        extra_body: NotGivenOr[Mapping[str, Any]] = NOT_GIVEN,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        caching: NotGivenOr[Literal["ephemeral"] | CacheControlEphemeralParam] = NOT_GIVEN,
        prices: NotGivenOr[Mapping[str, Prices]] = NOT_GIVEN,
        timeout: NotGivenOr[Timeouts | httpx2.Timeout | float | None] = NOT_GIVEN,
        max_retries: NotGivenOr[int] = NOT_GIVEN,
        retry: RetryPolicy | None = None,
        filter_thinking: bool = False,
        logger: Any = None,
        _strict_tool_schema: bool = True,
    ) -> None:
        super().__init__()
        options = RequestOptions.of(
            model=model,
            model_like=model_like,
            thinking=thinking,
            effort=effort,
            progress=progress,
            user=user,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            max_tokens=max_tokens,
            stop_sequences=stop_sequences,
            output_config=output_config,
            metadata=metadata,
            speed=speed,
            service_tier=service_tier,
            inference_geo=inference_geo,
            mcp_servers=mcp_servers,
            betas=betas,
            extra_headers=extra_headers,
            extra_body=extra_body,
            parallel_tool_calls=parallel_tool_calls,
            tool_choice=tool_choice,
            caching=caching,
            _strict_tool_schema=_strict_tool_schema,
        )
        policy = policy_of(retry, max_retries)
        timeouts = timeouts_of(timeout, max_silence_s=policy.max_silence_s)
        if not isinstance(filter_thinking, bool):
            raise TypeError(f"filter_thinking must be a bool, got {filter_thinking!r}")
        self._log = make_logger(logger)
        target = Target.of(client=client, api_key=api_key, base_url=base_url)
        self._begin(
            options, target, policy, timeouts, filter_thinking=filter_thinking, prices=prices
        )
        if client is not None:
            self._say_what_is_unused(api_key=api_key, base_url=base_url)

    def _say_what_is_unused(self, **others: Any) -> None:
        """One line if there are arguments beside a client that counts for them."""
        unused = [name for name, value in others.items() if or_default(value, None) is not None]
        if unused:
            reason = "not used: those of client= are"
            request_adjusted(self._log, " and ".join(unused), reason, model=self.model)

    def _begin(
        self,
        options: RequestOptions,
        target: Target,
        policy: RetryPolicy,
        timeouts: Timeouts,
        *,
        filter_thinking: bool,
        prices: NotGivenOr[Mapping[str, Prices]],
    ) -> None:
        """Make what the turns are played with."""
        self._settings = settings = TurnSettings(
            target=target,
            policy=policy,
            timeouts=timeouts,
            filter_thinking=filter_thinking,
            prices=check_prices(or_default(prices, {})),
        )
        self._target = target
        self._schemas = ToolSchemas()
        self._requests = TurnRequests(
            options,
            self._schemas,
            self._log,
            platform=platform_asked(target.client),
            host=target.provider,
            diagnoses=tells_cache_misses(target.provider),
        )
        self._rehearsal = Rehearsal(target, self._requests, settings.timeouts, self._log)
        self._warming: set[asyncio.Task[None]] = set()
        self._streams: weakref.WeakSet[ResilientClaudeStream] = weakref.WeakSet()
        self._closed = False
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._question_model()
        self._question_prices()

    def _question_model(self) -> None:
        """One line if Anthropic's API or Bedrock is unlikely to know the model, or not for long."""
        model, platform = self._requests.model, platform_asked(self.client)
        meant = None
        if self.provider.endswith("anthropic.com"):
            meant = did_you_mean(self.model)
            if model.facts.status == "retired":
                ENDING_MODELS.tell(self._log, model.id, lifecycle="retired", retires_at=None)
        elif platform in _BEDROCKS and self.provider.endswith(_OF_AWS):
            meant = did_you_mean_on_bedrock(self.model)
        if meant is not None:
            model_unknown(self._log, model=self.model, suggestion=meant)
        if platform.anthropic_dates:
            ENDING_MODELS.tell_if_known(self._log, model.id, model.facts.retires, date.today())

    def _question_prices(self) -> None:
        """One line if there are prices, but not of the model."""
        model, given = self._requests.model, self._settings.prices
        if given and model.id not in given:
            count = "Anthropic's count" if prices_of(model, given) else "it has no cost"
            reason = f"have none of {model.id}, as it is written in model=: {count}"
            request_adjusted(self._log, "prices", reason, model=model.id)

    @property
    def model(self) -> str:
        """The model's id, as given."""
        return self._requests.options.model

    @property
    def provider(self) -> str:
        """Host, and port if it is not the default, that requests go to."""
        return self._target.provider

    @property
    def retry(self) -> RetryPolicy:
        """When and how often it tries again."""
        return self._settings.policy

    @property
    def timeouts(self) -> Timeouts:
        """The clocks of an attempt."""
        return self._settings.timeouts

    @property
    def client(self) -> AnyClient:
        """The SDK's client, with the key that was last given."""
        return self._target.client

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
            RuntimeError: `aclose()` was called, no event loop is running, or another one has used
                the adapter.
            TypeError: something cannot be sent; the message names it.
            ValueError: likewise.
        """
        self._check_usable()
        if not isinstance(chat_ctx, ChatContext):
            raise TypeError(f"chat_ctx must be livekit's ChatContext, got {_kind(chat_ctx)}")
        if not isinstance(conn_options, APIConnectOptions):
            raise TypeError(
                f"conn_options must be livekit's APIConnectOptions, got {_kind(conn_options)}"
            )
        request = self._requests.make(
            chat_ctx,
            tools=tools or (),
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            extra_kwargs=extra_kwargs,
        )
        stream = ResilientClaudeStream(
            self,
            request,
            self._settings,
            requests=self._requests,
            chat_ctx=chat_ctx,
            tools=tools or [],
            conn_options=conn_options,
            logger=self._log,
            emit=self.emit,
        )
        self._streams.add(stream)
        return stream

    def update_options(
        self,
        *,
        model: NotGivenOr[ModelParam] = NOT_GIVEN,
        model_like: NotGivenOr[str | None] = NOT_GIVEN,
        temperature: NotGivenOr[float | None] = NOT_GIVEN,
        max_tokens: NotGivenOr[int | None] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN,
        thinking: NotGivenOr[Mapping[str, Any] | None] = NOT_GIVEN,
        effort: NotGivenOr[Effort | None] = NOT_GIVEN,
        caching: NotGivenOr[Literal["ephemeral"] | CacheControlEphemeralParam | None] = NOT_GIVEN,
        user: NotGivenOr[str | None] = NOT_GIVEN,
        retry: NotGivenOr[RetryPolicy] = NOT_GIVEN,
        timeout: NotGivenOr[Timeouts | httpx2.Timeout | float] = NOT_GIVEN,
    ) -> None:
        """Change arguments of the constructor, in mid-call if need be.

        Turns that begin from now on take the new ones; those that run keep theirs. What is not
        given stays as it is; None takes an argument back, as if the constructor had not been given
        it, but that for *thinking* and *effort* it sends nothing, as there. Another *model* is like
        none but itself, unless *model_like* says so. The first turn with another model, thinking,
        effort or tool choice finds less in the prompt cache.

        Raises:
            TypeError: an argument has the wrong type; nothing has changed.
            ValueError: an argument has a value that cannot work, or that the model rejects, also
                one that was given before: give None beside the model. Nothing has changed.
        """
        if is_given(model) and not is_given(model_like):
            model_like = None
        changes: dict[str, Any] = {
            "model": model,
            "model_like": model_like,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "tool_choice": tool_choice,
            "thinking": thinking,
            "effort": effort,
            "caching": caching,
            "user": user,
        }
        given = {name: value for name, value in changes.items() if is_given(value)}
        policy = policy_of(retry, NOT_GIVEN) if is_given(retry) else self.retry
        timeouts = timeouts_of(
            timeout if is_given(timeout) else self.timeouts, max_silence_s=policy.max_silence_s
        )
        before = self.model
        self._requests.change(replace(self._requests.options, **given))
        self._settings = replace(self._settings, policy=policy, timeouts=timeouts)
        self._rehearsal.timeouts = timeouts
        if self.model != before:
            self._question_model()
            self._question_prices()

    def on(self, event: Any, callback: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Call *callback* at each *event*, or be a decorator without one; as livekit's.

        Raises:
            ValueError: no event that begins with "claude" is called so: it would never come. Or, as
                livekit says, *callback* is async.
        """
        if str(event).startswith("claude") and event not in get_args(_Event):
            raise ValueError(f"event must be {alternatives(get_args(_Event))}, got {event!r}")
        return super().on(event, callback)

    def emit(self, event: Any, *arguments: Any) -> None:
        """Tell the application's handlers of *event*, each by itself: what one raises ends nothing.

        livekit logs what a handler raises, but lets a TypeError out, and with it every handler that
        comes later goes without the event. Source: livekit/rtc/event_emitter.py, `emit`.
        """
        for handler in handlers_of(self, event):
            try:
                call_alone(handler, event, *arguments)
            except (TypeError, asyncio.CancelledError) as exc:
                handler_failed(self._log, exc, event=str(event))

    async def aclose(self) -> None:
        """Cancel a prewarm, end running turns with an error, and close a client of our own."""
        self._closed = True
        self._target.refuse_attempts()
        await super().aclose()
        await aio.cancel_and_wait(*self._warming)
        # Before the client: a turn that found it closed would take that for a bug.
        await asyncio.gather(*[stream.abort() for stream in list(self._streams)])
        await self._target.aclose()

    def prewarm(
        self,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        tools: Sequence[Tool | Toolset] = (),
    ) -> None:
        """Begin to `warm` in the background.

        Returns at once; what fails is not reported, since the first turn will report it. livekit's
        session calls it as well, but without the tools: without any, it warms once.

        Args:
            loop: where it runs; default: the current event loop.
            tools: see `warm`.

        Raises:
            RuntimeError: no *loop* is given, and none is running.
            TypeError: *tools* holds something else.
        """
        check_tools(tools)
        loop = loop or _running_loop()
        if tools and not self._closed:
            task = loop.create_task(self._build_quietly(tools))
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)
        super().prewarm(loop=loop)

    async def warm(self, *, tools: Sequence[Tool | Toolset] = ()) -> None:
        """Prepare the first turn, without spending a token: schemas, imports, connection, key.

        Args:
            tools: the agent's (`agent.tools`). Their schemas, 0.5 to 2 ms of CPU each, are built
                one by one while others run, instead of all at once in the first turn.

        Raises:
            RuntimeError: `aclose()` was called, or another event loop has used the adapter.
            TypeError: *tools* holds something else.
            livekit.agents.APIError: there is no connection, or the key is refused; `failure_of`
                tells why.
        """
        check_tools(tools)
        self._check_usable()
        await self._rehearsal.build_tools(tools)
        await self._rehearsal.connect()

    async def warm_cache(
        self,
        instructions: str | Instructions,
        tools: Sequence[Tool | Toolset] = (),
    ) -> WarmedCache:
        """Write what all calls share into the API's prompt cache, before the first of them.

        One request that does not stream and asks for no answer; what is written is billed. Its
        caller's first word comes sooner, and calls from then on read it, as long as the API keeps
        it. Of livekit's `Instructions`, what is told of one call alone is left out.

        Args:
            instructions: the agent's (`agent.instructions`).
            tools: likewise (`agent.tools`).

        Raises:
            RuntimeError: `aclose()` was called, or another event loop has used the adapter.
            TypeError: one of the arguments is something else.
            ValueError: the instructions are blank, or the options are such as warm no cache.
            livekit.agents.APIError: there was no answer; `failure_of` tells why.
        """
        check_tools(tools)
        text = static_text(instructions)
        self._check_usable()
        return await self._rehearsal.warm_cache(text, tools, self._settings.prices)

    def _check_usable(self) -> None:
        if self._closed:
            raise RuntimeError("this ResilientClaudeLLM is closed: make a new one")
        loop = _running_loop()
        if self._loop is None:
            self._loop = weakref.ref(loop)
        if self._loop() is not loop:
            raise RuntimeError(
                "this ResilientClaudeLLM belongs to another event loop, to which its connections "
                "are bound: make one for each loop, such as one for each job"
            )

    async def _prewarm_impl(self) -> None:  # livekit calls it in a task, and drops what it raises
        self._check_usable()
        await self._rehearsal.connect()

    async def _build_quietly(self, tools: Sequence[Tool | Toolset]) -> None:
        with suppress(Exception):  # whatever it is, `chat()` will raise it to somebody who cares
            await self._rehearsal.build_tools(tools)


def _running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that runs.

    livekit would take one that nobody runs, and `aclose()` would wait for its task for ever.

    Raises:
        RuntimeError: there is none; the message says where there is one.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError as exc:
        raise RuntimeError(
            "no running event loop: call this in a coroutine, such as the entrypoint of a job"
        ) from exc


def _kind(value: object) -> str:
    return type(value).__name__


class _ResilientClaudePlugin(Plugin):
    """Makes LiveKit's worker import `preload` in its fork server, once for all jobs."""

    def __init__(self) -> None:
        super().__init__("resilient_claude", __version__, "resilient_claude.preload", logger)


if threading.current_thread() is threading.main_thread():  # livekit registers nowhere else
    Plugin.register_plugin(_ResilientClaudePlugin())
