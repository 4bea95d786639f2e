"""Checks of shapes and types, with the wording of the Messages API. Pure: no I/O."""

from collections.abc import Collection
from typing import Any

_NAMES: dict[type, str] = {str: "string", list: "list", bool: "boolean", int: "integer"}


class InvalidRequestError(Exception):
    """The request breaks a rule; the text is the `error.message`."""


def check_keys(value: dict[str, Any], path: str, known: Collection[str]) -> None:
    """Refuse keys of *value* that are not *known*."""
    for key in value:
        if key not in known:
            raise InvalidRequestError(f"{join(path, key)}: Extra inputs are not permitted")


def require(value: dict[str, Any], key: str, path: str) -> Any:
    """Return *key* of *value*, which must be there."""
    if key not in value:
        raise InvalidRequestError(f"{join(path, key)}: Field required")
    return value[key]


def check_type(value: object, expected: type, path: str) -> None:
    """Refuse *value* unless it is of the *expected* JSON type; a boolean is no integer."""
    is_bool = isinstance(value, bool) and expected is not bool
    if is_bool or not isinstance(value, expected):
        name = _NAMES.get(expected, "object")
        raise InvalidRequestError(f"{path}: Input should be a valid {name}")


def require_type(value: dict[str, Any], key: str, expected: type, path: str) -> Any:
    """Return *key* of *value*, which must be there and of the *expected* JSON type."""
    found = require(value, key, path)
    check_type(found, expected, join(path, key))
    return found


def check_choice(value: object, choices: Collection[str], path: str) -> None:
    """Refuse *value* unless it is one of *choices*."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InvalidRequestError(f"{path}: Input should be {listed}")


def check_cache_control(value: object, path: str) -> None:
    """Check a `cache_control`, which may be null."""
    if value is None:
        return
    check_type(value, dict, path)
    assert isinstance(value, dict)
    check_keys(value, path, ("type", "ttl"))
    check_choice(require(value, "type", path), ("ephemeral",), join(path, "type"))
    if "ttl" in value:
        check_choice(value["ttl"], ("5m", "1h"), join(path, "ttl"))


def join(path: str, key: object) -> str:
    """Return the path of *key* within *path*, as in `messages.0.content`."""
    return f"{path}.{key}" if path else str(key)
