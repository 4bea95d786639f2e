"""A chat context, its tools and the options, turned into one Messages API request.

Pure: values in, values out. What the API is known to reject is put right here or refused with a
message that names the argument, because a bad item in a call's history would otherwise fail every
later turn of that call.
"""

from __future__ import annotations

import copy
import json
import math
import re
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import zip_longest
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import anthropic
from livekit.agents import llm
from livekit.agents.llm import ToolChoice
from livekit.agents.types import NOT_GIVEN, NotGiven, NotGivenOr
from pydantic import BaseModel

from .models import Model

__all__ = ["Adjustment", "Request", "RequestOptions", "ToolSchemas", "build_request"]

_FunctionTool: TypeAlias = llm.FunctionTool[..., Any]
_RawFunctionTool: TypeAlias = llm.RawFunctionTool[..., Any]

_SAMPLING = ("temperature", "top_k", "top_p")
# The only version under which the sampling arguments exist; from 2026-10-21 on they are a 400.
_SAMPLING_VERSION = {"anthropic-version": "2023-06-01"}
# SDK 1 marks a beta request in the URL as well; SDK 2, with the API version 2026-10-21, does not.
_BETA_QUERY = {"beta": "true"} if anthropic.__version__.startswith("1.") else {}
_TOOL_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_MAX_BREAKPOINTS = 4
# "Too many strict tools (48). The maximum number of strict tools supported is 20." Likewise for
# parameters with a union type, which livekit makes of every optional one.
# Source: platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits
_MAX_STRICT_TOOLS = 20
_MAX_STRICT_UNIONS = 16
# Source: anthropic/resources/messages/messages.py, `create`: arguments that travel as headers.
_HEADER_ARGUMENTS = {
    "user_profile_id": "anthropic-user-profile-id",
    "workspace_id": "anthropic-workspace-id",
}
# What a `tool_result` may hold besides a string: required fields, optional ones.
# Source: anthropic/types/tool_result_block_param.py; anything else is "Extra inputs are not
# permitted", and most likely a tool's own data that happens to have a "type".
_RESULT_BLOCKS: dict[str, tuple[dict[str, type], set[str]]] = {
    "text": ({"text": str}, {"citations"}),
    "image": ({"source": dict}, set()),
    "document": ({"source": dict}, {"citations", "context", "title"}),
    "search_result": ({"source": str, "title": str, "content": list}, {"citations"}),
    "tool_reference": ({"tool_name": str}, set()),
}
_IMAGE_SOURCES = {"base64": {"media_type", "data"}, "url": {"url"}, "file": {"file_id"}}
_PARTS_OF_A_FUNCTION = attrgetter(
    "__name__", "__code__", "__defaults__", "__kwdefaults__", "__annotations__", "__dict__"
)
_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


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
            _api_tool_choice(self.tool_choice)


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
    messages, system = _history(chat_ctx, model)
    strict = options.strict_tool_schema and model.accepts_strict_tools
    definitions, tool_betas, unsent_strict = _tool_definitions(tools, schemas, strict=strict)
    sampling, unsent_sampling = _sampling(options, extra, model)
    body = {"max_tokens": options.max_tokens, "messages": messages, "model": options.model}
    body |= {"stream": True} | ({"system": system} if system else {})
    body |= {"tools": definitions} if definitions else {}
    body |= sampling | extra.fields
    if options.user is not None:
        body["metadata"] = {"user_id": options.user, **extra.fields.get("metadata", {})}
    choice = _given(tool_choice, options.tool_choice)
    parallel = _given(parallel_tool_calls, options.parallel_tool_calls)
    unsent_choice = _add_tool_choice(body, extra, model, choice=choice, parallel=parallel)
    if options.caching:
        _mark_cache_breakpoints(body)
    betas = tuple(dict.fromkeys((*extra.betas, *tool_betas)))
    request = Request(
        body=_in_sdk_order(body, last=(*sampling, *extra.body_only)),
        headers=_headers(body, betas, extra),
        query=(_BETA_QUERY if betas else {}) | extra.query,
        adjustments=(*unsent_strict, *unsent_sampling, *unsent_choice, *extra.adjustments),
        timeout_s=extra.timeout_s,
    )
    request.content()  # what cannot be sent is refused here, in the caller's frame
    return request


class ToolSchemas:
    """The definitions of function tools, built once per tool instead of once per turn.

    Building one costs pydantic 0.5 to 2 ms on the event loop. An entry dies with the tool's
    function and is rebuilt when the name, the description, the docstring, the signature or an
    annotation differs. What an entry cannot see: a global that a string annotation names being
    rebound, or an object other than a list, dict or set being changed in place.

    The definitions are shared between requests: never change one.

    Attributes:
        builds: How many definitions were built rather than found.
    """

    def __init__(self) -> None:
        self.builds = 0
        # By function, not by tool: `FunctionTool.__get__` makes a new tool on every access.
        self._entries: weakref.WeakKeyDictionary[Any, dict[str, _Entry]]
        self._entries = weakref.WeakKeyDictionary()

    def definitions(
        self, tools: Iterable[_FunctionTool | _RawFunctionTool], *, strict: bool
    ) -> list[dict[str, Any]]:
        """The Messages API definitions, strict as far as one request may be (if *strict*)."""
        definitions: list[dict[str, Any]] = []
        strict_tools = unions = 0
        for tool in tools:
            if isinstance(tool, llm.RawFunctionTool):
                definitions.append(_raw_definition(tool))
                continue
            entry = self._entry(tool)
            if strict and strict_tools < _MAX_STRICT_TOOLS:
                if entry.strict is None:
                    entry.strict = self._build(tool, strict=True)
                    entry.unions = _count_unions(entry.strict["input_schema"])
                if unions + entry.unions <= _MAX_STRICT_UNIONS:
                    strict_tools += 1
                    unions += entry.unions
                    definitions.append(entry.strict)
                    continue
            if entry.loose is None:
                entry.loose = self._build(tool, strict=False)
            definitions.append(entry.loose)
        return definitions

    def _entry(self, tool: _FunctionTool) -> _Entry:
        try:
            look = _look(tool)
            entries = self._entries.setdefault(vars(tool)["__wrapped__"], {})
        except (AttributeError, TypeError):  # not a function: what it is made of cannot be seen
            return _Entry([])
        entry = entries.get(tool.info.name)
        if entry is None or entry.look != look:
            entry = entries[tool.info.name] = _Entry([_snapshot(part) for part in look])
        return entry

    def _build(self, tool: _FunctionTool, *, strict: bool) -> _Definition:
        self.builds += 1
        context = llm.ToolContext([tool])
        (definition,) = context.parse_function_tools("anthropic", strict=strict)
        return _Definition(definition)


class _Definition(dict[str, Any]):
    """A definition together with its JSON, since both are the same in every request."""

    __slots__ = ("text",)

    def __init__(self, definition: Mapping[str, Any]) -> None:
        super().__init__(_finite(definition))
        self.text = _ENCODER.encode(self)


@dataclass(slots=True)
class _Entry:
    look: list[Any]
    strict: _Definition | None = None
    loose: _Definition | None = None
    unions: int = 0  # in the strict definition


@dataclass(frozen=True, slots=True)
class _Extra:
    """`extra_kwargs`, taken apart the way the SDK's `create()` takes its arguments apart.

    Attributes:
        fields: Fields of the body, without the sampling arguments given outside `extra_body`.
        body_only: Those of `extra_body` alone, which the SDK puts last.
        sampling: The sampling arguments given outside `extra_body`.
    """

    fields: dict[str, Any]
    body_only: tuple[str, ...]
    sampling: dict[str, Any]
    headers: dict[str, str]
    query: dict[str, object]
    betas: tuple[str, ...]
    timeout_s: float | None
    adjustments: tuple[Adjustment, ...]

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
        adjustments: tuple[Adjustment, ...] = ()
        if timeout is not None and not _is_number(timeout):
            reason = f"ignored: must be a number of seconds, got {type(timeout).__name__}"
            adjustments, timeout = (Adjustment("timeout", reason),), None
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
        return cls(fields, last, sampling, headers, query, betas, timeout, adjustments)


def _history(
    chat_ctx: llm.ChatContext, model: Model
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The messages and the system blocks, free of what the API is known to reject."""
    try:
        messages, data = _formatted(chat_ctx)
    except (TypeError, ValueError):
        # livekit decodes the arguments of every past call: before 1.7 invalid JSON fails the turn
        # there (ValueError), since then half a surrogate pair does (TypeError).
        messages, data = _formatted(_with_readable_arguments(chat_ctx))
    messages = _repaired(messages, chat_ctx)
    if not messages or messages[0]["role"] != "user":
        # livekit's own stand-in for a conversation that the assistant opens.
        messages.insert(0, {"role": "user", "content": [{"text": "(empty)", "type": "text"}]})
    final = messages[-1]
    if final["role"] == "assistant" and not model.accepts_prefill:
        # Not livekit's: 1.5 would send " ", which the API rejects.
        messages.append({"role": "user", "content": [{"text": ".", "type": "text"}]})
    elif final["role"] == "assistant" and final["content"][-1]["type"] == "text":
        # "final assistant content cannot end with trailing whitespace"
        final["content"][-1]["text"] = final["content"][-1]["text"].rstrip()
    texts = [text for text in data.system_messages or () if not text.isspace()]
    return messages, [{"type": "text", "text": text} for text in texts]


def _formatted(chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], Any]:
    messages, data = chat_ctx.to_provider_format(
        "anthropic", inject_dummy_user_message=False, inject_trailing_user_message=False
    )
    return messages, data


def _with_readable_arguments(chat_ctx: llm.ChatContext) -> llm.ChatContext:
    items = [
        item.model_copy(update={"arguments": "{}"})
        if item.type == "function_call" and not _is_readable(item.arguments)
        else item
        for item in chat_ctx.items
    ]
    return llm.ChatContext(items)


def _repaired(messages: list[dict[str, Any]], chat_ctx: llm.ChatContext) -> list[dict[str, Any]]:
    """*messages* with blank texts, unpaired tool blocks and then empty messages taken out.

    livekit pairs calls with outputs by counting, so a repeated `call_id` gets past it. It puts a
    call's output into the message after the call's, and this relies on that.
    """
    repaired: list[dict[str, Any]] = []
    seen: set[str] = set()
    unanswered: set[str] = set()
    for message, following in zip_longest(messages, messages[1:]):
        content = message["content"]
        if len(content) == 1 and content[0]["type"] == "text":  # most messages
            content = [] if _is_blank(content[0]) else content
        elif message["role"] == "user":
            content = [b for b in content if _keep_result(b, unanswered, chat_ctx)]
        else:
            results = following["content"] if following else ()
            answered = {b["tool_use_id"] for b in results if b["type"] == "tool_result"}
            content = [b for b in content if _keep_call(b, answered, seen, unanswered)]
        if content and repaired and repaired[-1]["role"] == message["role"]:
            repaired[-1]["content"] += content
        elif content:
            message["content"] = content
            repaired.append(message)
    return repaired


def _keep_call(
    block: dict[str, Any], answered: set[str], seen: set[str], unanswered: set[str]
) -> bool:
    """Whether *block* stays; a call that stays is noted in *seen* and *unanswered*."""
    if block["type"] != "tool_use":
        # Not an image either: "can only be in `user` messages".
        return block["type"] == "text" and not _is_blank(block)
    call_id = _api_id(block["id"])
    if block["id"] not in answered or call_id in seen:
        return False
    seen.add(call_id)
    unanswered.add(block["id"])
    block["id"] = call_id
    block["input"] = _finite(block["input"]) if isinstance(block["input"], dict) else {}
    return True


def _keep_result(block: dict[str, Any], unanswered: set[str], chat_ctx: llm.ChatContext) -> bool:
    """Whether *block* stays; the call of a result that stays is taken from *unanswered*."""
    if block["type"] != "tool_result":
        return not _is_blank(block)
    call_id = block["tool_use_id"]
    if call_id not in unanswered:
        return False
    unanswered.remove(call_id)
    if isinstance(block["content"], list):
        block["content"] = _result_content(block["content"], call_id, chat_ctx)
    if block["is_error"] and not block["content"]:
        block["content"] = "Error"  # "content cannot be empty if `is_error` is true"
    block["tool_use_id"] = _api_id(call_id)
    return True


def _is_blank(block: Mapping[str, Any]) -> bool:
    return bool(block["type"] == "text" and block["text"].isspace())


def _result_content(content: list[Any], call_id: str, chat_ctx: llm.ChatContext) -> list[Any] | str:
    """Content blocks, or the tool's own text: livekit takes any JSON list for content blocks."""
    if content and all(_is_result_block(part) for part in content):
        return [_finite(part) for part in content]
    outputs = (item for item in chat_ctx.items if item.type == "function_call_output")
    return next(item.output for item in outputs if item.call_id == call_id)


def _is_result_block(part: object) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str) or kind not in _RESULT_BLOCKS:
        return False
    required, optional = _RESULT_BLOCKS[kind]
    if not required.keys() <= part.keys() - {"type"} <= required.keys() | optional:
        return False
    if not all(isinstance(part[name], expected) for name, expected in required.items()):
        return False
    if kind == "text":
        return bool(part["text"].strip())
    return kind != "image" or _is_image_source(part["source"])


def _is_image_source(source: dict[str, Any]) -> bool:
    kind = source.get("type")
    fields = _IMAGE_SOURCES.get(kind) if isinstance(kind, str) else None
    strings = all(isinstance(value, str) for value in source.values())
    return strings and fields is not None and source.keys() == fields | {"type"}


def _api_id(call_id: str) -> str:
    # Another provider's ids, left by a session that fell back to it, may not fit the API's pattern.
    return _NOT_IN_AN_ID.sub("_", call_id) or "_"


def _tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas, *, strict: bool
) -> tuple[list[dict[str, Any]], list[str], list[Adjustment]]:
    """The definitions, function tools first, and the beta flags that provider tools need."""
    if not tools:
        return [], [], []
    functions = [t for t in tools if isinstance(t, (llm.FunctionTool, llm.RawFunctionTool))]
    providers = [tool for tool in tools if isinstance(tool, llm.ProviderTool)]
    distinct = len({tool.info.name for tool in functions}) == len(functions)
    if not distinct or len(functions) + len(providers) < len(tools):
        # Toolsets, wrapped functions and duplicates are livekit's business; it takes its time.
        context = llm.ToolContext(tools)
        functions, providers = [*context.function_tools.values()], context.provider_tools
    definitions = schemas.definitions(functions, strict=strict)
    typed = sum(isinstance(tool, llm.FunctionTool) for tool in functions)
    adjustments = []
    if strict and sum("strict" in definition for definition in definitions) < typed:
        reason = (
            f"not sent for some tools: a request may have {_MAX_STRICT_TOOLS} strict tools, with"
            f" {_MAX_STRICT_UNIONS} optional or union parameters among them"
        )
        adjustments.append(Adjustment("strict_tool_schema", reason))
    betas = []
    for tool in providers:
        # By what it has, not by its class, so that the plugin's tools work without the plugin.
        to_dict = getattr(tool, "to_dict", None)
        definition = to_dict() if callable(to_dict) else None
        if not isinstance(definition, Mapping):
            raise TypeError(
                f"provider tool {tool.id!r} ({type(tool).__name__}) needs a to_dict() that returns"
                " its Messages API definition"
            )
        definitions.append(dict(definition))
        if beta := getattr(tool, "beta_flag", None):
            betas.append(beta)
    return definitions, betas, adjustments


def _raw_definition(tool: _RawFunctionTool) -> dict[str, Any]:
    # Rebuilt every time: three lookups cost less than finding out whether the schema changed.
    schema = tool.info.raw_schema
    parameters = schema.get("parameters") or {}
    if "type" not in parameters:  # "input_schema.type: Field required"
        parameters = {"type": "object", **parameters}
    return {
        "name": tool.info.name,
        "description": schema.get("description") or "",
        "input_schema": parameters,
    }


def _look(tool: _FunctionTool) -> list[Any]:
    """Everything that the definition of *tool* is made of."""
    own = vars(tool)
    look = [tool.info.description, *map(own.get, ("__name__", "__doc__", "__signature__"))]
    look.append(own.get("__annotations__"))
    function = own["__wrapped__"]
    while function is not None:
        *parts, attributes = _PARTS_OF_A_FUNCTION(function)
        look += parts
        look.append(attributes.get("__signature__"))
        function = attributes.get("__wrapped__")
    return look


def _snapshot(part: Any) -> Any:
    """*part* of a tool's look, such that changing the tool's own in place makes them differ."""
    if isinstance(part, tuple):
        return tuple(map(_snapshot, part))
    return copy.copy(part) if isinstance(part, (list, dict, set)) else part


def _count_unions(schema: object) -> int:
    if isinstance(schema, list):
        return sum(map(_count_unions, schema))
    if not isinstance(schema, dict):
        return 0
    union = "anyOf" in schema or isinstance(schema.get("type"), list)
    return union + sum(map(_count_unions, schema.values()))


def _api_tool_choice(choice: object) -> dict[str, Any]:
    """Livekit's tool choice in the API's words."""
    if isinstance(choice, str) and choice in _TOOL_CHOICES:
        return {"type": _TOOL_CHOICES[choice]}
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        function = choice.get("function")
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            return {"type": "tool", "name": function["name"]}
    got = repr(choice) if isinstance(choice, str) else type(choice).__name__
    raise ValueError(
        'tool_choice must be "auto", "required", "none" or'
        f' {{"type": "function", "function": {{"name": ...}}}}, got {got}'
    )


def _add_tool_choice(
    body: dict[str, Any],
    extra: _Extra,
    model: Model,
    *,
    choice: ToolChoice | None,
    parallel: bool | None,
) -> tuple[Adjustment, ...]:
    """Put the tool choice into *body*, or the tools that its history cannot do without."""
    wanted = None if choice is None else _api_tool_choice(choice)
    if not body.get("tools"):
        # The API: "Requests which include `tool_use` or `tool_result` blocks must define tools."
        # Source: github.com/BerriAI/litellm/issues/4689
        if "messages" not in extra.fields and (called := _called_tools(body["messages"])):
            body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in called]
            body["tool_choice"] = {"type": "none"}
        if wanted is None or wanted["type"] in ("auto", "none"):
            return ()
        return (Adjustment("tool_choice", "not sent: the request has no tools"),)
    if "tool_choice" in extra.fields:
        return ()
    adjustments: tuple[Adjustment, ...] = ()
    if wanted is None and parallel is not None:
        wanted = {"type": "auto"}
    if wanted is None:
        return ()
    if wanted["type"] == "tool":
        names = [tool.get("name") for tool in body["tools"]]
        if wanted["name"] not in names and None not in names:  # an MCP toolset has no name
            raise ValueError(f"tool_choice names {wanted['name']!r}, which is not among the tools")
    if wanted["type"] in ("any", "tool") and (reason := _why_not_forced(body, model)):
        wanted = {"type": "auto"}
        adjustments = (Adjustment("tool_choice", f"sent as auto: {reason}"),)
    if parallel is not None and wanted["type"] != "none":
        wanted["disable_parallel_tool_use"] = not parallel
    body["tool_choice"] = wanted
    return adjustments


def _why_not_forced(body: Mapping[str, Any], model: Model) -> str | None:
    if not model.accepts_forced_tool_choice:
        return f"model {model.id} rejects a forced tool choice"
    if _asks_for_thinking(body) and not model.accepts_forced_tool_choice_with_thinking:
        return f"model {model.id} rejects a forced tool choice together with thinking"
    return None


def _asks_for_thinking(fields: Mapping[str, Any]) -> bool:
    thinking = fields.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") in ("enabled", "adaptive")


def _called_tools(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    calls = [m["content"] for m in messages if m["role"] == "assistant"]
    return list(dict.fromkeys(b["name"] for c in calls for b in c if b["type"] == "tool_use"))


def _sampling(
    options: RequestOptions, extra: _Extra, model: Model
) -> tuple[dict[str, Any], list[Adjustment]]:
    """The sampling arguments to send, and those left out because the API would reject them."""
    wanted = {"temperature": options.temperature, "top_k": options.top_k} | extra.sampling
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if not model.accepts_sampling:
        reason = f"not sent: model {model.id} rejects it"
        rejected = set(wanted)
    elif _asks_for_thinking(extra.fields):
        # Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, "Feature
        # compatibility"; a top_p from 0.95 on is allowed there.
        reason = "not sent: it cannot be combined with thinking"
        rejected = wanted.keys() - {"top_p"}
    else:
        return wanted, []
    kept = {name: value for name, value in wanted.items() if name not in rejected}
    return kept, [Adjustment(name, reason) for name in wanted if name in rejected]


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
    if "cache_control" in blocks[-1]:
        return False
    holder[key] = [*blocks[:-1], {**blocks[-1], "cache_control": {"type": "ephemeral"}}]
    return True


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
    return {key: body[key] for key in dict.fromkeys((*first, *between, *last))}


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
    return definition.text if isinstance(definition, _Definition) else _ENCODER.encode(definition)


def _is_readable(arguments: str) -> bool:
    try:
        json.loads(arguments.encode() or "{}")
    except ValueError:
        return False
    return True


def _finite(value: Any) -> Any:
    """*value* with null for NaN and the infinities, which `json.loads` reads and JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


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


def continued(
    request: Request, content: list[dict[str, Any]], *, container: str | None = None
) -> Request:
    """PLACEHOLDER until helper's version (container: body["container"] unless the body has one)."""
    messages = [*request.body["messages"], {"role": "assistant", "content": content}]
    body = {**request.body, "messages": messages}
    if container is not None:
        body.setdefault("container", container)
    return replace(request, body=body)


def resumed(request: Request, said: str, *, instruction: str) -> Request:
    """PLACEHOLDER until helper's version."""
    text = instruction.replace("{said}", said).replace("{last_words}", " ".join(said.split()[-3:]))
    messages = [*request.body["messages"]]
    block = {"type": "text", "text": text}
    messages[-1] = {**messages[-1], "content": [*messages[-1]["content"], block]}
    return replace(request, body={**request.body, "messages": messages})
