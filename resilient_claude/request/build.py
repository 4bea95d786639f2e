"""A chat context, its tools and the options, turned into one Messages API request.

Pure: values in, values out. What the API is known to reject is put right here or refused with a
message that names the argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import anthropic
from livekit.agents import llm
from livekit.agents.llm import ToolChoice
from livekit.agents.types import NOT_GIVEN, NotGivenOr

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.conversation import Conversation, conversation
from resilient_claude.request.history.fitting import NOT_MEDIA_BYTES
from resilient_claude.request.tools.all_tools import AllTools, all_tools
from resilient_claude.request.tools.choice import with_tool_choice
from resilient_claude.request.tools.definitions import (
    function_tools,
    stand_in_tools,
    tool_definitions,
)
from resilient_claude.request.tools.schemas import ToolDefinitions, ToolSchemas

from .caching import Marks, cache_control, lifetime_s, with_cache_marks
from .container import with_container
from .extra import Extra, overridden
from .fixed_fields import MCP_BETA, FixedFields
from .given import or_default
from .models import Model
from .request import Adjustment, Request
from .server_answers import ServerAnswers, with_server_answers
from .thinking import with_thinking, without_prefill

# SDK 1 marks a beta request in the URL as well; SDK 2, with the API version 2026-10-21, does not.
_BETA_QUERY = {"beta": "true"} if anthropic.__version__.startswith("1.") else {}


class Unbuildable(Fault):
    """No request can be made of a history; every turn of the call would fail by it.

    It is no argument of the programmer's, so it fails the turn as a response would: heard of by
    the session, which can say so to the caller.
    """

    def __init__(self, message: str) -> None:
        super().__init__(FailureKind.REJECTED, message, retryable=False, origin=Origin.CALLER)


def build_request(
    fixed: FixedFields,
    chat_ctx: llm.ChatContext,
    *,
    tools: Sequence[llm.Tool | llm.Toolset] = (),
    tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN,
    parallel_tool_calls: NotGivenOr[bool | None] = NOT_GIVEN,
    extra_kwargs: NotGivenOr[Mapping[str, Any] | None] = None,
    schemas: ToolSchemas,
    histories: HistoryCache | None = None,
    previous: Callable[[int], str | None] | None = None,
    answers: ServerAnswers | None = None,
) -> Request:
    """The request for one turn; *extra_kwargs* win over everything else, field by field.

    *fixed* is what all turns have in common; *schemas* and *histories* know what earlier ones have
    made of their tools and their history, *answers* what tools did at Anthropic's in them.
    *previous* knows the last message of a conversation by its number: with it, the API is asked why
    the prompt cache missed, if it did.

    Raises:
        Unbuildable: The history is one that nothing can be sent of, whatever the caller does.
        TypeError: An argument has the wrong type, or holds a value that is not JSON.
        ValueError: An argument has a value that no request can be built from.
    """
    extra = Extra.of(or_default(extra_kwargs, {}))
    made = partial(
        _made,
        fixed.with_extra(extra),
        extra,
        chat_ctx,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=parallel_tool_calls,
        schemas=schemas,
        histories=HistoryCache() if histories is None else histories,
        previous=previous,
        answers=answers,
    )
    request, media_bytes, most_bytes = made(not_media_bytes=NOT_MEDIA_BYTES)
    size = len(request.content())  # what cannot be sent is refused here, in the caller's frame
    if media_bytes and size > most_bytes:
        # Only now it is known how much room the rest leaves.
        request, *_ = made(not_media_bytes=size - media_bytes)
        request.content()
    return request


def _made(
    fixed: FixedFields,
    extra: Extra,
    chat_ctx: llm.ChatContext,
    *,
    tools: Sequence[llm.Tool | llm.Toolset],
    tool_choice: NotGivenOr[ToolChoice | None],
    parallel_tool_calls: NotGivenOr[bool | None],
    schemas: ToolSchemas,
    histories: HistoryCache,
    previous: Callable[[int], str | None] | None,
    answers: ServerAnswers | None,
    not_media_bytes: int,
) -> tuple[Request, int, int]:
    """The request, how much of it is images and documents, and how long it may be, in bytes."""
    options, model = fixed.options, fixed.model
    offered = tool_definitions(tools, schemas, strict=fixed.strict_tools, recipient=fixed.recipient)
    own_messages = "messages" in extra.fields
    history = _history(fixed, chat_ctx, histories, not_media_bytes)
    everything = all_tools(offered, fixed.body, fixed.toolsets, of_turn="tools" in extra.fields)
    run_before = chat_ctx.items if offered.runs_code else ()
    fields = _fields(fixed, history, everything.fields, run_before)
    body, unsent = _completed(
        fields,
        history,
        model,
        own_messages=own_messages,
        choice=or_default(tool_choice, options.tool_choice),
        parallel=or_default(parallel_tool_calls, options.parallel_tool_calls),
        caching=options.caching,
        answers=answers,
    )
    cached_s = None if options.caching is None else lifetime_s(cache_control(options.caching))
    if cached_s is not None and previous is not None:
        body = {"diagnostics": {"previous_message_id": previous(history.number)}} | body
    unsent = {"strict_tool_schema": offered.not_strict, **unsent, "timeout": extra.no_timeout}
    betas = _betas(fixed, offered)
    body = _in_sdk_order(body, last=fixed.last)
    request = Request(
        body=body,
        built=body,
        headers=_headers(fixed, betas),
        query=(_BETA_QUERY if betas and not fixed.platform.model_in_url else {}) | extra.query,
        adjustments=fixed.adjustments + _adjustments(unsent, everything, history),
        timeout_s=extra.timeout_s,
        asked=model,
        aliases=offered.aliases,
        notes=fixed.notes,
        known_json=history.known_json,
        conversation=history.number,
        cached_s=cached_s,
        repeatable=offered.repeatable,
        preparations=history.preparations,
    )
    return request, 0 if own_messages else history.media_bytes, fixed.media_limits.request_bytes


def _history(
    fixed: FixedFields,
    chat_ctx: llm.ChatContext,
    histories: HistoryCache,
    not_media_bytes: int,
) -> Conversation:
    """What *chat_ctx* becomes; raises Unbuildable."""
    cut = fixed.options.caching is not None
    try:
        return conversation(
            chat_ctx,
            fixed.model,
            histories,
            cut=cut,
            limits=fixed.media_limits,
            not_media_bytes=not_media_bytes,
        )
    except Exception as exc:  # a history may hold anything, and must not end the call
        raise Unbuildable("the history cannot be turned into messages") from exc


def build_schemas(
    fixed: FixedFields, tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas
) -> Iterator[None]:
    """Build what *schemas* lacks of *tools*, one tool with each step: there may be a lot to do."""
    for _ in schemas.definitions(function_tools(tools), strict=fixed.strict_tools):
        yield


def _fields(
    fixed: FixedFields,
    history: Conversation,
    tools: dict[str, Any],
    run_before: Sequence[llm.ChatItem],
) -> dict[str, Any]:
    """The body before the steps that depend on all of it; code is run where *run_before* was."""
    body = {"messages": history.messages, **fixed.body, **tools}
    if history.system and "system" not in body:
        body["system"] = history.system
    return with_container(body, run_before) if run_before else body


def _completed(
    body: dict[str, Any],
    history: Conversation,
    model: Model,
    *,
    own_messages: bool,
    choice: ToolChoice | None,
    parallel: bool | None,
    caching: Mapping[str, Any] | str | None,
    answers: ServerAnswers | None,
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """*body* with what depends on the rest of it, and why some of that is not as it was asked for.

    Each step makes a new body and leaves the one before as it is. They stand in this order because
    a tool choice may be forced where thinking is left out, stand-ins are no tools to choose from,
    and breakpoints go to the ends of what is sent. Messages of the caller's own stay as they are.
    """
    no_thinking, stand_ins = None, dict[str, Any]()
    if not own_messages:
        stand_ins = {} if body.get("tools") else stand_in_tools(history.names)
        if answers:
            body = with_server_answers(body, answers, model)
        body, no_thinking = with_thinking(body, history.calls, model)
        body = without_prefill(body, model)
    body, other_choice = with_tool_choice(body, model, choice=choice, parallel=parallel)
    if stand_ins:
        body = body | stand_ins
    if caching is not None or history.system_breakpoints or history.breakpoints:
        own_system = body.get("system") is not history.system
        marks = Marks(
            control=cache_control(caching),
            prefix=caching is not None,
            turns=caching is not None,
            shared=0 if own_system else history.shared,
            system=() if own_system else history.system_breakpoints,
            messages=() if own_messages else history.breakpoints,
        )
        body = with_cache_marks(body, marks, own_messages=own_messages)
    return body, {"thinking": no_thinking, "tool_choice": other_choice}


def _adjustments(
    unsent: Mapping[str, str | None], tools: AllTools, history: Conversation
) -> tuple[Adjustment, ...]:
    if not (any(unsent.values()) or tools.left_out or history.left_out):  # as in most turns
        return ()
    return (
        *(Adjustment(name, why) for name, why in unsent.items() if why),
        *(Adjustment("tools", why) for why in tools.left_out),
        *(Adjustment("chat_ctx", f"not sent: {what}") for what in history.left_out),
    )


def _betas(fixed: FixedFields, offered: ToolDefinitions) -> tuple[str, ...]:
    if not (offered.betas or offered.mcp_servers):  # as in most turns
        return fixed.betas
    betas = dict.fromkeys((*fixed.betas, *offered.betas))
    if offered.mcp_servers and not any(beta.startswith("mcp-client-") for beta in betas):
        betas[MCP_BETA] = None
    return tuple(betas)


def _headers(fixed: FixedFields, betas: Sequence[str]) -> dict[str, str]:
    if not betas:
        return {**fixed.headers}
    return overridden({"anthropic-beta": ",".join(betas)}, fixed.headers)


def _in_sdk_order(body: dict[str, Any], *, last: tuple[str, ...]) -> dict[str, Any]:
    return {key: body[key] for key in _sdk_order(tuple(body), last)}


@lru_cache(maxsize=64)
def _sdk_order(fields: tuple[str, ...], last: tuple[str, ...]) -> tuple[str, ...]:
    """The order of `create()`: required fields, the others by name, what it does not know."""
    first = ("max_tokens", "messages", "model")
    between = sorted({*fields} - {*first, *last})
    return tuple(key for key in (*first, *between, *last) if key in fields)
