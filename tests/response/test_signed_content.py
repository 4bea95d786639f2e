"""Which thinking of a message goes back, and with what around it."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.response.blocks import Block
from resilient_claude.response.signed_content import signed_content


def closed(kind: str, *parts: str, **more: Any) -> Block:
    start = {"type": kind, **({kind: ""} if kind in ("text", "thinking") else {})}
    for name in ("id", "name", "input", "data"):
        if name in more:
            start[name] = more.pop(name)
    return Block(kind, start, parts=[*parts], closed=True, **more)


def thought(text: str = "A table.", **more: Any) -> Block:
    return closed("thinking", text, **{"signature": "c2ln", **more})


SEALED = closed("redacted_thinking", data="c2VhbGVk")
HI, BYE = closed("text", "Hi"), closed("text", "Bye")
TOOL = closed("tool_use", id="toolu_1", name="book", input={})
OTHER = closed("tool_use", id="toolu_2", name="book", input={})
SEARCH = closed("server_tool_use", id="srvtoolu_1", name="web_search", input={})
MARK, OTHER_MARK = ({"type": "tool_use", "id": f"toolu_{n}"} for n in (1, 2))


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [
        ([], []),
        ([HI, TOOL], []),
        ([thought(), TOOL], [thought()]),
        ([thought(), SEALED, HI, TOOL], [thought(), SEALED]),
        ([thought(), SEARCH, HI, TOOL], [thought()]),
        ([closed("text", " "), thought(), TOOL], [thought()]),
    ],
    ids=["nothing", "none", "one", "two", "before a search", "behind a blank"],
)
def test_thinking_that_comes_first_is_kept_by_itself(
    blocks: list[Block], kept: list[Block]
) -> None:
    """Its place needs no note: in front of what the history has."""
    assert signed_content(blocks) == [block.to_api() for block in kept]


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [
        ([HI, thought(), TOOL], [HI, thought(), MARK]),
        ([thought(), HI, SEALED, TOOL], [thought(), HI, SEALED, MARK]),
        (
            [thought("1"), TOOL, thought("2"), OTHER, BYE],
            [thought("1"), MARK, thought("2"), OTHER_MARK, BYE],
        ),
        ([thought(spoken=True), TOOL], [thought(), MARK]),
    ],
    ids=["later", "first and later", "between calls", "spoken"],
)
def test_other_thinking_is_kept_with_what_it_stands_among(
    blocks: list[Block], kept: list[Any]
) -> None:
    """livekit keeps no places, and in another place it is a 400; what was spoken is text there."""
    assert signed_content(blocks) == [
        each.to_api() if isinstance(each, Block) else each for each in kept
    ]


@pytest.mark.parametrize(
    "flaw", [{"signature": ""}, {"closed": False}, {"passed_over": True}], ids=str
)
def test_thinking_that_is_not_whole_is_not_kept(flaw: dict[str, Any]) -> None:
    """It would be a 400, in every later turn."""
    block = thought()
    for name, value in flaw.items():
        setattr(block, name, value)

    assert signed_content([thought(), block, TOOL]) == []


@pytest.mark.parametrize(
    "between",
    [SEARCH, closed("text", "Hi", citations=[{"url": "x"}]), closed("hologram")],
    ids=["server tool", "citations", "new"],
)
def test_thinking_behind_what_the_history_does_not_keep_is_not_kept(between: Block) -> None:
    """It is bound to that, and would follow on something else."""
    assert signed_content([thought(), between, thought(), TOOL]) == []
