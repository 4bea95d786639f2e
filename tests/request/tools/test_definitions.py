"""`tools`: tools and the tool choice turned into what the Messages API takes."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from livekit.agents import llm
from livekit.agents.llm import ProviderTool, Toolset, function_tool
from pydantic import Field

from resilient_claude.request.tools.definitions import stand_in_tools, tool_definitions
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.support.builders import assistant, call, result, user


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


# --- definitions ---------------------------------------------------------------------------------


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
    called = [user("Hello"), assistant("Hm.", call("a")), user(result("a", "Sunny"))]

    assert stand_in_tools([user("Hello"), assistant("Hi!")]) == {}
    assert stand_in_tools([*called, assistant(call("b", "book"), call("c"))]) == {
        "tools": [
            {"name": "weather", "input_schema": {"type": "object"}},
            {"name": "book", "input_schema": {"type": "object"}},
        ],
        "tool_choice": {"type": "none"},
    }


# --- tool choice ---------------------------------------------------------------------------------


# --- the cache of definitions --------------------------------------------------------------------


class Agent:
    @function_tool
    async def lookup(self, order: int, note: str | None = None) -> None:
        """Look it up."""


def test_the_second_turn_builds_nothing() -> None:
    """Building 20 definitions takes 40 ms on the event loop that also carries the audio."""
    schemas = ToolSchemas()
    tools = [weather, book, make_tool("a"), make_tool("b", optional=True)]

    first = definitions(*tools, schemas=schemas)
    builds = schemas.builds
    second = definitions(*tools, schemas=schemas)

    assert builds == 3
    assert schemas.builds == builds
    assert second == first


def test_a_method_is_built_once_for_all_instances() -> None:
    """A new tool object per attribute access and per agent would never hit the cache."""
    schemas = ToolSchemas()

    (one,) = definitions(Agent().lookup, schemas=schemas)
    (other,) = definitions(Agent().lookup, schemas=schemas)

    assert schemas.builds == 1
    assert one == other
    assert list(one["input_schema"]["properties"]) == ["order", "note"]


def test_strict_and_loose_definitions_are_kept_apart() -> None:
    """One LLM may serve a strict model and, by extra_kwargs, an older one."""
    schemas = ToolSchemas()

    for _ in range(2):
        (strict,) = definitions(weather, schemas=schemas)
        (loose,) = definitions(weather, strict=False, schemas=schemas)

    assert schemas.builds == 2
    assert strict["strict"] is True
    assert "strict" not in loose


def _rename(tool: Any) -> None:
    tool.info.name = "other"


def _describe(tool: Any) -> None:
    tool.info.description = "Another."


def _document(tool: Any) -> None:
    tool.__doc__ = "Doc.\n\nArgs:\n    city: somewhere"


def _annotate(tool: Any) -> None:
    tool.__wrapped__.__annotations__["city"] = Literal["Paris"]


def _annotate_by_assignment(tool: Any) -> None:
    city = Annotated[str, Field(description="in words")]
    tool.__annotations__ = {**tool.__annotations__, "city": city}


def _add_default(tool: Any) -> None:
    tool.__wrapped__.__defaults__ = ("Rome", [1])


def _change_default_in_place(tool: Any) -> None:
    tool.__wrapped__.__defaults__[0].append(2)


def _replace_code(tool: Any) -> None:
    async def other(town: str, days: list[int]) -> None: ...

    tool.__wrapped__.__code__ = other.__code__
    tool.__annotations__ = {"town": str, "days": list[int]}


def _sign(tool: Any) -> None:
    signature = inspect.signature(tool)
    tool.__signature__ = signature.replace(parameters=[*signature.parameters.values()][:1])


@pytest.mark.parametrize(
    "change",
    [
        _sign,
        _rename,
        _describe,
        _document,
        _annotate,
        _annotate_by_assignment,
        _add_default,
        _change_default_in_place,
        _replace_code,
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_changed_tool_is_never_served_stale(change: Callable[[Any], None], strict: bool) -> None:
    """Agents rewrite descriptions and enums during a call; Claude must see the tool as it is."""

    async def function(city, days=[1]):  # type: ignore[no-untyped-def]  # noqa: B006
        """Doc."""

    function.__annotations__ = {"city": str, "days": list[int]}
    tool = function_tool(function, name="tool", description="One.")
    schemas = ToolSchemas()
    before = definitions(tool, schemas=schemas, strict=strict)

    change(tool)

    after = definitions(tool, schemas=schemas, strict=strict)
    fresh = definitions(tool, strict=strict)
    assert after == fresh
    if not (strict and change is _change_default_in_place):  # strict schemas hold no default
        assert after != before


def test_a_change_behind_a_decorator_is_not_missed() -> None:
    """What a wrapped function takes is what Claude is told, and it can change as well."""

    async def inner(city: str, days: int = 1) -> None:
        """Doc."""

    @functools.wraps(inner)
    async def outer(*arguments: Any, **named: Any) -> None: ...

    tool = function_tool(outer, name="tool", description="One.")
    schemas = ToolSchemas()
    before = definitions(tool, schemas=schemas, strict=False)

    inner.__defaults__ = (7,)

    after = definitions(tool, schemas=schemas, strict=False)
    assert after == definitions(tool, strict=False) != before


DESK = """
from __future__ import annotations
from livekit.agents import Agent, function_tool
from pydantic import BaseModel

class Order(BaseModel):
    {field}

class Desk(Agent):
    @function_tool
    async def book(self, order: Order) -> str:
        return ""
"""


def desk(field: str) -> list[Any]:
    """The tools of an agent from a module of its own, which begins like that of another one."""
    module: dict[str, Any] = {"__name__": "desk"}
    exec(compile(DESK.format(field=field), "desk.py", "exec"), module)
    return list(module["Desk"](instructions="").tools)


def test_tools_that_only_look_alike_are_told_apart() -> None:
    """The same text in two modules; after a handoff, Claude must not be told of the other's."""
    schemas = ToolSchemas()
    for field in ("nights: int", "pickup: str", "nights: int"):
        tools = desk(field)
        for _ in range(2):
            assert definitions(*tools, schemas=schemas) == definitions(*tools), field


def test_the_tools_of_the_last_turn_are_not_changed_by_this_one() -> None:
    """Provider tools are put behind them, in every turn anew."""
    server, schemas = ServerTool("server"), ToolSchemas()
    with_a_provider = [definitions(weather, server, schemas=schemas) for _ in range(3)]

    assert with_a_provider == [definitions(weather, server)] * 3
    assert definitions(weather, schemas=schemas) == definitions(weather)
    assert definitions(weather, schemas=schemas, strict=False) == definitions(weather, strict=False)
    assert definitions(schemas=schemas) == []


def test_a_changed_raw_schema_is_sent_changed() -> None:
    """Raw definitions are rebuilt every turn, so a change in place cannot be missed."""
    schema: dict[str, Any] = {
        "name": "raw",
        "description": "One.",
        "parameters": {"type": "object"},
    }

    @function_tool(raw_schema=schema)
    async def raw(raw_arguments: dict[str, object]) -> None: ...

    schemas = ToolSchemas()
    definitions(raw, schemas=schemas)

    raw.info.raw_schema["parameters"]["properties"] = {"x": {"type": "integer"}}

    assert definitions(raw, schemas=schemas) == [
        {
            "name": "raw",
            "description": "One.",
            "input_schema": {"type": "object", "properties": {"x": {"type": "integer"}}},
        }
    ]
    assert schemas.builds == 0


def test_a_dead_tool_leaves_the_cache() -> None:
    """A worker that makes tools per call would otherwise grow for ever."""
    schemas = ToolSchemas()
    definitions(make_tool("gone"), schemas=schemas)

    gc.collect()

    assert len(schemas._entries) == 0


def test_a_tool_made_of_something_odd_is_built_each_time() -> None:
    """What cannot be compared cannot be cached; it must still work."""

    class Odd:
        __name__ = "odd"

        async def __call__(self, city: str) -> None: ...

    odd = Odd()
    odd.__annotations__ = {"city": str}
    tool: Any = llm.FunctionTool(
        odd,
        function_tool(_odd, name="odd", description="d").info,
    )
    schemas = ToolSchemas()

    for _ in range(2):
        definitions(tool, schemas=schemas)

    assert schemas.builds == 2


async def _odd(city: str) -> None: ...
