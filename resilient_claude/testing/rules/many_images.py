"""The rules for all images of a request together. Pure: no I/O.

Source: platform.claude.com, "Vision", "Request limits": "images from earlier conversation turns
that you resend and images nested inside `tool_result` content" count.
"""

import base64
from collections.abc import Iterator
from typing import Any

from .abilities import max_input_tokens
from .messages import CheckedMessage
from .pixels import pixels
from .shapes import InvalidRequestError

_FEW = 20
_MANY_EDGE = 2000
_SHORT_CONTEXT = 200_000


def check_media(turns: list[CheckedMessage], model: str, *, documents_count: bool = False) -> None:
    """Refuse too many images, and large ones among many.

    Args:
        turns: What `check_messages` has returned.
        model: The model asked.
        documents_count: Whether documents make images many, as on Bedrock and Google Cloud.
    """
    images = [*_blocks(turns, "image")]
    # Assumed: a model whose context is not known takes as many as those with a long one.
    tokens = max_input_tokens(model)
    most = 100 if tokens is not None and tokens <= _SHORT_CONTEXT else 600
    if len(images) > most:
        # Assumed wording.
        raise InvalidRequestError(f"messages: too many images: {len(images)} > {most} maximum")
    counted = len(images) + (len([*_blocks(turns, "document")]) if documents_count else 0)
    if counted <= _FEW:
        return
    for path, block in images:
        source = block["source"]
        if source["type"] != "base64":
            continue
        found = pixels(base64.b64decode(source["data"]))
        if found is not None and max(found.width, found.height) > _MANY_EDGE:
            raise InvalidRequestError(
                f"{path}.image.source.base64.data: At least one of the image dimensions exceed max "
                f"allowed size for many-image requests: {_MANY_EDGE} pixels"
            )


def _blocks(turns: list[CheckedMessage], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The blocks of a *kind*, with where they are."""
    for index, (_, blocks) in enumerate(turns):
        for at, block in enumerate(blocks):
            path = f"messages.{index}.content.{at}"
            if block["type"] == kind:
                yield path, block
            elif block["type"] == "tool_result" and isinstance(block.get("content"), list):
                for inner, part in enumerate(block["content"]):
                    if part["type"] == kind:
                        yield f"{path}.tool_result.content.{inner}", part
