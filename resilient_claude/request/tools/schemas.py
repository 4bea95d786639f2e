"""The definitions of function tools, built once. Pure."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from livekit.agents import llm

from .fingerprint import Fingerprint, fingerprint_of, function_of, snapshot

_FunctionTool: TypeAlias = llm.FunctionTool[..., Any]
_RawFunctionTool: TypeAlias = llm.RawFunctionTool[..., Any]

# "Too many strict tools (48). The maximum number of strict tools supported is 20." Likewise for
# parameters with a union type, which livekit makes of every optional one.
# Source: platform.claude.com/docs/en/build-with-claude/structured-outputs#schema-complexity-limits
MAX_STRICT_TOOLS = 20
"""Most tools of a request that may be strict."""

MAX_STRICT_UNIONS = 16
"""Most optional or union parameters among a request's strict tools."""


class ToolDefinitions(NamedTuple):
    """The tools of a request, as the API takes them. Other requests have the same: never change it.

    Attributes:
        definitions: Those of function tools first.
        betas: The beta flags that they need.
        not_strict: Why some of them are not strict although they were to be, else None.
    """

    definitions: list[dict[str, Any]]
    betas: list[str]
    not_strict: str | None


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

    Building one costs pydantic 0.5 to 2 ms on the event loop. What has been built is kept under
    the tool's function, by the tool's name, for as long as the function lives and the tool's
    fingerprint stays the same. Beside that, the result for the tools of the last request is kept
    as a whole, since most turns have the same tools as the turn before.

    Attributes:
        builds: How many definitions were built rather than found.
    """

    def __init__(self) -> None:
        self.builds = 0
        # By function, not by tool: `FunctionTool.__get__` makes a new tool on every access.
        self._entries: weakref.WeakKeyDictionary[Any, dict[str, _Entry]]
        self._entries = weakref.WeakKeyDictionary()
        self._last: tuple[Fingerprint, bool, ToolDefinitions] | None = None

    def recall(self, fingerprint: Fingerprint | None, *, strict: bool) -> ToolDefinitions | None:
        """What was made of the last request's tools, if these are the same, and as strict."""
        if self._last is not None and self._last[:2] == (fingerprint, strict):
            return self._last[2]
        return None

    def remember(
        self, fingerprint: Fingerprint | None, made: ToolDefinitions, *, strict: bool
    ) -> None:
        """Keep what was *made* of a request's tools, if they have a fingerprint."""
        self._last = None if fingerprint is None else (snapshot(fingerprint), strict, made)

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
            if strict and strict_tools < MAX_STRICT_TOOLS:
                if entry.strict is None:
                    entry.strict = self._build(tool, strict=True)
                    entry.unions = _count_unions(entry.strict["input_schema"])
                if unions + entry.unions <= MAX_STRICT_UNIONS:
                    strict_tools += 1
                    unions += entry.unions
                    yield entry.strict
                    continue
            if entry.loose is None:
                entry.loose = self._build(tool, strict=False)
            yield entry.loose

    def _entry(self, tool: _FunctionTool) -> _Entry:
        function, fingerprint = function_of(tool), fingerprint_of(tool)
        if function is None or fingerprint is None:
            return _Entry(())
        by_name = self._entries.setdefault(function, {})
        entry = by_name.get(tool.info.name)
        if entry is None or entry.fingerprint != fingerprint:
            entry = by_name[tool.info.name] = _Entry(snapshot(fingerprint))
        return entry

    def _build(self, tool: _FunctionTool, *, strict: bool) -> Definition:
        self.builds += 1
        context = llm.ToolContext([tool])
        (definition,) = context.parse_function_tools("anthropic", strict=strict)
        return Definition(definition)


@dataclass(slots=True)
class _Entry:
    """The definitions of one tool, as far as they were asked for."""

    fingerprint: Fingerprint
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


def _count_unions(schema: object) -> int:
    if isinstance(schema, list):
        return sum(map(_count_unions, schema))
    if not isinstance(schema, dict):
        return 0
    union = "anyOf" in schema or isinstance(schema.get("type"), list)
    return union + sum(map(_count_unions, schema.values()))
