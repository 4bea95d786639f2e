"""Which events may come in which state of a message, and what follows."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault
from resilient_claude.response import message as module
from resilient_claude.response.message import MESSAGE_BLOCKS, IncomingMessage
from resilient_claude.response.message_states import MessageState
from resilient_claude.response.sse import DONE, Event

START: Event = {"type": "message_start", "message": {"id": "msg_1"}}
OPEN: Event = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "text", "text": ""},
}
DELTA: Event = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "Hi"},
}
CLOSE: Event = {"type": "content_block_stop", "index": 0}
COUNTS: Event = {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {}}
REASON: Event = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}}
STOP: Event = {"type": "message_stop"}
ERROR: Event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
PING: Event = {"type": "ping"}
NEWER: Event = {"type": "weather_report", "sky": "blue"}

WAY_TO: dict[MessageState, list[Event]] = {
    MessageState.BEFORE_MESSAGE: [],
    MessageState.BETWEEN_BLOCKS: [START],
    MessageState.AFTER_COUNTS: [START, {**OPEN, "index": 7}, {**CLOSE, "index": 7}, COUNTS],
    MessageState.IN_BLOCK: [START, OPEN],
    MessageState.IN_LAST_BLOCK: [START, OPEN, REASON],
    MessageState.AFTER_CONTENT: [START, OPEN, CLOSE, REASON],
    MessageState.FINISHED: [START, OPEN, CLOSE, REASON, STOP],
}

EVENTS = {
    "start": START,
    "open": {**OPEN, "index": 1},
    "delta": DELTA,
    "close": CLOSE,
    "counts": COUNTS,
    "reason": REASON,
    "stop": STOP,
    "done": {"type": DONE},
}
FOLLOWS: dict[MessageState, dict[str, MessageState]] = {
    MessageState.BEFORE_MESSAGE: {"start": MessageState.BETWEEN_BLOCKS},
    MessageState.BETWEEN_BLOCKS: {
        "open": MessageState.IN_BLOCK,
        "delta": MessageState.IN_BLOCK,
        "counts": MessageState.AFTER_COUNTS,
        "reason": MessageState.AFTER_CONTENT,
    },
    MessageState.AFTER_COUNTS: {
        "open": MessageState.IN_BLOCK,
        "delta": MessageState.IN_BLOCK,
        "counts": MessageState.AFTER_COUNTS,
        "reason": MessageState.AFTER_CONTENT,
        "stop": MessageState.FINISHED,
    },
    MessageState.IN_BLOCK: {
        "open": MessageState.IN_BLOCK,
        "delta": MessageState.IN_BLOCK,
        "close": MessageState.BETWEEN_BLOCKS,
        "counts": MessageState.IN_BLOCK,
        "reason": MessageState.IN_LAST_BLOCK,
    },
    MessageState.IN_LAST_BLOCK: {
        "delta": MessageState.IN_LAST_BLOCK,
        "close": MessageState.AFTER_CONTENT,
        "counts": MessageState.IN_LAST_BLOCK,
        "reason": MessageState.IN_LAST_BLOCK,
        "stop": MessageState.FINISHED,
    },
    MessageState.AFTER_CONTENT: {
        "counts": MessageState.AFTER_CONTENT,
        "reason": MessageState.AFTER_CONTENT,
        "stop": MessageState.FINISHED,
        "done": MessageState.FINISHED,
    },
    MessageState.FINISHED: dict.fromkeys(EVENTS, MessageState.FINISHED),
}

EVERY_STATE = pytest.mark.parametrize("state", MessageState, ids=lambda state: state.name)


def message_in(state: MessageState) -> IncomingMessage:
    """A message that has come so far."""
    message = IncomingMessage()
    message.read(WAY_TO[state])
    assert message.state is state
    return message


@EVERY_STATE
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_leads_on_or_is_out_of_order(name: str, state: MessageState) -> None:
    """Guessing what was meant could say a sentence twice, or run half of a tool."""
    message = message_in(state)
    event, expected = EVENTS[name], FOLLOWS[state].get(name)

    if name == "done" and expected is None:
        expected = state  # it is no event of Claude's: elsewhere it says nothing
    if expected is not None:
        message.read([event])

        assert message.state is expected
    else:
        with pytest.raises(Fault, match=f"{state}$") as raised:
            message.read([event])

        assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, True)
        assert message.state is state


@EVERY_STATE
@pytest.mark.parametrize("event", [PING, NEWER], ids=lambda event: event["type"])
def test_what_has_no_place_in_a_message_is_passed_over(event: Event, state: MessageState) -> None:
    """New types of events may come any day."""
    message = message_in(state)
    before = message.progress

    message.read([event])

    assert (message.state, message.progress) == (state, before)


@EVERY_STATE
def test_an_error_may_come_anywhere_but_after_the_end(state: MessageState) -> None:
    """Of an answer that is whole, an error takes nothing away."""
    message = message_in(state)
    if state is MessageState.FINISHED:
        message.read([ERROR])
        return

    with pytest.raises(Fault, match=r"^Overloaded$") as raised:
        message.read([ERROR])

    assert raised.value.kind is FailureKind.OVERLOADED


SEVEN: Event = {"type": "message_delta", "delta": 7}
WRONG_SHAPES: dict[MessageState, list[Event]] = {
    MessageState.BEFORE_MESSAGE: [{"type": "message_start"}],
    MessageState.BETWEEN_BLOCKS: [{"type": "content_block_start"}, SEVEN],
    MessageState.IN_BLOCK: [{"type": "content_block_delta"}, {"type": "content_block_stop"}],
    MessageState.IN_LAST_BLOCK: [{"type": "content_block_delta"}, SEVEN],
    MessageState.AFTER_COUNTS: [{"type": "content_block_start", "index": 0}, SEVEN],
    MessageState.AFTER_CONTENT: [SEVEN],
}


@pytest.mark.parametrize(
    ("state", "event"), [(state, event) for state, some in WRONG_SHAPES.items() for event in some]
)
def test_an_event_of_the_wrong_shape_is_no_step(state: MessageState, event: Event) -> None:
    """Half of an event is none: the state says only what has happened."""
    message = message_in(state)

    with pytest.raises(Fault, match="wrong shape"):
        message.read([event])

    assert message.state is state


def test_events_of_the_wrong_shape_after_the_end_are_none_of_it() -> None:
    """The answer is whole, whatever a proxy puts behind it."""
    message = message_in(MessageState.FINISHED)

    message.read([{"type": "message_delta"}, {"type": "message_start"}])

    assert message.finished


def test_a_stop_reason_may_come_twice_but_not_two_of_them() -> None:
    """One of the two is wrong, and tools run by the one and not by the other."""
    message = message_in(MessageState.AFTER_CONTENT)
    message.read([REASON])
    assert message.stop_reason == "end_turn"

    with pytest.raises(Fault, match="two stop reasons"):
        message.read([{**REASON, "delta": {"stop_reason": "max_tokens"}}])


@pytest.mark.parametrize("reason", [7, 0, False, [], {}])
def test_a_stop_reason_is_a_string_or_none(reason: Any) -> None:
    """What is neither cannot be told from half of something."""
    with pytest.raises(Fault, match="wrong shape"):
        message_in(MessageState.BETWEEN_BLOCKS).read([{**REASON, "delta": {"stop_reason": reason}}])


@pytest.mark.parametrize("reason", [None, ""])
def test_without_a_stop_reason_content_ends_with_message_stop(reason: str | None) -> None:
    """Some gateways never give one; but of a message of nothing, nothing is known."""
    counts = {**COUNTS, "delta": {"stop_reason": reason}}
    message = message_in(MessageState.BETWEEN_BLOCKS)
    message.read([OPEN, DELTA, CLOSE, counts, STOP])
    assert (message.finished, message.stop_reason) == (True, None)

    with pytest.raises(Fault, match="message_stop between content blocks"):
        message_in(MessageState.BETWEEN_BLOCKS).read([counts, STOP])


# --- blocks that nobody opened or closed --------------------------------------------------------


def begun(kind: str, index: int = 0, **fields: Any) -> Event:
    content = {"type": kind, **fields}
    return {"type": "content_block_start", "index": index, "content_block": content}


BOOK: dict[str, Any] = {"id": "toolu_1", "name": "book", "input": {}}


@pytest.mark.parametrize("kind", ["text", "thinking", "redacted_thinking"])
def test_the_next_block_closes_one_that_cannot_be_half_a_call(kind: str) -> None:
    """Its words have come, whether or not somebody says that they are all."""
    message = message_in(MessageState.BETWEEN_BLOCKS)

    message.read([begun(kind, 0, text=""), begun("tool_use", 1, **BOOK)])

    assert [block.closed for block in message.blocks.values()] == [True, False]


@pytest.mark.parametrize(
    "kind", ["tool_use", "server_tool_use", "mcp_tool_use", "web_search_tool_result", "hologram"]
)
@pytest.mark.parametrize("following", [begun("text", 1, text=""), {**DELTA, "index": 1}])
def test_nothing_closes_any_other(kind: str, following: Event) -> None:
    """Half of its input may be valid."""
    message = message_in(MessageState.BETWEEN_BLOCKS)
    message.read([begun(kind, 0, **BOOK)])

    with pytest.raises(Fault, match="inside a content block"):
        message.read([following])


def test_text_without_a_start_is_a_block_of_its_own() -> None:
    """Also where the block before it was not closed."""
    message = message_in(MessageState.BETWEEN_BLOCKS)

    message.read([DELTA, {**DELTA, "index": 1}, {**CLOSE, "index": 1}])

    assert "".join(message.texts()) == "HiHi"
    assert [block.closed for block in message.blocks.values()] == [True, True]


@pytest.mark.parametrize(
    "delta",
    [
        {"type": "input_json_delta", "partial_json": "{}"},
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "signature_delta", "signature": "c2ln"},
        {"type": "photon_delta"},
    ],
)
@pytest.mark.parametrize(
    "state", [MessageState.BETWEEN_BLOCKS, MessageState.AFTER_COUNTS, MessageState.IN_BLOCK]
)
def test_no_other_delta_opens_a_block(delta: dict[str, Any], state: MessageState) -> None:
    """Whose piece it is, nobody knows."""
    with pytest.raises(Fault, match="content_block_delta of no open block"):
        message_in(state).read([{**DELTA, "index": 9, "delta": delta}])


@pytest.mark.parametrize("index", [True, False, "0", 0.0, None])
@pytest.mark.parametrize("event", [OPEN, DELTA, CLOSE], ids=lambda event: event["type"])
def test_an_index_is_an_int(event: Event, index: Any) -> None:
    """To a dict, `False`, 0.0 and 0 are the same."""
    state = MessageState.BETWEEN_BLOCKS if event is OPEN else MessageState.IN_BLOCK

    with pytest.raises(Fault) as raised:
        message_in(state).read([{**event, "index": index}])

    assert raised.value.kind is FailureKind.MALFORMED


def test_the_counts_and_the_container_of_every_message_delta_are_taken() -> None:
    """They may come before the stop reason, with it and after it."""
    message = message_in(MessageState.BETWEEN_BLOCKS)
    for count, event in enumerate((COUNTS, REASON, COUNTS), start=1):
        delta = {**event["delta"], "container": {"id": f"cont_{count}"}}
        message.read([{**event, "delta": delta, "usage": {"output_tokens": count}}])

        assert (message.usage.output_tokens, message.container) == (count, f"cont_{count}")


@pytest.mark.parametrize("delta", [{}, {"delta": None}, {"delta": {}}])
def test_counts_may_come_without_a_delta(delta: Event) -> None:
    """Gateways write them so; an answer is not lost over what nobody hears."""
    message = message_in(MessageState.BETWEEN_BLOCKS)

    message.read([{"type": "message_delta", **delta, "usage": {"output_tokens": 7}}])

    assert (message.usage.output_tokens, message.state) == (7, MessageState.AFTER_COUNTS)


@pytest.mark.parametrize("start", [{"id": ""}, {"id": None}, {}])
def test_a_message_without_a_name_gets_one(start: Event) -> None:
    """livekit joins chunks by their id, and an empty one is none."""
    message = IncomingMessage()

    message.read([{"type": "message_start", "message": start}])

    assert (message.message_id, message.state) == ("msg_unknown", MessageState.BETWEEN_BLOCKS)


TEXT, THINKING = begun("text", text=""), begun("thinking", thinking="", signature="")
TOOL, SEARCH = begun("tool_use", **BOOK), begun("server_tool_use", **BOOK)
COMPACTION = begun("compaction", content=None)
DELTAS: list[tuple[Event, dict[str, Any], bool]] = [
    (TEXT, {"type": "text_delta", "text": "Hi"}, True),
    (TEXT, {"type": "text_delta", "text": ""}, False),
    (TEXT, {"type": "text_delta", "text": " \n\u200b\ufeff"}, False),
    (TEXT, {"type": "citations_delta", "citation": {"cited_text": "x"}}, True),
    (TEXT, {"type": "citations_delta", "citation": None}, False),
    (TEXT, {"type": "citations_delta", "citation": {}}, False),
    (TEXT, {"type": "photon_delta"}, False),
    (TEXT, {"type": "signature_delta", "signature": "c2ln"}, False),
    (THINKING, {"type": "thinking_delta", "thinking": "Hm"}, True),
    (THINKING, {"type": "thinking_delta", "thinking": ""}, False),
    (THINKING, {"type": "thinking_delta", "thinking": "\t "}, False),
    (THINKING, {"type": "signature_delta", "signature": "c2ln"}, True),
    (THINKING, {"type": "signature_delta", "signature": ""}, False),
    (THINKING, {"type": "photon_delta"}, False),
    (TOOL, {"type": "input_json_delta", "partial_json": "{"}, True),
    (TOOL, {"type": "input_json_delta", "partial_json": ""}, False),
    (TOOL, {"type": "input_json_delta", "partial_json": " \r\n"}, False),
    (SEARCH, {"type": "input_json_delta", "partial_json": "{"}, True),
    (SEARCH, {"type": "input_json_delta", "partial_json": " "}, False),
    (SEARCH, {"type": "photon_delta"}, False),
    (COMPACTION, {"type": "compaction_delta", "content": "Alice called."}, True),
    (COMPACTION, {"type": "compaction_delta", "content": " "}, False),
    (begun("hologram"), {"type": "photon_delta"}, False),
]


@pytest.mark.parametrize("spoken", [False, True])
@pytest.mark.parametrize(("start", "delta", "is_progress"), DELTAS)
def test_what_counts_as_progress(
    start: Event, delta: dict[str, Any], is_progress: bool, spoken: bool
) -> None:
    """What says nothing moves no clock, before the first word and after it."""
    message = message_in(MessageState.BETWEEN_BLOCKS)
    before_it = [{**event, "index": 7} for event in (OPEN, DELTA, CLOSE)]
    message.read([*(before_it if spoken else []), start])
    before = message.progress

    for _ in range(3):
        message.read([{**DELTA, "delta": delta}])

    once = delta["type"] == "signature_delta"  # the same again says nothing new
    assert message.progress - before == is_progress * (1 if once else 3)


@pytest.mark.parametrize(
    ("start", "is_progress"),
    [
        (TEXT, False),
        (begun("text"), False),
        (begun("text", text=" ", citations=[]), False),
        (begun("text", text="Hi"), True),
        (THINKING, True),
        (begun("redacted_thinking", data="c2VhbGVk"), True),
        (begun("redacted_thinking", data=""), False),
        (TOOL, True),
        (SEARCH, True),
        (begun("web_search_tool_result", tool_use_id="s", content=[{"url": "x"}]), True),
        (begun("web_search_tool_result", tool_use_id="s", content=[]), False),
        (COMPACTION, True),
        (begun("hologram"), False),
        (begun("hologram", id="h", photons=0, mood=None, parts=[]), False),
        (begun("hologram", photons=3), True),
    ],
)
def test_the_beginning_of_a_block_is_progress_if_it_says_something(
    start: Event, is_progress: bool
) -> None:
    """That thinking begins says that no word is to be expected yet; it has a clock of its own."""
    message = message_in(MessageState.BETWEEN_BLOCKS)

    message.read([start])
    assert message.progress == is_progress
    message.read([CLOSE])
    assert message.progress == 2 * is_progress


def test_blocks_of_nothing_are_progress_no_more_than_once() -> None:
    """Thousands of them would keep a caller waiting for hours."""
    message = message_in(MessageState.BETWEEN_BLOCKS)

    for index in range(300):
        kind = ("thinking", "text", "hologram", "compaction")[index % 4]
        message.read([begun(kind, index), {**CLOSE, "index": index}])

    assert message.progress == 2  # thinking began, and ended


# --- bounds -------------------------------------------------------------------------------------


def test_a_message_has_not_more_blocks_than_can_be_handed_on_at_once() -> None:
    """Calls are handed on together, at the end."""
    message = message_in(MessageState.BETWEEN_BLOCKS)
    for index in range(MESSAGE_BLOCKS):
        message.read([begun("text", index)])

    with pytest.raises(Fault, match=f"more than {MESSAGE_BLOCKS} content blocks"):
        message.read([begun("text", MESSAGE_BLOCKS)])


def test_small_pieces_weigh_more_than_their_text() -> None:
    """Each is an object, and millions of them take long to join."""
    with patch.object(module, "LONGEST_MESSAGE_CHARS", 1_000):
        message = message_in(MessageState.IN_BLOCK)
        with pytest.raises(Fault, match="longer than"):
            message.read([{**DELTA, "delta": {"type": "text_delta", "text": " "}}] * 100)


@given(st.lists(st.sampled_from([*EVENTS.values(), PING, NEWER]), max_size=12))
def test_what_holds_all_the_time(events: list[Event]) -> None:
    """What the paragraph above the machine says, whatever comes in whatever order."""
    message = IncomingMessage()
    for event in events:
        try:
            message.read([event])
        except Fault:
            break

    assert (message.message_id == "") == (message.state is MessageState.BEFORE_MESSAGE)
    has_reason = message.state in (MessageState.IN_LAST_BLOCK, MessageState.AFTER_CONTENT)
    if message.state is not MessageState.FINISHED:
        assert (message.stop_reason is not None) == has_reason
    assert message.finished == (message.state is MessageState.FINISHED)


@pytest.mark.parametrize(
    ("diagnostics", "reason"),
    [
        ({"cache_miss_reason": {"type": "tools_changed"}}, "tools_changed"),
        ({"cache_miss_reason": {"type": "unavailable"}}, None),
        ({"cache_miss_reason": {"type": "<b>_changed"}}, None),
        ({"cache_miss_reason": {"type": ["x_changed"]}}, None),
        ({"cache_miss_reason": {}}, None),
        ({"cache_miss_reason": "tools_changed"}, None),
        ({"cache_miss_reason": None}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_api_may_tell_why_its_cache_missed(diagnostics: object, reason: str | None) -> None:
    """What is no change is no reason, and whatever comes ends no answer."""
    message = message_in(MessageState.BEFORE_MESSAGE)

    start = {"id": "msg_1", "usage": {}, "diagnostics": diagnostics}
    message.read([{"type": "message_start", "message": start}])

    assert message.cache_miss_reason == reason
