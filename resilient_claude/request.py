"""A chat context, its tools and the options, turned into one Messages API request.

Pure: values in, values out. What the API is known to reject is put right here or refused with a
message that names the argument.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import anthropic
from livekit.agents import llm
from livekit.agents.llm import ToolChoice
from livekit.agents.types import NOT_GIVEN, NotGiven, NotGivenOr
from pydantic import BaseModel

from .history import conversation, finite, prefix_of, put_back_thinking, thinking_mode
from .models import Model
from .tools import (
    Definition,
    ToolSchemas,
    add_tool_choice,
    api_tool_choice,
    stand_in_tools,
    tool_definitions,
)

__all__ = [
    "Adjustment",
    "Request",
    "RequestOptions",
    "ToolSchemas",
    "build_request",
    "continued",
    "resumed",
]

_SAMPLING = ("temperature", "top_k", "top_p")
# The only version under which the sampling arguments exist; from 2026-10-21 on they are a 400.
_SAMPLING_VERSION = {"anthropic-version": "2023-06-01"}
# SDK 1 marks a beta request in the URL as well; SDK 2, with the API version 2026-10-21, does not.
_BETA_QUERY = {"beta": "true"} if anthropic.__version__.startswith("1.") else {}
_MAX_BREAKPOINTS = 4
# Source: platform.claude.com/docs/en/build-with-claude/prompt-caching, "What cannot be cached".
_UNCACHEABLE = ("thinking", "redacted_thinking")
# Source: anthropic/resources/messages/messages.py, `create`: arguments that travel as headers.
_HEADER_ARGUMENTS = {
    "user_profile_id": "anthropic-user-profile-id",
    "workspace_id": "anthropic-workspace-id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The constructor's arguments that shape a request; None leaves the API's default.

    Raises:
        ValueError: An argument is outside what the API accepts; the message names it.
    """

    model: str
    user: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    max_tokens: int = 1024
    parallel_tool_calls: bool | None = None
    tool_choice: ToolChoice | None = None
    caching: Literal["ephemeral"] | None = None
    strict_tool_schema: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model.strip():
            raise ValueError(f"model must be a model id, got {self.model!r}")
        if not _is_int(self.max_tokens) or self.max_tokens < 1:
            raise ValueError(f"max_tokens must be >= 1, got {self.max_tokens!r}")
        if self.temperature is not None and not (
            _is_number(self.temperature) and 0 <= self.temperature <= 1
        ):
            raise ValueError(f"temperature must be from 0 to 1, got {self.temperature!r}")
        if self.top_k is not None and not (_is_int(self.top_k) and self.top_k >= 0):
            raise ValueError(f"top_k must be >= 0, got {self.top_k!r}")
        if self.caching not in (None, "ephemeral"):
            raise ValueError(f'caching must be "ephemeral" or None, got {self.caching!r}')
        if self.tool_choice is not None:
            api_tool_choice(self.tool_choice)


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An argument that could not be sent as given, and why; for the caller to log once."""

    argument: str
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """One Messages API request, ready to be sent any number of times; never changed in place.

    Attributes:
        body: The JSON body, in the SDK's key order.
        headers: Headers beyond the client's own.
        query: Query parameters.
        adjustments: What had to be changed.
        timeout_s: The caller's own timeout for this call, seconds.
    """

    body: dict[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, object]
    adjustments: tuple[Adjustment, ...] = ()
    timeout_s: float | None = None
    _content: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def content(self) -> bytes:
        """The body as the SDK would encode it; encoded once.

        Raises:
            TypeError: A field of the body is not JSON; the message names the field.
        """
        if self._content is None:
            object.__setattr__(self, "_content", _encode(self.body))
        assert self._content is not None
        return self._content

    def prefix(self) -> str:
        """What the thinking of the answer is bound to, for its record; see `put_back_thinking`."""
        return prefix_of(self.body, len(self.body["messages"]))


def build_request(
    options: RequestOptions,
    chat_ctx: llm.ChatContext,
    *,
    tools: Sequence[llm.Tool | llm.Toolset] = (),
    tool_choice: NotGivenOr[ToolChoice | None] = NOT_GIVEN,
    parallel_tool_calls: NotGivenOr[bool | None] = NOT_GIVEN,
    extra_kwargs: NotGivenOr[Mapping[str, Any] | None] = None,
    schemas: ToolSchemas,
) -> Request:
    """The request for one turn; *extra_kwargs* win over everything else.

    Raises:
        TypeError: An argument has the wrong type, or holds a value that is not JSON.
        ValueError: An argument has a value that no request can be built from.
    """
    extra = _Extra.of(_given(extra_kwargs, None) or {})
    model = Model.parse(extra.fields.get("model", options.model))
    strict = options.strict_tool_schema and model.accepts_strict_tools
    definitions, tool_betas, not_strict = tool_definitions(tools, schemas, strict=strict)
    sampling, unsent_sampling = _sampling(options, extra, model)
    messages, system = conversation(chat_ctx, model)
    body = {"max_tokens": options.max_tokens, "messages": messages, "model": options.model}
    body |= {"stream": True} | ({"system": system} if system else {})
    body |= {"tools": definitions} if definitions else {}
    body |= sampling | extra.fields
    if options.user is not None:
        body["metadata"] = {"user_id": options.user, **extra.fields.get("metadata", {})}
    unsent = {"strict_tool_schema": not_strict, **unsent_sampling}
    if "messages" not in extra.fields:
        unsent["thinking"] = put_back_thinking(body, chat_ctx, model)
    choice = _given(tool_choice, options.tool_choice)
    parallel = _given(parallel_tool_calls, options.parallel_tool_calls)
    unsent["tool_choice"] = add_tool_choice(body, model, choice=choice, parallel=parallel)
    if "messages" not in extra.fields and not body.get("tools"):
        body |= stand_in_tools(messages)
    if options.caching:
        _mark_cache_breakpoints(body)
    unsent["timeout"] = extra.no_timeout
    betas = tuple(dict.fromkeys((*extra.betas, *tool_betas)))
    request = Request(
        body=_in_sdk_order(body, last=(*sampling, *extra.body_only)),
        headers=_headers(body, betas, extra),
        query=(_BETA_QUERY if betas else {}) | extra.query,
        adjustments=tuple(Adjustment(name, why) for name, why in unsent.items() if why),
        timeout_s=extra.timeout_s,
    )
    request.content()  # what cannot be sent is refused here, in the caller's frame
    return request


def continued(
    request: Request, content: list[dict[str, Any]], *, container: str | None = None
) -> Request:
    """*request*, to go on after the *content* that Claude paused at (`pause_turn`).

    Args:
        request: What was answered with *content*.
        content: The answer's content blocks so far, as the API sent them.
        container: Where its server tools run, unless the request names one itself.
    """
    # A breakpoint would be one more than counted; blank text is a 400.
    blocks = [
        {key: finite(value) for key, value in block.items() if key != "cache_control"}
        for block in content
        if block.get("type") != "text" or block["text"].strip()
    ]
    messages = _appended(request.body["messages"], "assistant", blocks)
    body = request.body | {"messages": messages}
    if container is not None and body.get("container") is None:
        body["container"] = container
    return replace(request, body=body)


def resumed(request: Request, said: str, *, instruction: str) -> Request:
    """*request*, to go on with an answer that broke off.

    A model that continues an assistant message gets one; the others are asked to go on.

    Args:
        request: What was being answered.
        said: How much of the answer was heard; if nothing was, the request is as good as it is.
        instruction: How to ask, with `{said}` and `{last_words}` (the last three words of it).
    """
    if not said.strip():
        return request
    messages = request.body["messages"]
    model = Model.parse(request.body["model"])
    if model.accepts_prefill and thinking_mode(request.body, model) == "off":
        # "final assistant content cannot end with trailing whitespace"
        messages = _appended(messages, "assistant", [{"type": "text", "text": said.rstrip()}])
    else:
        values = {"{said}": said, "{last_words}": " ".join(said.split()[-3:])}
        # In one pass, so that nothing in what was said is taken for a placeholder.
        text = re.sub(r"\{(?:said|last_words)\}", lambda found: values[found[0]], instruction)
        messages = _appended(messages, "user", [{"type": "text", "text": text}])
    return replace(request, body=request.body | {"messages": messages})


@dataclass(frozen=True, slots=True)
class _Extra:
    """`extra_kwargs`, taken apart the way the SDK's `create()` takes its arguments apart.

    Attributes:
        fields: Fields of the body, without the sampling arguments given outside `extra_body`.
        body_only: Those of `extra_body` alone, which the SDK puts last.
        sampling: The sampling arguments given outside `extra_body`.
        no_timeout: Why there is no `timeout_s` although one was given.
    """

    fields: dict[str, Any]
    body_only: tuple[str, ...]
    sampling: dict[str, Any]
    headers: dict[str, str]
    query: dict[str, object]
    betas: tuple[str, ...]
    timeout_s: float | None
    no_timeout: str | None

    @classmethod
    def of(cls, extra_kwargs: Mapping[str, Any]) -> _Extra:
        extra = {key: value for key, value in extra_kwargs.items() if not _is_absent(value)}
        headers = {
            _HEADER_ARGUMENTS[key]: extra.pop(key) for key in _HEADER_ARGUMENTS & extra.keys()
        }
        headers = _overridden(headers, _popped_mapping(extra, "extra_headers"))
        query = _popped_mapping(extra, "extra_query")
        extra_body = _popped_mapping(extra, "extra_body")
        betas = extra.pop("betas", None) or ()
        betas = tuple(betas) if isinstance(betas, Iterable) and not isinstance(betas, str) else (0,)
        if not all(isinstance(beta, str) for beta in betas):
            raise TypeError("betas must be a list of strings")
        timeout = extra.pop("timeout", None)
        no_timeout = None
        if timeout is not None and not _is_number(timeout):
            no_timeout = f"ignored: must be a number of seconds, got {type(timeout).__name__}"
            timeout = None
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be > 0, got {timeout!r}")
        sampling = {name: extra.pop(name) for name in _SAMPLING if name in extra}
        fields = extra | extra_body
        if fields.get("stream", True) is not True:
            raise ValueError("stream must stay true: only streams are read here")
        if not isinstance(fields.get("model", ""), str):
            raise TypeError(f"model must be a string, got {type(fields['model']).__name__}")
        if not isinstance(fields.get("metadata", {}), Mapping):
            raise TypeError(f"metadata must be a dict, got {type(fields['metadata']).__name__}")
        last = tuple(key for key in extra_body if key not in extra)
        return cls(fields, last, sampling, headers, query, betas, timeout, no_timeout)


def _sampling(
    options: RequestOptions, extra: _Extra, model: Model
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """The sampling arguments to send, and why the API would reject each that is left out."""
    wanted = {"temperature": options.temperature, "top_k": options.top_k} | extra.sampling
    wanted = {name: value for name, value in wanted.items() if value is not None}
    unsent: dict[str, str | None] = {}
    if not model.accepts_sampling:
        unsent = dict.fromkeys(wanted, f"not sent: model {model.id} rejects it")
    elif thinking_mode(extra.fields, model) != "off":
        # Source: platform.claude.com/docs/en/build-with-claude/thinking, "Sampling parameters"; a
        # top_p from 0.95 on is allowed there.
        rejected = (name for name in wanted if name != "top_p")
        unsent = dict.fromkeys(rejected, "not sent: it cannot be combined with thinking")
    return {name: value for name, value in wanted.items() if name not in unsent}, unsent


def _mark_cache_breakpoints(body: dict[str, Any]) -> None:
    """Mark the last tool, system block and assistant message, and the user message before that.

    Replaces what it marks by a copy: definitions are shared, other objects are the caller's.
    """
    body["messages"] = messages = list(body["messages"])
    # A breakpoint of the caller's own counts, and so does the automatic one of the top level.
    left = _MAX_BREAKPOINTS - ("cache_control" in body)
    for holder, key in ((body, "tools"), (body, "system"), *((m, "content") for m in messages)):
        blocks = holder.get(key)
        if isinstance(blocks, list):
            left -= sum(isinstance(b, dict) and "cache_control" in b for b in blocks)
    left -= left > 0 and _mark_last(body, "tools")
    left -= left > 0 and _mark_last(body, "system")
    role = "assistant"
    for index in range(len(messages) - 1, -1, -1):
        if left > 0 and messages[index]["role"] == role:
            messages[index] = dict(messages[index])
            left -= _mark_last(messages[index], "content")
            if role == "user":
                break
            role = "user"


def _mark_last(holder: dict[str, Any], key: str) -> bool:
    blocks = holder.get(key)
    if not isinstance(blocks, list) or not blocks or not isinstance(blocks[-1], dict):
        return False
    if "cache_control" in blocks[-1] or blocks[-1].get("type") in _UNCACHEABLE:
        return False
    holder[key] = [*blocks[:-1], {**blocks[-1], "cache_control": {"type": "ephemeral"}}]
    return True


def _appended(
    messages: Sequence[Mapping[str, Any]], role: str, blocks: list[dict[str, Any]]
) -> list[Any]:
    """A copy of *messages* with *blocks* at the end, in the last message if it is of *role*."""
    if not blocks:
        return list(messages)
    *others, last = messages
    if last["role"] != role:
        return [*messages, {"role": role, "content": blocks}]
    content = last["content"]
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [*others, {**last, "content": [*content, *blocks]}]


def _headers(body: Mapping[str, Any], betas: Sequence[str], extra: _Extra) -> dict[str, str]:
    headers: dict[str, str] = {}
    if any(name in body for name in _SAMPLING):
        headers |= _SAMPLING_VERSION
    if betas:
        headers["anthropic-beta"] = ",".join(betas)
    return _overridden(headers, extra.headers)


def _overridden(headers: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in by}
    return {name: value for name, value in headers.items() if name.lower() not in names} | dict(by)


def _in_sdk_order(body: dict[str, Any], *, last: Sequence[str]) -> dict[str, Any]:
    """The order of `create()`: required fields, the others by name, what it does not know."""
    first = ("max_tokens", "messages", "model")
    between = sorted(body.keys() - {*first, *last})
    return {key: body[key] for key in dict.fromkeys((*first, *between, *last)) if key in body}


class _Encoder(json.JSONEncoder):
    """What the SDK accepts in a body besides plain JSON. Source: anthropic/_utils/_json.py."""

    def default(self, o: Any) -> Any:
        if isinstance(o, date):
            return o.isoformat()
        if isinstance(o, BaseModel):
            return o.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if isinstance(o, Mapping):
            return dict(o)
        if isinstance(o, (Sequence, AbstractSet, Iterator)) and not isinstance(
            o, (bytes, bytearray, memoryview)
        ):
            return list(o)
        return super().default(o)


# Without the search for cycles, a fifth of the time; a cycle ends in a RecursionError.
_ENCODER = _Encoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False
)


def _encode(body: Mapping[str, Any]) -> bytes:
    fields = []
    for key, value in body.items():
        try:
            if key == "tools" and isinstance(value, list):
                text = f"[{','.join(map(_encode_tool, value))}]"
            else:
                text = _ENCODER.encode(value)
            fields.append(f"{_ENCODER.encode(key)}:{text}")
        except (TypeError, ValueError, RecursionError) as exc:
            raise TypeError(f"{key} cannot be sent as JSON") from exc
    # "replace" is for half a surrogate pair in a history, which is no text to the API either.
    return f"{{{','.join(fields)}}}".encode("utf-8", "replace")


def _encode_tool(definition: object) -> str:
    if not isinstance(definition, Definition):
        return _ENCODER.encode(definition)
    if definition.text is None:
        definition.text = _ENCODER.encode(definition)
    return definition.text


def _popped_mapping(extra: dict[str, Any], key: str) -> dict[str, Any]:
    value = extra.pop(key, None)
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{key} must be a dict, got {type(value).__name__}")
    return {k: v for k, v in (value or {}).items() if not _is_absent(v)}


def _given(value: Any, default: Any) -> Any:
    return default if value is None or _is_absent(value) else value


def _is_absent(value: object) -> bool:
    return isinstance(value, (NotGiven, anthropic.NotGiven, anthropic.Omit))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
