"""What is made of the content blocks of a message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_claude.failures.failure import FailureKind
from resilient_claude.failures.faults import Fault
from resilient_claude.response.blocks import (
    Block,
    calls_of,
    content_of,
    is_blank,
    leading_thinking,
)


def closed(kind: str, *parts: str, signature: str = "", **start: Any) -> Block:
    """A whole block of type *kind*."""
    content = {"type": kind, **start}
    return Block(kind, content, parts=[*parts], signature=signature, closed=True)


def text(*parts: str, **start: Any) -> Block:
    return closed("text", *parts, **{"text": "", **start})


def tool(*parts: str, call_id: str = "toolu_1", **start: Any) -> Block:
    return closed("tool_use", *parts, **{"id": call_id, "name": "book", "input": {}, **start})


def search(*parts: str) -> Block:
    return closed("server_tool_use", *parts, id="srvtoolu_1", name="web_search", input={})


THOUGHT = closed("thinking", "A ", "table.", signature="c2ln", thinking="")
SEALED = closed("redacted_thinking", data="c2VhbGVk")


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0\u2003"])
def test_blank_is_what_nobody_can_hear(blank: str) -> None:
    """The API rejects a text block of it, and no voice speaks it."""
    assert is_blank(blank)
    assert not is_blank(f"{blank}.{blank}")


# --- as the API takes them back -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "whole"),
    [
        (text("Hi ", "there"), {"type": "text", "text": "Hi there"}),
        (text(" there", text="Hi"), {"type": "text", "text": "Hi there"}),
        (text("Hi", text=None), {"type": "text", "text": "Hi"}),
        (THOUGHT, {"type": "thinking", "thinking": "A table.", "signature": "c2ln"}),
        (SEALED, {"type": "redacted_thinking", "data": "c2VhbGVk"}),
        (
            search('{"query": ', '"menu"}'),
            {
                "type": "server_tool_use",
                "id": "srvtoolu_1",
                "name": "web_search",
                "input": {"query": "menu"},
            },
        ),
        (
            search(),
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        ),
        (closed("hologram", photons=3), {"type": "hologram", "photons": 3}),
    ],
)
def test_a_block_goes_back_whole(block: Block, whole: dict[str, Any]) -> None:
    """Its beginning and all of its deltas, in the API's own form."""
    assert content_of([block]) == [whole]


def test_text_goes_back_with_its_sources() -> None:
    """Without them, Claude cites anew, or no more."""
    block = text("It is risotto.")
    block.citations.append({"cited_text": "risotto"})

    assert content_of([block]) == [
        {"type": "text", "text": "It is risotto.", "citations": [{"cited_text": "risotto"}]}
    ]


def test_what_is_not_complete_or_blank_does_not_go_back() -> None:
    """Half a block means something else, and blank text is a 400."""
    half = Block("text", {"type": "text", "text": ""}, parts=["Hi"])

    assert content_of([text(" "), text("Hi"), half]) == [{"type": "text", "text": "Hi"}]


def test_a_server_tools_input_that_is_no_json_cannot_go_back() -> None:
    """Another attempt would be told of a search that never was."""
    with pytest.raises(Fault, match="a server tool's input is not JSON") as raised:
        content_of([search('{"query": ')])

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, False)
    assert isinstance(raised.value.__cause__, ValueError)


# --- calls --------------------------------------------------------------------------------------


def test_calls_are_ours_and_in_order() -> None:
    """What Anthropic runs is not ours to run."""
    first = tool('{"id": ', "4711}")
    blocks = [text("Let me see."), first, search(), tool(call_id="toolu_2", name="cancel")]

    assert [(call.name, call.arguments, call.call_id) for call in calls_of(blocks)] == [
        ("book", '{"id": 4711}', "toolu_1"),
        ("cancel", "{}", "toolu_2"),
    ]


@pytest.mark.parametrize("start_input", [{}, None, {"id": 4711}])
def test_an_input_that_came_at_once_is_the_input(start_input: Any) -> None:
    """Some gateways send no deltas."""
    (call,) = calls_of([tool(input=start_input)])

    assert json.loads(call.arguments) == (start_input or {})


@pytest.mark.parametrize("part", ["{", "[]", "7", "NaN", '{"a": NaN}', "{}{}", " "])
def test_an_input_that_is_no_object_is_malformed(part: str) -> None:
    """Nothing can be called with it; another sample may be fine."""
    with pytest.raises(Fault, match="not a JSON object") as raised:
        calls_of([tool(part)])

    assert (raised.value.kind, raised.value.retryable) == (FailureKind.MALFORMED, True)


def test_a_call_that_is_still_open_is_never_run() -> None:
    """`{"id": 47}` may be all of it, or the beginning of 4711."""
    half = tool('{"id": 47}')
    half.closed = False

    with pytest.raises(Fault, match="inside a tool call"):
        calls_of([half])


def test_two_calls_with_one_id_are_malformed() -> None:
    """One of the two would get the other's result."""
    with pytest.raises(Fault, match="two tool calls with one id"):
        calls_of([tool(), tool()])


# --- thinking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "count"),
    [
        ([], 0),
        ([text("Hi"), tool()], 0),
        ([THOUGHT, tool()], 1),
        ([THOUGHT, SEALED, text("Hi"), tool()], 2),
        ([text("Hi"), THOUGHT, tool()], 0),
        ([THOUGHT, text("Hi"), THOUGHT, tool()], 0),
    ],
    ids=["nothing", "none", "one", "two", "later", "first and later"],
)
def test_thinking_is_kept_only_where_all_of_it_comes_first(blocks: list[Block], count: int) -> None:
    """livekit keeps no places, and thinking in another place is a 400."""
    assert leading_thinking(blocks) == [block.to_api() for block in blocks[:count]]
