"""Thoughts and notes are sealed, and the seal tells where they stood."""

from __future__ import annotations

from typing import Any, cast

import pytest

from resilient_claude.testing import Answer, Note, Thought, ToolUse
from resilient_claude.testing.script import wire
from resilient_claude.testing.script.thoughts import is_sealed_here, seal

HI: dict[str, Any] = {"type": "text", "text": "Hi."}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
SEALED: dict[str, Any] = {"type": "thinking", "thinking": "Hm.", "signature": "x"}


def test_a_seal_holds_for_one_text_in_one_place() -> None:
    """The real one does: what was changed, or stands elsewhere, is refused."""
    places: list[list[dict[str, Any]]] = [[], [HI], [CALL], [HI, CALL], [{**HI, "text": "Hi"}]]
    seals = {seal(text, before) for text in ("Hm.", "Hm") for before in places}

    assert len(seals) == 2 * len(places)
    assert all(map(is_sealed_here, seals))
    assert not is_sealed_here("c2lnbmVk")
    assert seal("Hm.", [HI]) == seal("Hm.", [SEALED, HI])  # earlier thinking is bound by itself


def test_a_thought_lasts_no_less_than_no_time() -> None:
    """A typo in a script must not look like a fault of the code under test."""
    with pytest.raises(ValueError, match="lasts_s must be >= 0, got -1"):
        Thought(lasts_s=-1)


@pytest.mark.parametrize("more", [{"tools": [ToolUse("x")]}, {"thinking": "Hm."}, {"pieces": "a"}])
def test_content_is_all_there_is(more: dict[str, Any]) -> None:
    """Nobody could tell where the rest of it stands."""
    with pytest.raises(ValueError, match="content is all there is"):
        Answer(content=["Hi."], **more)


@pytest.mark.parametrize("content", ["Hi.", [7], [None]])
def test_content_is_a_list_of_what_claude_writes(content: object) -> None:
    """A text alone is five letters."""
    with pytest.raises(ValueError, match="content must be a list of texts"):
        Answer(content=cast(Any, content))


def test_content_goes_over_the_wire_in_its_order() -> None:
    """Whole in a message, and piece by piece in a stream."""
    answer = Answer(content=[Thought("Hm."), "Hi.", Note("I look."), ToolUse("find", id="a")])
    whole = wire.message(answer, model="m", serial=1)
    events: list[Any] = wire.events(answer, model="m", serial=1)

    blocks = [e["content_block"] for e in events if e["type"] == "content_block_start"]
    assert [block["type"] for block in blocks] == ["thinking", "text", "thinking", "tool_use"]
    assert [block["type"] for block in whole["content"]] == [block["type"] for block in blocks]
    assert whole["content"][2] == {
        "type": "thinking",
        "thinking": "I look.",
        "signature": seal("I look.", whole["content"][:2]),
    }
    assert (whole["stop_reason"], whole["content"][3]["id"]) == ("tool_use", "a")


def test_what_takes_its_time_does_so_before_it_is_seen() -> None:
    """A ping comes meanwhile, as from the real one."""
    answer = Answer(content=["Hi.", Thought(lasts_s=2.0), "Ho."])
    pieces = wire.pieces(answer)

    ((at, waited),) = [(n, piece.wait_s) for n, piece in enumerate(pieces) if piece.wait_s]
    assert waited == 2.0
    assert b"signature_delta" in pieces[at].data
    assert b'"ping"' in pieces[at - 1].data
