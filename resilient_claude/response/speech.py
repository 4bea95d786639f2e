"""What of a message is spoken, and what stands between two pieces of it. Pure.

Theory of operation. Text is spoken, and so are notes, where they are to be: what Claude writes
between two calls of tools, which comes as thinking on its newer models. Two blocks of speech with
anything between them are set apart by a space, if neither has white space of its own there: to a
text-to-speech, "search for that.They open" is one sentence. Two blocks of text that are neighbours
are one sentence that has a citation in it, and are left as they are.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from .blocks import Block, find_audible

Notes: TypeAlias = Literal["speak", "event", "off"]
"""What is done with the text of thinking: spoken, reported once it is whole, or neither."""


class SpokenText:
    """What of a message is spoken.

    Args:
        notes: what is done with the text of its thinking.
        follows: the end of what was spoken before the message, from which it is to be set apart.

    Attributes:
        pieces: what is to be spoken and nobody has taken yet.
        told: notes to be reported and not spoken, each whole, with the number of pieces before it;
            likewise.
        is_apart: whether the next piece begins behind something else than speech: then it is to go
            through `set_apart`.
    """

    def __init__(self, *, notes: Notes = "off", follows: str = "") -> None:
        self.pieces: list[str] = []
        self.told: list[tuple[int, str]] = []
        self.is_apart = bool(follows)
        self._notes = notes
        self._end = follows[-1:]

    def begin(self, block: Block) -> None:
        """*block* begins, and may say something at once."""
        if block.type == "text":
            if text := block.at_once("text"):
                self.pieces.append(self.set_apart(text) if self.is_apart else text)
            return
        self.is_apart = True
        if block.type == "thinking" and (text := block.at_once("thinking")):
            self.note(block, text)

    def note(self, block: Block, text: str) -> None:
        """*text* of thinking has come."""
        if self._notes != "speak":
            return
        if not block.spoken:
            if find_audible(text) is None:
                return  # a note without a word is none
            block.spoken = True
        self.pieces.append(self.set_apart(text) if self.is_apart else text)

    def close(self, block: Block) -> None:
        """*block* is complete."""
        if block.type == "text" or block.spoken:
            end = block.parts[-1] if block.parts else block.at_once(block.type)
            self._end = end[-1:] or self._end
        if block.type == "thinking":
            self.is_apart = True
            if self._notes == "event" and find_audible(note := block.text()):
                self.told.append((len(self.pieces), note.strip()))

    def set_apart(self, text: str) -> str:
        """*text*, which is not empty, with a space before it if it needs one."""
        self.is_apart = False
        bare = self._end and not self._end.isspace() and not text[0].isspace()
        return f" {text}" if bare else text
