"""Tools, turned into what the Messages API takes. Pure: values in, values out.

What cannot be sent as asked is sent as near to it as the API allows, and the reason is returned;
what cannot be sent at all is left out, since the API rejects all tools for one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from livekit.agents import llm

from .code_execution import CodeExecution
from .mcp_server import McpServer
from .schemas import (
    MAX_STRICT_TOOLS,
    MAX_STRICT_UNIONS,
    AnyFunctionTool,
    Definition,
    ToolDefinitions,
    ToolSchemas,
    as_json,
)
from .server_tool import ANYBODY, ServerTool
from .server_tool_versions import Recipient, Unavailable
from .tool_fingerprint import fingerprint_of_all
from .tool_search import ToolSearch, called, deferred

_FUNCTION_TOOLS = (llm.FunctionTool, llm.RawFunctionTool)


def tool_definitions(
    tools: Sequence[llm.Tool | llm.Toolset],
    schemas: ToolSchemas,
    *,
    strict: bool,
    recipient: Recipient = ANYBODY,
) -> ToolDefinitions:
    """What *recipient* is sent of *tools*; what *schemas* knows already is not built again."""
    if not tools:
        return ToolDefinitions([], [], None)
    fingerprint = fingerprint_of_all(tools)
    made = schemas.recall(fingerprint, strict=strict, recipient=recipient)
    if made is None:  # as in few turns
        made = _tool_definitions(tools, schemas, strict=strict, recipient=recipient)
        schemas.remember(fingerprint, made, strict=strict, recipient=recipient)
    return made


_NO_ROOM = (
    f"not sent for some tools: a request may have {MAX_STRICT_TOOLS} strict tools, with"
    f" {MAX_STRICT_UNIONS} optional or union parameters among them"
)


def function_tools(tools: Iterable[object]) -> list[AnyFunctionTool]:
    """The function tools among *tools* and in their toolsets."""
    return _sorted(tools)[0]


def _tool_definitions(
    tools: Sequence[object], schemas: ToolSchemas, *, strict: bool, recipient: Recipient
) -> ToolDefinitions:
    functions, providers, left_out = _sorted(tools)
    offered: dict[object, Definition] = {}
    lacked_room = False
    for tool, built in zip(functions, schemas.definitions(functions, strict=strict), strict=True):
        definition, name = built.definition, tool.info.name
        if definition is None:
            left_out.append(_without(name, built.problem))
        elif offered.setdefault(definition["name"], definition) is definition:
            lacked_room |= built.lacked_room
        else:
            left_out.append(_without(name, NAME_IS_TAKEN))
    aliases = {str(name): d.alias for name, d in offered.items() if d.alias}
    providers, recipient = _in_order(providers, recipient)
    providers = [each for each in providers if _add(each, recipient, offered, left_out)]
    servers = [each for each in providers if isinstance(each, McpServer)]
    return ToolDefinitions(
        [*offered.values()],
        [*filter(None, [getattr(each, "beta_flag", None) for each in providers])],
        _NO_ROOM if lacked_room else None,
        left_out,
        aliases,
        mcp_servers=[server.server for server in servers],
        repeatable=tuple(server.name for server in servers if server.repeatable),
        runs_code=any(map(_runs_code, offered.values())),
    )


def _add(
    tool: llm.ProviderTool,
    recipient: Recipient,
    offered: dict[object, Definition],
    left_out: list[str],
) -> bool:
    """Add the definition of *tool* to what is *offered*; whether it could be."""
    try:
        made, adjusted = _provider_definition(tool, recipient)
    except Unavailable as why:
        left_out.append(_without(tool.id, str(why)))
        return False
    except Exception as exc:  # noqa: BLE001 - the application's own code
        left_out.append(_without(tool.id, f"its to_dict() raised {type(exc).__name__}"))
        return False
    if name_of(made) in offered:
        left_out.append(_without(tool.id, NAME_IS_TAKEN))
        return False
    if adjusted is not None:
        left_out.append(f"sent with {tool.id!r} {adjusted}")
    if isinstance(tool, ToolSearch):
        for name, each in offered.items():
            if "input_schema" in each:
                offered[name] = deferred(each, tool.always_loaded)
        missing = {*tool.always_loaded} - {called(each) for each in offered.values()}
        left_out += [
            f"sent, but there is no {name!r} to be always_loaded" for name in sorted(missing)
        ]
    offered[name_of(made)] = Definition(made)
    return True


def _in_order(
    providers: list[llm.ProviderTool], recipient: Recipient
) -> tuple[list[llm.ProviderTool], Recipient]:
    """*providers* as they are to be sent, and what each has to know of the others.

    What looks for tools goes last: there the tools are marked for the cache, and "a tool with
    `defer_loading: true` can't also carry `cache_control`".
    """
    searches = [each for each in providers if isinstance(each, ToolSearch)]
    others = [each for each in providers if not isinstance(each, ToolSearch)]
    code, has_search = None, bool(searches)
    for each in providers:
        with suppress(Unavailable):
            if isinstance(each, CodeExecution):
                code = each.definition(recipient).definition["type"]
    try:
        recipient.check_takes("tool_search")
    except Unavailable:
        has_search = False
    return [*others, *searches], recipient._replace(code_execution=code, has_tool_search=has_search)


def _runs_code(definition: Mapping[str, Any]) -> bool:
    callers = definition.get("allowed_callers") or ()
    return str(definition.get("type")).startswith("code_execution_") or (
        any(caller != "direct" for caller in callers)
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
                left_out.append(_unreadable(tool, exc))
    return [*functions.values()], [*providers.values()], left_out


def _unreadable(tool: object, exc: Exception) -> str:
    """That *tool* is left out, and what to do, if it is one of the usual slips of the pen."""
    name = getattr(tool, "__name__", None) or getattr(tool, "id", None) or type(tool).__name__
    why = f"it cannot be read ({type(exc).__name__})"
    if isinstance(tool, type):
        why = f"it is a class and no tool, {name}() makes one"
    elif isinstance(tool, Mapping):
        why = "a definition as the API has it goes into extra_body or extra_kwargs"
    elif inspect.isroutine(tool):
        why = "it is a plain function, @function_tool makes it a tool"
    return _without(name, why)


def _within(tool: Any) -> Sequence[object]:
    """The tools in a toolset, or the one in what wraps one."""
    if isinstance(tool, llm.Toolset):
        return tool.tools
    return [*llm.ToolContext([tool]).function_tools.values()]


NAME_IS_TAKEN = "another tool has its name"
"""Why the second of two tools is left out."""

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


def name_of(definition: Mapping[str, Any]) -> object:
    """What no other tool of a request may be called; of a toolset, by its server or its type."""
    for key in ("mcp_server_name", "name", "type"):
        if key in definition:
            name = str(definition[key])
            return name if key == "name" else (key, name)
    return None


def _provider_definition(
    tool: llm.ProviderTool, recipient: Recipient
) -> tuple[dict[str, Any], str | None]:
    """The definition of *tool*, and why it is not as it was asked for, if so.

    Raises:
        Unavailable: There is none.
    """
    if isinstance(tool, ServerTool):
        return tool.definition(recipient)
    # By what it has, not by its class, so that the plugin's tools work without the plugin.
    to_dict = getattr(tool, "to_dict", None)
    definition = to_dict() if callable(to_dict) else None
    if not isinstance(definition, Mapping):
        raise Unavailable(_NO_DEFINITION)
    return as_json(definition), None
