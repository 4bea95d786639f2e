"""What the agent may be heard to say, and how it is told apart. Pure."""

from __future__ import annotations

from enum import StrEnum

from .call_table import OTHER_TEXT, TEXT

HOLD_LINES = ("One moment.", "Still with you.", "Nearly there.")
LONG_LINES = (
    "I am looking that up for you, please stay on the line.",
    "It will not take very much longer, I am still at it.",
)
APOLOGY = "I'm sorry, I can't think straight right now. Could you say that again?"
BROKE_OFF = "Sorry, where was I?"
CLOSING = "I'm sorry, I can't help you right now. Please call again later. Goodbye."


class Kind(StrEnum):
    """What an utterance of the agent's is."""

    ANSWER = "answer"
    OTHER = "other"
    """The answer of the second provider."""
    LINE = "line"
    APOLOGY = "apology"
    BROKE_OFF = "broke-off"
    CLOSING = "closing"
    UNKNOWN = "unknown"


TOLD = {Kind.APOLOGY: APOLOGY, Kind.BROKE_OFF: BROKE_OFF, Kind.CLOSING: CLOSING}
"""What the caller is told when there is no answer."""
_TEXTS = {
    Kind.LINE: (*HOLD_LINES, *LONG_LINES),
    Kind.OTHER: (OTHER_TEXT,),
    **{kind: (text,) for kind, text in TOLD.items()},
}


def kind_of(text: str) -> Kind:
    """What *text*, which may be cut off or go on after a pause, is."""
    said = letters(text)
    for kind, texts in _TEXTS.items():
        if any(said in letters(each) for each in texts):
            return kind
    return Kind.ANSWER if said in letters(TEXT) else Kind.UNKNOWN


def letters(text: str) -> str:
    """What is compared: where the spaces are is the text-to-speech's business."""
    return "".join(filter(str.isalpha, text)).casefold()
