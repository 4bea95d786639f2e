"""`ToolSearch`: what of a request's tools Claude has to look for."""

from __future__ import annotations

from resilient_claude.request.request import Adjustment
from resilient_claude.request.tools.definitions import tool_definitions
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.tools.test_definitions import BOOK, WEATHER, book, weather
from tests.support.builders import build, rejected
from tests.support.server_tools import SHOP, ToolSearch, WebSearch, definition, recipient

DEFERRED = {"defer_loading": True}


def test_function_tools_are_looked_for_and_the_search_is_last() -> None:
    """The last tool is marked for the cache, and what is looked for cannot be."""
    request = build(tools=[ToolSearch(), weather, book, SHOP], caching="ephemeral")

    *others, last = request.body["tools"]
    assert others[:2] == [WEATHER | DEFERRED, BOOK | DEFERRED]
    assert "cache_control" in last
    assert last["name"] == "tool_search_tool_bm25"
    assert rejected(request) is None


def test_what_is_used_most_is_always_loaded() -> None:
    """It costs a search less."""
    request = build(tools=[weather, book, ToolSearch(variant="regex", always_loaded=["book"])])

    assert request.body["tools"] == [
        WEATHER | DEFERRED,
        BOOK,
        {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    ]


def test_a_name_that_no_tool_has_is_told() -> None:
    """By a slip of the pen the tool that is used most would cost a search in every call."""
    request = build(tools=[weather, ToolSearch(always_loaded=["weather", "boook"])])

    assert request.adjustments == (
        Adjustment("tools", "sent, but there is no 'boook' to be always_loaded"),
    )
    assert request.body["tools"][0] == WEATHER


def test_server_tools_are_not_looked_for() -> None:
    """There are few of them."""
    request = build(tools=[WebSearch(), ToolSearch(), weather])

    assert [tool.get("defer_loading") for tool in request.body["tools"]] == [True, None, None]


def test_where_nobody_can_look_everything_is_loaded() -> None:
    """Otherwise the API finds that all tools are deferred, and refuses the request."""
    made = tool_definitions(
        [weather, ToolSearch()],
        ToolSchemas(),
        strict=True,
        recipient=recipient("claude-sonnet-4-20250514"),
    )

    assert made.definitions == [WEATHER]
    assert "'tool_search_tool_bm25': model claude-sonnet-4-20250514" in made.left_out[0]


def test_the_tool_itself() -> None:
    """Its name is part of its type."""
    assert definition(ToolSearch()) == {
        "type": "tool_search_tool_bm25_20251119",
        "name": "tool_search_tool_bm25",
    }
