"""Tools, turned into what the Messages API takes. Pure: values in, values out.

What cannot be sent as asked is sent as near to it as the API allows, and the reason is returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from livekit.agents import llm

from .fingerprint import fingerprint_of_all
from .schemas import MAX_STRICT_TOOLS, MAX_STRICT_UNIONS, ToolDefinitions, ToolSchemas

_FUNCTION_TOOLS = (llm.FunctionTool, llm.RawFunctionTool)
_name_of = attrgetter("info.name")


def tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas, *, strict: bool
) -> ToolDefinitions:
    """What the API is sent of *tools*; what *schemas* knows of earlier turns is not built again.

    Raises:
        TypeError: A provider tool is none of Anthropic's.
        ValueError: Two tools have one name.
    """
    if not tools:
        return ToolDefinitions([], [], None)
    fingerprint = fingerprint_of_all(tools)
    known = schemas.recall(fingerprint, strict=strict)
    if known is not None:  # as in most turns
        return known
    made = _tool_definitions(tools, schemas, strict=strict)
    schemas.remember(fingerprint, made, strict=strict)
    return made


def _tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset], schemas: ToolSchemas, *, strict: bool
) -> ToolDefinitions:
    functions = [tool for tool in tools if isinstance(tool, _FUNCTION_TOOLS)]
    others = len(tools) - len(functions)
    providers = [tool for tool in tools if isinstance(tool, llm.ProviderTool)] if others else []
    distinct = len(set(map(_name_of, functions))) == len(functions)
    if not distinct or len(providers) < others:
        # Toolsets, wrapped functions and duplicates are livekit's business; it takes its time.
        context = llm.ToolContext(tools)
        functions, providers = [*context.function_tools.values()], context.provider_tools
    definitions = [*schemas.definitions(functions, strict=strict)]
    reason = None
    if strict and any(map(_is_loose, functions, definitions)):
        reason = (
            f"not sent for some tools: a request may have {MAX_STRICT_TOOLS} strict tools, with"
            f" {MAX_STRICT_UNIONS} optional or union parameters among them"
        )
    definitions += map(_provider_definition, providers)
    betas = [beta for tool in providers if (beta := getattr(tool, "beta_flag", None))]
    return ToolDefinitions(definitions, betas, reason)


def _is_loose(tool: object, definition: Mapping[str, Any]) -> bool:
    return "strict" not in definition and isinstance(tool, llm.FunctionTool)


def stand_in_tools(names: Iterable[str]) -> dict[str, Any]:
    """Fields without which a history of calls to *names* is a 400 in a request without tools.

    The API: "Requests which include `tool_use` or `tool_result` blocks must define tools."
    Source: github.com/BerriAI/litellm/issues/4689
    """
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    if not tools:
        return {}
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
