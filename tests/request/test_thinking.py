"""Signed thinking goes back where the API wants it, and nowhere else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.conversation import conversation
from resilient_claude.request.models import Model
from resilient_claude.request.prefix import prefix_of
from resilient_claude.request.thinking import (
    ThinkingRecord,
    thinking_mode,
    with_thinking,
)
from tests.support.builders import (
    NEWEST,
    PREFILL,
    SAMPLING,
    assistant,
    build,
    call,
    chat,
    messages_of,
    rejected,
    result,
    text,
    user,
)

THOUGHT = {"type": "thinking", "thinking": "Paris, then.", "signature": "c2lnbmVk"}


SILENT = {"type": "thinking", "thinking": "", "signature": "c2VhbGVk"}


REDACTED = {"type": "redacted_thinking", "data": "aGlkZGVu"}


ASK = ("user", "Weather in Paris?")


MANUAL = {"type": "enabled", "budget_tokens": 1024}


def thoughtful(call_id: str, *thinking: dict[str, Any], model: str = NEWEST, **more: Any) -> Any:
    """A call as the stream leaves it in the history: with the thinking that it came with."""
    return recorded(call_id, ThinkingRecord(model, [*thinking], **more).to_extra())


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
    before = {**body, "messages": copy.deepcopy(body["messages"])}
    calls = conversation(chat_ctx, Model.parse(model), HistoryCache()).calls
    made = with_thinking(body, calls, Model.parse(model))
    assert body == before, "the body that was given was changed"
    return made


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


@pytest.mark.parametrize(("thinking", "ends_with"), [(MANUAL, "user"), (None, "assistant")])
def test_nobody_thinks_behind_words_of_the_assistant_s(thinking: Any, ends_with: str) -> None:
    """As after `say()` and a reply that nobody asked for: a model that goes on with its words does
    so without thinking alone.
    """
    chat_ctx = chat(ASK, ("assistant", "One moment."))

    request = build(chat_ctx, model=PREFILL, max_tokens=4096, thinking=thinking)

    assert request.body["messages"][-1]["role"] == ends_with
    assert rejected(request) is None


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
    ("strictness", {"tools": [{**AGENT["tools"][0], "strict": True}]}, ASK, True),
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


def test_putting_thinking_back_changes_nothing_of_the_contexts() -> None:
    """The same context serves the next turn, and other LLMs."""
    chat_ctx = chat(ASK, thoughtful("a", THOUGHT), ("output", "a", "Sunny"))
    before = copy.deepcopy(chat_ctx.to_dict())

    body, _ = put_back(chat_ctx)
    body["messages"][1]["content"][0]["signature"] = "changed"

    assert chat_ctx.to_dict() == before


def test_a_record_has_the_shape_that_histories_have_stored() -> None:
    """Contexts outlive a release: those that were stored by an earlier one are read by the next."""
    record = {"model": NEWEST, "thinking": [THOUGHT, REDACTED]}

    assert ThinkingRecord(NEWEST, [THOUGHT, REDACTED]).to_extra() == {"claude": record}
    assert ThinkingRecord(NEWEST, [THOUGHT], "abc").to_extra() == {
        "claude": {"model": NEWEST, "thinking": [THOUGHT], "prefix": "abc"}
    }


@pytest.mark.parametrize("prefix", [None, "abc"])
def test_a_record_is_read_as_it_was_written(prefix: str | None) -> None:
    """The API compares the blocks with what it has signed."""
    written = ThinkingRecord(NEWEST, [SILENT, THOUGHT, REDACTED], prefix)

    read = ThinkingRecord.from_extra(written.to_extra() | {"openai": {}})

    assert read == written
    assert read.thinking[0] is not written.thinking[0]


@pytest.mark.parametrize("extra", [None, {}, [], "claude", {"openai": {}}, {"claude": None}])
def test_where_there_is_no_record_none_is_read(extra: object) -> None:
    """A call of another provider's is no gap in the thinking; a garbled record is one."""
    assert ThinkingRecord.from_extra(extra) is None


@pytest.mark.parametrize("garbled", GARBLED[1:-3], ids=repr)
def test_of_a_garbled_record_there_is_no_thinking(garbled: Any) -> None:
    """What could not be put back must not be mistaken for a call without thinking."""
    read = ThinkingRecord.from_extra({"claude": garbled})

    assert read is not None
    assert read.thinking == []


@pytest.mark.parametrize("prefix", [None, 7, ["abc"]])
def test_a_prefix_that_is_no_text_holds_for_nothing(prefix: object) -> None:
    """It was noted, so the thinking is bound to something: to what, nobody knows any more."""
    extra = {"claude": {"model": NEWEST, "thinking": [THOUGHT], "prefix": prefix}}

    read = ThinkingRecord.from_extra(extra)

    assert read is not None
    assert not read.holds(prefix_of(body_of(chat(ASK)), 1))


# --- thinking among words and calls -------------------------------------------------------------

NOTE = {"type": "thinking", "thinking": "I look.", "signature": "bm90ZQ=="}
OTHER_NOTE = {"type": "thinking", "thinking": "And Rome.", "signature": "b3RoZXI="}


def among(call_id: str, *content: dict[str, Any], said: str, prefix: str) -> list[Any]:
    """An answer with thinking among other things, as a history has it; and its result."""
    record = ThinkingRecord.of(NEWEST, [*content], said=said, prefix=prefix)
    group = f"g{call_id}"
    return [
        llm.ChatMessage(id=group, role="assistant", content=[said]),
        recorded(call_id, record.to_extra()).model_copy(update={"id": f"{group}/0"}),
        ("output", call_id, "Sunny"),
    ]


def mark(call_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id}


def test_what_follows_on_a_note_is_bound_to_it_in_its_place() -> None:
    """The second answer was given to a request in which the note stood where it belongs."""
    first = among("a", text("Well."), NOTE, mark("a"), said="Well. I look.", prefix=_sent(ASK))
    sent, _ = put_back(chat(ASK, *first))
    second = among("b", OTHER_NOTE, mark("b"), said="And Rome.", prefix=prefix_of(sent, 3))

    body, _ = put_back(chat(ASK, *first, *second))

    assert body["messages"][1::2] == [
        assistant("Well.", NOTE, call("a")),
        assistant(OTHER_NOTE, call("b")),
    ]


def _sent(*items: Any) -> str:
    return prefix_of(body_of(chat(*items)), 1)


def test_what_follows_on_an_answer_that_stays_as_it_is_in_the_history_stays_too() -> None:
    """It follows on other words than those that it was given to."""
    first = among("a", NOTE, mark("a"), said="I look.", prefix=_sent(ASK))
    sent, _ = put_back(chat(ASK, *first))
    second = among("b", OTHER_NOTE, mark("b"), said="And Rome.", prefix=prefix_of(sent, 3))
    first[0] = first[0].model_copy(update={"content": ["I lo"]})

    body, _ = put_back(chat(ASK, *first, *second))

    assert body["messages"][1::2] == [
        assistant("I lo", call("a")),
        assistant("And Rome.", call("b")),
    ]


def test_a_gap_in_words_is_found_however_late() -> None:
    """The first is bound to what has changed; so it goes, and with it what the second is bound to;
    the third was given when the second stood there as text.
    """
    first = among("a", NOTE, mark("a"), said="I look.", prefix="of another agent")
    second = among("b", OTHER_NOTE, mark("b"), said="And Rome.", prefix="of another agent too")
    as_text, _ = put_back(chat(ASK, *first, *second))
    third = among("c", NOTE, mark("c"), said="I look.", prefix=prefix_of(as_text, 5))

    body, _ = put_back(chat(ASK, *first, *second, *third))

    assert body["messages"][1::2] == [
        assistant("I look.", call("a")),
        assistant("And Rome.", call("b")),
        assistant(NOTE, call("c")),
    ]


GARBLED_CONTENT: list[Any] = [
    {"content": [NOTE, mark("a")]},
    {"content": [NOTE, mark("a")], "said": 7},
    {"content": [], "said": "x"},
    {"content": [NOTE, {"type": "tool_use"}], "said": "x"},
    {"content": [NOTE, {"type": "tool_use", "id": 7}], "said": "x"},
    {"content": [NOTE, {**mark("a"), "input": {}}], "said": "x"},
    {"content": [NOTE, text("")], "said": "x"},
    {"content": [NOTE, text("\ud83d")], "said": "x"},
    {"content": [NOTE, text("Hi", citations=[])], "said": "x"},
    {"content": [NOTE, "Hi"], "said": "x"},
    {"content": [NOTE, {"type": "image"}], "said": "x"},
    {"thinking": [NOTE, mark("a")]},
    {"thinking": [NOTE], "said": "x"},
]


@pytest.mark.parametrize("record", GARBLED_CONTENT, ids=repr)
def test_an_unreadable_answer_stays_away_and_breaks_nothing(record: dict[str, Any]) -> None:
    """Contexts are stored, edited and passed on; a bad entry would be a 400 on every later turn."""
    extra = {"claude": {"model": NEWEST, **record}}
    chat_ctx = chat(ASK, recorded("a", extra), ("output", "a", "Sunny"))

    assert put_back(chat_ctx) == (body_of(chat_ctx), None)


def test_an_answer_is_read_as_it_was_written() -> None:
    """The API compares the blocks with what it has signed."""
    content = [text("Well."), NOTE, mark("a")]
    written = ThinkingRecord.of(NEWEST, content, said="Well. I look.", prefix="abc")

    assert ThinkingRecord.from_extra(written.to_extra()) == written
    assert ThinkingRecord.of(NEWEST, [THOUGHT], said="Well.", prefix="abc").to_extra() == {
        "claude": {"model": NEWEST, "thinking": [THOUGHT], "prefix": "abc"}
    }
