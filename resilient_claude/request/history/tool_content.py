"""What calls were given and what came of them, as the API takes it. Pure."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from livekit.agents import llm

from resilient_claude.request.content import finite, is_blank

from .documents import document_source, is_document_source
from .fitting import Medium, stand_in
from .media import LeftOut, picture_of_source

# What a `tool_result` may hold besides a string: required fields, optional ones.
# Source: anthropic/types/tool_result_block_param.py; anything else is "Extra inputs are not
# permitted", and most likely a tool's own data that happens to have a "type".
_RESULT_BLOCKS: dict[str, tuple[dict[str, type], set[str]]] = {
    "text": ({"text": str}, {"citations"}),
    "image": ({"source": dict}, set()),
    "document": ({"source": dict}, {"citations", "context", "title"}),
    "search_result": ({"source": str, "title": str, "content": list}, {"citations"}),
    "tool_reference": ({"tool_name": str}, set()),
}
_IMAGE_SOURCES = {"base64": {"media_type", "data"}, "url": {"url"}, "file": {"file_id"}}
# Far below where decoders and encoders end, and above what a tool's arguments have.
_MAX_DEPTH = 100


class Content(NamedTuple):
    """A value for the body of a request.

    Attributes:
        value: It.
        exact: Whether every JSON encoder writes it alike.
        left_out: What of it could not be sent, if anything could not.
        media: The images and documents in it.
    """

    value: Any
    exact: bool = True
    left_out: tuple[str, ...] = ()
    media: tuple[Medium, ...] = ()


def input_of(arguments: object) -> Content:
    """The `input` of a past call, whose answer is there whatever its arguments were."""
    if not arguments:
        return Content({})
    value: Any = arguments
    if isinstance(arguments, str):
        try:
            arguments.encode()
            value = _DECODER.decode(arguments)
            if isinstance(value, dict) and "\\u" not in arguments and _is_flat(value):
                return Content(value)
        except (ValueError, RecursionError):
            pass
        value = _read(arguments)
    if value is None:
        return Content({}, left_out=("the arguments of a past call, which cannot be read",))
    if not isinstance(value, dict):
        return Content({})
    if not _can_be_sent(value):
        return Content({}, left_out=("the arguments of a past call, nested or long beyond JSON",))
    return Content(finite(value), exact=False)


def _read(arguments: str) -> Any:
    """What *arguments* hold, repaired as livekit does; None if they cannot be read."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        pass
    repair = getattr(llm.utils, "parse_function_arguments", None)  # from livekit-agents 1.7 on
    if repair is None or arguments.count("{") + arguments.count("[") > _MAX_DEPTH:
        return None
    try:
        return repair(arguments)
    except (AttributeError, TypeError, ValueError, RecursionError):  # it says ValueError alone
        return None


def result_of(item: llm.FunctionCallOutput) -> Content:
    """The `content` of a call's result.

    Content blocks, or the tool's own text: livekit takes any JSON list for content blocks.
    """
    output = item.output if isinstance(item.output, str) else str(item.output)
    if item.is_error and not output:
        return Content("Error")  # "content cannot be empty if `is_error` is true"
    if output.lstrip()[:1] != "[":
        return Content(output)
    try:
        parts = json.loads(output)
    except (ValueError, RecursionError):
        return Content(output)
    if not isinstance(parts, list) or not parts or not all(map(_is_result_block, parts)):
        return Content(output)
    if not _can_be_sent(parts):
        return Content(output)
    # The API: "all content must be type `text` if `is_error` is true".
    if item.is_error and any(part["type"] != "text" for part in parts):
        return Content(output)
    blocks, left_out, media = list[Any](), list[str](), list[Medium]()
    for part in parts:
        try:
            block, medium = _sendable(finite(part))
        except LeftOut as why:
            left_out.append(f"{why}, in a tool's result")
            blocks.append(stand_in(str(why)))
            continue
        blocks.append(block)
        if medium is not None:
            media.append(medium)
    return Content(blocks, exact=False, left_out=tuple(left_out), media=tuple(media))


def _is_result_block(part: object) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str) or kind not in _RESULT_BLOCKS:
        return False
    required, optional = _RESULT_BLOCKS[kind]
    if not required.keys() <= part.keys() - {"type"} <= required.keys() | optional:
        return False
    if not all(isinstance(part[name], expected) for name, expected in required.items()):
        return False
    if kind == "text":
        return not is_blank(part)
    if kind == "document":
        return is_document_source(part["source"])
    return kind != "image" or _is_image_source(part["source"])


def _is_image_source(source: dict[str, Any]) -> bool:
    kind = source.get("type")
    fields = _IMAGE_SOURCES.get(kind) if isinstance(kind, str) else None
    strings = all(isinstance(value, str) for value in source.values())
    return strings and fields is not None and source.keys() == fields | {"type"}


def _sendable(part: dict[str, Any]) -> tuple[dict[str, Any], Medium | None]:
    """*part*, a block in a result, with a source that the API takes; raises LeftOut."""
    if part["type"] == "image":
        picture = picture_of_source(part["source"])
        block = {**part, "source": picture.source}
        return block, Medium(block, picture)
    if part["type"] == "document":
        block = {**part, "source": document_source(part["source"])}
        return block, Medium(block)
    return part, None


def _can_be_sent(value: Any) -> bool:
    """Whether *value* can be written as JSON: livekit and Python read more than they write."""
    if not _is_flat(value):
        return False
    try:
        json.dumps(value, check_circular=False)
    except (TypeError, ValueError, RecursionError):  # such as a number of thousands of digits
        return False
    return True


def _is_flat(value: Any) -> bool:
    """Whether *value* is not nested deeper than anybody reads."""
    level = [value]
    if isinstance(value, dict):
        for inner in value.values():
            if isinstance(inner, (dict, list)):
                break
        else:  # as most are
            return True
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _refuse(number: str) -> float:
    # Encoders differ in how they write floats, and JSON lacks some of them.
    raise ValueError(number)


_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
