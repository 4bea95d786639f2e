"""`extra_kwargs["tools"]` and `extra_body`: added to the agent's tools."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.request import Adjustment
from tests.request.tools.test_definitions import BOOK, WEATHER, book, weather
from tests.support.builders import build, rejected
from tests.support.server_tools import SHOP, WebSearch

MEMORY = {"type": "memory_20250818", "name": "memory"}
CRM = {"type": "url", "name": "crm", "url": "https://crm.example/mcp"}


def test_tools_of_one_turn_are_added_to_those_of_the_agent() -> None:
    """A replacement would take away what the instructions speak of."""
    request = build(tools=[weather, WebSearch()], extra={"tools": [MEMORY]})

    assert [tool["name"] for tool in request.body["tools"]] == ["weather", "web_search", "memory"]


def test_two_tools_of_one_name_are_an_error_of_who_names_the_second() -> None:
    """Which of the two is meant, nobody can tell."""
    with pytest.raises(ValueError, match="must not have a tool 'book': another one has its name"):
        build(tools=[weather, book], extra={"tools": [BOOK]})


@pytest.mark.parametrize("tools", [7, "weather", [7], {"name": "weather"}])
def test_what_is_no_list_of_tools_is_a_type_error(tools: Any) -> None:
    """The API would say so in each turn, to nobody."""
    with pytest.raises(TypeError, match="tools must be a list of dicts"):
        build(tools=[weather], extra={"tools": tools})


def test_servers_that_are_no_list_are_a_type_error() -> None:
    """Likewise."""
    with pytest.raises(TypeError, match="mcp_servers must be a list of dicts, got str"):
        build(tools=[SHOP], extra={"mcp_servers": "shop"})


def test_tools_of_the_constructor_are_added_too() -> None:
    """But what an agent brings counts: an error would be heard of by nobody."""
    request = build(tools=[weather], extra_body={"tools": [MEMORY, {**WEATHER, "strict": False}]})

    assert request.body["tools"] == [WEATHER, MEMORY]
    assert request.adjustments == (
        Adjustment("tools", "sent without 'weather' of extra_body: another tool has its name"),
    )


def test_no_tools_add_nothing() -> None:
    """As an empty list says."""
    assert build(tools=[weather], extra={"tools": []}).body["tools"] == [WEATHER]


def test_servers_of_all_origins_have_one_toolset_each() -> None:
    """Of the constructor or one turn, and of the agent; a toolset of one's own is not doubled."""
    configured = {"type": "mcp_toolset", "mcp_server_name": "crm", "configs": {}}
    plain = build(tools=[SHOP], mcp_servers=[CRM])
    own = build(
        tools=[SHOP],
        extra={"mcp_servers": [CRM], "tools": [configured], "betas": ["mcp-client-2025-11-20"]},
    )

    assert [s["name"] for s in plain.body["mcp_servers"]] == ["crm", "shop"]
    for request in (plain, own):
        names = [tool["mcp_server_name"] for tool in request.body["tools"]]
        assert sorted(names) == ["crm", "shop"]
        assert rejected(request) is None
    assert configured in own.body["tools"]
