"""`tools`: tools and the tool choice turned into what the Messages API takes."""

from __future__ import annotations

import ssl
from types import MappingProxyType
from typing import Any

import pytest
from livekit.agents import llm
from livekit.agents.llm import ProviderTool, Toolset, function_tool

from resilient_claude import WebSearch
from resilient_claude.request.tools.definitions import stand_in_tools, tool_definitions
from resilient_claude.request.tools.names import ToolAlias, api_key, api_name
from resilient_claude.request.tools.schemas import ToolDefinitions, ToolSchemas
from tests.support.builders import build, rejected


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


OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}}


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


def offer(*tools: Any, schemas: ToolSchemas | None = None) -> tuple[list[Any], list[str]]:
    """What is sent of *tools*, and what is said of those that are left out."""
    made = tool_definitions(tools, schemas or ToolSchemas(), strict=True)
    return made.definitions, [*made.left_out]


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
    assert tool_definitions((), ToolSchemas(), strict=True) == ToolDefinitions([], [], None)


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
    sent, _, reason, *_ = tool_definitions(
        [make_tool(f"t{i}") for i in range(tools)], ToolSchemas(), strict=True
    )

    assert [bool(tool.get("strict")) for tool in sent] == [i < strict for i in range(tools)]
    assert bool(reason) == (tools > 20)


def test_no_more_than_16_parameters_of_strict_tools_are_unions() -> None:
    """livekit makes a union of every optional parameter, and the 17th is a 400."""
    tools = [make_tool(f"t{i}", optional=i != 18) for i in range(19)]

    sent, _, reason, *_ = tool_definitions(tools, ToolSchemas(), strict=True)

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

    assert offer(Foreign(id="gemini_search"), weather) == (
        [WEATHER],
        [
            "sent without 'gemini_search': it has no to_dict() that returns its Messages API"
            " definition"
        ],
    )


class Broken(ProviderTool):
    """One whose definition cannot be had, or is none."""

    def to_dict(self) -> dict[str, Any]:
        if self.id == "circular":
            circular: dict[str, Any] = {}
            return circular | {"self": [circular, circular.setdefault("again", circular)]}
        raise KeyError("sk-secret")


class Kit(Toolset):
    """One whose server goes."""

    gone = False

    @property
    def tools(self) -> Any:
        if self.gone:
            raise ConnectionError("sk-secret")
        return []


def gone() -> Toolset:
    """One whose server was there when it was made."""
    kit = Kit(id="kit")
    kit.gone = True
    return kit


async def unannotated(x) -> None:  # type: ignore[no-untyped-def]
    """Do it."""


async def unbuildable(x: ssl.SSLContext) -> None:
    """Do it."""


async def forward(x: NoSuchClass) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Do it."""


def raw(parameters: Any, name: str = "raw", description: Any = "d") -> Any:
    """A raw function tool, as livekit makes one of what an MCP server says."""

    async def function(raw_arguments: dict[str, object]) -> str:
        return "done"

    schema = {"name": name, "description": description, "parameters": parameters}
    return function_tool(function, raw_schema=schema)


def endless() -> Any:
    """A schema that contains itself, as no JSON can."""
    schema: dict[str, Any] = {"type": "object"}
    schema["properties"] = {"self": schema}
    return schema


def deep() -> Any:
    """A schema that nobody needs."""
    schema: dict[str, Any] = {}
    for _ in range(5_000):
        schema = {"type": "array", "items": schema}
    return {"type": "object", "properties": {"x": schema}}


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (
            function_tool(unannotated),
            "sent without 'unannotated': its schema cannot be built (KeyError: 'x')",
        ),
        (
            function_tool(unbuildable),
            "sent without 'unbuildable': its schema cannot be built"
            " (PydanticSchemaGenerationError)",
        ),
        (
            function_tool(forward),
            "sent without 'forward': its schema cannot be built (NameError)",
        ),
        (raw({"type": "string"}), "sent without 'raw': it takes string, and not an object"),
        (raw("what"), "sent without 'raw': its parameters are no JSON schema"),
        (raw(endless()), "sent without 'raw': its schema cannot be built (ValueError)"),
        (raw(deep()), "sent without 'raw': its schema cannot be built (RecursionError)"),
        (raw({("a",): 1}), "sent without 'raw': its schema cannot be built (TypeError)"),
        (make_tool("weather"), "sent without 'weather': another tool has its name"),
        (ServerTool("weather"), "sent without 'weather': another tool has its name"),
        (Broken(id="broken"), "sent without 'broken': its to_dict() raised KeyError"),
        (Broken(id="circular"), "sent without 'circular': its to_dict() raised ValueError"),
        (gone(), "sent without 'kit': it cannot be read (ConnectionError)"),
        (
            unannotated,
            "sent without 'unannotated': it is a plain function, @function_tool makes it a tool",
        ),
        (WebSearch, "sent without 'WebSearch': it is a class and no tool, WebSearch() makes one"),
        (
            {"type": "web_search_20250305", "name": "web_search"},
            "sent without 'dict': a definition as the API has it goes into extra_body or"
            " extra_kwargs",
        ),
        (7, "sent without 'int': it cannot be read (ValueError)"),
    ],
)
def test_a_tool_that_cannot_be_sent_is_named_and_the_others_are_sent(
    tool: Any, reason: str
) -> None:
    """One bad tool would mute the agent: `chat()` raises, in every turn."""
    schemas = ToolSchemas()

    for _ in range(2):
        assert offer(weather, tool, book, schemas=schemas) == ([WEATHER, BOOK], [reason])
    assert rejected(build(tools=[weather, tool, book])) is None


def test_what_cannot_be_built_is_not_tried_again() -> None:
    """It takes its time as well."""
    schemas = ToolSchemas()
    tool = function_tool(unannotated)
    definitions(tool, book, schemas=schemas)
    builds = schemas.builds

    definitions(tool, book, schemas=schemas)

    assert schemas.builds == builds


def test_the_same_tool_twice_is_one_tool() -> None:
    """As livekit sees it; also if the agent was asked for it twice."""
    assert offer(weather, weather, book) == ([WEATHER, BOOK], [])


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        ([], {"type": "object"}),
        ({"type": None, "properties": {"a": {"type": "int"}}}, OBJECT),
        ({"type": ["object", "null"], "properties": {"a": {"type": "integer"}}}, OBJECT),
        ({"anyOf": [{"properties": {"a": {"type": "integer"}}}]}, OBJECT),
        ({"id": "x#", "properties": {"a": {"type": "integer"}}}, OBJECT),
        (
            {"properties": {"a": {"default": float("inf"), "enum": {1}}}},
            {"type": "object", "properties": {"a": {"default": None, "enum": [1]}}},
        ),
        (MappingProxyType({"properties": {}}), {"type": "object", "properties": {}}),
    ],
)
def test_what_others_write_is_mended(parameters: Any, schema: dict[str, Any]) -> None:
    """MCP servers write what they like; the API looks at every tool before it looks at a turn."""
    (sent,) = definitions(raw(parameters))

    assert {**sent["input_schema"], "type": "object"} == schema
    assert rejected(build(tools=[raw(parameters)])) is None


def test_alternatives_are_told_in_the_description() -> None:
    """The schema cannot say them."""
    (sent,) = definitions(raw({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}))

    assert sent["description"] == 'd\n\nGive "a", or "b".'


def test_names_are_replaced_and_the_way_back_is_known() -> None:
    """livekit finds the tool by its own name, and the tool its arguments."""
    tools = [raw({"properties": {"größe": {}}}), raw({}, "shop.find"), raw({}, "shop_find")]

    made = tool_definitions([*tools, weather], ToolSchemas(), strict=True)

    key, name = api_key("größe"), api_name("shop.find")
    assert [tool["name"] for tool in made.definitions] == ["raw", name, "shop_find", "weather"]
    assert made.aliases == {
        "raw": ToolAlias("raw", {key: "größe"}),
        name: ToolAlias("shop.find"),
    }


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

    sent, betas, *_ = tool_definitions([kit], ToolSchemas(), strict=True)

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
