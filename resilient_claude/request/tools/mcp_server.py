"""Servers of tools that the API calls by itself. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .server_tool import ServerDefinition, ServerTool, freeze
from .server_tool_checks import (
    check_bool,
    check_names,
    check_server_name,
    check_server_url,
    check_token,
)
from .server_tool_versions import Recipient


@dataclass(frozen=True, eq=False)
class McpServer(ServerTool):
    """A server whose tools the API calls by itself, and which it therefore has to reach.

    For one that only the agent reaches, livekit has `MCPServerHTTP`.

    Attributes:
        name: What it is called; no two servers of a request may have one name.
        url: Where it is, with https.
        authorization_token: What it wants to see, if anything; sent to Anthropic.
        allowed_tools: Names of the tools that may be called; None for all.
        blocked_tools: Names of tools that may not.
        defer_loading: Whether Claude has to look for its tools, see `ToolSearch`.
        repeatable: Whether a call does no harm when it is made twice, as when it only reads. A turn
            that breaks off after a call is tried again only then.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has a value that the API rejects. No message shows the URL or the
            token.
    """

    name: str
    url: str = field(repr=False)
    authorization_token: str | None = field(default=None, repr=False, kw_only=True)
    allowed_tools: Sequence[str] | None = field(default=None, kw_only=True)
    blocked_tools: Sequence[str] | None = field(default=None, kw_only=True)
    defer_loading: bool = field(default=False, kw_only=True)
    repeatable: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_server_name("name", self.name)
        check_server_url("url", self.url)
        check_token("authorization_token", self.authorization_token)
        check_bool("defer_loading", self.defer_loading)
        check_bool("repeatable", self.repeatable)
        if self.allowed_tools is not None and self.blocked_tools is not None:
            raise ValueError("allowed_tools must not go with blocked_tools: give one of them")
        for name in ("allowed_tools", "blocked_tools"):
            if (value := getattr(self, name)) is not None:
                freeze(self, **{name: check_names(name, value)})

    @property
    def id(self) -> str:
        """Its name."""
        return self.name

    @property
    def server(self) -> dict[str, Any]:
        """Its entry in the request's `mcp_servers`."""
        entry = {"type": "url", "name": self.name, "url": self.url}
        token = self.authorization_token
        return entry if token is None else {**entry, "authorization_token": token}

    def definition(self, recipient: Recipient) -> ServerDefinition:
        """See `ServerTool.definition`."""
        recipient.check_takes("mcp_toolset")
        made: dict[str, Any] = {"type": "mcp_toolset", "mcp_server_name": self.name}
        default: dict[str, bool] = {}
        if self.allowed_tools is not None:
            default["enabled"] = False
            made["configs"] = {tool: {"enabled": True} for tool in self.allowed_tools}
        elif self.blocked_tools:
            made["configs"] = {tool: {"enabled": False} for tool in self.blocked_tools}
        adjusted = None
        if self.defer_loading and recipient.has_tool_search:
            default["defer_loading"] = True
        elif self.defer_loading:
            adjusted = "loaded at once: without a ToolSearch nobody would find its tools"
        return ServerDefinition({**made, "default_config": default} if default else made, adjusted)
