"""`WebSearch` and `WebFetch`: what they are sent as."""

from __future__ import annotations

import pytest
from livekit.agents.llm import ProviderTool, ToolContext

from tests.support.server_tools import WebFetch, WebSearch, definition, recipient


def test_a_search_is_made_directly_by_default() -> None:
    """Code that filters what was found takes longer than a caller waits."""
    assert definition(WebSearch()) == {
        "type": "web_search_20260318",
        "name": "web_search",
        "max_uses": 3,
        "allowed_callers": ["direct"],
    }


def test_a_search_with_everything() -> None:
    """Each argument arrives where the API reads it."""
    tool = WebSearch(
        max_uses=None,
        blocked_domains=["spam.example/ads"],
        user_location={"city": "Bonn", "country": "DE", "timezone": "Europe/Berlin"},
        allowed_callers=["direct", "code_execution_20260120"],
        response_inclusion="excluded",
    )

    assert definition(tool) == {
        "type": "web_search_20260318",
        "name": "web_search",
        "blocked_domains": ["spam.example/ads"],
        "allowed_callers": ["direct", "code_execution_20260120"],
        "response_inclusion": "excluded",
        "user_location": {
            "type": "approximate",
            "city": "Bonn",
            "country": "DE",
            "timezone": "Europe/Berlin",
        },
    }


def test_a_page_is_read_in_part_by_default() -> None:
    """All of a long page would be read before a word is said, and paid for in every turn."""
    assert definition(WebFetch(citations=True, use_cache=False)) == {
        "type": "web_fetch_20260318",
        "name": "web_fetch",
        "max_uses": 3,
        "allowed_callers": ["direct"],
        "max_content_tokens": 10_000,
        "citations": {"enabled": True},
        "use_cache": False,
    }


def test_a_model_that_cannot_be_asked_so_is_asked_directly() -> None:
    """A search that works is worth more than one that filters."""
    made = WebSearch(allowed_callers=["code_execution_20260120"]).definition(
        recipient("claude-haiku-4-5")
    )

    assert made.definition["allowed_callers"] == ["direct"]
    assert made.adjusted == "called directly: code of model claude-haiku-4-5 calls no tools"


def test_a_tool_does_not_change_with_the_list_that_it_was_made_of() -> None:
    """Its definition is kept for as long as it lives."""
    domains = ["a.example"]
    tool = WebSearch(allowed_domains=domains)
    domains.append("b.example")

    assert definition(tool)["allowed_domains"] == ["a.example"]
    with pytest.raises(AttributeError):
        tool.max_uses = 9  # type: ignore[misc]


def test_they_are_livekit_s_provider_tools() -> None:
    """So an agent takes them next to functions, and livekit runs none of them."""
    tools = [WebSearch(), WebFetch()]

    assert all(isinstance(tool, ProviderTool) for tool in tools)
    assert ToolContext(tools).provider_tools == tools
    assert [tool.id for tool in tools] == ["web_search", "web_fetch"]
