"""What server tools have in common."""

from __future__ import annotations

import pytest
from livekit.agents.llm import ProviderTool

from resilient_claude.request.request import Adjustment
from resilient_claude.request.tools.definitions import tool_definitions
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.request.tools.server_tool import ServerTool
from tests.request.tools.test_definitions import WEATHER, book, make_tool, weather
from tests.support.builders import build, rejected
from tests.support.server_tools import (
    SHOP,
    CodeExecution,
    ToolSearch,
    WebFetch,
    WebSearch,
    definition,
)

EACH: list[ServerTool] = [WebSearch(), WebFetch(), CodeExecution(), ToolSearch(), SHOP]


@pytest.mark.parametrize("tool", EACH, ids=lambda tool: tool.id)
def test_each_is_what_other_adapters_expect(tool: ServerTool) -> None:
    """One that knows nothing of models asks for `to_dict()`."""
    assert isinstance(tool, ProviderTool)
    assert tool.to_dict() == definition(tool, "claude-fable-5-2", has_tool_search=True)


def test_they_stand_next_to_function_tools() -> None:
    """With strict tools, a forced choice and marks for the cache."""
    request = build(
        tools=[weather, *EACH[:3], book],
        tool_choice={"type": "function", "function": {"name": "web_search"}},
        caching="ephemeral",
    )

    names = [tool["name"] for tool in request.body["tools"]]
    assert names == ["weather", "book", "web_search", "web_fetch", "code_execution"]
    assert request.body["tools"][0] == WEATHER
    assert request.body["tool_choice"] == {"type": "tool", "name": "web_search"}
    assert rejected(request) is None


def test_the_second_of_one_name_is_left_out() -> None:
    """ "Tool names must be unique", and a request without one of them is answered."""
    request = build(tools=[WebSearch(max_uses=1), WebSearch(), make_tool("web_fetch"), WebFetch()])

    assert request.adjustments == (
        Adjustment("tools", "sent without 'web_search': another tool has its name"),
        Adjustment("tools", "sent without 'web_fetch': another tool has its name"),
    )
    assert rejected(request) is None


def test_their_definitions_are_kept_from_turn_to_turn() -> None:
    """An agent's tools are the same in every turn, and their JSON is made once."""
    schemas, tools = ToolSchemas(), [weather, EACH[0], EACH[-1]]

    first, second = [tool_definitions(tools, schemas, strict=True) for _ in range(2)]
    other = tool_definitions([weather, WebSearch(), EACH[-1]], schemas, strict=True)

    assert first is second
    assert other is not first
