"""Whether an argument of the constructor has a value that can be sent to any model. Pure.

Each check is called with the argument's name, for the message, and its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

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
}


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
    for key, why in _NOT_IN_BODY.items():
        if name == "extra_body" and key in value:
            raise ValueError(f"{name} must not have {key!r}: {why}")


def check_thinking(name: str, value: Any) -> None:
    """Check that *value* is a configuration of thinking, for some model."""
    check_mapping(name, value)
    kind = value.get("type")
    if kind not in THINKING_TYPES:
        raise ValueError(f"{name} must have the type {alternatives(THINKING_TYPES)}, got {kind!r}")
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
    if value.get("effort") is not None:
        one_of(*EVERY_EFFORT)(f"{name}['effort']", value["effort"])


def check_metadata(name: str, value: Any) -> None:
    """Check that *value* holds what the API knows of: an opaque id. It is not shown."""
    check_mapping(name, value)
    if unknown := value.keys() - {"user_id"}:
        raise ValueError(f"{name} must have nothing but user_id, got {', '.join(sorted(unknown))}")


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
    if not all(isinstance(each, str) for each in value):
        raise TypeError(f"{name} must be a list of strings")


def check_headers(name: str, value: object) -> None:
    """Check that *value* are headers. What they hold is not shown: it may be a key."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, got {type(value).__name__}")
    for key, header in value.items():
        if not isinstance(key, str) or not isinstance(header, str):
            raise TypeError(f"{name} must have strings for names and values")
        if not HEADER_NAME.fullmatch(key):
            raise ValueError(f"{name} must have names of headers for keys, got {key!r}")
        if not _HEADER_VALUE.fullmatch(header):
            raise ValueError(f"{name}[{key!r}] has a character that no header has")


def check_mcp_servers(name: str, value: Any) -> None:
    """Check that *value* is a list of servers. What they hold is not shown: it may be a token."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of dicts, got {type(value).__name__}")
    names = []
    for server in value:
        check_mapping(name, server)
        if not all(isinstance(server.get(key), str) for key in ("name", "url")):
            raise ValueError(f"{name} must each have a name and a url")
        names.append(server["name"])
    if len({*names}) < len(names):
        raise ValueError(f"{name} must have names of their own")
