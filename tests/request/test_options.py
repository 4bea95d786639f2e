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
from resilient_claude.request.fixed_fields import FixedFields
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

SHOWS_WITH: dict[str, dict[str, Any]] = {
    "model_like": {"model": "my-deployment"},
    "progress": {"model": NEWEST},
}
"""What else a field needs to make a difference."""

OTHER: dict[str, Any] = {
    "model": NEWEST,
    "model_like": "claude-sonnet-4-5",
    "max_tokens": 7,
    "thinking": {"type": "adaptive"},
    "effort": "medium",
    "progress": "off",
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "string"}}},
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 3,
    "stop_sequences": ["END"],
    "caching": "ephemeral",
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "user": "caller-7",
    "metadata": {"user_id": "caller-8"},
    "speed": "standard",
    "service_tier": "standard_only",
    "inference_geo": "us",
    "mcp_servers": [{"type": "url", "name": "shop", "url": "https://shop.example/mcp"}],
    "betas": ["x-2026"],
    "extra_headers": {"x-team": "voice"},
    "extra_body": {"fallbacks": "default"},
    "strict_tool_schema": False,
}
"""Of every field a value that is not its default."""

CACHINGS = '"ephemeral" or {"type": "ephemeral", "ttl": "1h"}'
A_CLAUDE = 'the id of a Claude with its version, such as "claude-haiku-4-5"'
A_FORMAT = 'a dict such as {"type": "json_schema", "schema": {...}}'
EFFORTS = '"low", "medium", "high", "xhigh" or "max"'
SERVER = {"type": "url", "name": "shop", "url": "https://shop.example/mcp"}

NOT_OF_THE_REQUEST = {
    *("api_key", "base_url", "client"),  # whom it goes to
    *("timeout", "max_retries", "retry"),  # how long, and how often
    *("filter_thinking", "logger"),  # what becomes of the answer, and of what is told
    "prices",  # what is told of its cost
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
    options = asdict(adapter._requests.options)
    await adapter.aclose()

    assert options == {**asdict(RequestOptions(model=MODEL)), name: OTHER[name]}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_changes_the_request(name: str) -> None:
    """A field that nothing reads is a setting that does nothing, and nobody notices."""
    default = RequestOptions(**{"model": MODEL, **SHOWS_WITH.get(name, {})})
    changed = replace(default, **{name: OTHER[name]})

    sent = [
        build_request(FixedFields.of(options), HELLO, tools=[weather], schemas=ToolSchemas())
        for options in (default, changed)
    ]

    assert (sent[0].body, sent[0].headers) != (sent[1].body, sent[1].headers)


# --- what is given, and what is not ---------------------------------------------------------------


@pytest.mark.parametrize("absent", [NOT_GIVEN, None, anthropic.NOT_GIVEN, anthropic.omit])
def test_what_is_not_given_keeps_its_default(absent: object) -> None:
    """Applications pass on what they were not given themselves."""
    names = [name for name in NAMES if absent is not None or name not in {"thinking", "effort"}]
    arguments: dict[str, Any] = dict.fromkeys(names, absent)

    options = RequestOptions.of(model=MODEL, **arguments)

    assert options == RequestOptions(model=MODEL)


def test_none_is_a_value_where_nothing_is_to_be_sent() -> None:
    """The default of thinking and effort is what is right for a voice, so there is a way out."""
    options = RequestOptions.of(model=MODEL, thinking=None, effort=None)

    assert (options.thinking, options.effort) == (None, None)


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
        "stop_sequences": [],
        "betas": [],
        "mcp_servers": [],
        "metadata": {},
        "output_config": {},
        "extra_headers": {},
        "extra_body": {},
    }

    options = RequestOptions.of(model=MODEL, _strict_tool_schema=False, **arguments)

    assert options == RequestOptions(model=MODEL, strict_tool_schema=False, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": None}, "model must be a model id without white space, got None"),
        ({"model": NOT_GIVEN}, "model must be a model id without white space, got NOT_GIVEN"),
        ({"max_tokens": 0}, "max_tokens must be an int >= 1, got 0"),
        ({"caching": ""}, f"caching must be {CACHINGS}, got ''"),
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
        ("caching", "1h", f"caching must be {CACHINGS}, got '1h'"),
        ("caching", {"ttl": "1h"}, f"caching must be {CACHINGS}, got {{'ttl': '1h'}}"),
        (
            "caching",
            {"type": "ephemeral", "scope": "all"},
            f"caching must be {CACHINGS}, got {{'type': 'ephemeral', 'scope': 'all'}}",
        ),
        (
            "caching",
            {"type": "ephemeral", "ttl": "2h"},
            "caching['ttl'] must be \"5m\" or \"1h\", got '2h'",
        ),
        ("model_like", "", f"model_like must be {A_CLAUDE}, got ''"),
        ("model_like", "claude-sonnet", f"model_like must be {A_CLAUDE}, got 'claude-sonnet'"),
        ("model_like", "gpt-5-5", f"model_like must be {A_CLAUDE}, got 'gpt-5-5'"),
        ("effort", "extreme", f"effort must be {EFFORTS}, got 'extreme'"),
        (
            "output_config",
            {"effort": "off"},
            f"output_config['effort'] must be {EFFORTS}, got 'off'",
        ),
        (
            "output_config",
            {"efort": "low"},
            "output_config must have nothing but effort, format, task_budget, got efort: what is "
            "newer than this release goes into extra_body",
        ),
        (
            "output_config",
            {"format": "json"},
            f"output_config['format'] must be {A_FORMAT}, got 'json'",
        ),
        (
            "output_config",
            {"format": {"type": "json_schema"}},
            f"output_config['format'] must be {A_FORMAT}, got {{'type': 'json_schema'}}",
        ),
        ("progress", "loud", 'progress must be "speak", "event" or "off", got \'loud\''),
        ("speed", "slow", 'speed must be "standard" or "fast", got \'slow\''),
        (
            "service_tier",
            "priority",
            'service_tier must be "auto" or "standard_only", got \'priority\'',
        ),
        ("inference_geo", " ", "inference_geo must be a region, such as \"us\", got ' '"),
        ("top_p", 2, "top_p must be a number from 0 to 1, got 2"),
        (
            "stop_sequences",
            ["\n"],
            "stop_sequences must not be blank: the API takes no white space alone",
        ),
        ("betas", ["a,b"], "betas must be names of betas, got 'a,b'"),
        ("metadata", {"name": "Ada"}, "metadata must have nothing but user_id, got name"),
        (
            "metadata",
            {"user_id": "ada@desk.example"},
            "metadata['user_id'] must be an opaque id, and not an address or a name, since it is "
            "sent to Anthropic: got one with an @",
        ),
        (
            "metadata",
            {"user_id": "u" * 257},
            "metadata['user_id'] must have at most 256 characters, got 257",
        ),
        (
            "extra_headers",
            {"a b": "c"},
            "extra_headers must have names of headers for keys, got 'a b'",
        ),
        (
            "extra_headers",
            {"x-key": "secret\n"},
            "extra_headers['x-key'] has a character that no header has",
        ),
        (
            "extra_body",
            {"stream": False},
            "extra_body must not have 'stream': only streams are read here",
        ),
        (
            "extra_body",
            {"model": "claude-x"},
            "extra_body must not have 'model': give model=, by which the rest of the request is "
            "made",
        ),
        ("mcp_servers", [{"name": "a"}], 'mcp_servers[0] must have the type "url", got None'),
        (
            "mcp_servers",
            [SERVER, {**SERVER, "name": "my shop"}],
            "mcp_servers[1]['name'] must be 1 to 64 letters, digits, underscores or hyphens, got "
            "'my shop'",
        ),
        (
            "mcp_servers",
            [{**SERVER, "url": "http://shop.example"}],
            "mcp_servers[0]['url'] must begin with https://, and hold no white space",
        ),
        (
            "mcp_servers",
            [SERVER, SERVER],
            "mcp_servers must have names of their own, got 'shop' twice",
        ),
        (
            "thinking",
            {"type": "on"},
            'thinking must have the type "adaptive", "between_tools", "disabled" or "enabled", '
            "got 'on'",
        ),
        (
            "thinking",
            {"type": "disabled", "display": "omitted"},
            'thinking of the type "disabled" must not have a display: nothing is shown',
        ),
        (
            "thinking",
            {"type": "adaptive", "display": "all"},
            'thinking must have the display "summarized", "omitted" or "updates", got \'all\'',
        ),
        (
            "thinking",
            {"type": "enabled", "budget_tokens": 100},
            'thinking of the type "enabled" must have budget_tokens >= 1024, got 100',
        ),
        (
            "thinking",
            {"type": "adaptive", "budget_tokens": 2000},
            'thinking of the type "adaptive" must not have budget_tokens, got 2000: what limits it '
            "is the effort",
        ),
        (
            "thinking",
            {"type": "adaptive", "effort": "low"},
            "thinking must not have an effort: that is an argument of its own",
        ),
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
        ({"thinking": "adaptive"}, "thinking must be a dict, got str"),
        ({"extra_body": {"a": {1}}}, "extra_body must hold nothing but JSON"),
        ({"extra_body": {1: 2}}, "extra_body must have strings for keys"),
        ({"extra_headers": "x: y"}, "extra_headers must be a dict, got str"),
        ({"extra_headers": {"x": 1}}, "extra_headers['x'] must be a str, got int"),
        ({"extra_headers": {1: "x"}}, "extra_headers must have strings for keys, got int"),
        ({"extra_body": {"tools": "x"}}, "extra_body['tools'] must be a list of dicts, got str"),
        ({"extra_body": {"output_config": "x"}}, "extra_body['output_config'] must be a dict"),
        ({"metadata": {"user_id": 7}}, "metadata['user_id'] must be a str, got int"),
        ({"stop_sequences": "END"}, "stop_sequences must be a list of strings, got str"),
        ({"betas": [1]}, "betas must be a list of strings, got int in it"),
        ({"mcp_servers": "https://x"}, "mcp_servers must be a list of dicts, got str"),
        ({"mcp_servers": [7]}, "mcp_servers[0] must be a dict, got int"),
        ({"_strict_tool_schema": "no"}, "_strict_tool_schema must be a bool, got 'no'"),
        ({"parallel_tool_calls": 0}, "parallel_tool_calls must be a bool, got 0"),
    ],
)
def test_the_wrong_type_is_refused(arguments: dict[str, Any], message: str) -> None:
    """ "no" is true, and would let Claude call several tools at once."""
    with pytest.raises(TypeError) as caught:
        RequestOptions.of(model=MODEL, **arguments)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effort": "low", "output_config": {"effort": "high"}}, "effort and output_config"),
        ({"user": "a", "metadata": {"user_id": "b"}}, "user and metadata"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: dict[str, Any], message: str) -> None:
    """One of the two would win, and which one nobody remembers."""
    with pytest.raises(ValueError, match=message):
        RequestOptions.of(model=MODEL, **arguments)


def test_an_address_of_the_user_is_refused_and_not_shown() -> None:
    """The API asks for no personal data there, and an error ends up in logs."""
    with pytest.raises(ValueError, match="user must be an opaque id") as caught:
        RequestOptions.of(model=MODEL, user="ada@example.com")

    assert "ada" not in str(caught.value)
