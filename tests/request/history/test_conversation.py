"""`history`: a chat context turned into messages and a system, thinking included."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.conversation import conversation
from resilient_claude.request.models import Model
from tests.support.builders import (
    NEWEST,
    PREFILL,
    assistant,
    call,
    chat,
    messages_of,
    result,
    text,
    user,
)
from tests.support.pictures import base64_source, png

IMAGE = {
    "type": "image",
    "source": base64_source(png()),
}
DOCUMENT = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "x"},
    "title": "T",
}

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
            (
                *("output", "a"),
                '[{"type":"search_result","source":"s","title":"t","content":[NaN]}]',
            ),
        ),
        NEWEST,
        [
            user("Hello"),
            assistant(call("a")),
            user(
                result(
                    "a",
                    [{"type": "search_result", "source": "s", "title": "t", "content": [None]}],
                )
            ),
        ],
    ),
    (
        "audio with and without a transcript",
        chat(
            ("user", llm.AudioContent(frame=[], transcript="Hello")),
            ("assistant", llm.AudioContent(frame=[], transcript="Hi.")),
            ("user", "Well?", llm.AudioContent(frame=[], transcript="Well?")),
            ("assistant", llm.AudioContent(frame=[])),
            ("user", llm.AudioContent(frame=[], transcript=" ")),
        ),
        NEWEST,
        [
            user("Hello"),
            assistant("Hi."),
            user("Well?", text("[Left out: audio without a transcript]")),
        ],
    ),
    (
        "documents that come with words",
        chat(
            llm.ChatMessage(
                role="user",
                content=["What is it?"],
                extra={"claude": {"documents": [DOCUMENT, "menu.pdf"]}},
            ),
            llm.ChatMessage(
                role="assistant", content=["A T."], extra={"claude": {"documents": [DOCUMENT]}}
            ),
            llm.ChatMessage(role="user", content=[], extra={"claude": {"documents": [DOCUMENT]}}),
        ),
        NEWEST,
        [
            user(
                DOCUMENT,
                text("[Left out: a document that is no document block]"),
                text("What is it?"),
            ),
            assistant("A T."),
            user(DOCUMENT),
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
        [
            user("Hello"),
            assistant(call("f_1"), call("f_1_2")),
            user(result("f_1_2", "Rainy"), result("f_1", "Sunny")),
        ],
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
    model = Model.parse(NEWEST)

    system = conversation(
        chat(("system", "Be kind."), ("user", "Hi")), model, HistoryCache()
    ).system
    blank = conversation(chat(("system", " "), ("user", "Hi")), model, HistoryCache()).system

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


def test_what_an_application_assigned_is_read_as_far_as_it_can_be() -> None:
    """livekit does not check it, and one message without a content failed every later turn."""
    history = chat(
        ("user", "Hello"),
        ("assistant", "Hi."),
        ("user", "Well?"),
        ("call", "a", "{}"),
        ("output", "a", "Sunny"),
        ("assistant", "gone"),
        ("user", "And?"),
    )
    values: dict[int, dict[str, Any]] = {
        0: {"content": ("Hello",)},
        1: {"id": None},
        3: {"id": 7},
        5: {"content": None},
        6: {"content": 5},
    }
    for at, fields in values.items():
        for name, value in fields.items():
            setattr(history.items[at], name, value)

    assert messages_of(history) == [
        user("Hello"),
        assistant("Hi."),
        user("Well?"),
        assistant(call("a")),
        user(result("a", "Sunny"), "5"),
    ]
