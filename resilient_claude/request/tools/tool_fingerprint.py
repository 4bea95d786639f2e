"""What tells whether a function tool is still the one that its definition was built from. Pure.

Theory of operation. livekit and pydantic make a tool's definition of few things: its name, its
description or docstring, and its function's signature, which is code, defaults and annotations.
If the function wraps another one (`functools.wraps`), the innermost counts; a `__signature__` on
the way replaces what is below it. A fingerprint is a tuple of these things themselves, not a
digest: most of them are the same objects from turn to turn, which a comparison sees without
reading them, and `attrgetter` collects those of a tool in one call. That takes 2 us per tool and
turn. Building a definition takes 0.5 to 2 ms, while the event loop that carries the audio waits.

Invariant: the same function with an equal fingerprint has an equal definition. Of another function
it may mean something else, since annotations can be strings that its module explains. Therefore
`fingerprint_of` is compared under its function only, and `fingerprint_of_all` contains the
functions: weakly, so that tools made for one call can go when it ends.

The tools keep changing their own lists and dicts. So what is kept to be compared with later is a
`snapshot`, never the fingerprint itself.

It cannot see: a global that a string annotation names being rebound; a default that is replaced by
an equal one of another type (1, True); a change in place inside of anything but a list, dict or
set, or deeper inside of one of these. Where it sees nothing to compare (a callable object has no
code), there is no fingerprint, and the definition is built anew each time.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from .server_tool import ServerTool

ToolFingerprint: TypeAlias = tuple[Any, ...]
"""The things that a definition was made of; to be compared, and nothing else."""

_read_tool = attrgetter("__name__", "__doc__", "__annotations__")
_read_info = attrgetter("name", "description")
_read_function = attrgetter(
    "__name__", "__code__", "__defaults__", "__kwdefaults__", "__annotations__"
)
_info_of, _function_of = attrgetter("info"), attrgetter("__wrapped__")

# What reading raises where a tool or its function is not what it usually is.
_UNSEEN = (AttributeError, KeyError, TypeError)


def fingerprint_of(tool: Any) -> ToolFingerprint | None:
    """What the definition of *tool* is made of; None if not all of it can be seen."""
    try:
        parts = [*_read_tool(tool), *_read_info(tool.info), vars(tool).get("__signature__")]
        function = tool.__wrapped__
        while function is not None:
            attributes = vars(function)
            parts += (*_read_function(function), attributes.get("__signature__"))
            function = attributes.get("__wrapped__")
    except _UNSEEN:
        return None
    return tuple(parts)


def fingerprint_of_all(tools: Sequence[Any]) -> ToolFingerprint | None:
    """What the definitions of *tools* are made of, and their functions.

    Every turn asks for it, so it does without a Python call per tool, and without looking behind
    functions that wrap others.

    Returns:
        None if that does not show all of it. `fingerprint_of` may still do, tool by tool.
    """
    servers: list[Any] = []
    try:
        try:
            functions = [*map(_function_of, tools)]
        except AttributeError:  # as a server tool's, which never changes
            servers = [weakref.ref(tool) for tool in tools if isinstance(tool, ServerTool)]
            tools = [tool for tool in tools if not isinstance(tool, ServerTool)]
            functions = [*map(_function_of, tools)]
        if any(map(vars, functions)):  # they may wrap others
            return None
        signatures = [attributes.get("__signature__") for attributes in map(vars, tools)]
        return (
            *map(_read_tool, tools),
            *map(_read_info, map(_info_of, tools)),
            *map(_read_function, functions),
            *map(weakref.ref, functions),
            *signatures,
            *servers,
        )
    except _UNSEEN:
        return None


def function_of(tool: Any) -> Any:
    """The function of *tool*, if something can be kept under it for as long as it lives."""
    try:
        function = vars(tool)["__wrapped__"]
        hash(weakref.ref(function))
    except _UNSEEN:
        return None
    return function


def snapshot(part: Any) -> Any:
    """*part*, a fingerprint or some of it, as it is now: a change in place makes them differ."""
    if isinstance(part, tuple):
        return tuple(map(snapshot, part))
    return copy.copy(part) if isinstance(part, (list, dict, set)) else part
