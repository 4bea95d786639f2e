"""All tools of a request: the agent's, those of servers, and the application's own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .definitions import NAME_IS_TAKEN, name_of
from .schemas import ToolDefinitions


class AllTools(NamedTuple):
    """The fields of a request's body that its tools are in.

    Attributes:
        fields: `tools` and `mcp_servers`, as far as there are any.
        left_out: Why each tool that was left out is not among them; each names its tool.
    """

    fields: dict[str, Any]
    left_out: tuple[str, ...]


def all_tools(
    offered: ToolDefinitions,
    body: Mapping[str, Any],
    toolsets: Iterable[dict[str, Any]],
    *,
    of_turn: bool,
) -> AllTools:
    """The tools of a request, each once.

    Args:
        offered: Those of the agent.
        body: The body without them; its own tools and servers are added to them.
        toolsets: Those of its servers.
        of_turn: Whether the tools in *body* were named for this turn: then whoever named
            two of one name has to hear of it.

    Raises:
        TypeError: The tools in *body* are no list of tools.
        ValueError: One of them has the name of a tool of the agent.
    """
    own = body.get("tools")
    if own is None and not offered.mcp_servers:  # as in most turns
        tools = [*offered.definitions, *toolsets]
        return AllTools({"tools": tools} if tools else {}, tuple(offered.left_out))
    servers = body.get("mcp_servers")
    for name, value in (("tools", own), ("mcp_servers", servers)):
        if value is not None and not _is_list_of_dicts(value):
            raise TypeError(f"{name} must be a list of dicts, got {type(value).__name__}")
    by_name = {name_of(tool): tool for tool in offered.definitions}
    left_out = [*offered.left_out]
    for tool in own or ():
        if by_name.setdefault(name_of(tool), tool) is not tool:
            if of_turn:
                raise ValueError(
                    f"extra_kwargs['tools'] must not have a tool {name_of(tool)!r}: another one "
                    "has its name, and the agent's tools are sent as well"
                )
            left_out.append(f"sent without {name_of(tool)!r} of extra_body: {NAME_IS_TAKEN}")
    servers = [*(servers or ())]
    named = {server.get("name"): server for server in servers}
    for server in offered.mcp_servers:
        other = named.setdefault(server["name"], server)
        if other is server:
            servers.append(server)
        elif other != server:
            left_out.append(f"sent without the agent's {server['name']!r}: {NAME_IS_TAKEN}")
    for toolset in toolsets:
        by_name.setdefault(name_of(toolset), toolset)
    fields = {"tools": [*by_name.values()], "mcp_servers": servers}
    return AllTools({name: value for name, value in fields.items() if value}, tuple(left_out))


def _is_list_of_dicts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)
