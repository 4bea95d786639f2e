"""`tools`: tools and the tool choice turned into what the Messages API takes."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm
from livekit.agents.llm import ProviderTool, Toolset, function_tool

from resilient_claude.request.tools.definitions import stand_in_tools, tool_definitions
from resilient_claude.request.tools.schemas import ToolSchemas


@function_tool
async def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: where
    """
    return ""


@function_tool(
    raw_schema={
        "name": "book",
        "description": "Book a table.",
        "parameters": {"type": "object", "properties": {"seats": {"type": "integer"}}},
    }
)
async def book(raw_arguments: dict[str, object]) -> str:
    return ""


WEATHER = {
    "name": "weather",
    "description": "The weather in a city.\n",
    "input_schema": {
        "properties": {"city": {"description": "where", "type": "string"}},
        "required": ["city"],
        "type": "object",
        "additionalProperties": False,
    },
    "strict": True,
}
BOOK = {
    "name": "book",
    "description": "Book a table.",
    "input_schema": {"type": "object", "properties": {"seats": {"type": "integer"}}},
}


class ServerTool(ProviderTool):
    """A provider tool as the plugin's look, without the plugin."""

    def __init__(self, name: str, beta_flag: str | None = None) -> None:
        super().__init__(id=name)
        self.beta_flag = beta_flag

    def to_dict(self) -> dict[str, Any]:
        return {"type": f"{self.id}_20260101", "name": self.id}


def make_tool(name: str, *, optional: bool = False) -> llm.FunctionTool[..., Any]:
    async def plain(city: str) -> None: ...
    async def with_optional(city: str, day: int | None = None) -> None: ...

    return function_tool(with_optional if optional else plain, name=name, description="d")


def definitions(
    *tools: Any, strict: bool = True, schemas: ToolSchemas | None = None
) -> list[dict[str, Any]]:
    return tool_definitions(tools, schemas or ToolSchemas(), strict=strict)[0]


def test_tools_of_every_kind_are_sent_in_order() -> None:
    """Function tools first, as livekit orders them; a Toolset is opened wherever it stands."""

    class Kit(Toolset):
        def __init__(self) -> None:
            super().__init__(id="kit", tools=[book, ServerTool("inner")])

    assert definitions(ServerTool("outer"), Kit(), weather) == [
        BOOK,
        WEATHER,
        {"type": "outer_20260101", "name": "outer"},
        {"type": "inner_20260101", "name": "inner"},
    ]


def test_no_tools_are_no_definitions() -> None:
    """Most calls of a summary or a greeting have none."""
    assert tool_definitions((), ToolSchemas(), strict=True) == ([], [], None)


def test_loose_definitions_are_livekits_own() -> None:
    """`strict` came with 4.5, and a caller may refuse it."""
    assert definitions(weather, strict=False) == [
        {
            "name": "weather",
            "description": "The weather in a city.\n",
            "input_schema": {
                "properties": {"city": {"description": "where", "title": "City", "type": "string"}},
                "required": ["city"],
                "title": "WeatherArgs",
                "type": "object",
            },
        }
    ]


def test_a_default_that_json_lacks_is_null() -> None:
    """An infinite default is usual for a limit, and would make every request a TypeError."""

    async def function(limit: float = float("inf"), step: float = 0.5) -> None: ...

    (sent,) = definitions(function_tool(function, name="limited", description="d"), strict=False)

    properties = sent["input_schema"]["properties"]
    assert (properties["limit"]["default"], properties["step"]["default"]) == (None, 0.5)


@pytest.mark.parametrize(("tools", "strict"), [(20, 20), (21, 20), (48, 20)])
def test_no_more_than_20_tools_are_strict(tools: int, strict: int) -> None:
    """The API: "Too many strict tools (48). The maximum number ... supported is 20." """
    sent, _, reason = tool_definitions(
        [make_tool(f"t{i}") for i in range(tools)], ToolSchemas(), strict=True
    )

    assert [bool(tool.get("strict")) for tool in sent] == [i < strict for i in range(tools)]
    assert bool(reason) == (tools > 20)


def test_no_more_than_16_parameters_of_strict_tools_are_unions() -> None:
    """livekit makes a union of every optional parameter, and the 17th is a 400."""
    tools = [make_tool(f"t{i}", optional=i != 18) for i in range(19)]

    sent, _, reason = tool_definitions(tools, ToolSchemas(), strict=True)

    assert [bool(tool.get("strict")) for tool in sent] == [True] * 16 + [False, False, True]
    assert reason == (
        "not sent for some tools: a request may have 20 strict tools, with 16 optional or union"
        " parameters among them"
    )


def test_beta_flags_of_all_tools_are_collected() -> None:
    """The plugin sends the last one only, and the other tool is then a 400."""
    tools = [ServerTool("a", "x-1"), ServerTool("b", "y-2"), ServerTool("c")]

    assert tool_definitions(tools, ToolSchemas(), strict=True)[1] == ["x-1", "y-2"]


def test_provider_tool_of_another_provider_is_named() -> None:
    """The plugin drops it without a word; the agent then lacks a tool it was given."""

    class Foreign(ProviderTool):
        pass

    with pytest.raises(TypeError) as caught:
        definitions(Foreign(id="gemini_search"))

    assert str(caught.value) == (
        "provider tool 'gemini_search' (Foreign) needs a to_dict() that returns its Messages API"
        " definition"
    )


def test_duplicate_tool_names_are_refused_by_livekit() -> None:
    """Claude could not tell them apart; the rule and its words are livekit's."""
    with pytest.raises(ValueError, match="duplicate function name: same"):
        definitions(make_tool("same"), make_tool("same"))


def test_raw_tool_without_description_or_type_is_completed() -> None:
    """MCP servers leave them out; the API wants a text and an object."""

    @function_tool(raw_schema={"name": "bare", "description": None, "parameters": {}})
    async def bare(raw_arguments: dict[str, object]) -> None: ...

    assert definitions(bare) == [
        {"name": "bare", "description": "", "input_schema": {"type": "object"}}
    ]


def test_the_plugins_computer_tool_works_without_our_importing_it() -> None:
    """People who switch keep their tools."""
    plugin = pytest.importorskip(
        "livekit.plugins.anthropic", reason="livekit-plugins-anthropic is not installed here"
    )
    kit = plugin.ComputerTool(actions=None, width=800, height=600)

    sent, betas, _ = tool_definitions([kit], ToolSchemas(), strict=True)

    assert sent == [kit.tools[0].to_dict()]
    assert betas == ["computer-use-2025-11-24"]


def test_a_history_of_calls_brings_the_tools_names_along() -> None:
    """Without tools the API rejects such a history: a summary at the end of a call would fail."""
    assert stand_in_tools([]) == {}
    assert stand_in_tools(["weather", "book"]) == {
        "tools": [
            {"name": "weather", "input_schema": {"type": "object"}},
            {"name": "book", "input_schema": {"type": "object"}},
        ],
        "tool_choice": {"type": "none"},
    }
