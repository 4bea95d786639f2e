"""Arguments that may be given or not, and what kind of values they are. Pure."""

from __future__ import annotations

from typing import Any

import anthropic
from livekit.agents.types import NotGiven


def or_default(value: Any, default: Any) -> Any:
    """*value*, or *default* if it is None or one of the ways to say "not given"."""
    return default if value is None or isinstance(value, _ABSENT) else value


def is_absent(value: object) -> bool:
    """Whether *value* is livekit's or the SDK's way to say "not given"."""
    return isinstance(value, _ABSENT)


_ABSENT = (NotGiven, anthropic.NotGiven, anthropic.Omit)


def is_int(value: object) -> bool:
    """Whether *value* is an integer; True is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether *value* is a number; True is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
