"""What of the constructor's arguments shapes a request. Pure.

One more of them is one more field of `RequestOptions`, with its check beside it. What depends on
the model is checked in `refusals`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from livekit.agents.llm import ToolChoice

from .argument_checks import (
    check_betas,
    check_caching,
    check_extra_body,
    check_headers,
    check_metadata,
    check_output_config,
    check_stop_sequences,
    check_thinking,
    check_user,
    one_of,
)
from .given import is_absent, is_int, is_number
from .model_facts import EVERY_EFFORT, Effort
from .models import Model
from .tools.choice import api_tool_choice, check_parallel
from .tools.server_tool_checks import check_mcp_servers

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


def _check_strict(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"_{name} must be a bool, got {value!r}")


class Unset(Enum):
    """Stands for "what is right for a voice", where None stands for "send nothing"."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
_NONE_IS_A_VALUE = "none_is_a_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The constructor's arguments that shape a request; None leaves the API's default.

    Raises:
        TypeError: An argument has the wrong type; the message names it.
        ValueError: An argument is outside what the API accepts; the message names it.
    """

    model: str = field(
        metadata=_must_be("a model id without white space", lambda value: _is_model_id(value))
    )
    model_like: str | None = field(
        default=None,
        metadata=_must_be(
            'the id of a Claude with its version, such as "claude-haiku-4-5"',
            lambda value: _is_model_id(value) and Model.parse(value).is_named,
        ),
    )
    max_tokens: int | None = field(
        default=None, metadata=_must_be("an int >= 1", lambda value: is_int(value) and value >= 1)
    )
    thinking: Mapping[str, Any] | Unset | None = field(
        default=UNSET, metadata={**_checked_by(check_thinking), _NONE_IS_A_VALUE: True}
    )
    effort: Effort | Unset | None = field(
        default=UNSET, metadata={**_checked_by(one_of(*EVERY_EFFORT)), _NONE_IS_A_VALUE: True}
    )
    progress: Literal["speak", "event", "off"] = field(
        default="speak", metadata=_checked_by(one_of("speak", "event", "off"))
    )
    output_config: Mapping[str, Any] | None = field(
        default=None, metadata=_checked_by(check_output_config)
    )
    temperature: float | None = field(
        default=None,
        metadata=_must_be(
            "a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1
        ),
    )
    top_p: float | None = field(
        default=None,
        metadata=_must_be(
            "a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1
        ),
    )
    top_k: int | None = field(
        default=None, metadata=_must_be("an int >= 0", lambda value: is_int(value) and value >= 0)
    )
    stop_sequences: Sequence[str] | None = field(
        default=None, metadata=_checked_by(check_stop_sequences)
    )
    caching: Literal["ephemeral"] | Mapping[str, Any] | None = field(
        default=None, metadata=_checked_by(check_caching)
    )
    tool_choice: ToolChoice | None = field(
        default=None, metadata=_checked_by(lambda name, value: api_tool_choice(value))
    )
    parallel_tool_calls: bool | None = field(default=None, metadata=_checked_by(check_parallel))
    user: str | None = field(default=None, repr=False, metadata=_checked_by(check_user))
    metadata: Mapping[str, Any] | None = field(
        default=None, repr=False, metadata=_checked_by(check_metadata)
    )
    speed: Literal["standard", "fast"] | None = field(
        default=None, metadata=_checked_by(one_of("standard", "fast"))
    )
    service_tier: Literal["auto", "standard_only"] | None = field(
        default=None, metadata=_checked_by(one_of("auto", "standard_only"))
    )
    inference_geo: str | None = field(
        default=None,
        metadata=_must_be(
            'a region, such as "us"', lambda value: isinstance(value, str) and value.strip() != ""
        ),
    )
    mcp_servers: Sequence[Mapping[str, Any]] | None = field(
        default=None, repr=False, metadata=_checked_by(check_mcp_servers)
    )
    betas: Sequence[str] | None = field(default=None, metadata=_checked_by(check_betas))
    extra_headers: Mapping[str, str] | None = field(
        default=None, repr=False, metadata=_checked_by(check_headers)
    )
    extra_body: Mapping[str, Any] | None = field(
        default=None, repr=False, metadata=_checked_by(check_extra_body)
    )
    strict_tool_schema: bool = field(default=True, metadata=_checked_by(_check_strict))

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            unset = value is option.default or (
                value is None and (option.default is None or _NONE_IS_A_VALUE in option.metadata)
            )
            if "check" in option.metadata and not unset:
                option.metadata["check"](option.name, value)
        _check_said_once("effort", self.effort, "output_config", self.output_config, "effort")
        _check_said_once("user", self.user, "metadata", self.metadata, "user_id")

    @classmethod
    def of(
        cls, *, model: str, _strict_tool_schema: bool = True, **arguments: Any
    ) -> RequestOptions:
        """The options that the constructor's arguments ask for.

        Args:
            model: As there.
            _strict_tool_schema: As there.
            arguments: The others, by the names of the fields. One that is livekit's or the SDK's
                "not given" leaves the field's default, and so does None, but where it is a value:
                no thinking and no effort are to be named.

        Raises:
            TypeError: There is no argument of that name, or it has the wrong type.
            ValueError: An argument is outside what the API accepts; the message names it.
        """
        given = {
            name: value
            for name, value in arguments.items()
            if not is_absent(value) and (value is not None or name in _NONE_COUNTS)
        }
        return cls(model=model, strict_tool_schema=_strict_tool_schema, **given)


_NONE_COUNTS = {
    option.name for option in fields(RequestOptions) if _NONE_IS_A_VALUE in option.metadata
}


def _is_model_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\S+", value) is not None


def _check_said_once(
    name: str, value: object, holder_name: str, holder: Mapping[str, Any] | None, key: str
) -> None:
    """Check that the argument *name* and the *key* of another one do not contradict each other."""
    if holder is None or key not in holder or value is None or value is UNSET:
        return
    if holder[key] != value:
        raise ValueError(f"{name} and {holder_name}[{key!r}] must not differ: give one of them")
