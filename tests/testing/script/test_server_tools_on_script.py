"""`ServerToolUse` and `Cited`: what goes over the wire for them."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing import Answer, Cited, ServerToolUse, ToolUse, found
from resilient_claude.testing.script import wire

SEARCH = ServerToolUse("web_search", {"query": "x"}, found(("u", "t")), lasts_s=0.5)


def events(*content: Any, **more: Any) -> list[Any]:
    return wire.events(Answer(content=content, **more), model="m", serial=1)


def test_the_call_streams_and_the_result_comes_whole() -> None:
    """As the documentation has it: "with no deltas"."""
    sent = [e for e in events(SEARCH) if e["type"] != "ping"]

    assert [e["type"] for e in sent[1:-2]] == [
        "content_block_start",
        *["content_block_delta"] * (len(sent) - 7),
        "content_block_stop",
        "content_block_start",
        "content_block_stop",
    ]
    assert sent[-4]["content_block"]["tool_use_id"] == sent[1]["content_block"]["id"]


def test_pings_come_while_it_works() -> None:
    """So that a reader knows that the line is alive."""
    pieces = wire.pieces(Answer(content=[SEARCH]))

    waits = [piece.wait_s for piece in pieces if piece.wait_s]
    assert len(waits) > 2
    assert sum(waits) == pytest.approx(0.5)


def test_the_stop_reason_and_the_counts_follow_from_the_content() -> None:
    """A script says what happens, and the rest is as the API would."""
    waiting = ServerToolUse("web_fetch")

    ends = {
        "done": events(SEARCH, "Found.", container="cont_1")[-2],
        "paused": events(waiting)[-2],
        "calls": events(waiting, ToolUse("book"))[-2],
    }

    assert [end["delta"]["stop_reason"] for end in ends.values()] == [
        *("end_turn", "pause_turn", "tool_use")
    ]
    assert ends["done"]["delta"]["container"]["id"] == "cont_1"
    assert ends["done"]["usage"]["server_tool_use"] == {
        "web_search_requests": 1,
        "web_fetch_requests": 0,
    }


def test_a_citation_comes_before_the_words_that_rely_on_it() -> None:
    """So the recorded streams have it."""
    deltas = [e["delta"] for e in events(Cited("Risotto.", "u")) if "index" in e and "delta" in e]

    assert [delta["type"] for delta in deltas] == ["citations_delta", "text_delta"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lasts_s": -1}, "lasts_s must be >= 0"),
        ({"result": [], "error": "x"}, "a call has one of them"),
        ({"was_called_before": True, "id": "s"}, "needs the id of the call, and its result"),
    ],
)
def test_what_cannot_happen_cannot_be_scripted(arguments: dict[str, Any], message: str) -> None:
    """A test that waits for it would wait for ever."""
    with pytest.raises(ValueError, match=message):
        ServerToolUse("web_search", **arguments)
