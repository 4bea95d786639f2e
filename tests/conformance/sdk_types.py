"""Whether a body is what the installed SDK's own parameter types describe.

pydantic would do, but that it looks into an `Iterable` only when somebody iterates over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, Required, Union, get_args, get_origin

from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_message_create_params
from typing_extensions import get_type_hints, is_typeddict


@cache
def _hints(hint: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """The types of the keys, and the keys that must be there (`__required_keys__` has them not,
    where annotations are strings)."""
    marked = get_type_hints(hint, include_extras=True)
    is_required: Any = Required
    required = frozenset(key for key, each in marked.items() if get_origin(each) is is_required)
    return get_type_hints(hint), required


def unknown_to_the_sdk(body: Mapping[str, Any], *, beta: bool) -> list[str]:
    """What of *body* the types of `messages.create`, or of its beta, do not describe."""
    module = beta_message_create_params if beta else message_create_params
    return [*_problems(body, module.MessageCreateParamsStreaming, "")]


def _problems(value: Any, hint: Any, path: str) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        yield from _in_dict(value, hint, path)
    elif origin is Literal:
        if value not in arguments:
            yield f"{path}: {value!r}"
    elif origin is Union or type(hint).__name__ == "UnionType":
        found = [[*_problems(value, each, path)] for each in arguments]
        yield from min(found, key=len)
    elif hint in (Any, object):
        return
    elif origin in (dict, Mapping) or hint is dict:
        if not isinstance(value, Mapping):
            yield f"{path}: no object"
    elif arguments:  # Iterable, List, the SDK's SequenceNotStr
        yield from _in_list(value, arguments[0], path)
    elif not isinstance(value, {float: (int, float)}.get(hint, hint)):
        yield f"{path}: {type(value).__name__}"


def _in_dict(value: Any, hint: Any, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: no object"
        return
    hints, required = _hints(hint)
    yield from (f"{path}.{key}: missing" for key in required - value.keys())
    for key, item in value.items():
        if key in hints:
            yield from _problems(item, hints[key], f"{path}.{key}")
        else:
            yield f"{path}.{key}: unknown"


def _in_list(value: Any, hint: Any, path: str) -> Iterator[str]:
    if not isinstance(value, (list, tuple)):
        yield f"{path}: no list"
        return
    for index, item in enumerate(value):
        yield from _problems(item, hint, f"{path}[{index}]")
