"""What tools did at Anthropic's, as the application hears of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_claude.response.blocks import Block
from resilient_claude.response.message import IncomingMessage
from resilient_claude.response.server_work import (
    LONGEST_OUTPUT,
    LONGEST_TEXT,
    MOST_CALLS,
    MOST_CITATIONS,
    MOST_SOURCES,
    NO_WORK,
    Citation,
    ServerToolCall,
    Source,
    server_work,
)
from resilient_claude.testing import Answer, Cited, ServerToolUse, found
from resilient_claude.testing.script import wire
from tests.support.server_tools import MENU, search


def message(*content: Any) -> IncomingMessage:
    """The message that a simulated Claude sends."""
    made = IncomingMessage()
    answer = Answer(content=content)
    made.read([dict(e) for e in wire.events(answer, model="m", serial=1) if isinstance(e, dict)])
    return made


def calls(*content: Any) -> list[ServerToolCall]:
    return [*server_work(message(*content).blocks.values()).calls]


def block(kind: str, **fields: Any) -> Block:
    made = Block.begin({"type": kind, **fields})
    made.closed = True
    return made


USE = {"id": "srv_1", "name": "web_search", "input": {"query": "menu"}}


def test_a_search_and_what_relies_on_it() -> None:
    """The application shows where words come from, as the terms of the search ask."""
    cited = Cited("Risotto.", MENU[0], MENU[1], "today: risotto")

    work = server_work(message("I look.", search(id="srv_1"), cited).blocks.values())

    assert work.calls == (
        ServerToolCall("srv_1", "web_search", {"query": "menu"}, sources=(Source(*MENU),)),
    )
    assert work.citations == (Citation("today: risotto", *MENU),)


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (search(error="max_uses_exceeded", id="s"), {"error": "max_uses_exceeded"}),
        (ServerToolUse("web_search", id="s"), {"finished": False}),
        (
            ServerToolUse(
                "web_fetch",
                result={
                    "type": "web_fetch_result",
                    "url": MENU[0],
                    "content": {"type": "document", "title": MENU[1], "source": {"data": "x"}},
                },
                id="s",
            ),
            {"sources": (Source(*MENU),)},
        ),
        (
            ServerToolUse(
                "bash_code_execution",
                result={"type": "x_result", "stdout": "3\n", "stderr": "", "return_code": 0},
                id="s",
            ),
            {"output": "3\n"},
        ),
        (
            ServerToolUse(
                "tool_search_tool_bm25",
                result={
                    "type": "tool_search_tool_search_result",
                    "tool_references": [{"type": "tool_reference", "tool_name": "weather"}],
                },
                id="s",
            ),
            {"tools": ("weather",)},
        ),
        (
            ServerToolUse(
                "order",
                result=[{"type": "text", "text": "Ordered."}],
                server_name="shop",
                id="s",
            ),
            {"server_name": "shop", "output": "Ordered."},
        ),
        (
            ServerToolUse("order", error="Sold out.", server_name="shop", id="s"),
            {"server_name": "shop", "output": "Sold out.", "error": "error"},
        ),
    ],
    ids=["error", "waiting", "fetch", "code", "tools", "mcp", "mcp error"],
)
def test_each_tool_has_what_it_came_to(use: ServerToolUse, told: dict[str, Any]) -> None:
    """Read off the API's own shapes, one field each."""
    assert calls(use) == [ServerToolCall("s", use.name, dict(use.input), **told)]


def test_a_result_belongs_to_the_call_of_an_earlier_message() -> None:
    """A tool that waited for one of ours, or was paused, has it there."""
    first = server_work(
        message(ServerToolUse("web_search", {"query": "x"}, id="s")).blocks.values()
    )
    later = server_work(message(search(id="s", was_called_before=True)).blocks.values())

    (call,) = (first + later).calls
    assert (call.input, call.sources, call.finished) == ({"query": "x"}, (Source(*MENU),), True)


def test_what_is_encrypted_is_not_told() -> None:
    """Only the API can read it, and it would fill the history that livekit keeps."""
    work = server_work(message(search(), Cited("Risotto.", *MENU)).blocks.values())

    told = json.dumps(work.to_extra()) + repr(work)
    assert "encrypted" not in told
    assert found(MENU)[0]["encrypted_content"] not in told


def test_what_is_told_is_bounded() -> None:
    """Whatever the network sends: livekit keeps it with the message for the whole call."""
    page = {"type": "web_search_result", "url": "u" * 9_999, "title": "t" * 9_999}
    cited = {"cited_text": "c" * 9_999, "url": "u"}
    text = block("text", text="x", citations=[cited] * 5_000)
    blocks = [text]
    for at in range(2 * MOST_CALLS):
        blocks.append(block("server_tool_use", id=f"s{at}", name="x", input={"q": "q" * 99_999}))
        kind = "web_search_tool_result" if at % 2 else "bash_code_execution_tool_result"
        content: Any = [page] * 500 if at % 2 else {"stdout": "o" * 99_999}
        blocks.append(block(kind, tool_use_id=f"s{at}", content=content))

    work = server_work(blocks) + server_work(blocks)

    assert len(work.calls) == MOST_CALLS
    assert len(work.citations) == MOST_CITATIONS
    assert work.calls[0].input == {}
    assert len(work.calls[0].output or "") == LONGEST_OUTPUT
    assert len(work.calls[1].sources) == MOST_SOURCES
    assert len(work.calls[1].sources[0].title or "") == LONGEST_TEXT


@pytest.mark.parametrize(
    "content",
    [None, 7, "x", [], [7], {}, {"type": 7}, {"url": 7, "title": []}, {"tool_references": 7}],
)
def test_what_has_another_shape_is_passed_over(content: Any) -> None:
    """An answer is worth more than what is told of it."""
    result = block("web_search_tool_result", tool_use_id="srv_1", content=content)

    (call,) = server_work([block("server_tool_use", **USE), result]).calls

    assert (call.name, call.sources, call.error) == ("web_search", (), None)


def test_citations_of_another_shape_are_passed_over() -> None:
    """Likewise."""
    text = block("text", text="x", citations=[7, {}, {"cited_text": ""}, {"cited_text": "y"}])

    assert server_work([text]).citations == (Citation("y"),)


def test_most_messages_have_none() -> None:
    """And nothing is looked for in them."""
    assert not message("Hello.").has_server_work
    assert message(search()).has_server_work
    assert message(Cited("x", "u")).has_server_work
    assert NO_WORK.to_extra() == {}
    assert server_work(message("Hello.").blocks.values()).to_extra() == {}
