"""Repair of a request with an image that is rejected: a word stands in its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.history.fitting import FEW_IMAGES, MOST_IMAGES, stand_in
from resilient_claude.request.request import Adjustment, Request

from .repair import Mended, content_of, digest, field_of, kind_of, messages_of, with_messages

_PLACE = re.compile(
    r"messages\.(\d{1,6})\.content\.(\d{1,6})(?:\.tool_result\.content\.(\d{1,6}))?\.image\b"
)
_LIMIT = re.compile(r"(\d{1,12}) bytes > (\d{1,12}) bytes")
_DIGESTED_CHARS = 512
"""How much of the beginning and of the end of an image's data tells it from others."""


def about_images(request: Request, error: ApiError) -> tuple[str, ...] | None:
    """The images that are rejected: those that are named, and all that are beyond what is said."""
    found = list(_images(messages_of(request)))
    if not found:
        return None
    place, limit = _PLACE.search(error.message), _LIMIT.search(error.message)
    if "many-image" in error.message:
        rejected = [block for _, block in found[:-FEW_IMAGES]]
    else:
        named = tuple(int(part) for part in place.groups() if part) if place else ()
        rejected = [block for where, block in found if where == named]
        if limit is not None:
            rejected += [block for _, block in found if _size(block) > int(limit[2])]
    rejected = rejected or [block for _, block in found]
    return tuple(dict.fromkeys(map(_picture, rejected)))[:MOST_IMAGES]


def mend_images(request: Request, about: tuple[str, ...]) -> Mended | None:
    """The same with a text in the place of these images."""
    messages = messages_of(request)
    made = list(messages)
    for at, message in enumerate(messages):
        content = content_of(message)
        if any(kind_of(block) in ("image", "tool_result") for block in content):
            left = _unpictured(content, about)
            if left != content:
                made[at] = {**message, "content": left}
    if all(one is other for one, other in zip(made, messages, strict=True)):
        return None
    reason = f"not sent: an image that the API rejects for model {request.model}"
    return with_messages(request, made), Adjustment("chat_ctx", reason)


def _unpictured(content: list[Any], about: tuple[str, ...]) -> list[Any]:
    """*content* with a word in the place of these images, those in results of tools too."""
    left: list[Any] = []
    for block in content:
        if kind_of(block) == "tool_result":
            inner = content_of(block)
            mended = [_unless_rejected(part, about) for part in inner]
            left.append(block if mended == inner else {**block, "content": mended})
        else:
            left.append(_unless_rejected(block, about))
    return left


def _unless_rejected(block: Any, about: tuple[str, ...]) -> Any:
    if kind_of(block) != "image" or _picture(block) not in about:
        return block
    mark = {"cache_control": block["cache_control"]} if "cache_control" in block else {}
    return {**stand_in("an image that cannot be shown"), **mark}


def _images(messages: list[Any]) -> Iterator[tuple[tuple[int, ...], dict[str, Any]]]:
    """The images, and where each is, as the API counts."""
    for at, message in enumerate(messages):
        for place, block in enumerate(content_of(message)):
            if kind_of(block) == "image":
                yield (at, place), block
            elif kind_of(block) == "tool_result":
                for within, part in enumerate(content_of(block)):
                    if kind_of(part) == "image":
                        yield (at, place, within), part


def _size(image: dict[str, Any]) -> int:
    data = field_of(image.get("source"), "data")
    return len(data) if isinstance(data, str) else 0


def _picture(image: dict[str, Any]) -> str:
    """A digest of *image* that does not take longer for a larger one."""
    source = image.get("source")
    ends = {
        name: [len(value), value[:_DIGESTED_CHARS], value[-_DIGESTED_CHARS:]]
        for name, value in (source.items() if isinstance(source, dict) else ())
        if isinstance(value, str)
    }
    return digest(ends)
