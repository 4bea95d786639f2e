"""Whether an argument of the constructor has a value that can be sent to any model. Pure.

Each check is called with the argument's name, for the message, and its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from .field_shapes import check_shapes
from .given import is_int
from .model_facts import EVERY_EFFORT, ThinkingType

THINKING_TYPES: tuple[ThinkingType, ...] = get_args(ThinkingType)
DISPLAYS = ("summarized", "omitted", "updates")
CACHE_TTLS = ("5m", "1h")
MIN_THINKING_TOKENS = 1024
"""Source: anthropic/types/thinking_config_enabled_param.py, `budget_tokens`."""

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""What a header may be called; h11 and aiohttp refuse any other, quoting it.

Source: RFC 9110, section 5.6.2.
"""
# What its value may hold. Source: RFC 9110, 5.5.
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
# What is sent otherwise, and by whom.
_NOT_IN_BODY = {
    "stream": "only streams are read here",
    "messages": "they are made of the chat context",
    "model": "give model=, by which the rest of the request is made",
}
# Source: the API reference, "Create a Message", `metadata.user_id`.
_MAX_USER_CHARS = 256
# Source: anthropic/types/beta/beta_output_config_param.py; the last one needs a beta.
_OUTPUT_CONFIG = ("effort", "format", "task_budget")


def one_of(*values: str) -> Callable[[str, Any], None]:
    """A check that takes only *values*."""

    def check(name: str, value: Any) -> None:
        if value not in values:
            raise ValueError(f"{name} must be {alternatives(values)}, got {value!r}")

    return check


def alternatives(values: Sequence[str]) -> str:
    """*values* in words, such as '"low", "medium" or "high"'."""
    *others, last = [f'"{value}"' for value in values]
    return f"{', '.join(others)} or {last}" if others else last


def listed(names: Iterable[str]) -> str:
    """*names* in a row, such as "a, b"."""
    return ", ".join(sorted(names))


def check_mapping(name: str, value: object) -> None:
    """Check that *value* is a dict that JSON can hold."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
    if not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name} must have strings for keys")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise TypeError(f"{name} must hold nothing but JSON: {exc}") from exc


def check_extra_body(name: str, value: Any) -> None:
    """Check that *value* holds fields of a body, and none that is sent otherwise."""
    check_mapping(name, value)
    for key, why in _NOT_IN_BODY.items():
        if key in value:
            raise ValueError(f"{name} must not have {key!r}: {why}")
    check_shapes(value, name)


def check_thinking(name: str, value: Any) -> None:
    """Check that *value* is a configuration of thinking, for some model."""
    check_mapping(name, value)
    kind = value.get("type")
    if kind not in THINKING_TYPES:
        raise ValueError(f"{name} must have the type {alternatives(THINKING_TYPES)}, got {kind!r}")
    if "effort" in value:
        raise ValueError(f"{name} must not have an effort: that is an argument of its own")
    display = value.get("display")
    if display is not None:
        if kind not in ("adaptive", "enabled"):
            raise ValueError(
                f'{name} of the type "{kind}" must not have a display: nothing is shown'
            )
        if display not in DISPLAYS:
            shown = alternatives(DISPLAYS)
            raise ValueError(f"{name} must have the display {shown}, got {display!r}")
    budget = value.get("budget_tokens")
    if kind == "enabled" and not (is_int(budget) and budget >= MIN_THINKING_TOKENS):
        raise ValueError(
            f'{name} of the type "enabled" must have budget_tokens >= {MIN_THINKING_TOKENS}, '
            f"got {budget!r}"
        )
    if kind != "enabled" and "budget_tokens" in value:
        raise ValueError(
            f'{name} of the type "{kind}" must not have budget_tokens, got {budget!r}: '
            "what limits it is the effort"
        )


def check_caching(name: str, value: Any) -> None:
    """Check that *value* says how the API is to cache."""
    if value == "ephemeral":
        return
    wanted = '"ephemeral" or {"type": "ephemeral", "ttl": "1h"}'
    if not isinstance(value, (str, Mapping)):
        raise TypeError(f"{name} must be {wanted}, got {type(value).__name__}")
    if isinstance(value, str) or value.get("type") != "ephemeral" or value.keys() - {"type", "ttl"}:
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    if "ttl" in value:
        one_of(*CACHE_TTLS)(f"{name}['ttl']", value["ttl"])


def check_output_config(name: str, value: Any) -> None:
    """Check the format of the answer, and the effort in it."""
    check_mapping(name, value)
    if unknown := value.keys() - _OUTPUT_CONFIG:
        raise ValueError(
            f"{name} must have nothing but {listed(_OUTPUT_CONFIG)}, got {listed(unknown)}: what "
            "is newer than this release goes into extra_body"
        )
    if value.get("effort") is not None:
        one_of(*EVERY_EFFORT)(f"{name}['effort']", value["effort"])
    wanted = value.get("format")
    if wanted is None:
        return
    given = wanted if isinstance(wanted, Mapping) else {}
    if given.get("type") != "json_schema" or not isinstance(given.get("schema"), Mapping):
        raise ValueError(
            f"{name}['format'] must be a dict such as "
            f'{{"type": "json_schema", "schema": {{...}}}}, got {wanted!r}'
        )
    where = _open_object(given["schema"])
    if where is not None:
        raise ValueError(
            f"{name}['format']['schema'] must have \"additionalProperties\": false in each object, "
            f"as the API wants it, got one without it {where}"
        )


def _open_object(schema: Mapping[str, Any]) -> str | None:
    """Where in *schema* an object may have arguments that nobody named; None if none may.

    Source: platform.claude.com/docs/en/build-with-claude/structured-outputs, "JSON Schema
    limitations".
    """
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, (list, tuple)):
            waiting += [(path, each) for each in node]
        elif isinstance(node, Mapping):
            kind = node.get("type")
            is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
            if is_object and node.get("additionalProperties") is not False:
                return f"at {path[1:]}" if path else "at the top"
            waiting += [(f"{path}.{key}", each) for key, each in node.items() if key not in _VALUES]
    return None


_VALUES = ("const", "default", "enum", "examples")  # of a schema: they hold no schemas


def check_user(name: str, value: Any) -> None:
    """Check that *value* is an opaque id. It is not shown: it may be what it must not be."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}")
    if "@" in value:
        raise ValueError(
            f"{name} must be an opaque id, and not an address or a name, since it is sent to"
            " Anthropic: got one with an @"
        )
    if len(value) > _MAX_USER_CHARS:
        raise ValueError(f"{name} must have at most {_MAX_USER_CHARS} characters, got {len(value)}")


def check_metadata(name: str, value: Any) -> None:
    """Check that *value* holds what the API knows of: an opaque id. It is not shown."""
    check_mapping(name, value)
    if unknown := value.keys() - {"user_id"}:
        raise ValueError(f"{name} must have nothing but user_id, got {listed(unknown)}")
    if value.get("user_id") is not None:
        check_user(f"{name}['user_id']", value["user_id"])


def check_stop_sequences(name: str, value: Any) -> None:
    """Check that *value* is a list of strings that are not blank."""
    check_strings(name, value)
    if not all(each.strip() for each in value):
        raise ValueError(f"{name} must not be blank: the API takes no white space alone")


def check_betas(name: str, value: Any) -> None:
    """Check that *value* is a list of names of betas."""
    check_strings(name, value)
    for each in value:
        if not re.fullmatch(r"[\w.-]+", each):
            raise ValueError(f"{name} must be names of betas, got {each!r}")


def check_strings(name: str, value: object) -> None:
    """Check that *value* is a list of strings, and not one string."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of strings, got {type(value).__name__}")
    for each in value:
        if not isinstance(each, str):
            raise TypeError(f"{name} must be a list of strings, got {type(each).__name__} in it")


def check_headers(name: str, value: object) -> None:
    """Check that *value* are headers. What they hold is not shown: it may be a key."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
    for key, header in value.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} must have strings for keys, got {type(key).__name__}")
        if not HEADER_NAME.fullmatch(key):
            raise ValueError(f"{name} must have names of headers for keys, got {key!r}")
        if not isinstance(header, str):
            raise TypeError(f"{name}[{key!r}] must be a str, got {type(header).__name__}")
        if not _HEADER_VALUE.fullmatch(header):
            raise ValueError(f"{name}[{key!r}] has a character that no header has")
