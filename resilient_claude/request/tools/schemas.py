"""The definitions of function tools, built once. Pure."""

from __future__ import annotations

import copy
import json
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from livekit.agents import llm

_FunctionTool: TypeAlias = llm.FunctionTool[..., Any]


_RawFunctionTool: TypeAlias = llm.RawFunctionTool[..., Any]


ToolDefinitions: TypeAlias = tuple[list[dict[str, Any]], list[str], str | None]


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
