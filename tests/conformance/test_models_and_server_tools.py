"""Models x platforms x server tools: what is sent is accepted, and what is not would be refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resilient_claude.request.build import build_request
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.model_facts import MODELS
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import ANTHROPIC, PLATFORMS, Platform
from resilient_claude.request.request import Request
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.tools.test_definitions import book, weather
from tests.support.builders import HELLO, rejected
from tests.support.server_tools import SHOP, CodeExecution, ToolSearch, WebFetch, WebSearch

IN_CODE: Any = ["code_execution_20260120"]
TOOLS: dict[str, list[Any]] = {
    "search": [WebSearch()],
    "search from code": [WebSearch(allowed_callers=IN_CODE)],
    "an old search": [WebSearch(tool_version="web_search_20250305")],
    "fetch": [WebFetch(use_cache=False, citations=True)],
    "fetch, old code": [WebFetch(), CodeExecution(tool_version="code_execution_20250825")],
    "code": [CodeExecution()],
    "tools": [ToolSearch(always_loaded=["book"])],
    "a server": [SHOP],
    "all": [WebSearch(), WebFetch(), CodeExecution(), ToolSearch(variant="regex"), SHOP],
}
IDS = [*(facts.name for facts in MODELS), "claude-sonnet-4-20250514", "my-deployment"]


def ask(model: str, platform: Platform, tools: list[Any], **options: Any) -> Request:
    fixed = FixedFields.of(RequestOptions(model=model, **options), platform=platform)
    everything = [weather, *tools, book]
    return build_request(fixed, HELLO, tools=everything, schemas=ToolSchemas())


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.parametrize("model", IDS)
def test_what_is_sent_is_accepted(model: str, kind: str) -> None:
    """And a tool that is left out is named, one line each."""
    request = ask(model, ANTHROPIC, TOOLS[kind], caching="ephemeral")

    assert rejected(request) is None
    asked = {getattr(tool, "id", "") for tool in TOOLS[kind]}
    sent = {tool.get("name", tool.get("mcp_server_name")) for tool in request.body["tools"]}
    words = " ".join(each.reason for each in request.adjustments)
    assert all(repr(name) in words for name in asked - sent)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.client)
def test_a_platform_is_sent_what_it_has(platform: Platform) -> None:
    """One that lacks a tool refuses the request, or the beta of it."""
    request = ask("claude-sonnet-4-6", platform, TOOLS["all"])

    types = {str(tool.get("type", "")).rpartition("_")[0] for tool in request.body["tools"]}
    web = {"web_search", "web_fetch", "code_execution"}
    assert (types & web == web) == platform.web_tools
    assert ("web_search" in types) == (platform.web_tools or platform.basic_search)
    assert ("mcp_servers" in request.body) == platform.mcp_servers
    assert ("anthropic-beta" in request.headers) == platform.mcp_servers
    assert "tool_search_tool_regex" in types


def test_what_is_left_out_would_be_refused() -> None:
    """Nothing is held back without need."""
    request = ask("claude-sonnet-4-20250514", ANTHROPIC, [])
    tool = ToolSearch().to_dict()

    body = {**request.body, "tools": [*request.body["tools"], tool]}

    refusal = rejected(replace(request, body=body))
    assert refusal is not None
    assert "tool search is not supported" in refusal.message
