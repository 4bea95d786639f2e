"""Tools, turned into what the Messages API takes. Pure: values in, values out.

What cannot be sent as asked is sent as near to it as the API allows, and the reason is returned;
what cannot be sent at all is left out, since the API rejects all tools for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livekit.agents import llm

from .schemas import (
    MAX_STRICT_TOOLS,
    MAX_STRICT_UNIONS,
    AnyFunctionTool,
    Definition,
    ToolDefinitions,
    ToolSchemas,
    as_json,
)
from .tool_fingerprint import fingerprint_of_all

_FUNCTION_TOOLS = (llm.FunctionTool, llm.RawFunctionTool)


def tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas, *, strict: bool
) -> ToolDefinitions:
    """What the API is sent of *tools*; what *schemas* knows of earlier turns is not built again."""
    if not tools:
        return ToolDefinitions([], [], None)
    fingerprint = fingerprint_of_all(tools)
    made = schemas.recall(fingerprint, strict=strict)
    if made is None:  # as in few turns
        made = _tool_definitions(tools, schemas, strict=strict)
        schemas.remember(fingerprint, made, strict=strict)
    return made


_NO_ROOM = (
    f"not sent for some tools: a request may have {MAX_STRICT_TOOLS} strict tools, with"
    f" {MAX_STRICT_UNIONS} optional or union parameters among them"
)


def function_tools(tools: Iterable[object]) -> list[AnyFunctionTool]:
    """The function tools among *tools* and in their toolsets."""
    return _sorted(tools)[0]


def _tool_definitions(
    tools: Sequence[object], schemas: ToolSchemas, *, strict: bool
) -> ToolDefinitions:
    functions, providers, left_out = _sorted(tools)
    offered: dict[str | None, Definition] = {}
    lacked_room = False
    for tool, built in zip(functions, schemas.definitions(functions, strict=strict), strict=True):
        definition, name = built.definition, tool.info.name
        if definition is None:
            left_out.append(_without(name, built.problem))
        elif offered.setdefault(definition["name"], definition) is definition:
            lacked_room |= built.lacked_room
        else:
            left_out.append(_without(name, _NAME_IS_TAKEN))
    definitions: list[dict[str, Any]] = [*offered.values()]
    betas: list[str] = []
    for provider in providers:
        try:
            server_tool = _provider_definition(provider)
        except Exception as exc:  # noqa: BLE001 - the application's own code
            left_out.append(_without(provider.id, f"its to_dict() raised {type(exc).__name__}"))
            continue
        if server_tool is None or server_tool.get("name") in offered:
            why = _NO_DEFINITION if server_tool is None else _NAME_IS_TAKEN
            left_out.append(_without(provider.id, why))
            continue
        definitions.append(server_tool)
        betas += filter(None, [getattr(provider, "beta_flag", None)])
    return ToolDefinitions(
        definitions,
        betas,
        _NO_ROOM if lacked_room else None,
        left_out,
        {name: d.alias for name, d in offered.items() if name and d.alias},
    )


def _sorted(
    tools: Iterable[object],
) -> tuple[list[AnyFunctionTool], list[llm.ProviderTool], list[str]]:
    """The function tools, the provider tools, and why what else there is among *tools* is neither.

    livekit's `ToolContext` does the same, but raises where two tools have one name.
    """
    functions: dict[int, AnyFunctionTool] = {}  # by identity: what is listed twice is one tool
    providers: dict[int, llm.ProviderTool] = {}
    left_out: list[str] = []
    waiting = [*reversed([*tools])]
    while waiting:
        tool = waiting.pop()
        if isinstance(tool, _FUNCTION_TOOLS):
            functions[id(tool)] = tool
        elif isinstance(tool, llm.ProviderTool):
            providers[id(tool)] = tool
        else:
            try:
                waiting += reversed(_within(tool))
            except Exception as exc:  # noqa: BLE001 - a toolset's own code, or it is no tool
                name = getattr(tool, "id", None) or getattr(tool, "__name__", None)
                words = f"it cannot be read ({type(exc).__name__})"
                left_out.append(_without(name or type(tool).__name__, words))
    return [*functions.values()], [*providers.values()], left_out


def _within(tool: Any) -> Sequence[object]:
    """The tools in a toolset, or the one in what wraps one."""
    if isinstance(tool, llm.Toolset):
        return tool.tools
    return [*llm.ToolContext([tool]).function_tools.values()]


_NAME_IS_TAKEN = "another tool has its name"
_NO_DEFINITION = "it has no to_dict() that returns its Messages API definition"


def _without(name: object, why: str | None) -> str:
    return f"sent without {name!r}: {why}"


def stand_in_tools(names: Iterable[str]) -> dict[str, Any]:
    """Fields without which a history of calls to *names* is a 400 in a request without tools.

    The API: "Requests which include `tool_use` or `tool_result` blocks must define tools."
    Source: github.com/BerriAI/litellm/issues/4689
    """
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    if not tools:
        return {}
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _provider_definition(tool: llm.ProviderTool) -> dict[str, Any] | None:
    # By what it has, not by its class, so that the plugin's tools work without the plugin.
    to_dict = getattr(tool, "to_dict", None)
    definition = to_dict() if callable(to_dict) else None
    if not isinstance(definition, Mapping):
        return None
    made: dict[str, Any] = as_json(definition)
    return made
