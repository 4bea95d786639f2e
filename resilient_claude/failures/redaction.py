"""Messages without keys and without speech. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MESSAGE_CHARS = 300
"""Longest `Failure.root_message`, in characters; the rest is dropped."""


def identifier(value: object) -> str | None:
    """*value* if it can be an id or a name of the API's, else None: it goes into logs as it is."""
    if not isinstance(value, str) or not re.fullmatch(r"[\w.:-]{1,80}", value):
        return None
    return None if _KEY.search(value) else value


def redact(text: str, private: Iterable[str] = ()) -> str:
    """*text* on one line, without API keys and without any long piece of *private*, shortened."""
    text = "".join(c if c.isprintable() else " " for c in text[: 2 * MESSAGE_CHARS])
    text = _HEADER.sub("[redacted]", " ".join(text.split()))
    text = _KEY.sub("[redacted]", text)[: MESSAGE_CHARS + 1]
    looked_at = 0
    for spoken in private:
        looked_at += len(spoken)
        if looked_at > PRIVATE_CHARS:
            return "[not shown: the conversation is too long to check it for quotations]"
        text = _hide(text, " ".join(spoken.split()))
    return text if len(text) <= MESSAGE_CHARS else text[: MESSAGE_CHARS - 1] + "…"


def texts_in(value: object) -> Iterator[str]:
    """Every string in a piece of a request that may be speech."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in ("source", "signature", "data"):  # images and documents: not speech
                yield from texts_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_in(item)


PRIVATE_CHARS = 400_000
"""How much of a conversation a message is compared with, in characters: about 0.1 s of CPU at
worst, on the event loop of a call."""

_HEADER = re.compile(r"(?i:(?:x-api-key|authorization)\W{1,5}(?:bearer\s+)?|bearer\s+)\S+")
_KEY = re.compile(r"sk-[\w-]{8,}")

_SPEECH_CHARS = 12  # a shared run this long is a quotation, not a coincidence


_UTTERANCE_CHARS = 5  # "4921." may be a PIN; shorter ones are in every message by chance


def _hide(text: str, spoken: str) -> str:
    """*text* without any run of `_SPEECH_CHARS` or more characters of *spoken*, or all of it."""
    if _UTTERANCE_CHARS <= len(spoken) < _SPEECH_CHARS:
        return text.replace(spoken, "[…]")
    start = 0
    while start + _SPEECH_CHARS <= len(text):
        end = start + _SPEECH_CHARS
        if text[start:end] not in spoken:
            start += 1
            continue
        while end < len(text) and text[start : end + 1] in spoken:
            end += 1
        text = f"{text[:start]}[…]{text[end:]}"
        start += 3
    return text
