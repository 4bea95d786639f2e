"""`request`: a chat context, tools and options turned into one Messages API request."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncStream
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents import llm
from livekit.agents.types import NOT_GIVEN

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.request.build import Unbuildable, build_request
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Adjustment, Request
from resilient_claude.request.tools.names import api_key, api_name
from resilient_claude.request.tools.schemas import ToolSchemas
from tests.request.history.test_conversation import HISTORIES, ITEMS, LOOKALIKES
from tests.request.tools.test_choice import NAMED
from tests.request.tools.test_definitions import (
    BOOK,
    WEATHER,
    ServerTool,
    book,
    make_tool,
    raw,
    weather,
)
from tests.support.builders import (
    EPHEMERAL,
    HELLO,
    NEWEST,
    PREFILL,
    SAMPLING,
    assistant,
    breakpoints,
    build,
    call,
    chat,
    rejected,
    result,
    text,
    user,
)
from tests.support.pictures import image, padded, png

from .test_thinking import ASK, GARBLED, MANUAL, REDACTED, THOUGHT, recorded, thoughtful

BETA_QUERY = {"beta": "true"} if anthropic.__version__.startswith("1.") else {}


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
                assistant("Let me look.", call("call_1", city="Paris")),
                user({**result("call_1", "Sunny"), "cache_control": EPHEMERAL}),
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


def test_thinking_goes_back_with_the_results_of_its_tools() -> None:
    """Claude goes on from what it thought instead of starting over, with the user waiting."""
    chat_ctx = chat(ASK, thoughtful("a", THOUGHT, REDACTED), ("output", "a", "Sunny"))

    request = build(chat_ctx, model=NEWEST, tools=[weather], caching="ephemeral")

    assert request.body["messages"] == [
        user(text("Weather in Paris?", cache_control=EPHEMERAL)),
        assistant(THOUGHT, REDACTED, call("a")),
        user({**result("a", "Sunny"), "cache_control": EPHEMERAL}),
    ]
    assert request.adjustments == ()
    assert rejected(request) is None


@pytest.mark.parametrize("extra", [{"thinking": MANUAL}, {"extra_body": {"thinking": MANUAL}}])
def test_a_request_that_cannot_think_goes_without_and_says_so(extra: dict[str, Any]) -> None:
    """After a fallback from another provider, manual thinking would be a 400 on every turn."""
    chat_ctx = chat(ASK, ("call", "a", "{}"), ("output", "a", "Sunny"))

    request = build(chat_ctx, model=PREFILL, tools=[weather], max_tokens=2048, extra=extra)

    assert "thinking" not in request.body
    assert request.adjustments == (
        Adjustment(
            "thinking",
            "not sent: the tool calls it follows on have no thinking that could be put back",
        ),
    )


def test_the_callers_own_messages_are_sent_as_they_are() -> None:
    """`extra_kwargs` win, also over what we know of the history."""
    chat_ctx = chat(ASK, thoughtful("a", THOUGHT), ("output", "a", "Sunny"))
    messages = [user("Own")]

    request = build(chat_ctx, model=NEWEST, extra={"messages": messages})

    assert request.body["messages"] == messages


@pytest.mark.parametrize("data", LOOKALIKES, ids=json.dumps)
def test_the_simulated_claude_takes_a_tools_own_data(data: Any) -> None:
    """What looks like a content block and is none would be a 400 for ever."""
    output = json.dumps([text("real"), data])
    chat_ctx = chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", output))

    assert rejected(build(chat_ctx, tools=[weather])) is None


# --- tools ---------------------------------------------------------------------------------------


def test_tools_are_not_strict_when_the_caller_or_the_model_says_so() -> None:
    """`strict` came with 4.5; before, there is nothing to gain and a 400 to lose."""
    for request in (
        build(tools=[weather], strict_tool_schema=False),
        build(tools=[weather], model="claude-sonnet-4-20250514"),
    ):
        assert "strict" not in request.body["tools"][0]


def test_what_keeps_tools_from_being_strict_is_reported() -> None:
    """The operator would otherwise look for a bug in the tool."""
    (adjustment,) = build(tools=[make_tool(f"t{i}") for i in range(21)]).adjustments

    assert adjustment.argument == "strict_tool_schema"
    assert adjustment.reason.startswith("not sent for some tools: ")


def test_beta_flags_of_several_tools_are_all_sent_once() -> None:
    """The header holds one list, and the same flag twice may be an error."""
    tools = [
        ServerTool("a", "x-1"),
        ServerTool("b", "y-2"),
        ServerTool("c", "x-1"),
        ServerTool("d"),
    ]

    request = build(tools=tools)

    assert request.headers == {"anthropic-beta": "x-1,y-2"}
    assert request.query == BETA_QUERY


def test_history_with_calls_and_no_tools_brings_their_names_along() -> None:
    """Without tools the API rejects such a history: a summary at the end of a call would fail."""
    chat_ctx = chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", "x"), ("user", "Bye"))

    request = build(chat_ctx, tool_choice="auto", parallel_tool_calls=False)

    assert request.body["tools"] == [{"name": "weather", "input_schema": {"type": "object"}}]
    assert request.body["tool_choice"] == {"type": "none"}
    assert request.adjustments == ()


def test_tool_choice_of_the_turn_wins_over_the_constructors() -> None:
    """livekit sends "none" for the turn that must answer after the last tool step."""
    defaults: dict[str, Any] = {"tool_choice": "required", "parallel_tool_calls": False}

    turn = build(tools=[weather], tool_choice="auto", parallel_tool_calls=True)
    constructor = FixedFields.of(RequestOptions(model=SAMPLING, **defaults))
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
    assert overridden.body == turn.body
    assert "tool_choice" not in turn.body


def test_a_tool_choice_that_is_not_sent_is_reported() -> None:
    """A constructor's "required" also meets turns without tools, such as a summary."""
    request = build(tool_choice="required")

    assert "tool_choice" not in request.body
    assert request.adjustments == (Adjustment("tool_choice", "not sent: the request has no tools"),)


def test_a_tool_that_is_left_out_is_reported() -> None:
    """The agent lacks a tool; whoever runs it reads which, and why, and the turn goes on."""
    request = build(tools=[weather, make_tool("weather")], tool_choice=NAMED)

    assert request.body["tools"] == [WEATHER]
    assert request.adjustments == (
        Adjustment("tools", "sent without 'weather': another tool has its name"),
    )
    assert rejected(request) is None


def test_a_call_is_named_as_the_agent_knows_it() -> None:
    """livekit looks its tools up by their own names."""
    request = build(tools=[raw({"properties": {"größe": {}}}, "shop.find"), weather])

    arguments = json.dumps({api_key("größe"): 4})

    assert request.as_called(api_name("shop.find"), arguments) == ("shop.find", '{"größe": 4}')
    assert request.as_called("weather", arguments) == ("weather", arguments)
    assert rejected(request) is None


# --- sampling ------------------------------------------------------------------------------------


def test_sampling_is_sent_with_the_version_that_knows_it() -> None:
    """SDK 2.x sends a newer version, under which temperature is a 400 on every model."""
    request = build(temperature=0.2, top_k=5, extra={"top_p": 0.9})

    assert list(request.body)[-3:] == ["temperature", "top_k", "top_p"]
    assert request.headers == {"anthropic-version": "2023-06-01"}


def test_sampling_is_left_out_where_the_model_rejects_it() -> None:
    """Non-default sampling is a 400 from 4.7 on."""
    request = build(model=NEWEST, temperature=0.2, extra={"top_p": 0.9}, progress="off")

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
    request = build(model=NEWEST, extra={"extra_body": {"temperature": 1.0}}, progress="off")

    assert request.body["temperature"] == 1.0
    assert request.headers == {"anthropic-version": "2023-06-01"}
    assert request.adjustments == ()


# --- against the SDK -----------------------------------------------------------------------------


class NoBytes(httpx2.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(0):
            yield b""


class CaptureClient:
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
async def capture() -> AsyncIterator[CaptureClient]:
    capture = CaptureClient()
    yield capture
    await capture.client.close()


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
            "tool_choice": {"type": "any"},
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
    capture: CaptureClient, ours: dict[str, Any], create: dict[str, Any]
) -> None:
    """We encode the body ourselves: nothing may drift from what the installed SDK would send."""
    arguments: dict[str, Any] = {
        "max_tokens": 1024,
        "messages": MESSAGES,
        "model": SAMPLING,
        **create,
    }
    messages: Any = capture.client.beta.messages if "betas" in create else capture.client.messages
    stream = await messages.create(**arguments, stream=True)
    await stream.close()
    expected = capture.last()

    await post(capture.client, build(**ours))

    url, content, headers = capture.last()
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
async def test_the_body_is_the_plugins_where_the_plugin_is_right(
    capture: CaptureClient, caching: Any
) -> None:
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
        client=capture.client,
        temperature=0.5,
        top_k=3,
        max_tokens=300,
        caching=caching,
        parallel_tool_calls=False,
    )
    stream = peer.chat(chat_ctx=chat_ctx, tools=tools, tool_choice="required")
    async for _ in stream:
        pass
    _, expected, _ = capture.last()

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

    assert unmarked(request.body) == unmarked(json.loads(expected))
    assert bool(breakpoints(request.body)) == bool(caching)


def unmarked(value: Any) -> Any:
    """*value* without marks of the cache, which stand elsewhere here: see `caching`."""
    if isinstance(value, list):
        return [*map(unmarked, value)]
    if not isinstance(value, dict):
        return value
    return {key: unmarked(each) for key, each in value.items() if key != "cache_control"}


# --- any history ---------------------------------------------------------------------------------


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


RECORDS = st.sampled_from([*GARBLED, {"model": NEWEST, "thinking": [THOUGHT]}, None]) | st.builds(
    lambda model, thinking, prefix: {"model": model, "thinking": thinking, **prefix},
    model=st.sampled_from([PREFILL, SAMPLING, NEWEST]),
    thinking=st.lists(st.sampled_from([THOUGHT, REDACTED]), min_size=1, max_size=3),
    prefix=st.sampled_from([{}, {"prefix": "x"}]),
)


@settings(max_examples=200, deadline=None)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=4),
    spoken=st.sampled_from([(), (("user", "Hello?"),), (("assistant", "Sunny."), ("user", "Ah."))]),
    model=st.sampled_from([PREFILL, SAMPLING, NEWEST]),
    thinking=st.sampled_from([None, MANUAL, {"type": "adaptive"}, {"type": "disabled"}]),
)
def test_whatever_was_left_with_the_calls_the_api_takes_the_body(
    records: list[Any], spoken: tuple[Any, ...], model: str, thinking: Any
) -> None:
    """A stored context comes from anywhere; it may cost the thinking, never the turn."""
    steps: list[Any] = []
    for i, record in enumerate(records):
        steps += [recorded(f"c{i}", {"claude": record}), ("output", f"c{i}", "Sunny")]
    plain = [s if isinstance(s, tuple) else recorded(s.call_id, {}) for s in steps]
    options: dict[str, Any] = {"model": model, "tools": [weather], "max_tokens": 2048}
    thinking = None if model == NEWEST else thinking
    if model == PREFILL and thinking == {"type": "adaptive"}:
        thinking = None  # the API rejects it, and nobody judges what `extra_kwargs` hold
    options["extra"] = {"thinking": thinking} if thinking else {}

    request = build(chat(ASK, *steps, *spoken), **options)

    unthinking = [
        {**m, "content": [b for b in m["content"] if b not in (THOUGHT, REDACTED)]}
        for m in request.body["messages"]
    ]
    assert unthinking == build(chat(ASK, *plain, *spoken), **options).body["messages"]
    assert rejected(request) is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"tools": (weather, book), "tool_choice": "required", "user": "u", "caching": "ephemeral"},
        {"tools": [ServerTool("web_search", "web-2026")], "parallel_tool_calls": False},
        {"tools": [make_tool(f"t{i}", optional=True) for i in range(30)]},
        {"temperature": 0.5, "top_k": 3, "extra": {"top_p": 0.9}},
        {"thinking": {"type": "adaptive"}, "tools": [weather], "tool_choice": NAMED},
        {"tool_choice": "required", "max_tokens": 1},
    ],
)
@pytest.mark.parametrize("model", [PREFILL, SAMPLING, NEWEST])
def test_the_simulated_claude_takes_it(model: str, arguments: dict[str, Any]) -> None:
    """It knows the API's rules by itself, so it does not share a mistake of ours."""
    contexts = [case[1] for case in HISTORIES if "NaN" not in json.dumps(case[1].to_dict())]

    for chat_ctx in (HELLO, *contexts):
        assert rejected(build(chat_ctx, model=model, **arguments)) is None


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


def test_a_history_that_nothing_can_be_made_of_is_a_failure_not_a_bug() -> None:
    """Raised at the programmer, it would mute the agent for the rest of the call, unheard."""
    context = chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", "Sunny."))
    for item in context.items[1:]:
        item.call_id = ["a"]  # type: ignore[union-attr]

    with pytest.raises(Unbuildable) as raised:
        build(context)

    assert raised.value.kind is FailureKind.REJECTED
    assert raised.value.origin is Origin.CALLER
    assert not raised.value.retryable


def built_with(*images: llm.ImageContent, model: str, **more: Any) -> Request:
    """A request with *images*, for a *model*, and where it is sent."""
    fixed = FixedFields.of(RequestOptions.of(model=model), **more)
    context = chat(*(("user", image) for image in images))
    return build_request(fixed, context, schemas=ToolSchemas())


def sent_images(request: Request) -> int:
    return request.content().count(b'"type":"image"')


@pytest.mark.parametrize(
    ("model", "most"),
    [("claude-haiku-4-5", 100), ("claude-sonnet-4-6", 600), ("gateway/x", 100)],
)
def test_how_many_images_are_sent_depends_on_the_model(model: str, most: int) -> None:
    """Of one that is not known, as many as every model takes."""
    one = image()

    assert sent_images(built_with(*[one] * most, model=model)) == most
    assert sent_images(built_with(*[one] * (most + 1), model=model)) < most


def test_the_request_s_own_size_counts() -> None:
    """How much room is left for images is known when the rest is written: long instructions."""
    pictures = [image(padded(png(), 6_000_000)) for _ in range(3)]
    fixed = FixedFields.of(RequestOptions.of(model="claude-sonnet-4-6"))
    history = chat(("system", "x" * 9_000_000), *(("user", one) for one in pictures))

    request = build_request(fixed, history, schemas=ToolSchemas())

    assert sent_images(request) == 2
    assert len(request.content()) < 32_000_000
    assert [each.reason for each in request.adjustments] == [
        "not sent: an older image, since a request may have 32 MB"
    ]
