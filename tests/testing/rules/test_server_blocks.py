"""What the simulation refuses of the blocks of server tools, in a request's messages."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing import ServerToolUse, found
from tests.testing.rules.bodies import RESULT, TOOL, USER, body, called, check_refused, error_of

SEARCH = {"type": "web_search_20250305", "name": "web_search"}
USE, FOUND = ServerToolUse("web_search", {"query": "x"}, found(("u", "t")), id="s").blocks("")
CALL = called()["content"][0]


def asked(*content: Any, after: Any = (USER,), tools: Any = (SEARCH, TOOL)) -> dict[str, Any]:
    messages = [USER, {"role": "assistant", "content": [*content]}, *after]
    return body(messages=messages, tools=[*tools])


RESULTS = {"role": "user", "content": [RESULT]}
LATE = {"role": "user", "content": [RESULT, {"type": "text", "text": "Quick!"}]}

VALID = {
    "a call and its result": asked(USE, FOUND),
    "a pause": asked(USE, after=()),
    "a call that waits for ours": asked(USE, CALL, after=(RESULTS,)),
}


@pytest.mark.parametrize("case", VALID)
def test_what_is_documented_is_accepted_of_blocks(case: str) -> None:
    """A call may wait for the next request, if nothing else follows."""
    assert error_of(VALID[case]) is None


UNPAIRED = "was found without a corresponding `web_search_tool_result` block"
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no result": (asked(USE), UNPAIRED),
    "words behind the results": (asked(USE, CALL, after=(LATE,)), UNPAIRED),
    "no call": (
        asked(FOUND),
        "unexpected `tool_use_id` found in `web_search_tool_result`",
    ),
    "not encrypted": (
        asked(USE, {**FOUND, "content": [{**FOUND["content"][0], "encrypted_content": ""}]}),
        "`encrypted_content` is missing",
    ),
    "a tool that is gone": (
        asked(
            *ServerToolUse(
                "tool_search_tool_bm25",
                result={"tool_references": [{"type": "tool_reference", "tool_name": "gone"}]},
                id="s",
            ).blocks(""),
        ),
        "Tool reference 'gone' not found in available tools",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_what_the_documentation_rejects_of_blocks_is_refused(case: str) -> None:
    """Such a history would fail every later turn of its call."""
    request, message = INVALID[case]

    check_refused(request, message)
