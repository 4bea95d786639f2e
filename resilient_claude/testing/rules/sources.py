"""The rules for the sources of images and documents. Pure: no I/O.

Sources: platform.claude.com, "Vision", "Image limits and costs", and "PDF support"; the
`*_source_param.py` types of the anthropic SDK 2.12. Wordings are those that users of the API quote.
"""

import base64
import binascii
from typing import Any

from .pixels import pixels
from .shapes import InvalidRequestError, check_choice, check_keys, check_type, join, require_type

_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_MAX_IMAGE_BYTES = 10 * 1024 * 1024  # of base64
_MAX_EDGE = 8000
_PDF_BEGINS_WITHIN = 1024
_IMAGES = {"base64": ("media_type", "data"), "url": ("url",), "file": ("file_id",)}
_DOCUMENTS = {
    "base64": ("media_type", "data"),
    "text": ("media_type", "data"),
    "content": ("content",),
    "url": ("url",),
    "file": ("file_id",),
}
_DOCUMENT_TYPES = {"base64": ("application/pdf",), "text": ("text/plain",)}


def check_image_source(source: dict[str, Any], path: str) -> None:
    """Check the `source` of an image block."""
    kind = _check_fields(source, path, _IMAGES)
    if kind == "base64":
        path = join(path, "base64")
        check_choice(source["media_type"], _IMAGE_TYPES, join(path, "media_type"))
        _check_image_data(source["data"], source["media_type"], path)


def check_document_source(source: dict[str, Any], path: str) -> str:
    """Check the `source` of a document block, but for the blocks within it.

    Returns:
        The kind of source.
    """
    kind = _check_fields(source, path, _DOCUMENTS)
    if kind in _DOCUMENT_TYPES:
        here = join(path, f"{kind}.media_type")
        check_choice(source["media_type"], _DOCUMENT_TYPES[kind], here)
    if kind == "base64":
        if not source["data"]:
            # Assumed wording, after that for images.
            raise InvalidRequestError(f"{path}.base64: PDF cannot be empty")
        if b"%PDF-" not in _decode(source["data"], join(path, "base64"))[:_PDF_BEGINS_WITHIN]:
            raise InvalidRequestError(f"{path}.base64.data: The PDF specified was not valid.")
    if kind == "text" and not source["data"].strip():
        raise InvalidRequestError(f"{path}.text.data: Input should not be blank")  # Assumed.
    return kind


def _check_fields(source: dict[str, Any], path: str, kinds: dict[str, tuple[str, ...]]) -> str:
    kind: str = require_type(source, "type", str, path)
    check_choice(kind, tuple(kinds), join(path, "type"))
    for key in kinds[kind]:
        if key != "content":
            require_type(source, key, str, path)
    check_keys(source, path, ("type", *kinds[kind]))
    if kind == "content":
        check_type(source.get("content"), list, join(path, "content.content"))
    # Assumed, rule and wording: the page says that the API fetches it.
    if kind == "url" and not source["url"].lower().startswith(("https://", "http://")):
        raise InvalidRequestError(f"{path}.url.url: Input should be a valid URL")
    return kind


def _check_image_data(data: str, media_type: str, path: str) -> None:
    if not data:
        raise InvalidRequestError(f"{path}: image cannot be empty")
    if len(data) > _MAX_IMAGE_BYTES:
        raise InvalidRequestError(
            f"{path}: image exceeds 10 MB maximum: {len(data)} bytes > {_MAX_IMAGE_BYTES} bytes"
        )
    found = pixels(_decode(data, path))
    if found is None:
        raise InvalidRequestError("Could not process image")
    if found.media_type != media_type:
        raise InvalidRequestError(
            f"{path}.data: Image does not match the provided media type {media_type}"
        )
    if max(found.width, found.height) > _MAX_EDGE:
        raise InvalidRequestError(
            f"{path}.data: At least one of the image dimensions exceed max allowed size: "
            f"{_MAX_EDGE} pixels"
        )


def _decode(data: str, path: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequestError(f"{path}: invalid base64 data") from exc
