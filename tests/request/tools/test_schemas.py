"""The definitions that are built once: found again, and never served stale."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from livekit.agents import llm
from livekit.agents.llm import function_tool
from pydantic import Field

from resilient_claude.request.tools.schemas import ToolSchemas

from .test_definitions import ServerTool, book, definitions, make_tool, weather


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
