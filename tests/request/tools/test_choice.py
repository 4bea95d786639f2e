"""The tool choice in the API's words, as far as the model takes it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilient_claude.request.models import Model
from resilient_claude.request.tools.choice import api_tool_choice, with_tool_choice
from resilient_claude.request.tools.names import api_name
from tests.support.builders import NEWEST, PREFILL, SAMPLING

from .test_definitions import WEATHER

NAMED: Any = {"type": "function", "function": {"name": "weather"}}


def choose(
    choice: Any, parallel: bool | None = None, *, model: str = SAMPLING, **fields: Any
) -> tuple[object, str | None]:
    """The tool choice in the body, and why it is not the one asked for."""
    body = {"tools": [WEATHER]} | fields
    before = copy.deepcopy(body)
    made, reason = with_tool_choice(body, Model.parse(model), choice=choice, parallel=parallel)
    assert body == before, "the body that was given was changed"
    return made.get("tool_choice"), reason


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", None, None),
        ("auto", True, None),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        (NAMED, None, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choice_in_the_apis_words(choice: Any, parallel: bool | None, sent: object) -> None:
    """`none` keeps the tools: dropping them would break a history with calls, and the cache.

    So would an "auto" that stands in the requests of a tool loop and not in the first one.
    """
    assert choose(choice, parallel) == (sent, None)


def test_the_bodys_own_tool_choice_stays() -> None:
    """`extra_kwargs` win."""
    assert choose("required", False, tool_choice={"type": "auto"}) == ({"type": "auto"}, None)


@pytest.mark.parametrize(
    ("model", "thinking", "reason"),
    [
        (SAMPLING, None, None),
        (SAMPLING, "disabled", None),
        (NEWEST, None, "sent as auto: model claude-opus-5-5 rejects a forced tool choice"),
        (
            SAMPLING,
            "adaptive",
            "sent as auto: model claude-sonnet-4-6 rejects a forced tool choice together with"
            " thinking",
        ),
        (
            PREFILL,
            "enabled",
            f"sent as auto: model {PREFILL} rejects a forced tool choice together with thinking",
        ),
        ("claude-sonnet-5", "adaptive", None),
    ],
)
@pytest.mark.parametrize(
    ("choice", "forced"),
    [("required", {"type": "any"}), (NAMED, {"type": "tool", "name": "weather"})],
)
def test_forced_tool_choice_is_relaxed_where_the_api_rejects_it(
    model: str, thinking: str | None, reason: str | None, choice: Any, forced: dict[str, Any]
) -> None:
    """A 400 on every turn is worse than a model that may choose; the operator is told once."""
    fields: dict[str, Any] = {"thinking": {"type": thinking}} if thinking else {}

    sent = choose(choice, model=model, **fields)

    assert sent == ((None, reason) if reason else (forced, None))


def test_forced_tool_choice_without_tools_is_left_out_and_reported() -> None:
    """A constructor's "required" also meets turns without tools, such as a summary."""
    assert choose("required", tools=[]) == (None, "not sent: the request has no tools")
    assert choose("auto", False, tools=[]) == (None, None)
    assert choose(None, tools=[]) == (None, None)


def test_a_forced_tool_that_is_missing_leaves_the_choice_to_claude() -> None:
    """After a handoff the constructor's choice meets an agent without that tool, in every turn."""
    sent = choose({"type": "function", "function": {"name": "wether"}}, parallel=False)

    assert sent == (
        {"type": "auto", "disable_parallel_tool_use": True},
        "sent as auto: there is no tool 'wether'",
    )


def test_a_forced_tool_is_named_as_it_is_sent() -> None:
    """Whoever forces it knows it by its own name."""
    choice = {"type": "function", "function": {"name": "shop.find"}}
    tool = {"name": api_name("shop.find"), "input_schema": {"type": "object"}}

    assert choose(choice, tools=[tool]) == ({"type": "tool", "name": tool["name"]}, None)


def test_parallel_tool_calls_is_a_bool() -> None:
    """ "no" is true."""
    with pytest.raises(TypeError, match="parallel_tool_calls must be a bool, got 'no'"):
        choose(None, "no")  # type: ignore[arg-type]


def test_a_tool_inside_an_mcp_toolset_can_be_named() -> None:
    """Its tools are only known to the server."""
    toolset = {"type": "mcp_toolset", "mcp_server_name": "shop"}

    assert choose(NAMED, tools=[toolset])[0] == {"type": "tool", "name": "weather"}


@pytest.mark.parametrize(
    ("choice", "got"),
    [
        ("any", "'any'"),
        ({"type": "tool", "name": "weather"}, r"\{'name': 'weather', 'type': 'tool'\}"),
        ({"type": "function", "function": {}}, r"\{'function': \{\}, 'type': 'function'\}"),
        ({"type": "function"}, r"\{'type': 'function'\}"),
        (7, "7"),
    ],
)
def test_unknown_tool_choice_is_refused(choice: Any, got: str) -> None:
    """The plugin sends "auto" for anything it does not know."""
    with pytest.raises(ValueError, match=f"tool_choice must be .*, got {got}$"):
        api_tool_choice(choice)
