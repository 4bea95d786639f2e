"""Messages without keys and without speech. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

MESSAGE_CHARS = 300
"""Longest `Failure.root_message`, in characters; the rest is dropped."""


def redact(text: str, private: Iterable[str] = ()) -> str:
    """*text* on one line, without API keys and without any long piece of *private*, shortened."""
    text = _SECRET.sub("[redacted]", " ".join(text[: 4 * MESSAGE_CHARS].split()))
    for spoken in private:
        text = _hide(text, " ".join(spoken.split()))
    return text if len(text) <= MESSAGE_CHARS else text[: MESSAGE_CHARS - 1] + "…"


_SECRET = re.compile(
    r"sk-[\w-]{8,}|(?i:(?:x-api-key|authorization)\W{1,5}(?:bearer\s+)?|bearer\s+)\S+"
)


_SPEECH_CHARS = 12  # a shared run this long is a quotation, not a coincidence


def _hide(text: str, spoken: str) -> str:
    """*text* with every run of `_SPEECH_CHARS` or more characters of *spoken* blanked out."""
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
