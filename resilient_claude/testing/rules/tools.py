"""The rules for `tools`, `tool_choice` and prompt caching. Pure: no I/O."""

import re
from collections.abc import Iterator
from typing import Any

from .abilities import accepts_forced_tools
from .messages import CheckedMessage, has_tool_blocks
from .server_blocks import check_server_blocks
from .server_definitions import check_server_definition, check_together
from .shapes import (
    InvalidRequestError,
    check_cache_control,
    check_choice,
    check_keys,
    check_type,
    join,
    require,
    require_type,
)
from .strict_dialect import check_strict_limits, check_strict_schema
from .tool_schemas import check_input_schema, check_schema

MAX_BREAKPOINTS = 4
# The page "Define tools" says 64; the API's own answers have said 128 since 2025.
_MAX_NAME_LENGTH = 128
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_TOOL_FIELDS = (
    "name",
    "input_schema",
    "description",
    "type",
    "cache_control",
    "strict",
    "eager_input_streaming",
    "defer_loading",
    "allowed_callers",
    "input_examples",
)
_CHOICES = {
    "auto": ("type", "disable_parallel_tool_use"),
    "any": ("type", "disable_parallel_tool_use"),
    "tool": ("type", "disable_parallel_tool_use", "name"),
    "none": ("type",),
}


def check_tools(body: dict[str, Any], turns: list[CheckedMessage]) -> None:
    """Check `tools` and `tool_choice` of *body*, whose messages are *turns*."""
    tools = body.get("tools", [])
    check_type(tools, list, "tools")
    model = body["model"]
    names = [_check_tool(tool, f"tools.{index}", model) for index, tool in enumerate(tools)]
    if len(names) != len(set(names)):
        raise InvalidRequestError("tools: Tool names must be unique.")
    _check_strict(tools, body)
    check_together(tools, model)
    check_server_blocks(tools, turns)
    check_toolsets(body.get("mcp_servers") or [], tools)
    # Assumed wording: the API rejects it, but in which words is not documented.
    if not tools and has_tool_blocks(turns):
        raise InvalidRequestError(
            "Requests which include `tool_use` or `tool_result` blocks must define tools"
        )
    if "tool_choice" in body:
        _check_tool_choice(body["tool_choice"], names, body)


def check_caching(body: dict[str, Any]) -> None:
    """Check the number and order of the cache breakpoints of *body*."""
    check_cache_control(body.get("cache_control"), "cache_control")
    found = [mark for mark in _breakpoints(body) if mark]
    if len(found) > MAX_BREAKPOINTS:
        raise InvalidRequestError(
            f"A maximum of {MAX_BREAKPOINTS} blocks with cache_control may be provided. "
            f"Found {len(found)}."
        )
    ttls = [mark.get("ttl", "5m") for mark in found]
    if "5m" in ttls and "1h" in ttls[ttls.index("5m") :]:
        raise InvalidRequestError(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
            "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
        )


def _check_tool(tool: object, path: str, model: str) -> str:
    check_type(tool, dict, path)
    assert isinstance(tool, dict)
    kind = tool.get("type") or "custom"
    if kind != "custom":
        check_cache_control(tool.get("cache_control"), join(path, "cache_control"))
        check_server_definition(tool, path, model)
        return str(tool.get("name") or f"{kind} {tool.get('mcp_server_name', '')}")
    path = f"{path}.custom"
    name = require_type(tool, "name", str, path)
    if len(name) > _MAX_NAME_LENGTH:
        raise InvalidRequestError(
            f"{path}.name: String should have at most {_MAX_NAME_LENGTH} characters"
        )
    if not _TOOL_NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        )
    schema = require_type(tool, "input_schema", dict, path)
    check_keys(tool, path, _TOOL_FIELDS)
    if "description" in tool:
        check_type(tool["description"], str, join(path, "description"))
    if "strict" in tool:
        check_type(tool["strict"], bool, join(path, "strict"))
    check_input_schema(schema, join(path, "input_schema"))
    if tool.get("strict"):
        check_strict_schema(schema, path)
    check_cache_control(tool.get("cache_control"), join(path, "cache_control"))
    return str(name)


def check_toolsets(servers: list[Any], tools: list[dict[str, Any]]) -> None:
    """Check that each MCP server has exactly one toolset, and each toolset a server.

    Source: platform.claude.com, "MCP connector", "Validation". Assumed wording.
    """
    named = [tool.get("mcp_server_name") for tool in tools if tool.get("type") == "mcp_toolset"]
    names = [server.get("name") for server in servers if isinstance(server, dict)]
    for name in names:
        if named.count(name) != 1:
            raise InvalidRequestError(
                f"mcp_servers: server '{name}' must be referenced by exactly one mcp_toolset"
            )
    for name in named:
        if name not in names:
            raise InvalidRequestError(f"tools: MCP server '{name}' not found in mcp_servers")


def _check_strict(tools: list[dict[str, Any]], body: dict[str, Any]) -> None:
    """Check what strict tools and the format of the answer share."""
    schemas = [tool["input_schema"] for tool in tools if tool.get("strict") is True]
    strict_tools = len(schemas)
    output_format = (body.get("output_config") or {}).get("format") or {}
    if isinstance(output_format, dict) and isinstance(output_format.get("schema"), dict):
        path = "output_config.format.schema"
        check_schema(output_format["schema"], path)
        check_strict_schema(output_format["schema"], path)
        schemas.append(output_format["schema"])
    check_strict_limits(schemas, strict_tools)


def _check_tool_choice(choice: object, names: list[str], body: dict[str, Any]) -> None:
    check_type(choice, dict, "tool_choice")
    assert isinstance(choice, dict)
    kind = require(choice, "type", "tool_choice")
    check_choice(kind, tuple(_CHOICES), "tool_choice.type")
    path = f"tool_choice.{kind}"
    check_keys(choice, path, _CHOICES[kind])
    if "disable_parallel_tool_use" in choice:
        check_type(choice["disable_parallel_tool_use"], bool, f"{path}.disable_parallel_tool_use")
    if not names:
        raise InvalidRequestError("tool_choice may only be specified while providing tools.")
    if kind == "tool" and require_type(choice, "name", str, path) not in names:
        raise InvalidRequestError(f"Tool '{choice['name']}' not found in provided tools")
    if kind in ("any", "tool"):
        _check_forced(body)


def _check_forced(body: dict[str, Any]) -> None:
    if not accepts_forced_tools(body["model"]):
        # Source: "What's new in Claude Opus 5.5"; the wording is what
        # github.com/anthropics/claude-cookbooks/issues/854 quotes.
        raise InvalidRequestError(
            'tool_choice: type "tool" and "any" are not supported for this model.'
        )
    thinking = body.get("thinking")
    # Source: the page on thinking: forced use is incompatible with manual thinking, but works with
    # adaptive thinking, except on the models above.
    if isinstance(thinking, dict) and thinking.get("type") == "enabled":
        raise InvalidRequestError("Thinking may not be enabled when tool_choice forces tool use.")


def _breakpoints(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every `cache_control`, in the order of the prompt."""
    yield from (tool.get("cache_control") for tool in body.get("tools", []))
    yield from _in_blocks(body.get("system"))
    for message in body["messages"]:
        yield from _in_blocks(message["content"])
    yield body.get("cache_control") or {}


def _in_blocks(content: object) -> Iterator[dict[str, Any]]:
    for block in content if isinstance(content, list) else []:
        if block["type"] == "tool_result":
            yield from _in_blocks(block.get("content"))
        yield block.get("cache_control") or {}
