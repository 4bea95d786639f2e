"""What kind of value a field of the API is, where `extra_body` names it. Pure.

It is sent with every request, so a value of the wrong kind would be a 400 in every turn, or an
error within `chat()`, which nobody in a session hears of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .given import is_int


def check_shapes(fields: Mapping[str, Any], holder: str = "") -> None:
    """Check that the *fields* that everybody knows have the API's kind of value, or None.

    What they hold is not shown.

    Args:
        fields: by their names at the API.
        holder: the argument that they stand in, for the message.

    Raises:
        TypeError: one of them has another kind of value.
    """
    for name, value in fields.items():
        what, is_right = _SHAPES.get(name, _ANY)
        if value is not None and not is_right(value):
            where = f"{holder}[{name!r}]" if holder else name
            raise TypeError(f"{where} must be {what}, got {type(value).__name__}")


def _is_dict(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_list_of_dicts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_dict, value))


_ANY: tuple[str, Callable[[object], bool]] = "", lambda _: True
_DICT = "a dict", _is_dict
_DICTS = "a list of dicts", _is_list_of_dicts
# Source: anthropic/types/message_create_params.py.
_SHAPES: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "max_tokens": ("an int", is_int),
    "mcp_servers": _DICTS,
    "metadata": _DICT,
    "output_config": _DICT,
    "stop_sequences": ("a list", _is_list),
    "system": ("a str or a list", lambda value: isinstance(value, str) or _is_list(value)),
    "thinking": _DICT,
    "tool_choice": _DICT,
    "tools": _DICTS,
}
