"""All that a message said and did, as it is kept for the tool loop that it opens."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.response.whole_content import whole_content
from resilient_claude.testing import Thought, ToolUse
from tests.response.test_server_work import message
from tests.support.server_tools import search

BOOK = ToolUse("book", {"guests": 2}, id="toolu_1")
LONGEST = 100_000


def kinds(*content: Any, longest: int = LONGEST) -> list[str]:
    whole = whole_content(message(*content).blocks.values(), longest=longest)
    return [block["type"] for block in whole]


def test_the_order_is_kept_and_a_call_is_its_id() -> None:
    """The call's input is in the history, and may have been mended there."""
    blocks = message("I look.", search(id="s"), "Found.", BOOK).blocks.values()

    whole = whole_content(blocks, longest=LONGEST)

    assert [block["type"] for block in whole] == [
        *("text", "server_tool_use", "web_search_tool_result", "text", "tool_use")
    ]
    assert whole[1]["input"] == {"query": "menu"}
    assert whole[-1] == {"type": "tool_use", "id": "toolu_1"}


def test_thinking_that_comes_first_is_kept_elsewhere() -> None:
    """livekit keeps it with the call; twice would be a 400."""
    assert kinds(Thought("Hm."), search(), BOOK) == [
        *("server_tool_use", "web_search_tool_result", "tool_use")
    ]


def test_thinking_behind_a_search_is_kept_with_it() -> None:
    """Nobody else knows where it stood."""
    assert kinds(search(), Thought("Hm."), BOOK) == [
        *("server_tool_use", "web_search_tool_result", "thinking", "tool_use")
    ]


def test_without_server_tools_nothing_is_kept() -> None:
    """As of most answers."""
    assert kinds("Hello.", BOOK) == []


def test_what_is_too_long_is_not_kept() -> None:
    """A page may have megabytes, and sixteen answers are kept."""
    assert kinds(search(), BOOK, longest=500) == []


@pytest.mark.parametrize("harm", ["open", "newer", "no JSON"])
def test_what_cannot_go_back_as_it_was_is_not_kept(harm: str) -> None:
    """Half of it is a 400."""
    blocks = [*message(search(), BOOK).blocks.values()]
    if harm == "open":
        blocks[0].closed = False
    elif harm == "newer":
        blocks[1].passed_over = True
    else:
        blocks[0].parts = ["{"]

    assert whole_content(blocks, longest=LONGEST) == []
