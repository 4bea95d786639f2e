"""What of the constructor's arguments shapes a request. Pure.

One more of them is one more field of `RequestOptions`, with its check beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from livekit.agents.llm import ToolChoice

from .given import is_absent, is_int, is_number
from .tools.choice import api_tool_choice, check_parallel

_Check: TypeAlias = Callable[[str, Any], object]
"""Raises ValueError or TypeError, naming the argument, if its value cannot be sent."""


def _checked_by(check: _Check) -> Mapping[str, _Check]:
    """Metadata of a field: *check* looks at each value but the None that stands for none."""
    return {"check": check}


def _must_be(what: str, is_right: Callable[[Any], bool]) -> Mapping[str, _Check]:
    """Metadata of a field whose value has to be *what*, in words and as a test."""

    def check(name: str, value: Any) -> None:
        if not is_right(value):
            raise ValueError(f"{name} must be {what}, got {value!r}")

    return _checked_by(check)


def _check_user(name: str, value: Any) -> None:
    """The value is not shown: it may be what it must not be."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}")
    if "@" in value:
        raise ValueError(
            f"{name} must be an opaque id, and not an address or a name, since it is sent to"
            " Anthropic: got one with an @"
        )
    if len(value) > _MAX_USER_CHARS:
        raise ValueError(f"{name} must have at most {_MAX_USER_CHARS} characters, got {len(value)}")


# Source: the API reference, "Create a Message", `metadata.user_id`.
_MAX_USER_CHARS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The constructor's arguments that shape a request; None leaves the API's default.

    Raises:
        TypeError: An argument has the wrong type; the message names it.
        ValueError: An argument is outside what the API accepts; the message names it.
    """

    model: str = field(
        metadata=_must_be(
            "a model id without white space",
            lambda value: isinstance(value, str) and re.fullmatch(r"\S+", value) is not None,
        )
    )
    max_tokens: int = field(
        default=1024, metadata=_must_be("an int >= 1", lambda value: is_int(value) and value >= 1)
    )
    temperature: float | None = field(
        default=None,
        metadata=_must_be(
            "a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1
        ),
    )
    top_k: int | None = field(
        default=None, metadata=_must_be("an int >= 0", lambda value: is_int(value) and value >= 0)
    )
    caching: Literal["ephemeral"] | None = field(
        default=None, metadata=_must_be('"ephemeral" or None', lambda value: value == "ephemeral")
    )
    tool_choice: ToolChoice | None = field(
        default=None, metadata=_checked_by(lambda name, value: api_tool_choice(value))
    )
    parallel_tool_calls: bool | None = field(default=None, metadata=_checked_by(check_parallel))
    user: str | None = field(default=None, metadata=_checked_by(_check_user))
    strict_tool_schema: bool = True

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if "check" in option.metadata and not (value is None and option.default is None):
                option.metadata["check"](option.name, value)

    @classmethod
    def of(
        cls, *, model: str, _strict_tool_schema: bool = True, **arguments: Any
    ) -> RequestOptions:
        """The options that the constructor's arguments ask for.

        Args:
            model: As there.
            _strict_tool_schema: As there.
            arguments: The others, by the names of the fields. One that is None, or livekit's or
                the SDK's "not given", leaves the field's default.

        Raises:
            TypeError: There is no argument of that name, or it has the wrong type.
            ValueError: An argument is outside what the API accepts; the message names it.
        """
        given = {
            name: value
            for name, value in arguments.items()
            if value is not None and not is_absent(value)
        }
        return cls(model=model, strict_tool_schema=_strict_tool_schema, **given)
