"""Which events may come in which state of a message, and what follows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault
from resilient_claude.response.message import IncomingMessage, State
from resilient_claude.response.sse import Event

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

WAY_TO: dict[State, list[Event]] = {
    State.BEFORE_MESSAGE: [],
    State.BETWEEN_BLOCKS: [START],
    State.IN_BLOCK: [START, OPEN],
    State.IN_LAST_BLOCK: [START, OPEN, REASON],
    State.AFTER_CONTENT: [START, OPEN, CLOSE, REASON],
    State.FINISHED: [START, OPEN, CLOSE, REASON, STOP],
}

EVENTS = {
    "start": START,
    "open": OPEN,
    "delta": DELTA,
    "close": CLOSE,
    "counts": COUNTS,
    "reason": REASON,
    "stop": STOP,
}
FOLLOWS: dict[State, dict[str, State]] = {
    State.BEFORE_MESSAGE: {"start": State.BETWEEN_BLOCKS},
    State.BETWEEN_BLOCKS: {
        "open": State.IN_BLOCK,
        "counts": State.BETWEEN_BLOCKS,
        "reason": State.AFTER_CONTENT,
    },
    State.IN_BLOCK: {
        "delta": State.IN_BLOCK,
        "close": State.BETWEEN_BLOCKS,
        "counts": State.IN_BLOCK,
        "reason": State.IN_LAST_BLOCK,
    },
    State.IN_LAST_BLOCK: {
        "delta": State.IN_LAST_BLOCK,
        "close": State.AFTER_CONTENT,
        "counts": State.IN_LAST_BLOCK,
        "reason": State.IN_LAST_BLOCK,
        "stop": State.FINISHED,
    },
    State.AFTER_CONTENT: {
        "counts": State.AFTER_CONTENT,
        "reason": State.AFTER_CONTENT,
        "stop": State.FINISHED,
    },
    State.FINISHED: dict.fromkeys(EVENTS, State.FINISHED),
}

EVERY_STATE = pytest.mark.parametrize("state", State, ids=lambda state: state.name)


def message_in(state: State) -> IncomingMessage:
    """A message that has come so far."""
    message = IncomingMessage()
    message.read(WAY_TO[state])
    assert message.state is state
    return message


@EVERY_STATE
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_leads_on_or_is_out_of_order(name: str, state: State) -> None:
    """Guessing what was meant could say a sentence twice, or run half of a tool."""
    message = message_in(state)
    event, expected = EVENTS[name], FOLLOWS[state].get(name)

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
def test_what_has_no_place_in_a_message_is_passed_over(event: Event, state: State) -> None:
    """New types of events may come any day."""
    message = message_in(state)
    before = message.progress

    message.read([event])

    assert (message.state, message.progress) == (state, before)


@EVERY_STATE
def test_an_error_may_come_anywhere_but_after_the_end(state: State) -> None:
    """Of an answer that is whole, an error takes nothing away."""
    message = message_in(state)
    if state is State.FINISHED:
        message.read([ERROR])
        return

    with pytest.raises(Fault, match=r"^Overloaded$") as raised:
        message.read([ERROR])

    assert raised.value.kind is FailureKind.OVERLOADED


WRONG_SHAPES: dict[State, list[Event]] = {
    State.BEFORE_MESSAGE: [{"type": "message_start"}],
    State.BETWEEN_BLOCKS: [{"type": "content_block_start"}, {"type": "message_delta"}],
    State.IN_BLOCK: [{"type": "content_block_delta"}, {"type": "content_block_stop"}],
    State.IN_LAST_BLOCK: [{"type": "content_block_delta"}, {"type": "message_delta"}],
    State.AFTER_CONTENT: [{"type": "message_delta", "delta": 7}],
}


@pytest.mark.parametrize(
    ("state", "event"), [(state, event) for state, some in WRONG_SHAPES.items() for event in some]
)
def test_an_event_of_the_wrong_shape_is_no_step(state: State, event: Event) -> None:
    """Half of an event is none: the state says only what has happened."""
    message = message_in(state)

    with pytest.raises(Fault, match="wrong shape"):
        message.read([event])

    assert message.state is state


def test_events_of_the_wrong_shape_after_the_end_are_none_of_it() -> None:
    """The answer is whole, whatever a proxy puts behind it."""
    message = message_in(State.FINISHED)

    message.read([{"type": "message_delta"}, {"type": "message_start"}])

    assert message.finished


def test_the_first_stop_reason_stands() -> None:
    """The tools it promised are run, or not, once."""
    message = message_in(State.AFTER_CONTENT)

    message.read([{**REASON, "delta": {"stop_reason": "tool_use"}}])

    assert message.stop_reason == "end_turn"


def test_the_counts_and_the_container_of_every_message_delta_are_taken() -> None:
    """They may come before the stop reason, with it and after it."""
    message = message_in(State.BETWEEN_BLOCKS)
    for count, event in enumerate((COUNTS, REASON, COUNTS), start=1):
        delta = {**event["delta"], "container": {"id": f"cont_{count}"}}
        message.read([{**event, "delta": delta, "usage": {"output_tokens": count}}])

        assert (message.usage.output_tokens, message.container) == (count, f"cont_{count}")


def test_a_message_without_a_name_gets_one() -> None:
    """livekit joins chunks by their id, and an empty one is none."""
    message = IncomingMessage()

    message.read([{"type": "message_start", "message": {"id": ""}}])

    assert (message.message_id, message.state) == ("msg_unknown", State.BETWEEN_BLOCKS)


DELTAS: list[tuple[dict[str, Any], bool]] = [
    ({"type": "signature_delta", "signature": "c2ln"}, True),
    ({"type": "citations_delta", "citation": {"cited_text": "x"}}, True),
    ({"type": "photon_delta"}, True),
    ({"type": "thinking_delta", "thinking": "Hm"}, True),
    ({"type": "text_delta", "text": ""}, False),
    ({"type": "text_delta", "text": " \n"}, False),
]


@pytest.mark.parametrize(("delta", "is_progress"), DELTAS)
def test_what_counts_as_progress(delta: dict[str, Any], is_progress: bool) -> None:
    """What is newer than we are is a sign of life; what says nothing moves no clock."""
    message = message_in(State.IN_BLOCK)
    before = message.progress

    message.read([{**DELTA, "delta": delta}])

    assert message.progress - before == is_progress


@given(st.lists(st.sampled_from([*EVENTS.values(), PING, NEWER]), max_size=12))
def test_what_holds_all_the_time(events: list[Event]) -> None:
    """What the paragraph above the machine says, whatever comes in whatever order."""
    message = IncomingMessage()
    for event in events:
        try:
            message.read([event])
        except Fault:
            break

    assert (message.message_id == "") == (message.state is State.BEFORE_MESSAGE)
    assert (message.stop_reason is not None) == (
        message.state in (State.IN_LAST_BLOCK, State.AFTER_CONTENT, State.FINISHED)
    )
    assert message.finished == (message.state is State.FINISHED)
