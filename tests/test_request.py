"""`request`: a chat context, tools and options turned into one Messages API request."""

from __future__ import annotations

import copy
import gc
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import FrozenInstanceError, replace
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal

import anthropic
import httpx2
import pytest
from anthropic import AsyncStream
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents import llm
from livekit.agents.llm import ProviderTool, Toolset, function_tool
from livekit.agents.types import NOT_GIVEN
from pydantic import BaseModel, Field

from resilient_claude.request import (
    Adjustment,
    Request,
    RequestOptions,
    ToolSchemas,
    build_request,
)
from resilient_claude.testing.script import HttpError
from resilient_claude.testing.validation import validate

PREFILL = "claude-sonnet-4-5-20250929"
SAMPLING = "claude-sonnet-4-6"
NEWEST = "claude-opus-5-5"
EPHEMERAL = {"type": "ephemeral"}
BETA_QUERY = {"beta": "true"} if anthropic.__version__.startswith("1.") else {}


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


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"text": value, "type": "text", **more}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def call(call_id: str, name: str = "weather", **arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "tool_use", "name": name, "input": arguments}


def result(call_id: str, content: Any, *, is_error: bool = False) -> dict[str, Any]:
    return {
        "tool_use_id": call_id,
        "type": "tool_result",
        "content": content,
        "is_error": is_error,
    }


def chat(*items: tuple[Any, ...] | llm.ChatItem) -> llm.ChatContext:
    """A context of ("user", "Hello"), ("call", id, arguments) and ("output", id, output)."""
    chat_ctx = llm.ChatContext.empty()
    for item in items:
        if not isinstance(item, tuple):
            chat_ctx.items.append(item)
        elif item[0] == "call":
            chat_ctx.items.append(
                llm.FunctionCall(call_id=item[1], name="weather", arguments=item[2])
            )
        elif item[0] == "output":
            chat_ctx.items.append(
                llm.FunctionCallOutput(
                    call_id=item[1], name="weather", output=item[2], is_error=len(item) > 3
                )
            )
        else:
            chat_ctx.add_message(role=item[0], content=list(item[1:]))
    return chat_ctx


HELLO = chat(("user", "Hello"))


def build(
    chat_ctx: llm.ChatContext = HELLO,
    *,
    model: str = SAMPLING,
    schemas: ToolSchemas | None = None,
    tools: Sequence[Any] = (),
    tool_choice: Any = NOT_GIVEN,
    parallel_tool_calls: Any = NOT_GIVEN,
    extra: dict[str, Any] | None = None,
    **options: Any,
) -> Request:
    return build_request(
        RequestOptions(model=model, **options),
        chat_ctx,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=parallel_tool_calls,
        extra_kwargs=extra,
        schemas=schemas or ToolSchemas(),
    )


# --- the whole request ---------------------------------------------------------------------------


def test_the_smallest_request() -> None:
    """What is not asked for is not sent: every default is the API's own."""
    assert build() == Request(
        body={
            "max_tokens": 1024,
            "messages": [user("Hello")],
            "model": SAMPLING,
            "stream": True,
        },
        headers={},
        query={},
    )


def test_a_request_with_everything() -> None:
    """One whole body, so that a field that appears or vanishes anywhere is seen."""
    chat_ctx = chat(
        ("system", "Be kind."),
        ("user", "Weather in Paris?"),
        ("assistant", "Let me look."),
        ("call", "call_1", '{"city": "Paris"}'),
        ("output", "call_1", "Sunny"),
    )

    request = build(
        chat_ctx,
        tools=[weather, book, ServerTool("web_search", "web-2026")],
        tool_choice="required",
        parallel_tool_calls=False,
        user="caller-7",
        temperature=0.5,
        top_k=3,
        max_tokens=300,
        caching="ephemeral",
        extra={"stop_sequences": ["END"], "betas": ["more-2026"], "timeout": 4},
    )

    assert request == Request(
        body={
            "max_tokens": 300,
            "messages": [
                user(text("Weather in Paris?", cache_control=EPHEMERAL)),
                assistant(
                    "Let me look.", {**call("call_1", city="Paris"), "cache_control": EPHEMERAL}
                ),
                user(result("call_1", "Sunny")),
            ],
            "model": SAMPLING,
            "metadata": {"user_id": "caller-7"},
            "stop_sequences": ["END"],
            "stream": True,
            "system": [{"type": "text", "text": "Be kind.", "cache_control": EPHEMERAL}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "tools": [
                WEATHER,
                BOOK,
                {
                    "type": "web_search_20260101",
                    "name": "web_search",
                    "cache_control": EPHEMERAL,
                },
            ],
            "temperature": 0.5,
            "top_k": 3,
        },
        headers={"anthropic-version": "2023-06-01", "anthropic-beta": "more-2026,web-2026"},
        query=BETA_QUERY,
        timeout_s=4,
    )


def test_a_request_hides_speech_and_headers_from_its_repr() -> None:
    """A request ends up in tracebacks and debug logs."""
    request = build(chat(("user", "my card is 4242")), extra={"extra_headers": {"x-key": "sk-1"}})

    assert repr(request) == "Request(query={}, adjustments=(), timeout_s=None)"


def test_a_changed_request_is_encoded_anew() -> None:
    """A resume replaces the body; the old bytes would ask the old question again."""
    request = build()

    changed = replace(request, body={"model": "m"})

    assert changed.content() == b'{"model":"m"}'
    assert request.content() is request.content()
    with pytest.raises(FrozenInstanceError):
        request.body = {}  # type: ignore[misc]


def test_content_is_plain_utf8_without_spaces() -> None:
    """Every byte of a 100 message history is paid for on the way to the first token."""
    request = build(chat(("user", "Grüße 👋")))

    assert (
        request.content()
        == (
            '{"max_tokens":1024,"messages":[{"role":"user","content":'
            '[{"text":"Grüße 👋","type":"text"}]}],"model":"claude-sonnet-4-6","stream":true}'
        ).encode()
    )


# --- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("model", "", "model must be a model id, got ''"),
        ("model", None, "model must be a model id, got None"),
        ("max_tokens", 0, "max_tokens must be >= 1, got 0"),
        ("max_tokens", True, "max_tokens must be >= 1, got True"),
        ("max_tokens", 1.5, "max_tokens must be >= 1, got 1.5"),
        ("temperature", 1.1, "temperature must be from 0 to 1, got 1.1"),
        ("temperature", float("nan"), "temperature must be from 0 to 1, got nan"),
        ("temperature", "hot", "temperature must be from 0 to 1, got 'hot'"),
        ("top_k", -1, "top_k must be >= 0, got -1"),
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


# --- history -------------------------------------------------------------------------------------

IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
}
DOCUMENT = {"type": "document", "source": {"type": "text", "data": "x"}, "title": "T"}

HISTORIES: list[tuple[str, llm.ChatContext, str, list[dict[str, Any]]]] = [
    ("nothing", chat(), NEWEST, [user("(empty)")]),
    (
        "the assistant opened",
        chat(("assistant", "Hi!"), ("user", "Hello")),
        NEWEST,
        [user("(empty)"), assistant("Hi!"), user("Hello")],
    ),
    (
        "a trailing assistant turn, no prefill",
        chat(("user", "Hello"), ("assistant", "Hi, ")),
        NEWEST,
        [user("Hello"), assistant("Hi, "), user(".")],
    ),
    (
        "a trailing assistant turn, prefill",
        chat(("user", "Hello"), ("assistant", "Hi, \n")),
        PREFILL,
        [user("Hello"), assistant("Hi,")],
    ),
    (
        "blank texts",
        chat(("user", "Hello", " "), ("assistant", "\n"), ("user", "\t", "Still there?")),
        NEWEST,
        [user("Hello", "Still there?")],
    ),
    (
        "a blank opening",
        chat(("user", " "), ("assistant", "Hi!")),
        PREFILL,
        [user("(empty)"), assistant("Hi!")],
    ),
    (
        "a blank text beside a call and its output",
        chat(
            ("user", "Hello"),
            llm.ChatMessage(id="x", role="assistant", content=[" "]),
            llm.FunctionCall(id="x/1", call_id="a", name="weather", arguments="{}"),
            ("output", "a", "Sunny"),
            ("user", " "),
        ),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", "Sunny"))],
    ),
    (
        "an output that is a JSON list of data",
        chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", '[1, {"type": "room"}]')),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", '[1, {"type": "room"}]'))],
    ),
    (
        "an output that is an empty JSON list",
        chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", "[]")),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", "[]"))],
    ),
    (
        "an output whose blocks hold nothing to read",
        chat(
            ("user", "Hello"), ("call", "a", "{}"), ("output", "a", '[{"type":"text","text":""}]')
        ),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", '[{"type":"text","text":""}]'))],
    ),
    (
        "an output that is content blocks",
        chat(
            ("user", "Hello"),
            ("call", "a", "{}"),
            ("output", "a", json.dumps([text("Sunny"), IMAGE, DOCUMENT])),
        ),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", [text("Sunny"), IMAGE, DOCUMENT]))],
    ),
    (
        "an output that is content blocks with a number that JSON lacks",
        chat(
            ("user", "Hello"),
            ("call", "a", "{}"),
            ("output", "a", '[{"type": "document", "source": {"type": "text", "data": NaN}}]'),
        ),
        NEWEST,
        [
            user("Hello"),
            assistant(call("a")),
            user(result("a", [{"type": "document", "source": {"type": "text", "data": None}}])),
        ],
    ),
    (
        "an image that the assistant showed",
        chat(
            ("user", "Hello", llm.ImageContent(image="https://x/1.png")),
            ("assistant", "Look:", llm.ImageContent(image="https://x/2.png")),
            ("user", "Nice"),
        ),
        NEWEST,
        [
            user("Hello", {"type": "image", "source": {"type": "url", "url": "https://x/1.png"}}),
            assistant("Look:"),
            user("Nice"),
        ],
    ),
    (
        "an error without words",
        chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", "", "error")),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", "Error", is_error=True))],
    ),
    (
        "arguments that are no JSON object",
        chat(("user", "Hello"), ("call", "a", '{"city": "Par'), ("output", "a", "Sunny")),
        NEWEST,
        [user("Hello"), assistant(call("a", city="Par")), user(result("a", "Sunny"))],
    ),
    (
        "arguments that are a JSON list",
        chat(("user", "Hello"), ("call", "a", "[1]"), ("output", "a", "Sunny")),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", "Sunny"))],
    ),
    (
        "arguments with a number that JSON lacks",
        chat(("user", "Hello"), ("call", "a", '{"at": [NaN, 1.5]}'), ("output", "a", "Sunny")),
        NEWEST,
        [user("Hello"), assistant(call("a", at=[None, 1.5])), user(result("a", "Sunny"))],
    ),
    (
        "another provider's call ids",
        chat(("user", "Hello"), ("call", "fn:1", "{}"), ("output", "fn:1", "Sunny")),
        NEWEST,
        [user("Hello"), assistant(call("fn_1")), user(result("fn_1", "Sunny"))],
    ),
    (
        "a call id used twice",
        chat(
            ("user", "Hello"),
            llm.FunctionCall(call_id="a", name="weather", arguments="{}", group_id="g"),
            llm.FunctionCall(call_id="b", name="weather", arguments="{}", group_id="g"),
            ("output", "a", "Sunny"),
            ("output", "a", "Rainy"),
        ),
        NEWEST,
        [user("Hello"), assistant(call("a")), user(result("a", "Sunny"))],
    ),
    (
        "ids that differ only in what the API forbids",
        chat(
            ("user", "Hello"),
            llm.FunctionCall(call_id="f.1", name="weather", arguments="{}", group_id="g"),
            llm.FunctionCall(call_id="f:1", name="weather", arguments="{}", group_id="g"),
            ("output", "f:1", "Rainy"),
            ("output", "f.1", "Sunny"),
        ),
        NEWEST,
        [user("Hello"), assistant(call("f_1")), user(result("f_1", "Sunny"))],
    ),
]


LOOKALIKES: list[Any] = [
    {"type": "room"},
    {"type": ["text"]},
    {"type": "text", "text": 5},
    {"type": "text", "text": " "},
    {"type": "text", "text": "a", "id": 1},
    {"type": "image", "name": "cat"},
    {"type": "image", "source": "cat.png"},
    {"type": "image", "source": {"type": "base64", "data": "x"}},
    {"type": "image", "source": {"type": "url", "url": 5}},
    {"type": "image", "source": {"type": "disk", "path": "x"}},
    {"type": "image", "source": {"type": 5}},
    {"type": "search_result", "source": "x"},
    "text",
]


@pytest.mark.parametrize("data", LOOKALIKES, ids=json.dumps)
def test_a_tools_own_data_is_sent_as_the_text_it_is(data: Any) -> None:
    """livekit takes any JSON list for content blocks; a list of rooms would be a 400 for ever."""
    output = json.dumps([text("real"), data])
    chat_ctx = chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", output))

    request = build(chat_ctx, tools=[weather])

    assert request.body["messages"][-1] == user(result("a", output))
    assert rejected(request) is None


@pytest.mark.parametrize(
    ("chat_ctx", "model", "messages"),
    [case[1:] for case in HISTORIES],
    ids=[case[0] for case in HISTORIES],
)
def test_history_is_sent_as_the_api_takes_it(
    chat_ctx: llm.ChatContext, model: str, messages: list[dict[str, Any]]
) -> None:
    """Whatever entered a call's history stays there: one rejected item fails all later turns."""
    request = build(chat_ctx, model=model, tools=[weather])

    sent = request.body["messages"]
    if sent != messages and messages[1]["content"][0].get("input") == {"city": "Par"}:
        messages = [messages[0], assistant(call("a")), *messages[2:]]  # livekit-agents before 1.7
    assert sent == messages


def test_system_messages_become_system_blocks() -> None:
    """The first one is the prompt; a blank one would be a 400."""
    request = build(chat(("system", "Be kind."), ("user", "Hello")))
    blank = build(chat(("system", " "), ("user", "Hello")))

    assert request.body["system"] == [{"type": "text", "text": "Be kind."}]
    assert "system" not in blank.body


def test_half_a_surrogate_pair_is_sent_as_a_question_mark() -> None:
    """It cannot be encoded, and would fail this turn and every later one of the call."""
    request = build(chat(("user", "a\ud83dz")))

    assert json.loads(request.content())["messages"] == [user("a?z")]


def test_building_a_request_changes_nothing_of_the_callers() -> None:
    """The same context, tools and extra_kwargs serve the next turn and other LLMs."""
    chat_ctx = chat(
        ("system", "Be kind."), ("user", "Hello"), ("assistant", "Hi "), ("user", "Weather?")
    )
    tool = {"name": "own", "input_schema": {"type": "object"}}
    extra = {
        "metadata": {"a": 1},
        "tools": [tool],
        "system": [text("Own")],
        "messages": [user("Own"), assistant("Yes"), user("So?")],
        "extra_body": {"x": 1},
        "extra_headers": {"A": "b"},
        "temperature": 1,
        "timeout": 3,
        "betas": ["b"],
    }
    before = copy.deepcopy((chat_ctx.to_dict(), extra))

    build(chat_ctx, user="u", caching="ephemeral", extra=extra)
    build(chat_ctx, user="u", caching="ephemeral", tools=[weather, book])

    assert (chat_ctx.to_dict(), extra) == before
    assert weather.info.name == "weather"
    assert book.info.raw_schema["parameters"] == BOOK["input_schema"]


# --- tools ---------------------------------------------------------------------------------------


def test_tools_of_every_kind_are_sent_in_order() -> None:
    """Function tools first, as livekit orders them; a Toolset is opened wherever it stands."""

    class Kit(Toolset):
        def __init__(self) -> None:
            super().__init__(id="kit", tools=[book, ServerTool("inner")])

    request = build(tools=[ServerTool("outer"), Kit(), weather])

    assert request.body["tools"] == [
        BOOK,
        WEATHER,
        {"type": "outer_20260101", "name": "outer"},
        {"type": "inner_20260101", "name": "inner"},
    ]


def test_tools_are_not_strict_when_the_caller_or_the_model_says_so() -> None:
    """`strict` came with 4.5; before, there is nothing to gain and a 400 to lose."""
    loose = {
        "name": "weather",
        "description": "The weather in a city.\n",
        "input_schema": {
            "properties": {"city": {"description": "where", "title": "City", "type": "string"}},
            "required": ["city"],
            "title": "WeatherArgs",
            "type": "object",
        },
    }

    assert build(tools=[weather], strict_tool_schema=False).body["tools"] == [loose]
    assert build(tools=[weather], model="claude-sonnet-4-20250514").body["tools"] == [loose]


def make_tool(name: str, *, optional: bool = False) -> llm.FunctionTool[..., Any]:
    async def plain(city: str) -> None: ...
    async def with_optional(city: str, day: int | None = None) -> None: ...

    return function_tool(with_optional if optional else plain, name=name, description="d")


@pytest.mark.parametrize(("tools", "strict"), [(20, 20), (21, 20), (48, 20)])
def test_no_more_than_20_tools_are_strict(tools: int, strict: int) -> None:
    """The API: "Too many strict tools (48). The maximum number ... supported is 20." """
    request = build(tools=[make_tool(f"t{i}") for i in range(tools)])

    sent = request.body["tools"]
    assert [bool(tool.get("strict")) for tool in sent] == [i < strict for i in range(tools)]
    assert bool(request.adjustments) == (tools > 20)


def test_no_more_than_16_parameters_of_strict_tools_are_unions() -> None:
    """livekit makes a union of every optional parameter, and the 17th is a 400."""
    tools = [make_tool(f"t{i}", optional=i != 18) for i in range(19)]

    request = build(tools=tools)

    sent = [bool(tool.get("strict")) for tool in request.body["tools"]]
    assert sent == [True] * 16 + [False, False, True]
    assert request.adjustments == (
        Adjustment(
            "strict_tool_schema",
            "not sent for some tools: a request may have 20 strict tools, with 16 optional or union"
            " parameters among them",
        ),
    )


def test_beta_flags_of_several_tools_are_all_sent_once() -> None:
    """The plugin sends the last one only, and the other tool is then a 400."""
    tools = [
        ServerTool("a", "x-1"),
        ServerTool("b", "y-2"),
        ServerTool("c", "x-1"),
        ServerTool("d"),
    ]

    request = build(tools=tools)

    assert request.headers == {"anthropic-beta": "x-1,y-2"}
    assert request.query == BETA_QUERY


def test_provider_tool_of_another_provider_is_named() -> None:
    """The plugin drops it without a word; the agent then lacks a tool it was given."""

    class Foreign(ProviderTool):
        pass

    with pytest.raises(TypeError) as caught:
        build(tools=[Foreign(id="gemini_search")])

    assert str(caught.value) == (
        "provider tool 'gemini_search' (Foreign) needs a to_dict() that returns its Messages API"
        " definition"
    )


def test_duplicate_tool_names_are_refused_by_livekit() -> None:
    """Claude could not tell them apart; the rule and its words are livekit's."""
    with pytest.raises(ValueError, match="duplicate function name: same"):
        build(tools=[make_tool("same"), make_tool("same")])


def test_raw_tool_without_description_or_type_is_completed() -> None:
    """MCP servers leave them out; the API wants a text and an object."""

    @function_tool(raw_schema={"name": "bare", "description": None, "parameters": {}})
    async def bare(raw_arguments: dict[str, object]) -> None: ...

    assert build(tools=[bare]).body["tools"] == [
        {"name": "bare", "description": "", "input_schema": {"type": "object"}}
    ]


def test_the_plugins_computer_tool_works_without_our_importing_it() -> None:
    """People who switch keep their tools."""
    plugin = pytest.importorskip(
        "livekit.plugins.anthropic", reason="livekit-plugins-anthropic is not installed here"
    )
    kit = plugin.ComputerTool(actions=None, width=800, height=600)

    request = build(tools=[kit])

    assert request.body["tools"] == [kit.tools[0].to_dict()]
    assert request.headers == {"anthropic-beta": "computer-use-2025-11-24"}


def test_history_with_calls_and_no_tools_brings_their_names_along() -> None:
    """Without tools the API rejects such a history: a summary at the end of a call would fail."""
    chat_ctx = chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", "x"), ("user", "Bye"))

    request = build(chat_ctx, tool_choice="auto", parallel_tool_calls=False)

    assert request.body["tools"] == [{"name": "weather", "input_schema": {"type": "object"}}]
    assert request.body["tool_choice"] == {"type": "none"}
    assert request.adjustments == ()


# --- tool choice ---------------------------------------------------------------------------------

NAMED = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (NOT_GIVEN, NOT_GIVEN, None),
        (None, None, None),
        (NOT_GIVEN, True, {"type": "auto", "disable_parallel_tool_use": False}),
        (NOT_GIVEN, False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("auto", NOT_GIVEN, {"type": "auto"}),
        ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        (NAMED, NOT_GIVEN, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choice_in_the_apis_words(choice: Any, parallel: Any, sent: object) -> None:
    """`none` keeps the tools: dropping them would break a history with calls, and the cache."""
    request = build(tools=[weather], tool_choice=choice, parallel_tool_calls=parallel)

    assert request.body.get("tool_choice") == sent
    assert request.body["tools"] == [WEATHER]


def test_tool_choice_of_the_turn_wins_over_the_constructors() -> None:
    """livekit sends "none" for the turn that must answer after the last tool step."""
    defaults: dict[str, Any] = {"tool_choice": "required", "parallel_tool_calls": False}

    turn = build(tools=[weather], tool_choice="auto", parallel_tool_calls=True)
    constructor = RequestOptions(model=SAMPLING, **defaults)
    by_default = build_request(constructor, HELLO, tools=[weather], schemas=ToolSchemas())
    overridden = build_request(
        constructor,
        HELLO,
        tools=[weather],
        tool_choice="auto",
        parallel_tool_calls=True,
        schemas=ToolSchemas(),
    )

    assert by_default.body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert overridden.body["tool_choice"] == turn.body["tool_choice"]


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
    extra = {"thinking": {"type": thinking}} if thinking else {}

    request = build(model=model, tools=[weather], tool_choice=choice, extra=extra)

    if reason is None:
        assert (request.body["tool_choice"], request.adjustments) == (forced, ())
    else:
        assert request.body["tool_choice"] == {"type": "auto"}
        assert request.adjustments == (Adjustment("tool_choice", reason),)


def test_forced_tool_choice_without_tools_is_left_out_and_reported() -> None:
    """A constructor's "required" also meets turns without tools, such as a summary."""
    request = build(tool_choice="required")

    assert "tool_choice" not in request.body
    assert request.adjustments == (Adjustment("tool_choice", "not sent: the request has no tools"),)


def test_naming_a_missing_tool_is_refused() -> None:
    """The API's 400 would come after the caller has already waited."""
    choice = {"type": "function", "function": {"name": "wether"}}

    with pytest.raises(
        ValueError, match="tool_choice names 'wether', which is not among the tools"
    ):
        build(tools=[weather], tool_choice=choice)


def test_a_tool_inside_an_mcp_toolset_can_be_named() -> None:
    """Its tools are only known to the server."""
    extra = {"tools": [{"type": "mcp_toolset", "mcp_server_name": "shop"}]}

    request = build(tool_choice=NAMED, extra=extra)

    assert request.body["tool_choice"] == {"type": "tool", "name": "weather"}


@pytest.mark.parametrize(
    ("choice", "got"),
    [
        ("any", "'any'"),
        ({"type": "tool", "name": "weather"}, "dict"),
        ({"type": "function", "function": {}}, "dict"),
        ({"type": "function"}, "dict"),
        (7, "int"),
    ],
)
def test_unknown_tool_choice_is_refused(choice: Any, got: str) -> None:
    """The plugin sends "auto" for anything it does not know."""
    with pytest.raises(ValueError, match=f"tool_choice must be .*, got {got}$"):
        build(tools=[weather], tool_choice=choice)


# --- sampling ------------------------------------------------------------------------------------


def test_sampling_is_sent_with_the_version_that_knows_it() -> None:
    """SDK 2.x sends a newer version, under which temperature is a 400 on every model."""
    request = build(temperature=0.2, top_k=5, extra={"top_p": 0.9})

    assert list(request.body)[-3:] == ["temperature", "top_k", "top_p"]
    assert request.headers == {"anthropic-version": "2023-06-01"}


def test_sampling_is_left_out_where_the_model_rejects_it() -> None:
    """Non-default sampling is a 400 from 4.7 on."""
    request = build(model=NEWEST, temperature=0.2, extra={"top_p": 0.9})

    assert not {"temperature", "top_p"} & request.body.keys()
    assert request.headers == {}
    assert request.adjustments == (
        Adjustment("temperature", "not sent: model claude-opus-5-5 rejects it"),
        Adjustment("top_p", "not sent: model claude-opus-5-5 rejects it"),
    )


def test_sampling_is_left_out_beside_thinking() -> None:
    """Thinking rejects temperature and top_k on the models that take both."""
    request = build(temperature=0.2, extra={"thinking": {"type": "adaptive"}, "top_p": 0.95})

    assert "temperature" not in request.body
    assert request.body["top_p"] == 0.95
    assert request.adjustments == (
        Adjustment("temperature", "not sent: it cannot be combined with thinking"),
    )


def test_null_sampling_in_extra_kwargs_takes_the_constructors_back() -> None:
    """extra_kwargs win, also to say: not this turn."""
    request = build(temperature=0.2, extra={"temperature": None})

    assert "temperature" not in request.body


def test_extra_body_sends_sampling_to_any_model() -> None:
    """`extra_body` is the way past our knowledge of models, so nothing in it is judged."""
    request = build(model=NEWEST, extra={"extra_body": {"temperature": 1.0}})

    assert request.body["temperature"] == 1.0
    assert request.headers == {"anthropic-version": "2023-06-01"}
    assert request.adjustments == ()


# --- caching -------------------------------------------------------------------------------------


def test_caching_marks_the_conversation_even_behind_the_filler_turn() -> None:
    """The last assistant turn and the user turn before it are the prefix of the next request."""
    chat_ctx = chat(("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4"))

    request = build(chat_ctx, caching="ephemeral")

    assert request.body["messages"] == [
        user("1"),
        assistant("2"),
        user(text("3", cache_control=EPHEMERAL)),
        assistant(text("4", cache_control=EPHEMERAL)),
        user("."),
    ]


def test_caching_of_a_first_turn_marks_no_message() -> None:
    """There is no assistant turn yet, so no prefix that the next turn would repeat."""
    assert build(caching="ephemeral").body["messages"] == [user("Hello")]


def breakpoints(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(breakpoints, value))
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(map(breakpoints, value.values()))
    return 0


@pytest.mark.parametrize(
    "extra",
    [
        {"cache_control": EPHEMERAL},
        {"system": "a string"},
        {"system": [text("a", cache_control=EPHEMERAL), text("b", cache_control=EPHEMERAL)]},
        {"system": [text(str(i), cache_control=EPHEMERAL) for i in range(4)]},
        {"messages": [user("a"), {"role": "assistant", "content": "b"}, user("c")]},
    ],
)
def test_there_are_never_more_than_four_breakpoints(extra: dict[str, Any]) -> None:
    """A fifth is a 400; the caller's own come first."""
    chat_ctx = chat(("system", "s"), ("user", "1"), ("assistant", "2"), ("user", "3"))

    request = build(chat_ctx, caching="ephemeral", tools=[weather], extra=extra)

    assert breakpoints(extra) <= breakpoints(request.body) <= 4


def test_a_marked_definition_is_a_copy() -> None:
    """The shared one would carry its breakpoint into requests where it is not the last tool."""
    schemas = ToolSchemas()

    marked = build(tools=[weather], caching="ephemeral", schemas=schemas)
    plain = build(tools=[weather], schemas=schemas)

    assert marked.body["tools"] == [{**WEATHER, "cache_control": EPHEMERAL}]
    assert plain.body["tools"] == [WEATHER]
    assert json.loads(marked.content())["tools"] == marked.body["tools"]
    assert schemas.builds == 1


# --- extra_kwargs --------------------------------------------------------------------------------


def test_extra_kwargs_win_over_everything() -> None:
    """They are the caller's last word about this turn."""
    request = build(
        tools=[weather],
        tool_choice="required",
        user="u",
        extra={
            "model": PREFILL,
            "max_tokens": 5,
            "tools": [BOOK],
            "tool_choice": {"type": "auto"},
            "system": "Own",
            "messages": [user("Own")],
            "metadata": {"user_id": "v", "more": 1},
            "extra_body": {"max_tokens": 6, "z": 1},
        },
    )

    assert request.body == {
        "max_tokens": 6,
        "messages": [user("Own")],
        "model": PREFILL,
        "metadata": {"user_id": "v", "more": 1},
        "stream": True,
        "system": "Own",
        "tool_choice": {"type": "auto"},
        "tools": [BOOK],
        "z": 1,
    }


def test_the_model_of_extra_kwargs_decides_what_is_accepted() -> None:
    """A turn may be sent to another model than the constructor's."""
    request = build(
        chat(("user", "a"), ("assistant", "b")),
        model=NEWEST,
        temperature=0.1,
        extra={"extra_body": {"model": PREFILL}},
    )

    assert request.body["messages"] == [user("a"), assistant("b")]
    assert request.body["temperature"] == 0.1


def test_metadata_keeps_the_user_beside_the_callers_own() -> None:
    """`user=` must not vanish because a turn adds a field."""
    request = build(user="u", extra={"metadata": {"more": 1}})

    assert request.body["metadata"] == {"user_id": "u", "more": 1}


def test_extra_headers_win_whatever_their_case() -> None:
    """Two spellings of one header would be sent as two headers."""
    request = build(
        temperature=1,
        extra={
            "betas": ["a"],
            "user_profile_id": "p",
            "workspace_id": "w",
            "extra_headers": {"Anthropic-Beta": "b", "ANTHROPIC-WORKSPACE-ID": "x"},
            "extra_query": {"beta": "false", "q": 1},
        },
    )

    assert request.headers == {
        "anthropic-version": "2023-06-01",
        "anthropic-user-profile-id": "p",
        "Anthropic-Beta": "b",
        "ANTHROPIC-WORKSPACE-ID": "x",
    }
    assert request.query == {"beta": "false", "q": 1}


@pytest.mark.parametrize("absent", [NOT_GIVEN, anthropic.NOT_GIVEN, anthropic.omit])
def test_absent_values_are_not_sent(absent: object) -> None:
    """livekit and the SDK each have their own way to say nothing."""
    extra = {"thinking": absent, "extra_body": {"x": absent}, "timeout": absent, "betas": absent}

    assert build(extra=extra) == build()
    assert (
        build_request(
            RequestOptions(model=SAMPLING), HELLO, extra_kwargs=NOT_GIVEN, schemas=ToolSchemas()
        )
        == build()
    )


class Params(BaseModel):
    kind: Literal["adaptive"] = Field(default="adaptive", alias="type")


def test_values_that_the_sdk_encodes_are_encoded() -> None:
    """Whoever passes a pydantic model, a tuple or a date to `create()` may pass it here."""
    request = build(
        extra={
            "thinking": Params(type="adaptive"),
            "stop_sequences": ("a", "b"),
            "output_config": MappingProxyType({"effort": "low"}),
            "container": date(2026, 11, 23),
        }
    )

    sent = json.loads(request.content())
    assert [sent[k] for k in ("thinking", "stop_sequences", "output_config", "container")] == [
        {"type": "adaptive"},
        ["a", "b"],
        {"effort": "low"},
        "2026-11-23",
    ]


def test_a_timeout_that_is_no_number_is_reported() -> None:
    """One number bounds the turn here; four phases of httpx2 have no place to go."""
    request = build(extra={"timeout": httpx2.Timeout(5)})

    assert request.timeout_s is None
    assert request.adjustments == (
        Adjustment("timeout", "ignored: must be a number of seconds, got Timeout"),
    )


CYCLE: dict[str, Any] = {}
CYCLE["cycle"] = CYCLE


@pytest.mark.parametrize(
    ("extra", "error", "message"),
    [
        ({"output_config": CYCLE}, TypeError, "output_config cannot be sent as JSON"),
        ({"stream": False}, ValueError, "stream must stay true: only streams are read here"),
        ({"extra_body": {"stream": False}}, ValueError, "stream must stay true: only streams .*"),
        ({"timeout": 0}, ValueError, "timeout must be > 0, got 0"),
        ({"timeout": float("nan")}, ValueError, "timeout must be > 0, got nan"),
        ({"model": 5}, TypeError, "model must be a string, got int"),
        ({"metadata": "secret"}, TypeError, "metadata must be a dict, got str"),
        ({"extra_headers": "secret"}, TypeError, "extra_headers must be a dict, got str"),
        ({"extra_body": ["secret"]}, TypeError, "extra_body must be a dict, got list"),
        ({"betas": "secret"}, TypeError, "betas must be a list of strings"),
        ({"betas": [1]}, TypeError, "betas must be a list of strings"),
        ({"betas": 1}, TypeError, "betas must be a list of strings"),
        ({"thinking": object()}, TypeError, "thinking cannot be sent as JSON"),
        ({"output_config": {"secret": b"secret"}}, TypeError, "output_config cannot be .*"),
        ({"extra_body": {"x": float("inf")}}, TypeError, "x cannot be sent as JSON"),
        ({"tools": [{"name": {1, 2}, "x": object()}]}, TypeError, "tools cannot be sent as JSON"),
    ],
)
def test_bad_extra_kwargs_are_refused_by_name_without_their_value(
    extra: dict[str, Any], error: type[Exception], message: str
) -> None:
    """It raises in `chat()`, before a task exists, and may be logged: no value in the words."""
    with pytest.raises(error, match=f"^{message}$") as caught:
        build(extra=extra)

    assert "secret" not in str(caught.value)


# --- the cache of definitions --------------------------------------------------------------------


class Agent:
    @function_tool
    async def lookup(self, order: int, note: str | None = None) -> None:
        """Look it up."""


def test_the_second_turn_builds_nothing() -> None:
    """Building 20 definitions takes 40 ms on the event loop that also carries the audio."""
    schemas = ToolSchemas()
    tools = [weather, book, make_tool("a"), make_tool("b", optional=True)]

    first = build(tools=tools, schemas=schemas)
    builds = schemas.builds
    second = build(tools=tools, schemas=schemas)

    assert builds == 3
    assert schemas.builds == builds
    assert second.content() == first.content()


def test_a_method_is_built_once_for_all_instances() -> None:
    """A new tool object per attribute access and per agent would never hit the cache."""
    schemas = ToolSchemas()

    one = build(tools=[Agent().lookup], schemas=schemas)
    other = build(tools=[Agent().lookup], schemas=schemas)

    assert schemas.builds == 1
    assert one.body["tools"] == other.body["tools"]
    assert list(one.body["tools"][0]["input_schema"]["properties"]) == ["order", "note"]


def test_strict_and_loose_definitions_are_kept_apart() -> None:
    """One LLM may serve a strict model and, by extra_kwargs, an older one."""
    schemas = ToolSchemas()

    for _ in range(2):
        strict = build(tools=[weather], schemas=schemas)
        loose = build(tools=[weather], strict_tool_schema=False, schemas=schemas)

    assert schemas.builds == 2
    assert strict.body["tools"][0]["strict"] is True
    assert "strict" not in loose.body["tools"][0]


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


@pytest.mark.parametrize(
    "change",
    [
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
    before = build(tools=[tool], schemas=schemas, strict_tool_schema=strict).body["tools"]

    change(tool)

    after = build(tools=[tool], schemas=schemas, strict_tool_schema=strict).body["tools"]
    fresh = build(tools=[tool], strict_tool_schema=strict).body["tools"]
    assert after == fresh
    if not (strict and change is _change_default_in_place):  # strict schemas hold no default
        assert after != before


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
    build(tools=[raw], schemas=schemas)

    raw.info.raw_schema["parameters"]["properties"] = {"x": {"type": "integer"}}

    assert build(tools=[raw], schemas=schemas).body["tools"] == [
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
    build(tools=[make_tool("gone")], schemas=schemas)

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
        build(tools=[tool], schemas=schemas)

    assert schemas.builds == 2


async def _odd(city: str) -> None: ...


# --- against the SDK -----------------------------------------------------------------------------


class NoBytes(httpx2.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(0):
            yield b""


class Wire:
    """The installed SDK with its socket replaced: what it would send, as it would send it."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        transport = httpx2.MockTransport(self._answer)
        self.client = anthropic.AsyncAnthropic(
            api_key="k", max_retries=0, http_client=httpx2.AsyncClient(transport=transport)
        )

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=NoBytes())

    def last(self) -> tuple[str, bytes, dict[str, str]]:
        request = self.requests[-1]
        return str(request.url), request.content, dict(request.headers)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.client.close()


async def post(client: anthropic.AsyncAnthropic, request: Request) -> None:
    stream = await client.post(
        "/v1/messages",
        content=request.content(),
        cast_to=object,
        options={
            "headers": {"Content-Type": "application/json", **request.headers},
            "params": dict(request.query),
        },
        stream=True,
        stream_cls=AsyncStream[object],
    )
    await stream.close()


MESSAGES: Any = [user("Hello")]
SDK_CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("plain", {}, {}),
    ("user", {"user": "ü"}, {"metadata": {"user_id": "ü"}}),
    (
        "tools",
        {"tools": [weather, book], "tool_choice": "required", "parallel_tool_calls": True},
        {
            "tools": [WEATHER, BOOK],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": False},
        },
    ),
    (
        "sampling",
        {"temperature": 0.5, "top_k": 4, "extra": {"extra_body": {"odd": [1, None]}}},
        {
            "extra_headers": {"anthropic-version": "2023-06-01"},
            "extra_body": {"temperature": 0.5, "top_k": 4, "odd": [1, None]},
        },
    ),
    (
        "one beta tool",
        {"tools": [ServerTool("a", "x-1")]},
        {"tools": [{"type": "a_20260101", "name": "a"}], "betas": ["x-1"]},
    ),
]
SAME_IN_BOTH: list[dict[str, Any]] = [
    {"max_tokens": 7, "model": "claude-haiku-4-5"},
    {"stop_sequences": ["b", "a"], "service_tier": "auto", "thinking": {"type": "disabled"}},
    {"cache_control": None, "container": None, "inference_geo": "eu", "output_config": {}},
    {"metadata": {"user_id": "u"}, "system": "S", "tools": [BOOK], "tool_choice": {"type": "auto"}},
    {"system": [text('Grüße\u2028\x00"\\/')], "stop_sequences": ("x",)},
    {"user_profile_id": "p", "workspace_id": "w"},
    {"extra_headers": {"X-Own": "1", "User-Agent": "me", "anthropic-version": "2024-01-01"}},
    {"extra_query": {"a": "1 +", "b": [1, 2], "c": True}},
    {"betas": ["x-1", "y-2"], "context_management": {"edits": []}},
    {"betas": ["x-1"], "extra_headers": {"Anthropic-Beta": "z"}, "extra_query": {"q": 1}},
    {"extra_body": {"max_tokens": 8, "stop_sequences": ["x"], "new": {"a": 1.0, "b": 1e30}}},
]
SDK_CASES += [("+".join(extra), {"extra": extra}, extra) for extra in SAME_IN_BOTH]


@pytest.mark.parametrize(
    ("ours", "create"), [case[1:] for case in SDK_CASES], ids=[case[0] for case in SDK_CASES]
)
async def test_the_bytes_are_those_of_the_sdks_create(
    wire: Wire, ours: dict[str, Any], create: dict[str, Any]
) -> None:
    """We encode the body ourselves: nothing may drift from what the installed SDK would send."""
    arguments: dict[str, Any] = {
        "max_tokens": 1024,
        "messages": MESSAGES,
        "model": SAMPLING,
        **create,
    }
    messages: Any = wire.client.beta.messages if "betas" in create else wire.client.messages
    stream = await messages.create(**arguments, stream=True)
    await stream.close()
    expected = wire.last()

    await post(wire.client, build(**ours))

    url, content, headers = wire.last()
    expected_url, expected_content, expected_headers = expected
    if "stop_sequences" in create.get("extra_body", {}):
        # The SDK knows this field and keeps its place; we put all of `extra_body` last.
        assert json.loads(content) == json.loads(expected_content)
        headers["content-length"] = expected_headers["content-length"]
    else:
        assert content == expected_content
    assert headers == expected_headers
    assert httpx2.URL(url).path == httpx2.URL(expected_url).path
    assert dict(httpx2.URL(url).params) == dict(httpx2.URL(expected_url).params)


@pytest.mark.parametrize("caching", [NOT_GIVEN, "ephemeral"])
async def test_the_body_is_the_plugins_where_the_plugin_is_right(wire: Wire, caching: Any) -> None:
    """People switch in the middle of a deployment: the same agent must ask Claude the same."""
    plugin = pytest.importorskip(
        "livekit.plugins.anthropic", reason="livekit-plugins-anthropic is not installed here"
    )
    chat_ctx = chat(
        ("system", "Be kind."),
        ("user", "Weather in Paris?"),
        ("assistant", "Let me look."),
        ("call", "call_1", '{"city": "Paris"}'),
        ("output", "call_1", "Sunny"),
        ("assistant", "Sunny."),
    )
    tools = [weather, book]
    peer = plugin.LLM(
        model=SAMPLING,
        api_key="k",
        client=wire.client,
        temperature=0.5,
        top_k=3,
        max_tokens=300,
        caching=caching,
        parallel_tool_calls=False,
    )
    stream = peer.chat(chat_ctx=chat_ctx, tools=tools, tool_choice="required")
    async for _ in stream:
        pass
    _, expected, _ = wire.last()

    request = build(
        chat_ctx,
        tools=tools,
        tool_choice="required",
        temperature=0.5,
        top_k=3,
        max_tokens=300,
        caching=caching or None,
        parallel_tool_calls=False,
    )

    assert request.body == json.loads(expected)


# --- any history ---------------------------------------------------------------------------------

WORDS = st.text(alphabet="ab \n\u00a0\ud83d", max_size=4)
CALL_IDS = st.sampled_from(["a", "b", "c.1", "c:1", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "source"]), inner, max_size=3)
    ),
    max_leaves=6,
)
BLOCKS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "image", "x"])}, optional={"text": WORDS}
    )
)
OUTPUTS = WORDS | JSON.map(json.dumps) | BLOCKS.map(json.dumps)
ITEMS = st.lists(
    st.builds(
        llm.ChatMessage,
        role=st.sampled_from(["system", "developer", "user", "assistant"]),
        content=st.lists(WORDS, max_size=3),
    )
    | st.builds(
        llm.FunctionCall,
        call_id=CALL_IDS,
        name=st.sampled_from(["weather", "book"]),
        arguments=WORDS | JSON.map(json.dumps),
        group_id=st.sampled_from([None, "g", "h"]),
    )
    | st.builds(
        llm.FunctionCallOutput,
        call_id=CALL_IDS,
        name=st.just("weather"),
        output=OUTPUTS,
        is_error=st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(
    items=ITEMS,
    model=st.sampled_from([PREFILL, SAMPLING, NEWEST]),
    tools=st.sampled_from([(), (weather, book)]),
    caching=st.sampled_from([None, "ephemeral"]),
)
def test_any_history_becomes_a_body_that_the_api_takes(
    items: list[Any], model: str, tools: tuple[Any, ...], caching: Any
) -> None:
    """No transcript, tool output or other provider's leftovers may end a caller's conversation."""
    request = build(llm.ChatContext(items), model=model, tools=tools, caching=caching)

    body = json.loads(request.content())
    messages = body["messages"]
    assert body == request.body or "\\ud83d" in str(request.body)
    assert [m["role"] for m in messages] == [
        ("user", "assistant")[i % 2] for i in range(len(messages))
    ]
    assert messages[-1]["role"] == "user" or model == PREFILL
    assert breakpoints(body) <= 4
    check_content(messages)
    assert rejected(request) is None
    if any(block["type"] == "tool_use" for m in messages for block in m["content"]):
        assert body["tools"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"tools": (weather, book), "tool_choice": "required", "user": "u", "caching": "ephemeral"},
        {"tools": [ServerTool("web_search", "web-2026")], "parallel_tool_calls": False},
        {"tools": [make_tool(f"t{i}", optional=True) for i in range(30)]},
        {"temperature": 0.5, "top_k": 3, "extra": {"top_p": 0.9}},
        {"extra": {"thinking": {"type": "adaptive"}}, "tools": [weather], "tool_choice": NAMED},
        {"tool_choice": "required", "max_tokens": 1},
    ],
)
@pytest.mark.parametrize("model", [PREFILL, SAMPLING, NEWEST])
def test_the_simulated_claude_takes_it(model: str, arguments: dict[str, Any]) -> None:
    """It knows the API's rules by itself, so it does not share a mistake of ours."""
    contexts = [case[1] for case in HISTORIES if "NaN" not in json.dumps(case[1].to_dict())]

    for chat_ctx in (HELLO, *contexts):
        assert rejected(build(chat_ctx, model=model, **arguments)) is None


def rejected(request: Request) -> HttpError | None:
    headers = {"content-type": "application/json", "x-api-key": "k", **request.headers}
    return validate({"anthropic-version": "2023-06-01", **headers}, request.content())


def check_content(messages: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    waiting: list[str] = []
    for message in messages:
        assert message["content"]
        blocks = message["content"]
        results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        assert [b["type"] for b in blocks[: len(results)]] == ["tool_result"] * len(results)
        assert sorted(results) == sorted(waiting)
        waiting = [b["id"] for b in blocks if b["type"] == "tool_use"]
        assert len({*waiting}) == len(waiting)
        assert not seen & {*waiting}
        seen |= {*waiting}
        for block in blocks:
            assert block["type"] != "text" or block["text"].strip()
            assert block["type"] != "tool_use" or isinstance(block["input"], dict)
            if block["type"] == "tool_result":
                assert block["content"] or not block["is_error"]
    assert not waiting
    last = messages[-1]
    assert (
        last["role"] == "user"
        or last["content"][-1]["text"] == last["content"][-1]["text"].rstrip()
    )
