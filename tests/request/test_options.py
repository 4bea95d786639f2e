"""The constructor's arguments that shape a request: how they are given, and what is refused."""

from __future__ import annotations

import inspect
from dataclasses import asdict, fields, replace
from typing import Any

import anthropic
import pytest
from livekit.agents.types import NOT_GIVEN

from resilient_claude import ResilientClaudeLLM
from resilient_claude.request.build import build_request
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.tools.test_definitions import weather
from tests.support.adapters import KEY
from tests.support.builders import HELLO, NEWEST, SAMPLING

MODEL = "claude-sonnet-4-6"
FIELDS = {option.name: option for option in fields(RequestOptions)}
PRIVATE = {"strict_tool_schema": "_strict_tool_schema"}
"""The field whose argument has another name: it is no part of livekit's interface."""

NAMES = tuple(name for name in FIELDS if name not in {"model", *PRIVATE})
"""The arguments that may be left out."""

OTHER: dict[str, Any] = {
    "model": NEWEST,
    "max_tokens": 7,
    "temperature": 0.5,
    "top_k": 3,
    "caching": "ephemeral",
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "user": "caller-7",
    "strict_tool_schema": False,
}
"""Of every field a value that is not its default."""

NOT_OF_THE_REQUEST = {
    *("api_key", "base_url", "client"),  # whom it goes to
    *("timeout", "max_retries", "retry"),  # how long, and how often
    *("filter_thinking", "logger"),  # what becomes of the answer, and of what is told
}
"""The constructor's arguments that no request shows; each has tests of what it does."""


# --- every argument arrives -----------------------------------------------------------------------


def test_every_argument_is_a_field_or_known_to_be_something_else() -> None:
    """A new argument that the constructor takes and forgets is a setting that does nothing."""
    arguments = {*inspect.signature(ResilientClaudeLLM).parameters}

    assert {PRIVATE.get(name, name) for name in FIELDS} == arguments - NOT_OF_THE_REQUEST
    assert arguments >= NOT_OF_THE_REQUEST


def test_every_field_is_tried_here_with_a_value_that_is_not_its_default() -> None:
    """A default that arrives proves nothing."""
    assert OTHER.keys() == FIELDS.keys()
    assert [name for name, value in OTHER.items() if value == FIELDS[name].default] == []
    assert OTHER["model"] != MODEL


@pytest.mark.parametrize("name", FIELDS)
async def test_every_argument_of_the_constructor_reaches_its_field(name: str) -> None:
    """And no other field."""
    argument: dict[str, Any] = {PRIVATE.get(name, name): OTHER[name]}

    adapter = ResilientClaudeLLM(api_key=KEY, **argument)
    options = asdict(adapter._options)
    await adapter.aclose()

    assert options == {**asdict(RequestOptions(model=MODEL)), name: OTHER[name]}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_changes_the_request(name: str) -> None:
    """A field that nothing reads is a setting that does nothing, and nobody notices."""
    default = RequestOptions(model=MODEL)
    changed = replace(default, **{name: OTHER[name]})

    bodies = [
        build_request(options, HELLO, tools=[weather], schemas=ToolSchemas()).body
        for options in (default, changed)
    ]

    assert bodies[0] != bodies[1]


# --- what is given, and what is not ---------------------------------------------------------------


@pytest.mark.parametrize("absent", [NOT_GIVEN, None, anthropic.NOT_GIVEN, anthropic.omit])
def test_what_is_not_given_keeps_its_default(absent: object) -> None:
    """Applications pass on what they were not given themselves."""
    arguments: dict[str, Any] = dict.fromkeys(NAMES, absent)

    options = RequestOptions.of(model=MODEL, **arguments)

    assert options == RequestOptions(model=MODEL)
    assert options.max_tokens == 1024


def test_what_is_given_is_kept() -> None:
    """Also what Python takes for false."""
    arguments: dict[str, Any] = {
        "user": "",
        "temperature": 0,
        "top_k": 0,
        "max_tokens": 1,
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "caching": "ephemeral",
    }
    assert arguments.keys() == {*NAMES}

    options = RequestOptions.of(model=MODEL, _strict_tool_schema=False, **arguments)

    assert options == RequestOptions(model=MODEL, strict_tool_schema=False, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": None}, "model must be a model id without white space, got None"),
        ({"model": NOT_GIVEN}, "model must be a model id without white space, got NOT_GIVEN"),
        ({"max_tokens": 0}, "max_tokens must be an int >= 1, got 0"),
        ({"caching": ""}, "caching must be \"ephemeral\" or None, got ''"),
    ],
)
def test_what_cannot_work_is_refused(arguments: dict[str, Any], message: str) -> None:
    """At start-up, not with the first caller on the line."""
    with pytest.raises(ValueError, match=r".") as caught:
        RequestOptions.of(**{"model": MODEL, **arguments})

    assert str(caught.value) == message


def test_an_argument_that_does_not_exist_is_refused() -> None:
    """A slip of the pen would otherwise be a setting that does nothing."""
    with pytest.raises(TypeError, match="temprature"):
        RequestOptions.of(model=MODEL, temprature=0.5)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("model", "", "model must be a model id without white space, got ''"),
        ("model", None, "model must be a model id without white space, got None"),
        ("model", " claude-x", "model must be a model id without white space, got ' claude-x'"),
        ("model", "claude x", "model must be a model id without white space, got 'claude x'"),
        ("model", "claude-x\n", "model must be a model id without white space, got 'claude-x\\n'"),
        ("user", "u" * 257, "user must have at most 256 characters, got 257"),
        ("max_tokens", 0, "max_tokens must be an int >= 1, got 0"),
        ("max_tokens", True, "max_tokens must be an int >= 1, got True"),
        ("max_tokens", 1.5, "max_tokens must be an int >= 1, got 1.5"),
        ("temperature", 1.1, "temperature must be a number from 0 to 1, got 1.1"),
        ("temperature", float("nan"), "temperature must be a number from 0 to 1, got nan"),
        ("temperature", "hot", "temperature must be a number from 0 to 1, got 'hot'"),
        ("top_k", -1, "top_k must be an int >= 0, got -1"),
        ("caching", "1h", "caching must be \"ephemeral\" or None, got '1h'"),
        (
            "tool_choice",
            "any",
            'tool_choice must be "auto", "required", "none" or'
            ' {"type": "function", "function": {"name": ...}}, got \'any\'',
        ),
    ],
)
def test_bad_option_is_refused_with_its_name_and_value(
    option: str, value: object, message: str
) -> None:
    """A typo in the constructor must fail at start-up, not on the first caller."""
    options: dict[str, Any] = {"model": SAMPLING, option: value}

    with pytest.raises(ValueError, match=r".") as caught:
        RequestOptions(**options)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user": 7}, "user must be a str, got int"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls must be a bool, got 'no'"),
        ({"parallel_tool_calls": 0}, "parallel_tool_calls must be a bool, got 0"),
    ],
)
def test_the_wrong_type_is_refused(arguments: dict[str, Any], message: str) -> None:
    """ "no" is true, and would let Claude call several tools at once."""
    with pytest.raises(TypeError) as caught:
        RequestOptions.of(model=MODEL, **arguments)

    assert str(caught.value) == message


def test_an_address_of_the_user_is_refused_and_not_shown() -> None:
    """The API asks for no personal data there, and an error ends up in logs."""
    with pytest.raises(ValueError, match="user must be an opaque id") as caught:
        RequestOptions.of(model=MODEL, user="ada@example.com")

    assert "ada" not in str(caught.value)
