"""Calls and results of tools that run at Anthropic's, as they may go back."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.server_calls import has_its_id, matched


def call(call_id: Any, kind: str = "server_tool_use") -> dict[str, Any]:
    return {"type": kind, "id": call_id, "name": "web_search", "input": {}}


def found(call_id: Any, kind: str = "web_search_tool_result") -> dict[str, Any]:
    return {"type": kind, "tool_use_id": call_id, "content": []}


WORDS = {"type": "text", "text": "It is sunny."}


@pytest.mark.parametrize(
    "blocks",
    [
        [call("a"), found("a"), WORDS, call("b")],
        [call("a"), call("b"), found("b"), found("a")],
        [call("m", "mcp_tool_use"), found("m", "mcp_tool_result")],
        [call("a"), found("a"), call("a"), found("a")],
    ],
    ids=["in turn", "side by side", "of a server", "numbered anew"],
)
def test_what_belongs_together_stays(blocks: list[dict[str, Any]]) -> None:
    assert matched(blocks) == blocks


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [
        ([found("a"), WORDS], [WORDS]),
        ([found("a"), call("a")], [call("a")]),
        ([call("a"), found("a"), found("a")], [call("a"), found("a")]),
        ([call("a"), found("b")], [call("a")]),
        ([call(None), found(None), WORDS], [WORDS]),
        ([call("a"), found(["a"])], [call("a")]),
    ],
    ids=["nobody asked", "before its call", "twice", "of another", "no ids", "odd id"],
)
def test_what_belongs_to_no_call_is_left_out(
    blocks: list[dict[str, Any]], kept: list[dict[str, Any]]
) -> None:
    """The API refuses a result without its call, and the answer would be lost with it."""
    assert matched(blocks) == kept


def test_a_call_of_the_part_before_may_have_its_result_now() -> None:
    before = [WORDS, call("a"), call("b"), found("b")]

    assert matched([found("a"), found("b")], before) == [found("a")]


@pytest.mark.parametrize("block", [WORDS, {"type": "thinking", "thinking": "", "signature": "s"}])
def test_other_blocks_need_no_id(block: dict[str, Any]) -> None:
    assert has_its_id(block)
