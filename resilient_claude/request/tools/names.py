"""Names of tools and of their arguments as the API takes them, and the way back. Pure.

What the API takes as it is stays as it is. Anything else gets a name made of what it has that the
API takes, and of a digest of all of it. So a name depends on nothing but the name that it stands
for: a call in the history and the tool that it called meet, without a table, in every request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

# Sources: the API reference, "Create a Message", `tools.name`, and the API's own words for a name
# and a key that it does not take: "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'" and
# "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'".
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_DIGITS = 8
_KEPT = 64 - _DIGITS - 1


class ToolAlias(NamedTuple):
    """What a tool and its arguments are called outside of the API.

    Attributes:
        name: Of the tool.
        keys: Of those arguments that have another name at the API, by that name.
    """

    name: str
    keys: Mapping[str, str] = {}


def api_name(name: str) -> str:
    """The name at the API of the tool that is called *name* everywhere else."""
    return name if _NAME.fullmatch(name) else _substitute(name)


def api_key(key: str) -> str:
    """The name at the API of the argument that is called *key* everywhere else."""
    return key if _KEY.fullmatch(key) else _substitute(key)


def as_called(aliases: Mapping[str, ToolAlias], name: str, arguments: str) -> tuple[str, str]:
    """The name and the arguments of a call by which the agent knows them."""
    alias = aliases.get(name)
    if alias is None:
        return name, arguments
    return alias.name, _renamed(arguments, alias.keys) if alias.keys else arguments


def _substitute(name: str) -> str:
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{_NOT_IN_A_NAME.sub('_', name)[:_KEPT]}_{digest}"


def _renamed(arguments: str, keys: Mapping[str, str]) -> str:
    try:
        values = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    if not isinstance(values, dict):
        return arguments
    return json.dumps(
        {keys.get(key, key): value for key, value in values.items()}, ensure_ascii=False
    )
