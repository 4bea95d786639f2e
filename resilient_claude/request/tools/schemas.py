"""The definitions of function tools, built once. Pure."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from livekit.agents import llm
from pydantic import BaseModel

from resilient_claude.request.content import compact_json

from .input_schema import NoInputSchemaError, input_schema
from .names import ToolAlias, api_name
from .server_tool_versions import Recipient
from .strict import is_strict, with_limits_in_words, without_annotations
from .tool_fingerprint import ToolFingerprint, fingerprint_of, function_of, snapshot

AnyFunctionTool: TypeAlias = llm.FunctionTool[..., Any] | llm.RawFunctionTool[..., Any]

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
        left_out: Why each of the others is not among them; each names its tool.
        aliases: The names outside of the API of those that have another one there.
        mcp_servers: Those whose toolsets are among them, as the API takes them.
        repeatable: The names of those whose calls may be made twice.
        runs_code: Whether code may run at Anthropic's, in a container.
    """

    definitions: list[dict[str, Any]]
    betas: list[str]
    not_strict: str | None
    left_out: Sequence[str] = ()
    aliases: Mapping[str, ToolAlias] = {}
    mcp_servers: Sequence[dict[str, Any]] = ()
    repeatable: Sequence[str] = ()
    runs_code: bool = False


class Definition(dict[str, Any]):
    """A tool's definition, the same object in every request: never change one.

    Attributes:
        json: It as JSON, in UTF-8.
        alias: What it is called outside of the API, if that is something else.
    """

    __slots__ = ("_loose", "alias", "json")

    def __init__(self, definition: Mapping[str, Any], *, alias: ToolAlias | None = None) -> None:
        super().__init__(definition)
        self.json = compact_json(self)
        self.alias = alias
        self._loose: Definition | None = None

    def without_strict(self) -> Definition:
        """The same without `strict`; the same object each time."""
        if self._loose is None:
            left = {key: value for key, value in self.items() if key != "strict"}
            self._loose = Definition(left, alias=self.alias)
        return self._loose


class Built(NamedTuple):
    """What came of one tool.

    Attributes:
        definition: As the API takes it; None if none can be made of it.
        problem: Why there is none, or None.
        lacked_room: Whether it is not strict because too many others are.
    """

    definition: Definition | None
    problem: str | None
    lacked_room: bool


class ToolSchemas:
    """The definitions of function tools, built once per tool instead of once per turn.

    Building one costs pydantic 0.5 to 2 ms on the event loop. What has been built is kept under
    the tool's function, by the tool's name, for as long as the function lives and the tool's
    fingerprint stays the same; that of a raw tool is its schema, as JSON. Beside that, the result
    for the tools of the last request is kept as a whole, since most turns have the same tools as
    the turn before.

    Attributes:
        builds: How many definitions of typed tools were built rather than found.
    """

    def __init__(self) -> None:
        self.builds = 0
        # By function, not by tool: `FunctionTool.__get__` makes a new tool on every access.
        self._entries: weakref.WeakKeyDictionary[Any, dict[str, _Entry]]
        self._entries = weakref.WeakKeyDictionary()
        self._last: tuple[ToolFingerprint, bool, Recipient, ToolDefinitions] | None = None

    def recall(
        self, fingerprint: ToolFingerprint | None, *, strict: bool, recipient: Recipient
    ) -> ToolDefinitions | None:
        """What was made of the last request's tools, if these and who is asked are the same."""
        if self._last is not None and self._last[:3] == (fingerprint, strict, recipient):
            return self._last[3]
        return None

    def remember(
        self,
        fingerprint: ToolFingerprint | None,
        made: ToolDefinitions,
        *,
        strict: bool,
        recipient: Recipient,
    ) -> None:
        """Keep what was *made* of a request's tools, if they have a fingerprint."""
        self._last = (
            None if fingerprint is None else (snapshot(fingerprint), strict, recipient, made)
        )

    def definitions(self, tools: Iterable[AnyFunctionTool], *, strict: bool) -> Iterator[Built]:
        """What comes of each tool; strict as far as one request may be, if *strict*."""
        strict_tools = unions = 0
        for tool in tools:
            entry = self._entry(tool)
            lacked_room = strict and isinstance(tool, llm.FunctionTool)
            if lacked_room and strict_tools < MAX_STRICT_TOOLS:
                definition = self._strict(entry, tool)
                if definition is not None and unions + entry.unions <= MAX_STRICT_UNIONS:
                    strict_tools += 1
                    unions += entry.unions
                    yield Built(definition, None, lacked_room=False)
                    continue
                lacked_room = definition is not None
            loose = self._loose(entry, tool)
            if isinstance(loose, str):
                yield Built(None, loose, lacked_room=False)
            else:
                yield Built(loose, None, lacked_room)

    def _entry(self, tool: AnyFunctionTool) -> _Entry:
        function = function_of(tool)
        fingerprint = _fingerprint_of(tool)
        if function is None or fingerprint is None:
            return _Entry(())
        by_name = self._entries.setdefault(function, {})
        entry = by_name.get(tool.info.name)
        if entry is None or entry.fingerprint != fingerprint:
            entry = by_name[tool.info.name] = _Entry(snapshot(fingerprint))
        return entry

    def _strict(self, entry: _Entry, tool: AnyFunctionTool) -> Definition | None:
        """The strict definition; None if its schema is not in the dialect of those."""
        if not entry.is_strict_known:
            entry.is_strict_known = True
            try:
                definition = self._build(tool, strict=True)
            except Exception:  # noqa: BLE001 - `_loose` may do; if not, it says why
                return None
            schema = definition["input_schema"]
            if is_strict(schema):
                entry.strict = definition
                entry.unions = _count_unions(schema)
        return entry.strict

    def _loose(self, entry: _Entry, tool: AnyFunctionTool) -> Definition | str:
        """The definition that is not strict, or why there is none."""
        if entry.loose is None:
            try:
                entry.loose = self._build(tool, strict=False)
            except Exception as exc:  # noqa: BLE001 - livekit's, pydantic's, the tool's own
                entry.loose = _problem(exc)
        return entry.loose

    def _build(self, tool: AnyFunctionTool, *, strict: bool) -> Definition:
        if isinstance(tool, llm.RawFunctionTool):
            schema = tool.info.raw_schema
            return _definition(
                tool.info.name, schema.get("description"), schema.get("parameters") or None
            )
        self.builds += 1
        context = llm.ToolContext([tool])
        (built,) = context.parse_function_tools("anthropic", strict=strict)
        return _definition(
            built["name"], built["description"], built["input_schema"], typed=True, strict=strict
        )


@dataclass(slots=True)
class _Entry:
    """The definitions of one tool, as far as they were asked for."""

    fingerprint: ToolFingerprint
    is_strict_known: bool = False
    strict: Definition | None = None
    loose: Definition | str | None = None
    unions: int = 0  # in the strict definition


def _definition(
    name: str, description: Any, parameters: Any, *, typed: bool = False, strict: bool = False
) -> Definition:
    """The definition of a tool, made to be one that the API takes.

    Raises:
        ValueError: It can be none.
        TypeError, RecursionError: It is no JSON.
    """
    schema, keys, words = input_schema(as_json(parameters))
    if typed:
        schema = without_annotations(schema) if strict else with_limits_in_words(schema)
    known_as = api_name(name)
    texts = (description if isinstance(description, str) else None, words)
    definition = {
        "name": known_as,
        "description": "\n\n".join(filter(None, texts)),
        "input_schema": schema,
        **({"strict": True} if strict else {}),
    }
    alias = ToolAlias(name, keys) if keys or known_as != name else None
    return Definition(definition, alias=alias)


def as_json(value: Any) -> Any:
    """A copy of *value* in which everything is JSON.

    Raises:
        TypeError, ValueError, RecursionError: That cannot be.
    """
    # A default may be NaN or infinite, which JSON lacks: null instead.
    return json.loads(json.dumps(value, default=_as_json), parse_constant=lambda _: None)


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Mapping):
        return dict(value)
    return [*value] if isinstance(value, AbstractSet) else str(value)


def _fingerprint_of(tool: AnyFunctionTool) -> ToolFingerprint | None:
    if not isinstance(tool, llm.RawFunctionTool):
        return fingerprint_of(tool)
    schema = tool.info.raw_schema
    try:
        # Cheaper than a comparison with a copy, since it takes the place of encoding it.
        made_of = [schema.get("description"), schema.get("parameters")]
        return (json.dumps(made_of, default=_as_json),)
    except (TypeError, ValueError, RecursionError):
        return None


def _problem(exc: Exception) -> str:
    if isinstance(exc, NoInputSchemaError):
        return str(exc)
    # Which argument it is: all that livekit tells of one that has no type.
    key = f": {exc.args[0]!r}" if type(exc) is KeyError and exc.args else ""
    return f"its schema cannot be built ({type(exc).__name__}{key})"


def _count_unions(schema: object) -> int:
    if isinstance(schema, list):
        return sum(map(_count_unions, schema))
    if not isinstance(schema, dict):
        return 0
    union = "anyOf" in schema or isinstance(schema.get("type"), list)
    return union + sum(map(_count_unions, schema.values()))
