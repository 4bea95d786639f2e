"""The bytes of an answer, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from resilient_claude.testing import Answer, ToolUse
from resilient_claude.testing.script import wire
from tests.testing.raw_client import parse_events

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"


def events(answer: Answer) -> list[dict[str, Any]]:
    """What a client reads."""
    return parse_events(b"".join(piece.data for piece in wire.pieces(answer)))


def shape(stream: list[dict[str, Any]]) -> list[str]:
    """The events' types, with those of their blocks and deltas; runs of deltas count once."""
    names: list[str] = []
    for event in stream:
        part = event.get("content_block") or event.get("delta") or {}
        name = f"{event['type']} {part.get('type', '')}".strip()
        if not names or names[-1] != name:
            names.append(name)
    return names


@pytest.mark.parametrize(
    ("recorded", "answer"),
    [
        ("short_text.sse", Answer("2")),
        ("sdk_basic_response.sse", Answer("Hello there!")),
        ("sdk_tool_use_response.sse", Answer("I will.", tools=[ToolUse("w", {"city": "Paris"})])),
        ("thinking.sse", Answer("Look left.", thinking="This is a question.")),
    ],
)
def test_an_answer_has_the_shape_of_a_recorded_stream(recorded: str, answer: Answer) -> None:
    """A simulation that differs from the API would prove nothing."""
    path = CORPUS / recorded
    if not path.exists():
        pytest.skip(f"the recorded streams are not here: {path}")

    assert shape(events(answer)) == shape(parse_events(path.read_bytes()))


def test_text_is_cut_into_words_with_their_white_space() -> None:
    """Joined deltas are the text, to the byte."""
    assert Answer("  One two\n\nthree ").text_pieces == ("  One ", "two\n\n", "three ")


def test_tool_input_arrives_in_pieces_of_which_the_first_is_empty() -> None:
    """No single piece is the whole JSON, so a cut leaves half of it."""
    stream = events(Answer(tools=[ToolUse("find", {"n": 4711}, id="toolu_1")]))

    start = next(event for event in stream if event["type"] == "content_block_start")
    pieces = [e["delta"]["partial_json"] for e in stream if e["type"] == "content_block_delta"]
    assert start["content_block"] == {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "find",
        "input": {},
    }
    assert (pieces[0], "".join(pieces)) == ("", '{"n": 4711}')
    assert len(pieces) == 3


def test_tool_calls_of_two_requests_have_different_ids() -> None:
    """A client that keys results by id must not mix them up."""
    answer = Answer(tools=[ToolUse("find"), ToolUse("find")])
    ids = {
        event["content_block"]["id"]
        for serial in (1, 2)
        for event in parse_events(b"".join(p.data for p in wire.pieces(answer, serial=serial)))
        if "content_block" in event
    }

    assert len(ids) == 4


def test_usage_is_cumulative_and_complete() -> None:
    """Cache counts come first with the start, and again with the final count."""
    stream = events(
        Answer(
            "Hi.", input_tokens=7, output_tokens=42, cache_read_tokens=5, cache_creation_tokens=3
        )
    )
    inputs = {
        "input_tokens": 7,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
    }

    start, delta = stream[0]["message"]["usage"], stream[-2]["usage"]
    assert start == {**inputs, "output_tokens": 1, "service_tier": "standard"}
    assert delta == {**inputs, "output_tokens": 42}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer("Hi."), "end_turn"),
        (Answer(tools=[ToolUse("find")]), "tool_use"),
        (Answer("Hi", stop_reason="max_tokens"), "max_tokens"),
        (Answer("", stop_reason="refusal"), "refusal"),
    ],
)
def test_stop_reason_is_what_the_answer_ends_with(answer: Answer, reason: str) -> None:
    """Defaults are the API's."""
    assert events(answer)[-2]["delta"] == {"stop_reason": reason, "stop_sequence": None}


def test_ready_events_are_sent_as_they_are() -> None:
    """New event types and malformed bytes can be played without support for each."""
    pieces = wire.pieces(Answer(events=[{"type": "novel", "a": 1}, b"data: {\n\n"]))

    assert [piece.data for piece in pieces] == [
        b'event: novel\ndata: {"type":"novel","a":1}\n\n',
        b"data: {\n\n",
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_are_those_of_the_answer(line_end: Any) -> None:
    """All three are correct server-sent events."""
    data = wire.pieces(Answer("Hi.", line_end=line_end))[-1].data

    assert data.decode() == line_end.join(
        ["event: message_stop", 'data: {"type":"message_stop"}', "", ""]
    )


def test_more_of_the_usage_and_diagnostics_are_what_the_answer_says() -> None:
    """What the API counts apart, and why its cache missed."""
    more = {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}}
    reason = {"cache_miss_reason": {"type": "tools_changed"}}
    stream = events(Answer("Hi.", usage=more, diagnostics=reason))

    message = stream[0]["message"]
    assert message["usage"]["server_tool_use"] == more["server_tool_use"]
    assert message["diagnostics"] == reason
    assert "diagnostics" not in events(Answer("Hi."))[0]["message"]
