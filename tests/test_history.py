"""`history`: a chat context turned into messages and a system, thinking included."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.history import conversation
from resilient_claude.models import Model
from resilient_claude.thinking import prefix_of, put_back_thinking, thinking_mode

PREFILL = "claude-sonnet-4-5-20250929"
SAMPLING = "claude-sonnet-4-6"
NEWEST = "claude-opus-5-5"


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
        "a message of blank texts only",
        chat(("user", "Hello"), ("assistant", " ", "\n"), ("user", "Still there?")),
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


def messages_of(chat_ctx: llm.ChatContext, model: str = NEWEST) -> list[dict[str, Any]]:
    return conversation(chat_ctx, Model.parse(model))[0]


@pytest.mark.parametrize("data", LOOKALIKES, ids=json.dumps)
def test_a_tools_own_data_is_sent_as_the_text_it_is(data: Any) -> None:
    """livekit takes any JSON list for content blocks; a list of rooms would be a 400 for ever."""
    output = json.dumps([text("real"), data])
    chat_ctx = chat(("user", "Hello"), ("call", "a", "{}"), ("output", "a", output))

    assert messages_of(chat_ctx)[-1] == user(result("a", output))


@pytest.mark.parametrize(
    ("chat_ctx", "model", "messages"),
    [case[1:] for case in HISTORIES],
    ids=[case[0] for case in HISTORIES],
)
def test_history_is_sent_as_the_api_takes_it(
    chat_ctx: llm.ChatContext, model: str, messages: list[dict[str, Any]]
) -> None:
    """Whatever entered a call's history stays there: one rejected item fails all later turns."""
    sent = messages_of(chat_ctx, model)

    if sent != messages and messages[1]["content"][0].get("input") == {"city": "Par"}:
        messages = [messages[0], assistant(call("a")), *messages[2:]]  # livekit-agents before 1.7
    assert sent == messages


@pytest.mark.parametrize("arguments", ['{"city": "Par', '{"city": "\ud83d"}'])
def test_unreadable_arguments_cost_no_other_call_its_own(arguments: str) -> None:
    """livekit raises on the one or the other, by its version, and then for every later turn."""
    chat_ctx = chat(
        ("user", "Hello"),
        ("call", "a", arguments),
        ("output", "a", "Sunny"),
        ("call", "b", '{"city": "Rome"}'),
        ("output", "b", "Rainy"),
    )

    messages = messages_of(chat_ctx)

    assert messages[1]["content"][0]["input"] in ({}, {"city": "Par"}, {"city": "\ud83d"})
    assert messages[3] == assistant(call("b", city="Rome"))


def test_system_messages_become_system_blocks() -> None:
    """The first one is the prompt; a blank one would be a 400."""
    _, system = conversation(chat(("system", "Be kind."), ("user", "Hello")), Model.parse(NEWEST))
    _, blank = conversation(chat(("system", " "), ("user", "Hello")), Model.parse(NEWEST))

    assert system == [{"type": "text", "text": "Be kind."}]
    assert blank == []


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


# --- thinking ------------------------------------------------------------------------------------

THOUGHT = {"type": "thinking", "thinking": "Paris, then.", "signature": "c2lnbmVk"}
SILENT = {"type": "thinking", "thinking": "", "signature": "c2VhbGVk"}
REDACTED = {"type": "redacted_thinking", "data": "aGlkZGVu"}
ASK = ("user", "Weather in Paris?")
MANUAL = {"type": "enabled", "budget_tokens": 1024}


def thoughtful(call_id: str, *thinking: object, model: str = NEWEST, **more: Any) -> Any:
    """A call as the stream leaves it in the history: with the thinking that it came with."""
    record = {"model": model, "thinking": list(thinking), **more}
    return recorded(call_id, {"claude": record})


def recorded(call_id: str, extra: dict[str, Any], group_id: str | None = None) -> llm.FunctionCall:
    return llm.FunctionCall(
        call_id=call_id, name="weather", arguments="{}", extra=extra, group_id=group_id
    )


def body_of(chat_ctx: llm.ChatContext, model: str = NEWEST, **fields: Any) -> dict[str, Any]:
    return {"messages": messages_of(chat_ctx, model), **fields}


def put_back(
    chat_ctx: llm.ChatContext, model: str = NEWEST, **fields: Any
) -> tuple[dict[str, Any], str | None]:
    body = body_of(chat_ctx, model, **fields)
    reason = put_back_thinking(body, chat_ctx, Model.parse(model))
    return body, reason


def test_thinking_goes_back_first_and_unchanged() -> None:
    """The API compares it with what it signed; anything before it makes the answer another one."""
    chat_ctx = chat(
        ASK,
        llm.ChatMessage(id="x", role="assistant", content=["Let me look."]),
        thoughtful("a", SILENT, THOUGHT, REDACTED).model_copy(update={"id": "x/0"}),
        ("output", "a", "Sunny"),
    )

    assert put_back(chat_ctx) == (
        {
            "messages": [
                user("Weather in Paris?"),
                assistant(SILENT, THOUGHT, REDACTED, "Let me look.", call("a")),
                user(result("a", "Sunny")),
            ]
        },
        None,
    )


def test_every_step_of_the_open_loop_gets_its_thinking_and_older_turns_do_not() -> None:
    """A loop is one turn to Claude; of earlier turns, thinking may stay away and costs tokens."""
    chat_ctx = chat(
        ASK,
        thoughtful("a", THOUGHT),
        ("output", "a", "Sunny"),
        ("assistant", "Sunny."),
        ("user", "And in Rome?"),
        thoughtful("b", THOUGHT),
        ("output", "b", "Rainy"),
        ("call", "c", "{}"),
        ("output", "c", "Windy"),
        thoughtful("d", REDACTED),
        ("output", "d", "Dry"),
    )

    body, _ = put_back(chat_ctx)

    assert body["messages"][1] == assistant(call("a"))
    assert body["messages"][5:] == [
        assistant(THOUGHT, call("b")),
        user(result("b", "Rainy")),
        assistant(call("c")),
        user(result("c", "Windy")),
        assistant(REDACTED, call("d")),
        user(result("d", "Dry")),
    ]


def test_thinking_of_parallel_calls_is_found_at_the_first() -> None:
    """The stream leaves it there once, whatever the number of calls, in any order of outputs."""
    record = {"claude": {"model": NEWEST, "thinking": [THOUGHT]}}
    chat_ctx = chat(
        ASK,
        recorded("fn:1", record, "g"),
        recorded("fn:2", {}, "g"),
        ("output", "fn:2", "Rainy"),
        ("output", "fn:1", "Sunny"),
    )

    body, _ = put_back(chat_ctx)

    assert body["messages"][1] == assistant(THOUGHT, call("fn_1"), call("fn_2"))


def test_what_the_caller_says_meanwhile_leaves_the_loop_open() -> None:
    """It stands in one message with the results, and with manual thinking the API still checks."""
    chat_ctx = chat(ASK, thoughtful("a", THOUGHT), ("output", "a", "Sunny"), ("user", "Hello?"))
    said_earlier = chat(
        *chat_ctx.items, thoughtful("b", REDACTED), ("output", "b", "Rainy"), ("user", "Well?")
    )

    body, _ = put_back(chat_ctx)
    later, _ = put_back(said_earlier)

    assert body["messages"][1:] == [
        assistant(THOUGHT, call("a")),
        user(result("a", "Sunny"), "Hello?"),
    ]
    assert later["messages"][1] == assistant(call("a"))
    assert later["messages"][3] == assistant(REDACTED, call("b"))


GARBLED: list[Any] = [
    None,
    "claude",
    [],
    {},
    {"model": NEWEST},
    {"model": NEWEST, "thinking": None},
    {"model": NEWEST, "thinking": []},
    {"model": NEWEST, "thinking": {"0": THOUGHT}},
    {"model": NEWEST, "thinking": [THOUGHT, None]},
    {"model": NEWEST, "thinking": [{"type": "text", "text": "Hello"}]},
    {"model": NEWEST, "thinking": [{"type": ["thinking"]}]},
    {"model": NEWEST, "thinking": [{"type": "thinking", "thinking": "x"}]},
    {"model": NEWEST, "thinking": [{**THOUGHT, "signature": ""}]},
    {"model": NEWEST, "thinking": [{**THOUGHT, "signature": b"c2ln"}]},
    {"model": NEWEST, "thinking": [{**THOUGHT, "thinking": None}]},
    {"model": NEWEST, "thinking": [{**THOUGHT, "thinking": "\ud83d"}]},
    {"model": NEWEST, "thinking": [{**THOUGHT, "cache_control": {"type": "ephemeral"}}]},
    {"model": NEWEST, "thinking": [{**REDACTED, "data": ""}]},
    {"model": "claude-opus-5", "thinking": [THOUGHT]},
    {"model": [NEWEST], "thinking": [THOUGHT]},
    {"thinking": [THOUGHT]},
]


@pytest.mark.parametrize("record", GARBLED, ids=repr)
def test_unreadable_thinking_stays_away_and_breaks_nothing(record: Any) -> None:
    """Contexts are stored, edited and passed on; a bad entry would be a 400 on every later turn."""
    chat_ctx = chat(ASK, recorded("a", {"claude": record}), ("output", "a", "Sunny"))

    assert put_back(chat_ctx) == (body_of(chat_ctx), None)


def test_an_extra_that_is_no_dict_breaks_nothing() -> None:
    """pydantic does not check assignments."""
    function_call = thoughtful("a", THOUGHT)
    function_call.extra = None
    chat_ctx = chat(ASK, function_call, ("output", "a", "Sunny"))

    assert put_back(chat_ctx) == (body_of(chat_ctx), None)


def test_nothing_before_a_gap_goes_back() -> None:
    """Each block names the one before it: the API takes a cut at the front, none in the middle."""
    chat_ctx = chat(
        ASK,
        thoughtful("a", THOUGHT),
        ("output", "a", "Sunny"),
        thoughtful("b", THOUGHT, model="claude-sonnet-5-5"),
        ("output", "b", "Rainy"),
        thoughtful("c", THOUGHT),
        ("output", "c", "Windy"),
    )

    body, _ = put_back(chat_ctx)

    kinds = [m["content"][0]["type"] for m in body["messages"] if m["role"] == "assistant"]
    assert kinds == ["tool_use", "tool_use", "thinking"]


@pytest.mark.parametrize(
    ("model", "thinking", "mode"),
    [
        ("claude-opus-4-8", None, "off"),
        ("claude-opus-5", None, "adaptive"),
        ("my-gateway/newest", None, "adaptive"),
        (SAMPLING, {"type": "adaptive"}, "adaptive"),
        (SAMPLING, MANUAL, "manual"),
        (NEWEST, {"type": "disabled"}, "off"),
        (NEWEST, {"type": ["odd"]}, "adaptive"),
        (SAMPLING, object(), "adaptive"),
    ],
)
def test_thinking_goes_back_only_where_the_request_thinks(
    model: str, thinking: Any, mode: str
) -> None:
    """ "When thinking is disabled, an `assistant` message in the final position cannot contain
    `thinking`."
    """
    chat_ctx = chat(ASK, thoughtful("a", THOUGHT, model=model), ("output", "a", "Sunny"))

    body, reason = put_back(chat_ctx, model, thinking=thinking)

    assert thinking_mode(body, Model.parse(model)) == mode
    assert (body["messages"][1] == assistant(THOUGHT, call("a"))) == (mode != "off")
    assert reason is None


@pytest.mark.parametrize("first", [("call", "a", "{}"), recorded("a", {"claude": "garbled"})])
def test_manual_thinking_is_left_out_where_a_loop_does_not_begin_with_it(first: Any) -> None:
    """ "Expected `thinking` or `redacted_thinking`, but found `tool_use`": after a fallback from
    another provider that would be a 400 on every turn.
    """
    second = thoughtful("b", THOUGHT, model=PREFILL)
    chat_ctx = chat(ASK, first, ("output", "a", "Sunny"), second, ("output", "b", "Rainy"))

    body, reason = put_back(chat_ctx, PREFILL, thinking=MANUAL)

    assert body == body_of(chat_ctx, PREFILL)
    assert reason == (
        "not sent: the tool calls it follows on have no thinking that could be put back"
    )


def test_manual_thinking_need_not_come_again_within_a_loop() -> None:
    """Without interleaving, Claude thinks once per turn."""
    first = thoughtful("a", THOUGHT, model=PREFILL, prefix="of another agent")
    chat_ctx = chat(
        ASK, first, ("output", "a", "Sunny"), ("call", "b", "{}"), ("output", "b", "Rainy")
    )

    body, reason = put_back(chat_ctx, PREFILL, thinking=MANUAL)

    assert body["messages"][1] == assistant(THOUGHT, call("a"))
    assert (body["thinking"], reason) == (MANUAL, None)


AGENT: dict[str, Any] = {
    "system": [text("Be kind.")],
    "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
}
CHANGES: list[tuple[str, dict[str, Any], Any, bool]] = [
    ("nothing", {}, ASK, True),
    ("a cache breakpoint", {"system": [text("Be kind.", cache_control={})]}, ASK, True),
    ("the system", {"system": [text("Be brief.")]}, ASK, False),
    ("the tools", {"tools": []}, ASK, False),
    ("a message", {}, ("user", "Weather in Rome?"), False),
]


@pytest.mark.parametrize(
    ("change", "asked", "holds"),
    [case[1:] for case in CHANGES],
    ids=[case[0] for case in CHANGES],
)
def test_thinking_is_bound_to_what_came_before_it(
    change: dict[str, Any], asked: Any, holds: bool
) -> None:
    """After a handoff to another agent it would be a 400 from Fable 5.1 and the 5.5 models on."""
    first = prefix_of(body_of(chat(ASK), **AGENT), 1)
    step = (thoughtful("a", THOUGHT, prefix=first), ("output", "a", "Sunny"))
    sent, _ = put_back(chat(ASK, *step), **AGENT)
    steps = (*step, thoughtful("b", REDACTED, prefix=prefix_of(sent, 3)), ("output", "b", "Rainy"))

    body, _ = put_back(chat(asked, *steps), **AGENT | change)

    kinds = [m["content"][0]["type"] for m in body["messages"] if m["role"] == "assistant"]
    assert kinds == (["thinking", "redacted_thinking"] if holds else ["tool_use", "tool_use"])


def test_a_prefix_can_be_made_of_any_body() -> None:
    """`extra_kwargs` may hold messages of any shape, and the answer is there already."""
    odd = {"messages": [object(), {"role": "user", "content": "Own"}, {"role": "user"}]}

    assert prefix_of(odd | {"system": "Own", "tools": [7, {"type": []}]}, 2) != prefix_of(odd, 2)


def test_putting_thinking_back_changes_nothing_of_the_contexts() -> None:
    """The same context serves the next turn, and other LLMs."""
    chat_ctx = chat(ASK, thoughtful("a", THOUGHT), ("output", "a", "Sunny"))
    before = copy.deepcopy(chat_ctx.to_dict())

    body, _ = put_back(chat_ctx)
    body["messages"][1]["content"][0]["signature"] = "changed"

    assert chat_ctx.to_dict() == before
