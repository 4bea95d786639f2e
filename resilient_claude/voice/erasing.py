"""Takes hold lines out of what goes down in history. Pure, but for the message that it changes.

livekit writes down as one message what a reply said: our lines and the answer. A reply that was
interrupted is written down as far as it was heard, so that a line may end in the middle of a word;
nothing follows it then. Captions may differ from the text in what is no letter and no digit.
"""

from __future__ import annotations

from collections.abc import Sequence

from livekit.agents import llm

Part = tuple[str, bool]
"""A text that went out before the answer, and whether it is a line of ours."""


def without_lines(text: str, parts: Sequence[Part]) -> str:
    """*text*, a message that begins with *parts*, or with the beginning of them, without lines."""
    kept, rest = "", text
    for part, is_line in parts:
        if part.startswith(rest):
            return kept if is_line else kept + rest
        length = len(part) if rest.startswith(part) else _length(rest, part)
        if not is_line:
            kept += rest[:length]
        rest = rest[length:]
    return kept + rest


def erase_lines(message: llm.ChatMessage, parts: Sequence[Part]) -> bool:
    """Take the lines out of *message*; whether nothing but lines was in it."""
    texts = [piece for piece in message.content if isinstance(piece, str)]
    others: list[llm.ChatContent] = [p for p in message.content if not isinstance(p, str)]
    text = without_lines("\n".join(texts), parts).strip()
    message.content = [*([text] if text else []), *others]
    return not message.content


def _length(text: str, part: str) -> int:
    """How much of *text* is *part*, compared by letters and digits; 0 if it is another text."""
    at = 0
    for letter in filter(str.isalnum, part.casefold()):
        while at < len(text) and not text[at].isalnum():
            at += 1
        if at == len(text):
            return at
        if text[at].casefold() != letter:
            return 0
        at += 1
    tail = part[len(part.rstrip()) - 1 :]  # of the line's own last signs, those that are there
    while at < len(text) and not text[at].isalnum() and (text[at] in tail or text[at].isspace()):
        at += 1
    return at
