"""The public server tools, and what several tests make of them."""

from __future__ import annotations

from typing import Any

from resilient_claude import CodeExecution, McpServer, ToolSearch, WebFetch, WebSearch
from resilient_claude.request.models import Model
from resilient_claude.request.platforms import ANTHROPIC, Platform
from resilient_claude.request.tools.server_tool import ServerTool
from resilient_claude.request.tools.server_tool_versions import Recipient
from resilient_claude.testing import ServerToolUse, found

__all__ = ["CodeExecution", "McpServer", "ToolSearch", "WebFetch", "WebSearch"]

TOKEN = "s3cr3t-t0ken"
SHOP = McpServer("shop", "https://shop.example/mcp")
MENU = ("https://bluedoor.example/menu", "Menu of the Blue Door")


def recipient(
    model: str = "claude-sonnet-4-6", platform: Platform = ANTHROPIC, **more: Any
) -> Recipient:
    return Recipient(Model.parse(model).facts, model, platform, **more)


def definition(tool: ServerTool, model: str = "claude-sonnet-4-6", **more: Any) -> dict[str, Any]:
    return tool.definition(recipient(model, **more)).definition


def search(query: str = "menu", **more: Any) -> ServerToolUse:
    """A search that finds one page."""
    given = {"result": found(MENU), **more} if "error" not in more else more
    return ServerToolUse("web_search", {"query": query}, **given)
