"""Tools, turned into what the Messages API takes. Pure: values in, values out.

What cannot be sent as asked is sent as near to it as the API allows, and the reason is returned.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any

from livekit.agents import llm

from .schemas import (
    _MAX_STRICT_TOOLS,
    _MAX_STRICT_UNIONS,
    _PARTS_OF_A_TOOL,
    ToolDefinitions,
    ToolSchemas,
    _Looks,
    _snapshot,
)

_FUNCTION_TOOLS = (llm.FunctionTool, llm.RawFunctionTool)
_NAME = attrgetter("info.name")


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
