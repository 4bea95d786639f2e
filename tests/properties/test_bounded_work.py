"""Floods: no step of the reading takes long, and what says nothing moves no clock.

Work is counted in calls, of Python's functions and of C's, and never timed. What one call of C
costs is bounded by the sizes that the tests of each module hold.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.failures.faults import Fault
from resilient_claude.response.sse import EVENT_BYTES, STEP_BYTES, Event, EventDecoder
from resilient_claude.response.text_filters import Join, TextFilter, ThinkingTags
from resilient_claude.response.translator import Translator

from .profiles import searched

MOST_CALLS = 16 * STEP_BYTES
"""In one step, beside what a long event may take: a call is some 0.1 us."""


class CountedCalls:
    """Counts the calls of functions inside of it; those of the garbage collector are not its."""

    def __init__(self) -> None:
        self.calls = 0

    def _count(self, frame: FrameType, event: str, argument: Any) -> None:
        self.calls += event in ("call", "c_call")

    def __enter__(self) -> CountedCalls:
        self._before = sys.getprofile()
        gc.disable()
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        gc.enable()


def longest_step(data: bytes, filters: list[TextFilter]) -> int:
    """The calls of the step of *data* that takes the most, up to the first fault."""
    decoder, translator = EventDecoder(), Translator(filters=filters)
    steps = decoder.steps(data)
    most = 0
    while True:
        counted = CountedCalls()
        try:
            with counted:
                events = next(steps, None)
                if events is not None:
                    translator.feed(events)
        except Fault:
            events = None
        most = max(most, counted.calls)
        if events is None:
            return most


START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n'


def _event(kind: str, fields: bytes = b"") -> bytes:
    return b'event: %s\ndata: {"type":"%s"%s}\n\n' % (kind.encode(), kind.encode(), fields)


def _delta(fields: bytes) -> bytes:
    return _event("content_block_delta", b',"index":0,"delta":{%s}' % fields)


TEXT = _event("content_block_start", b',"index":0,"content_block":{"type":"text","text":""}')
UNITS: dict[str, bytes] = {
    "blank lines": b"\n",
    "carriage returns": b"\r",
    "comments": b":\n",
    "comments that are events": b":\n\n",
    "lines of no field": b"x\n",
    "data lines": b"data:\n",
    "data lines with something": b"data: 1\n",
    "smallest events": b"data:{}\n\n",
    "pings": _event("ping"),
    "events that are no JSON": b"data:x\n\n",
    "names": b"event:x\n\n",
    "unknown events": _event("weather_report", b',"sky":"blue"'),
    "empty deltas": _delta(b'"type":"text_delta","text":""'),
    "blank deltas": _delta(b'"type":"text_delta","text":" "'),
    "tags": _delta(b'"type":"text_delta","text":"<thinking></thinking>"'),
    "dots": _delta(b'"type":"text_delta","text":"..."'),
    "unknown deltas": _delta(b'"type":"photon_delta"'),
    "counts": _event("message_delta", b',"delta":{}'),
}


@pytest.mark.parametrize("what", UNITS)
def test_no_step_of_a_flood_takes_long(what: str) -> None:
    """What is one read elsewhere is many steps here."""
    unit = UNITS[what]
    data = START + TEXT + unit * (400_000 // len(unit))

    assert longest_step(data, [ThinkingTags(), Join("One two three. " * 200)]) <= MOST_CALLS


LONG: dict[str, bytes] = {
    "objects": b"{}," * 2_000_000,
    "lists": b"[" * 150 + b"[]," * 2_000_000,
    "numbers": b"1," * 3_000_000,
    "strings": b'"",' * 2_000_000,
    "lines": b"\ndata:" * 1_000_000,
    "text": b'"' + b"\\u00e9" * 100_000 + b'"',
}


@pytest.mark.parametrize("what", LONG)
def test_no_event_takes_long(what: str) -> None:
    """Eight megabytes of small objects took two seconds, and its error message two more."""
    body = LONG[what]
    for size in (len(body), EVENT_BYTES - 1_000):
        event = b'data: {"type":"content_block_start","index":0,"content_block":' + body[:size]

        assert longest_step(START + event + b"}\n\n", []) <= MOST_CALLS


@pytest.mark.parametrize("kind", ["text", "thinking", "tool_use", "hologram"])
def test_many_blocks_take_no_longer_each(kind: str) -> None:
    """The work for a block does not grow with those before it; nor does that for the end."""
    translator = Translator()
    translator.feed([{"type": "message_start", "message": {"id": "m"}}])
    costs: list[int] = []
    for index in range(1_000):
        content = {"type": kind, "id": f"t{index}", "name": "book", "text": "", "input": {}}
        events: list[Event] = [
            {"type": "content_block_start", "index": index, "content_block": content},
            {"type": "content_block_stop", "index": index},
        ]
        with CountedCalls() as counted:
            translator.feed(events)
        costs.append(counted.calls)

    assert max(costs) <= min(costs) + 20


# --- what says nothing --------------------------------------------------------------------------

BLANK = st.text(st.sampled_from(" \n\r\t\u00a0\u2003\u200b\u200d\ufeff\ufe0f\x00"), max_size=8)
PASSED_OVER = st.sampled_from(
    [{"type": "ping"}, {"type": "weather_report", "sky": "blue"}, {"type": "[DONE]"}]
)
UNKNOWN = st.fixed_dictionaries({"type": st.just("photon_delta"), "photons": st.integers()})


def _blank(kind: str, field: str) -> st.SearchStrategy[Event]:
    return BLANK.map(lambda text: {"type": kind, field: text})


NOTHING: dict[str, st.SearchStrategy[Event]] = {
    "text": _blank("text_delta", "text")
    | UNKNOWN
    | st.sampled_from([None, {}, [], ""]).map(
        lambda nothing: {"type": "citations_delta", "citation": nothing}
    )
    | st.just({"type": "signature_delta", "signature": ""}),
    "thinking": _blank("thinking_delta", "thinking")
    | UNKNOWN
    | st.just({"type": "signature_delta", "signature": ""}),
    "tool_use": _blank("input_json_delta", "partial_json"),
    "server_tool_use": _blank("input_json_delta", "partial_json") | UNKNOWN,
    "hologram": UNKNOWN,
}
WORDS: dict[str, Event] = {
    "text": {"type": "text_delta", "text": "Hi"},
    "thinking": {"type": "thinking_delta", "thinking": "Hm"},
    "tool_use": {"type": "input_json_delta", "partial_json": "{"},
    "server_tool_use": {"type": "input_json_delta", "partial_json": "{"},
}


@searched(200)
@given(st.data(), st.sampled_from(sorted(NOTHING)), st.booleans(), st.booleans())
def test_what_says_nothing_is_no_progress(
    data: st.DataObject, kind: str, after_text: bool, after_words: bool
) -> None:
    """Whatever block it comes in, after whatever was said: its clock runs on."""
    translator = Translator()
    start = {"type": "content_block_start", "index": 1}
    named = {"id": "t", "name": "book"} if kind.endswith("use") else {}
    translator.feed([{"type": "message_start", "message": {"id": "m"}}])
    if after_text:
        translator.feed(list(_whole_text(0)))
    translator.feed([{**start, "content_block": {"type": kind, **named}}])
    if after_words and kind in WORDS:
        translator.feed([{"type": "content_block_delta", "index": 1, "delta": WORDS[kind]}])
    before, activity = translator.message.progress, translator.activity

    deltas = NOTHING[kind].map(
        lambda delta: {"type": "content_block_delta", "index": 1, "delta": delta}
    )
    for event in data.draw(st.lists(deltas | PASSED_OVER, min_size=1, max_size=8)):
        translator.feed([event])

        assert translator.message.progress == before, event
        assert translator.activity is activity


EMPTY_BLOCKS = st.sampled_from(
    [
        {"type": "text", "text": ""},
        {"type": "text", "text": " \n", "citations": None},
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "redacted_thinking", "data": ""},
        {"type": "hologram", "id": "h", "parts": []},
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": []},
    ]
)


@searched(100)
@given(st.lists(EMPTY_BLOCKS, max_size=30), st.booleans())
def test_blocks_of_nothing_are_next_to_no_progress(
    blocks: list[dict[str, Any]], after_text: bool
) -> None:
    """Only the first that thinks is: it says that the wait is another one."""
    translator = Translator()
    translator.feed([{"type": "message_start", "message": {"id": "m"}}])
    if after_text:
        translator.feed(list(_whole_text(0)))
    before = translator.message.progress

    for index, content in enumerate(blocks, start=1):
        start = {"type": "content_block_start", "index": index, "content_block": content}
        translator.feed([start, {"type": "content_block_stop", "index": index}])

    assert translator.message.progress - before <= 2 * any(b["type"] == "thinking" for b in blocks)


def _whole_text(index: int) -> Iterator[Event]:
    text = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": index, "content_block": text}
    yield {"type": "content_block_delta", "index": index, "delta": WORDS["text"]}
    yield {"type": "content_block_stop", "index": index}


# --- any mixture --------------------------------------------------------------------------------


@searched(30)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(UNITS)), st.integers(1, 3_000)), min_size=1, max_size=6
    ),
    st.sampled_from([[], [ThinkingTags], [lambda: Join("One two. " * 250)]]),
)
def test_no_step_of_any_mixture_takes_long(
    floods: list[tuple[str, int]], filters: list[Callable[[], TextFilter]]
) -> None:
    """Floods after floods, inside of each other."""
    data = START + TEXT + b"".join(UNITS[what] * times for what, times in floods)

    assert longest_step(data, [make() for make in filters]) <= MOST_CALLS
