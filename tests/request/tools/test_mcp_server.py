"""`McpServer`: its entry, its toolset and its beta."""

from __future__ import annotations

from resilient_claude.request.request import Adjustment
from tests.support.builders import HELLO, build, rejected
from tests.support.server_tools import SHOP, TOKEN, McpServer, ToolSearch, definition, recipient

ENTRY = {"type": "url", "name": "shop", "url": "https://shop.example/mcp"}
TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "shop"}


def test_a_server_brings_its_entry_its_toolset_and_the_beta() -> None:
    """One of the three alone is a 400, or no tool."""
    request = build(tools=[SHOP])

    assert request.body["mcp_servers"] == [ENTRY]
    assert request.body["tools"] == [TOOLSET]
    assert request.headers == {"anthropic-beta": "mcp-client-2025-11-20"}
    assert rejected(request) is None


def test_a_newer_beta_of_the_application_s_counts() -> None:
    """Two of them would contradict each other."""
    request = build(tools=[SHOP], betas=["mcp-client-2026-09-15"])

    assert request.headers == {"anthropic-beta": "mcp-client-2026-09-15"}


def test_a_token_is_sent_with_its_server() -> None:
    """And with nothing else."""
    server = McpServer("shop", "https://shop.example/mcp", authorization_token=TOKEN)

    assert server.server == {**ENTRY, "authorization_token": TOKEN}
    assert TOKEN not in str(definition(server))


def test_tools_of_a_server_are_allowed_or_blocked() -> None:
    """As its toolset says it."""
    allowed = McpServer("shop", "https://shop.example/mcp", allowed_tools=["order"])
    blocked = McpServer("shop", "https://shop.example/mcp", blocked_tools=["refund"])

    assert definition(allowed) == {
        **TOOLSET,
        "configs": {"order": {"enabled": True}},
        "default_config": {"enabled": False},
    }
    assert definition(blocked) == {**TOOLSET, "configs": {"refund": {"enabled": False}}}


def test_tools_of_a_server_are_looked_for_only_where_somebody_looks() -> None:
    """Without a search they would be there and never be found."""
    server = McpServer("shop", "https://shop.example/mcp", defer_loading=True)

    alone = server.definition(recipient())
    beside = build(tools=[server, ToolSearch()])

    assert alone.definition == TOOLSET
    assert alone.adjusted == "loaded at once: without a ToolSearch nobody would find its tools"
    assert beside.body["tools"][0] == {**TOOLSET, "default_config": {"defer_loading": True}}


def test_the_second_server_of_one_name_is_left_out() -> None:
    """Also where the first one is the constructor's: the API wants a toolset for each, once."""
    other = McpServer("shop", "https://other.example/mcp")
    twice = build(tools=[SHOP, other])
    beside = build(HELLO, tools=[other], mcp_servers=[ENTRY])

    assert twice.adjustments == (
        Adjustment("tools", "sent without 'shop': another tool has its name"),
    )
    assert beside.adjustments == (
        Adjustment("tools", "sent without the agent's 'shop': another tool has its name"),
    )
    for request in (twice, beside):
        assert request.body["mcp_servers"] == [ENTRY]
        assert request.body["tools"] == [TOOLSET]
        assert rejected(request) is None


def test_a_server_that_two_name_alike_is_one_server() -> None:
    """Nothing is lost, so there is nothing to tell."""
    request = build(HELLO, tools=[McpServer("shop", ENTRY["url"])], mcp_servers=[ENTRY])

    assert request.body["mcp_servers"] == [ENTRY]
    assert request.adjustments == ()
