"""What of a message is spoken, and with what between its pieces."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.response.blocks import Block
from resilient_claude.response.speech import Notes, SpokenText


def heard(
    *blocks: tuple[str, ...], notes: Notes = "speak", follows: str = ""
) -> tuple[str, list[str]]:
    """What is spoken and what is told of blocks that come as (type, piece, piece, ...)."""
    spoken = SpokenText(notes=notes, follows=follows)
    for kind, *pieces in blocks:
        name = kind if kind in ("text", "thinking") else "name"
        block = Block.begin({"type": kind, name: "", "id": "x"})
        spoken.begin(block)
        for piece in pieces:
            block.parts.append(piece)
            if kind == "thinking":
                spoken.note(block, piece)
            elif kind == "text":
                spoken.pieces.append(spoken.set_apart(piece) if spoken.is_apart else piece)
        block.closed = True
        spoken.close(block)
    return "".join(spoken.pieces), [note for _, note in spoken.told]


SEARCH = ("server_tool_use",)
SEPARATED: list[tuple[list[tuple[str, ...]], str]] = [
    ([("text", "Let me search for that."), SEARCH, ("text", "They open")], "for that. They open"),
    ([("text", "Let me see. "), SEARCH, ("text", "They open")], "Let me see. They open"),
    ([("text", "Let me see."), SEARCH, ("text", "\n\n", "They open")], "Let me see.\n\nThey open"),
    ([("text", "They open at "), ("text", "five"), ("text", ".")], "They open at five."),
    ([("text", "A."), ("thinking", "B."), ("text", "C.")], "A. B. C."),
    ([("thinking", "A."), ("thinking", "B."), SEARCH], "A. B."),
    ([("thinking", "A", " b."), ("text", "C", "."), ("text", "D.")], "A b. C.D."),
    ([("text", "A."), ("thinking",), ("text", "B.")], "A. B."),
    ([("text", "A."), ("text",), SEARCH, ("text",), ("text", "B.")], "A. B."),
    ([SEARCH, ("text", "A.")], "A."),
]


@pytest.mark.parametrize(("blocks", "end"), SEPARATED, ids=[end for _, end in SEPARATED])
def test_two_blocks_of_speech_do_not_stick_together(
    blocks: list[tuple[str, ...]], end: str
) -> None:
    """Without white space, "that.They" is one sentence to a text-to-speech; two are a pause."""
    said, _ = heard(*blocks)

    assert said.endswith(end)


@pytest.mark.parametrize(
    ("follows", "said"), [("that.", " They open."), ("that. ", "They open."), ("", "They open.")]
)
def test_a_message_is_set_apart_from_what_was_spoken_before_it(follows: str, said: str) -> None:
    """A turn that server tools paused goes on in another message."""
    assert heard(("text", "They open."), follows=follows) == (said, [])


def test_a_note_is_told_of_when_it_is_whole_and_not_spoken() -> None:
    """An application shows it, or says it in its own words."""
    said, told = heard(
        ("text", "Hi."), ("thinking", " I look ", "it up.\n"), ("text", "Well."), notes="event"
    )

    assert (said, told) == ("Hi. Well.", ["I look it up."])


@pytest.mark.parametrize("notes", ["speak", "event", "off"])
def test_a_note_without_a_word_is_none(notes: Any) -> None:
    """By default the newest models show no thinking: their blocks are empty."""
    assert heard(("thinking",), ("thinking", " ", "\n"), ("text", "Hi."), notes=notes) == (
        "Hi.",
        [],
    )


def test_what_is_kept_is_neither_spoken_nor_told() -> None:
    """An application that asks for silence gets it."""
    assert heard(("thinking", "I look it up."), ("text", "Hi."), notes="off") == ("Hi.", [])


def test_what_a_block_says_at_once_is_said() -> None:
    """Some gateways send a whole block with its beginning."""
    spoken = SpokenText(notes="speak")
    for block in ({"type": "thinking", "thinking": "A."}, {"type": "text", "text": "B."}):
        begun = Block.begin(block)
        spoken.begin(begun)
        spoken.close(begun)

    assert "".join(spoken.pieces) == "A. B."
