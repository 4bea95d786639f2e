"""Tools, turned into what the Messages API takes. Pure: values in, values out.

What cannot be sent as asked is sent as near to it as the API allows, and the reason is returned.
"""

from __future__ import annotations

import copy
import json
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

from livekit.agents import llm

__all__ = [
    "Definition",
    "ToolSchemas",
    "stand_in_tools",
    "tool_definitions",
]

_FunctionTool: TypeAlias = llm.FunctionTool[..., Any]
_RawFunctionTool: TypeAlias = llm.RawFunctionTool[..., Any]
ToolDefinitions: TypeAlias = tuple[list[dict[str, Any]], list[str], str | None]
_FUNCTION_TOOLS = (llm.FunctionTool, llm.RawFunctionTool)
_NAME = attrgetter("info.name")

# "Too many strict tools (48). The maximum number of strict tools supported is 20." Likewise for
# parameters with a union type, which livekit makes of every optional one.
# Source: platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits
_MAX_STRICT_TOOLS = 20
_MAX_STRICT_UNIONS = 16
_OF_A_FUNCTION = ("__name__", "__code__", "__defaults__", "__kwdefaults__", "__annotations__")
_PARTS_OF_A_FUNCTION = attrgetter(*_OF_A_FUNCTION)
# With those of its function: one call, since every turn makes it. `__dict__` comes last.
_PARTS_OF_A_TOOL = attrgetter(
    *("info.name", "info.description", "__name__", "__doc__", "__annotations__"),
    *(f"__wrapped__.{name}" for name in (*_OF_A_FUNCTION, "__dict__")),
)


class Definition(dict[str, Any]):
    """A tool's definition, the same object in every request: never change one.

    Attributes:
        json: It as JSON, in UTF-8.
    """

    __slots__ = ("json",)

    def __init__(self, definition: Mapping[str, Any]) -> None:
        # A default may be NaN or infinite, which JSON lacks: null instead.
        text = json.dumps(definition, default=str)
        super().__init__(json.loads(text, parse_constant=lambda _: None))
        text = json.dumps(self, ensure_ascii=False, separators=(",", ":"))
        self.json = text.encode("utf-8", "replace")


class ToolSchemas:
    """The definitions of function tools, built once per tool instead of once per turn.

    Building one costs pydantic 0.5 to 2 ms on the event loop. An entry dies with the tool's
    function and is rebuilt when the name, the description, the docstring, the signature or an
    annotation differs. What an entry cannot see: a global that a string annotation names being
    rebound, a default that is replaced by an equal one of another type, or an object other than a
    list, dict or set being changed in place.

    Attributes:
        builds: How many definitions were built rather than found.
        last: How the tools of the last request looked, whether they were to be strict, and what
            was made of them.
    """

    def __init__(self) -> None:
        self.builds = 0
        # By function, not by tool: `FunctionTool.__get__` makes a new tool on every access.
        self._entries: weakref.WeakKeyDictionary[Any, dict[str, _Entry]]
        self._entries = weakref.WeakKeyDictionary()
        self.last: tuple[_Looks, bool, ToolDefinitions] | None = None

    def definitions(
        self, tools: Iterable[_FunctionTool | _RawFunctionTool], *, strict: bool
    ) -> Iterator[dict[str, Any]]:
        """The Messages API definitions, strict as far as one request may be (if *strict*)."""
        strict_tools = unions = 0
        for tool in tools:
            if not isinstance(tool, llm.FunctionTool):
                yield _raw_definition(tool)
                continue
            entry = self._entry(tool)
            if strict and strict_tools < _MAX_STRICT_TOOLS:
                if entry.strict is None:
                    entry.strict = self._build(tool, strict=True)
                    entry.unions = _count_unions(entry.strict["input_schema"])
                if unions + entry.unions <= _MAX_STRICT_UNIONS:
                    strict_tools += 1
                    unions += entry.unions
                    yield entry.strict
                    continue
            if entry.loose is None:
                entry.loose = self._build(tool, strict=False)
            yield entry.loose

    def _entry(self, tool: _FunctionTool) -> _Entry:
        try:
            look = _look(tool)
            function = vars(tool)["__wrapped__"]
            entries = self._entries.get(function)
        except (AttributeError, KeyError, TypeError):  # what it is made of cannot be seen
            return _Entry([])
        if entries is None:
            entries = self._entries[function] = {}
        entry = entries.get(tool.info.name)
        if entry is None or entry.look != look:
            entry = entries[tool.info.name] = _Entry([_snapshot(part) for part in look])
        return entry

    def _build(self, tool: _FunctionTool, *, strict: bool) -> Definition:
        self.builds += 1
        context = llm.ToolContext([tool])
        (definition,) = context.parse_function_tools("anthropic", strict=strict)
        return Definition(definition)


@dataclass(slots=True)
class _Entry:
    look: list[Any]
    strict: Definition | None = None
    loose: Definition | None = None
    unions: int = 0  # in the strict definition


def tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas, *, strict: bool
) -> ToolDefinitions:
    """The definitions, function tools first; the beta flags they need; why some are not strict.

    Other requests have the same lists: never change them.

    Raises:
        TypeError: A provider tool is none of Anthropic's.
        ValueError: Two tools have one name.
    """
    if not tools:
        return [], [], None
    looks = _look_at_all(tools)
    if schemas.last is not None and schemas.last[:2] == (looks, strict):
        return schemas.last[2]  # as in most turns
    made = _tool_definitions(tools, schemas, strict=strict)
    schemas.last = None if looks is None else (_snapshot(looks), strict, made)
    return made


def _tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas, *, strict: bool
) -> ToolDefinitions:
    functions = [tool for tool in tools if isinstance(tool, _FUNCTION_TOOLS)]
    others = len(tools) - len(functions)
    providers = [tool for tool in tools if isinstance(tool, llm.ProviderTool)] if others else []
    distinct = len(set(map(_NAME, functions))) == len(functions)
    if not distinct or len(providers) < others:
        # Toolsets, wrapped functions and duplicates are livekit's business; it takes its time.
        context = llm.ToolContext(tools)
        functions, providers = [*context.function_tools.values()], context.provider_tools
    definitions = [*schemas.definitions(functions, strict=strict)]
    reason = None
    if strict and any(map(_is_loose, functions, definitions)):
        reason = (
            f"not sent for some tools: a request may have {_MAX_STRICT_TOOLS} strict tools, with"
            f" {_MAX_STRICT_UNIONS} optional or union parameters among them"
        )
    definitions += map(_provider_definition, providers)
    betas = [beta for tool in providers if (beta := getattr(tool, "beta_flag", None))]
    return definitions, betas, reason


def _is_loose(tool: object, definition: Mapping[str, Any]) -> bool:
    return "strict" not in definition and isinstance(tool, llm.FunctionTool)


def stand_in_tools(messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields without which a request that has no tools, but a history of calls, is a 400.

    The API: "Requests which include `tool_use` or `tool_result` blocks must define tools."
    Source: github.com/BerriAI/litellm/issues/4689
    """
    calls = [m["content"] for m in messages if m["role"] == "assistant"]
    names = dict.fromkeys(b["name"] for c in calls for b in c if b["type"] == "tool_use")
    if not names:
        return {}
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _provider_definition(tool: llm.ProviderTool) -> dict[str, Any]:
    # By what it has, not by its class, so that the plugin's tools work without the plugin.
    to_dict = getattr(tool, "to_dict", None)
    definition = to_dict() if callable(to_dict) else None
    if not isinstance(definition, Mapping):
        raise TypeError(
            f"provider tool {tool.id!r} ({type(tool).__name__}) needs a to_dict() that returns"
            " its Messages API definition"
        )
    return dict(definition)


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


_Looks = tuple[Any, ...]
_LAST = itemgetter(-1)


def _look_at_all(tools: Sequence[Any]) -> _Looks | None:
    """Everything that the definitions of *tools* are made of; None if not all of it is seen."""
    try:
        looks = tuple(map(_PARTS_OF_A_TOOL, tools))
        # Other functions may look alike and mean something else: weakly, so that they can go.
        functions = [weakref.ref(vars(tool)["__wrapped__"]) for tool in tools]
    except (AttributeError, KeyError, TypeError):  # not of typed functions alone
        return None
    if any(map(_LAST, looks)):  # decorated: there are functions behind the function
        return None
    return *looks, *functions, *[vars(tool).get("__signature__") for tool in tools]


def _look(tool: _FunctionTool) -> list[Any]:
    """Everything that the definition of *tool* is made of."""
    *look, attributes = _PARTS_OF_A_TOOL(tool)
    look.append(vars(tool).get("__signature__"))
    while attributes:
        look.append(attributes.get("__signature__"))
        function = attributes.get("__wrapped__")
        if function is None:
            break
        look += _PARTS_OF_A_FUNCTION(function)
        attributes = vars(function)
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
