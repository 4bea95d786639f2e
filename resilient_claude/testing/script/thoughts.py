"""What Claude writes that is no text: thoughts, and notes between calls of tools. Frozen values.

Both come as blocks of thinking. Whether they come, and whether their text is seen, depends on the
request: see `serving/showing.py`. Each is sealed, and the seal tells where it stood.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_SEAL = b"simulated:"


@dataclass(frozen=True)
class Thought:
    """What Claude thinks before it goes on.

    Attributes:
        text: What it thinks; seen if the request asks to see it.
        lasts_s: Seconds until it is thought; a ping comes meanwhile.

    Raises:
        TypeError: *text* is no text, or *lasts_s* no number.
        ValueError: *lasts_s* is negative.
    """

    text: str = ""
    lasts_s: float = 0.0

    def __post_init__(self) -> None:
        _check_text(self.text)
        check_not_negative("lasts_s", self.lasts_s)


@dataclass(frozen=True)
class Note:
    """What Claude tells of its progress, as between two calls of tools.

    It is text, or on newer models a block of thinking whose text is seen if the request asks to see
    it, or always if it asks for thinking between tools.

    Attributes:
        text: What it tells.

    Raises:
        TypeError: *text* is no text.
    """

    text: str

    def __post_init__(self) -> None:
        _check_text(self.text)


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"text must be a str, got {text!r}")


def check_not_negative(name: str, value: object) -> None:
    """Check that *value*, given as *name*, is a number of things or of seconds.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative.
    """
    if not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if value < 0:
        raise ValueError(f"{name} must be >= 0, got {value}")


def seal(text: str, before: Iterable[Mapping[str, Any]]) -> str:
    """The signature of thinking with *text* that stands behind the blocks *before* it."""
    around = [_around(block) for block in before if block["type"] in ("text", "tool_use")]
    digest = hashlib.blake2b(json.dumps([text, around]).encode(), digest_size=12).digest()
    return base64.b64encode(_SEAL + digest).decode()


def is_sealed_here(signature: str) -> bool:
    """Whether *signature* is one of `seal`'s."""
    return signature.startswith(base64.b64encode(_SEAL[:9]).decode())


def _around(block: Mapping[str, Any]) -> str:
    return str(block["text"] if block["type"] == "text" else block["id"])
