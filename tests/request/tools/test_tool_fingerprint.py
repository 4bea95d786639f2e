"""Fingerprints of tools: what they see, what is kept of them, and the limits they admit."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents.llm import function_tool

from resilient_claude.request.tools.tool_fingerprint import (
    fingerprint_of,
    fingerprint_of_all,
    function_of,
    snapshot,
)


def make_tool() -> Any:
    async def function(city: str, days: list[int] = [1]) -> None:  # noqa: B006
        """Doc."""

    return function_tool(function, name="tool", description="One.")


def _rename(tool: Any) -> None:
    tool.info.name = "other"


def _describe(tool: Any) -> None:
    tool.info.description = "Another."


def _document(tool: Any) -> None:
    tool.__doc__ = "Another."


def _annotate(tool: Any) -> None:
    tool.__annotations__["city"] = int


def _annotate_the_function(tool: Any) -> None:
    tool.__wrapped__.__annotations__["city"] = int


def _change_a_default(tool: Any) -> None:
    tool.__wrapped__.__defaults__[0].append(2)


def _add_a_keyword_default(tool: Any) -> None:
    tool.__wrapped__.__kwdefaults__ = {"city": "Paris"}


def _replace_the_code(tool: Any) -> None:
    async def other(town: str, days: list[int]) -> None: ...

    tool.__wrapped__.__code__ = other.__code__


def _sign(tool: Any) -> None:
    tool.__signature__ = object()


CHANGES: list[Callable[[Any], None]] = [
    _rename,
    _describe,
    _document,
    _annotate,
    _annotate_the_function,
    _change_a_default,
    _add_a_keyword_default,
    _replace_the_code,
    _sign,
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_part_of_a_definition_is_seen(change: Callable[[Any], None]) -> None:
    """A part that is not seen would be sent to Claude as it was before the change."""
    tool = make_tool()
    one, all_of_them = snapshot(fingerprint_of(tool)), snapshot(fingerprint_of_all([tool]))
    assert fingerprint_of(tool) == one
    assert fingerprint_of_all([tool]) == all_of_them

    change(tool)

    assert fingerprint_of(tool) != one
    assert fingerprint_of_all([tool]) != all_of_them


def test_a_snapshot_stays_as_it_is() -> None:
    """The tool's own lists are changed in place: what shares them would change along."""
    tool = make_tool()
    kept, shared = snapshot(fingerprint_of(tool)), fingerprint_of(tool)

    _change_a_default(tool)

    assert fingerprint_of(tool) == shared
    assert fingerprint_of(tool) != kept


def test_functions_that_only_look_alike_are_told_apart() -> None:
    """The same text in two modules may name two types."""
    one, other = make_tool(), make_tool()

    assert fingerprint_of(one) == fingerprint_of(other)
    assert fingerprint_of_all([one]) != fingerprint_of_all([other])


def test_a_fingerprint_keeps_no_function_alive() -> None:
    """A worker that makes tools for each call would otherwise grow for ever."""
    tool = make_tool()
    alive = weakref.ref(function_of(tool))
    kept = snapshot(fingerprint_of_all([tool]))

    del tool
    gc.collect()

    assert kept is not None
    assert alive() is None


def test_what_is_behind_a_wrapping_function_is_seen_tool_by_tool() -> None:
    """Looking behind every function, in every turn, is left out of the quick look at all."""

    async def inner(city: str, days: int = 1) -> None: ...

    @functools.wraps(inner)
    async def outer(*arguments: Any, **named: Any) -> None: ...

    tool = function_tool(outer, name="tool", description="One.")
    before = snapshot(fingerprint_of(tool))

    inner.__defaults__ = (7,)

    assert fingerprint_of(tool) != before
    assert fingerprint_of_all([tool]) is None


def test_what_cannot_be_seen_has_no_fingerprint() -> None:
    """A definition that is kept although nobody can tell whether it still holds is a wrong one."""

    class NoFunction:
        __name__ = "odd"

    tool = make_tool()
    tool.__wrapped__ = NoFunction()
    nameless = make_tool()
    del nameless.__wrapped__

    assert fingerprint_of(tool) is fingerprint_of_all([tool]) is None
    assert fingerprint_of(nameless) is function_of(nameless) is None


def test_what_is_deeper_than_a_snapshot_goes_is_not_seen() -> None:
    """The limit that the module admits: to copy all that a default holds would cost more."""

    async def function(plan: Any = [[1]]) -> None: ...  # noqa: B006

    tool: Any = function_tool(function, name="tool", description="One.")
    before = snapshot(fingerprint_of(tool))

    tool.__wrapped__.__defaults__[0][0].append(2)

    assert fingerprint_of(tool) == before
