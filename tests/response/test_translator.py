"""Events in, chunks and an outcome out: no server, no clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.failures.failure import FailureKind, Origin
from resilient_claude.failures.faults import Fault
from resilient_claude.response.message import MESSAGE_BLOCKS
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.sse import DONE, EVENT_BYTES, Event
from resilient_claude.response.translator import Activity, Translator


def start(**usage: int) -> Event:
    return {"type": "message_start", "message": {"id": "msg_1", "usage": usage}}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[Event]:
    """A whole content block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *[{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[Event]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return block(index, {"type": "text", "text": ""}, *deltas)


def tool(index: int, *pieces: str, name: str = "book") -> list[Event]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    content = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, content, *deltas)


def end(stop_reason: str | None = "end_turn", **usage: int) -> list[Event]:
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def translate(
    *events: Event, may_be_empty: bool = False, **facts: bool
) -> tuple[str, list[llm.FunctionToolCall], Outcome]:
    """Text, tool calls and outcome of a stream whose events come one by one."""
    translator = Translator()
    chunks = [chunk for event in events for chunk in translator.feed([event])]
    outcome, last = translator.finish(may_be_empty=may_be_empty, **facts)
    deltas = [chunk.delta for chunk in [*chunks, *last] if chunk.delta is not None]
    calls = [call for delta in deltas for call in delta.tool_calls]
    return "".join(delta.content or "" for delta in deltas), calls, outcome


def fault_of(*events: Event, may_be_empty: bool = False, **facts: bool) -> Fault:
    with pytest.raises(Fault) as raised:
        translate(*events, may_be_empty=may_be_empty, **facts)
    return raised.value


# --- answers ------------------------------------------------------------------------------------


def test_text_is_handed_on_as_it_comes() -> None:
    """The caller hears the first word while the last is not written yet."""
    translator = Translator()
    translator.feed([start()])

    chunks = translator.feed(text(0, "One ", "two")[:2])

    assert chunks == [
        llm.ChatChunk(id="msg_1", delta=llm.ChoiceDelta(role="assistant", content="One "))
    ]


def test_text_of_one_read_is_one_chunk() -> None:
    """A chunk costs more CPU than the text in it."""
    translator = Translator()

    chunks = translator.feed([start(), *text(0, "One ", "two ", "three")])

    assert [chunk.delta.content for chunk in chunks if chunk.delta] == ["One two three"]


def test_tool_calls_come_at_the_end_in_order() -> None:
    """livekit runs a tool as soon as it sees the call, before the stream has ended."""
    said, calls, outcome = translate(
        start(),
        *text(0, "Let me see. "),
        *tool(1, "", '{"id": ', "4711}"),
        *tool(2, name="cancel"),
        *end("tool_use"),
    )

    assert (said, outcome) == ("Let me see. ", Outcome.COMPLETE)
    assert [(c.name, c.arguments, c.call_id) for c in calls] == [
        ("book", '{"id": 4711}', "toolu_1"),
        ("cancel", "{}", "toolu_2"),
    ]


def test_no_tool_call_before_message_stop() -> None:
    """Until then the stream may still break, and a retry would run the tool again."""
    translator = Translator()
    for event in UNSTOPPED["tool"]:
        assert translator.feed([event]) == []

    with pytest.raises(Fault, match="before message_stop"):
        translator.finish(may_be_empty=False)


@pytest.mark.parametrize("kind", ["server_tool_use", "mcp_tool_use"])
def test_tools_that_anthropic_runs_are_not_ours_to_run(kind: str) -> None:
    """Their blocks look like tool calls; the plugin dies on them."""
    server_tool = tool(0, '{"query": "x"}')
    server_tool[0]["content_block"]["type"] = kind
    result = block(1, {"type": "web_search_tool_result", "content": [{"url": "x"}]})

    said, calls, _ = translate(start(), *server_tool, *result, *text(2, "Found."), *end())

    assert (said, calls) == ("Found.", [])


def test_unknown_events_blocks_and_deltas_are_passed_over() -> None:
    """The API says that new ones may appear at any time."""
    said, _, _ = translate(
        start(),
        {"type": "weather_report", "sky": "blue"},
        *block(0, {"type": "hologram"}, {"type": "photon_delta", "photon": 1}),
        *text(1, "Hi"),
        *end(),
    )

    assert said == "Hi"


# --- outcomes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop_reason", "outcome"),
    [
        ("end_turn", Outcome.COMPLETE),
        ("stop_sequence", Outcome.STOP_SEQUENCE),
        ("max_tokens", Outcome.MAX_TOKENS),
        ("model_context_window_exceeded", Outcome.CONTEXT_EXCEEDED),
        ("refusal", Outcome.REFUSED),
        ("pause_turn", Outcome.PAUSE_TURN),
        ("a_new_reason", Outcome.COMPLETE),
    ],
)
def test_with_text_every_ending_is_an_answer(stop_reason: str, outcome: Outcome) -> None:
    """The caller heard it; what was cut off or refused is reported, not raised."""
    assert translate(start(), *text(0, "Hi"), *end(stop_reason)) == ("Hi", [], outcome)


@pytest.mark.parametrize(
    ("stop_reason", "kind", "retryable"),
    [
        ("end_turn", FailureKind.EMPTY, True),
        ("stop_sequence", FailureKind.EMPTY, True),
        ("max_tokens", FailureKind.TRUNCATED, False),
        ("model_context_window_exceeded", FailureKind.TRUNCATED, False),
        ("refusal", FailureKind.REFUSAL, False),
    ],
)
def test_without_output_no_ending_is_an_answer(
    stop_reason: str, kind: FailureKind, retryable: bool
) -> None:
    """Silence with a stop reason is still silence."""
    fault = fault_of(start(), *text(0), *end(stop_reason))

    assert (fault.kind, fault.retryable) == (kind, retryable)


@pytest.mark.parametrize(
    "content",
    [[], text(0), text(0, " \n"), block(0, {"type": "thinking"}), block(0, {"type": "hologram"})],
    ids=["nothing", "empty text", "blank text", "thinking", "something new"],
)
@pytest.mark.parametrize("may_be_empty", [False, True])
def test_a_promised_tool_that_does_not_come_is_a_fault(
    content: list[Event], may_be_empty: bool
) -> None:
    """Seen after tool results, at the real API. As an answer of nothing, it would be silence."""
    fault = fault_of(start(), *content, *end("tool_use"), may_be_empty=may_be_empty)

    assert (fault.kind, fault.retryable) == (FailureKind.EMPTY, True)
    assert "calls none" in str(fault)


def test_a_promise_in_words_stands_and_is_told() -> None:
    """ "Let me check that." and no tool: the caller has heard it."""
    said = (start(), *text(0, "Let me check that."), *end("tool_use"))

    assert translate(*said) == ("Let me check that.", [], Outcome.NO_ACTION)


def test_a_promise_stands_that_was_heard_before() -> None:
    """In a part that goes on with what was said."""
    said = (start(), *end("tool_use"))

    assert translate(*said, may_be_empty=True, after_text=True) == ("", [], Outcome.NO_ACTION)


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence", "a_new_reason"])
def test_nothing_may_be_an_answer_for_any_other_reason(stop_reason: str) -> None:
    """After a tool at once, elsewhere when it comes again: whoever asks knows."""
    assert translate(start(), *end(stop_reason), may_be_empty=True) == ("", [], Outcome.EMPTY)


# --- whole by its own words ---------------------------------------------------------------------

UNSTOPPED = {
    "text": [start(), *text(0, "Hi"), end()[0]],
    "tool": [start(), *tool(0, '{"id": 4711}'), end("tool_use")[0]],
    "text and tool": [start(), *text(0, "Hi"), *tool(1, "{}"), end("tool_use")[0]],
}


@pytest.mark.parametrize("what", UNSTOPPED)
def test_the_clean_end_of_the_body_is_as_good_as_message_stop(what: str) -> None:
    """The stop reason has come and every block is closed: nothing is missing."""
    events = UNSTOPPED[what]

    assert translate(*events, clean_end=True) == translate(*events, {"type": "message_stop"})
    assert fault_of(*events, clean_end=False).kind is FailureKind.TRUNCATED


@pytest.mark.parametrize("what", UNSTOPPED)
def test_so_is_the_word_with_which_gateways_end(what: str) -> None:
    """They speak for several providers, and close every stream in one way."""
    events = UNSTOPPED[what]

    assert translate(*events, {"type": DONE}) == translate(*events, {"type": "message_stop"})


@pytest.mark.parametrize(
    "events",
    [
        [],
        [start()],
        [start(), *text(0, "Hi")],
        [start(), *text(0, "Hi"), end(None)[0]],
        [start(), *text(0, "Hi")[:-1], end()[0]],
        [start(), *tool(0, "{}")],
        [start(), *tool(0, "{}")[:-1], end("tool_use")[0]],
    ],
)
@pytest.mark.parametrize("done", [False, True])
def test_no_other_end_of_the_body_is(events: list[Event], done: bool) -> None:
    """What was cut off might have been the answer."""
    last: list[Event] = [{"type": DONE}] if done else []

    assert fault_of(*events, *last, clean_end=True).kind is FailureKind.TRUNCATED


@pytest.mark.parametrize("reason", [None, ""])
def test_content_without_a_stop_reason_is_an_answer_once_it_is_stopped(reason: str | None) -> None:
    """What it said is there, and each input is whole by its own braces."""
    booked = (start(), *text(0, "Hi"), *tool(1, '{"id": 4711}'), *end(reason))

    said, calls, outcome = translate(*booked)

    assert (said, [call.arguments for call in calls]) == ("Hi", ['{"id": 4711}'])
    assert outcome is Outcome.COMPLETE


def test_a_call_without_input_is_not_run_where_no_stop_reason_came() -> None:
    """`max_tokens` may have come before the first brace."""
    assert fault_of(start(), *tool(0), *end(None)).kind is FailureKind.MALFORMED
    assert fault_of(start(), *tool(0), *end("max_tokens")).kind is FailureKind.TRUNCATED


@pytest.mark.parametrize("content", [text(0), block(0, {"type": "thinking"})])
def test_nothing_is_no_answer_where_no_stop_reason_came(content: list[Event]) -> None:
    """Not after a tool either: nobody said that it is all."""
    fault = fault_of(start(), *content, *end(None), may_be_empty=True)

    assert fault.kind is FailureKind.EMPTY


def test_after_a_tool_result_claude_may_have_nothing_to_add() -> None:
    """Documented, and seen when the tool's own side effect was all that was asked for."""
    assert translate(start(), *end(), may_be_empty=True) == ("", [], Outcome.EMPTY)


@pytest.mark.parametrize("stop_reason", ["max_tokens", "model_context_window_exceeded", "refusal"])
def test_a_cut_message_delivers_no_tool_call(stop_reason: str) -> None:
    """`{"id": 47` is not 4711: half a call is never run, nor the whole one before it."""
    whole, half = tool(1, '{"id": 1}'), tool(2, '{"id": 47')

    fault = fault_of(start(), *text(0, "Booking."), *whole, *half[:-1], *end(stop_reason))

    assert not fault.retryable


@pytest.mark.parametrize(
    "pieces", [['{"id": 47'], ["[1]"], ["null"], ["{}{}"], ['{"a": ' + "[" * 1000]]
)
def test_a_tool_call_whose_input_is_no_object_is_malformed(pieces: list[str]) -> None:
    """Such a call cannot be run; before output another sample may be fine."""
    fault = fault_of(start(), *tool(0, *pieces), *end("tool_use"))

    assert (fault.kind, fault.retryable) == (FailureKind.MALFORMED, True)


STREAM = [
    start(),
    *text(0, "One ", "two "),
    *tool(1, '{"id": ', "4711}"),
    *text(2, "three"),
    *end("tool_use"),
]


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_a_stream_cut_anywhere_is_a_prefix_and_never_a_success(cut: int) -> None:
    """The half that was heard is the half that was sent, and no tool runs."""
    translator = Translator()
    chunks = [chunk for event in STREAM[:cut] for chunk in translator.feed([event])]

    said = "".join(chunk.delta.content or "" for chunk in chunks if chunk.delta)
    assert "One two three".startswith(said)
    assert all(not chunk.delta.tool_calls for chunk in chunks if chunk.delta)
    with pytest.raises(Fault) as raised:
        translator.finish(may_be_empty=True, clean_end=STREAM[cut - 1] is not STREAM[-2])
    assert raised.value.kind is FailureKind.TRUNCATED


# --- errors and nonsense ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error_type", "kind", "retryable", "origin"),
    [
        ("overloaded_error", FailureKind.OVERLOADED, True, Origin.REMOTE),
        ("api_error", FailureKind.SERVER, True, Origin.REMOTE),
        ("rate_limit_error", FailureKind.RATE_LIMITED, True, Origin.REMOTE),
        ("invalid_request_error", FailureKind.REJECTED, False, Origin.CALLER),
        ("authentication_error", FailureKind.AUTH, False, Origin.CALLER),
        ("a_new_error", FailureKind.SERVER, True, Origin.REMOTE),
    ],
)
def test_an_error_event_under_http_200_is_named_by_its_type(
    error_type: str, kind: FailureKind, retryable: bool, origin: Origin
) -> None:
    """The status line lies mid-stream; only the error's type tells what happened."""
    error = {"type": "error", "error": {"type": error_type, "message": "Overloaded"}}

    fault = fault_of(start(), error)

    assert (fault.kind, fault.retryable, fault.origin) == (kind, retryable, origin)
    assert (fault.error_type, str(fault)) == (error_type, "Overloaded")


OUT_OF_ORDER: list[list[Event]] = [
    [start(), start()],
    text(0, "x"),
    [start(), *text(0, "x"), *text(0, "y")],
    [start(), tool(0)[0], text(1)[0]],
    [start(), *tool(0, "x")[1:]],
    [start(), *text(0, "x"), text(0, "y")[1]],
    [start(), *text(0, "x"), text(0)[-1]],
    [*end()],
    [start(), end()[1]],
    [start(), *text(0, "x"), end()[0], *text(1, "y"), end()[1]],
    [start(), *end(None)],
    [start(), *tool(0, "{}")[:-1], *end("tool_use")],
    [start(), *tool(0, "{}", name=""), *end("tool_use")],
    [start(), *(event for index in range(MESSAGE_BLOCKS + 1) for event in text(index, "x"))],
]


@pytest.mark.parametrize("events", OUT_OF_ORDER, ids=range(len(OUT_OF_ORDER)))
def test_events_out_of_order_are_malformed(events: list[Event]) -> None:
    """Guessing what was meant could double text or run half a tool."""
    assert fault_of(*events).kind in (FailureKind.MALFORMED, FailureKind.TRUNCATED)


def test_what_follows_message_stop_is_none_of_the_answer() -> None:
    """The answer is whole; an error or a second message after it takes nothing away."""
    error = {"type": "error", "error": {"type": "api_error", "message": "late"}}
    translator = Translator()

    chunks = translator.feed([start(), *text(0, "x"), *end(), error, start(), *text(0, "y")])

    assert [chunk.delta.content for chunk in chunks if chunk.delta] == ["x"]
    assert translator.finish(may_be_empty=False) == (Outcome.COMPLETE, [])


def test_a_pause_with_a_call_of_ours_ends_the_turn() -> None:
    """The tool's result continues it; sending the call back unanswered would be rejected."""
    _, calls, outcome = translate(start(), *tool(0, "{}"), *end("pause_turn"))

    assert (len(calls), outcome) == (1, Outcome.COMPLETE)


def test_a_paused_turn_whose_server_tool_has_no_json_cannot_be_continued() -> None:
    """Sent back as it is, it would be rejected; sent back without it, Claude would be misled."""
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    half = block(0, search, {"type": "input_json_delta", "partial_json": '{"query": '})
    translator = Translator()
    translator.feed([start(), *half, *end("pause_turn")])

    with pytest.raises(Fault, match="a server tool's input is not JSON") as raised:
        translator.content()

    assert not raised.value.retryable
    assert isinstance(raised.value.__cause__, ValueError)


def test_a_call_id_that_comes_twice_is_malformed() -> None:
    """One of the two would be run again, or get the other's result."""
    twice = [*tool(0, "{}"), *tool(1, "{}")]
    twice[3]["content_block"]["id"] = "toolu_0"

    assert fault_of(start(), *twice, *end("tool_use")).kind is FailureKind.MALFORMED


def test_longer_inputs_than_a_model_writes_are_not_read() -> None:
    """Eight megabytes of them held the loop for a tenth of a second, at the end of the message."""
    longest = '"' + "x" * (EVENT_BYTES // 2) + '"'
    fits = tool(0, '{"a":', longest, "}")
    too_long = tool(0, '{"a":[', longest, ",", longest, "]}")

    assert len(translate(start(), *fits, *end("tool_use"))[1]) == 1
    assert fault_of(start(), *too_long, *end("tool_use")).kind is FailureKind.MALFORMED


WRONG_SHAPES: list[Event] = [
    {"type": "message_start"},
    {"type": "message_start", "message": None},
    {"type": "message_start", "message": {"id": 7}},
    {"type": "content_block_start", "index": 0},
    {"type": "content_block_start", "index": [], "content_block": {"type": "text"}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 7}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": 7}},
    {"type": "content_block_delta", "index": 9, "delta": {}},
    {"type": "content_block_delta", "delta": None},
    {"type": "message_delta", "delta": []},
    {"type": "message_delta", "delta": {"stop_reason": 7}},
    {"type": "error"},
    {"type": "error", "error": 7},
]


@pytest.mark.parametrize("event", WRONG_SHAPES, ids=json.dumps)
def test_events_of_the_wrong_shape_are_malformed(event: Event) -> None:
    """No KeyError of ours may end a call; no text of theirs may reach the message."""
    first = [] if event["type"] == "message_start" else [start()]

    assert fault_of(*first, event).kind is FailureKind.MALFORMED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
TYPES = ["message_start", "content_block_start", "content_block_delta", "content_block_stop"]
TYPES += ["message_delta", "message_stop", "error", "ping"]
FIELDS = ["message", "index", "content_block", "delta", "usage", "error"]


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JSON))))
def test_any_json_is_an_answer_or_a_fault(events: list[tuple[str, dict[str, Any]]]) -> None:
    """Hostile input has one way out, and it has a name."""
    try:
        translate(*[{"type": kind, **fields} for kind, fields in events])
    except Fault:
        return


# --- what the clocks and the operator see -------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "activity"),
    [
        ([start()], Activity.WAITING),
        ([start(), {"type": "ping"}], Activity.WAITING),
        ([start(), text(0)[0]], Activity.WAITING),
        ([start(), *text(0, "x")], Activity.SPEAKING),
        ([start(), block(0, {"type": "text", "text": "x"})[0]], Activity.SPEAKING),
        ([start(), *text(0, "x"), text(1)[0]], Activity.WAITING),
        ([start(), *text(0, " ")], Activity.WAITING),
        ([start(), tool(0)[0]], Activity.SPEAKING),
        ([start(), block(0, {"type": "thinking"})[0]], Activity.THINKING),
        ([start(), *block(0, {"type": "server_tool_use"})], Activity.WORKING),
        ([start(), *block(0, {"type": "hologram"})], Activity.WAITING),
        ([start(), *text(0, "x"), block(1, {"type": "hologram", "id": "h"})[0]], Activity.WAITING),
        ([start(), block(0, {"type": "hologram", "of": "a menu"})[0]], Activity.WORKING),
    ],
)
def test_activity(events: list[Event], activity: Activity) -> None:
    """Thinking and server tools may take minutes, a sentence may not stop for 10 s."""
    translator = Translator()
    translator.feed(events)

    assert translator.activity is activity


def test_pings_and_empty_deltas_are_no_progress() -> None:
    """Otherwise a stream that only pings would never end."""
    translator = Translator()
    translator.feed([start(), *text(0, "x")[:2]])
    before = translator.message.progress

    translator.feed([{"type": "ping"}, text(0, "")[1]])

    assert translator.message.progress == before


def test_the_name_of_a_server_may_be_anything() -> None:
    """It comes from the network; what was called there counts as done, whoever it was."""
    translator = Translator()
    call = {"type": "mcp_tool_use", "id": "mcp_1", "name": "order", "server_name": ["shop"]}
    translator.feed([start(), *block(0, {**call, "input": {}})])

    assert translator.called_servers == {None}
