"""Images and documents of a history, turned into what the API takes. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from livekit.agents import llm

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""The media types of images that Claude reads."""

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/jfif": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-webp": "image/webp",
}
_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
# Source: platform.claude.com/docs/en/build-with-claude/vision, "Image limits and costs".
_SIGNATURE_CHARS = 16  # of base64: 12 bytes
_MAX_BASE64 = 10 * 1024 * 1024
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")
_NOT_BASE64 = re.compile(r"[^a-zA-Z0-9+/]")
_URL_SAFE = str.maketrans("-_", "+/")
_CACHE_KEY = "resilient_claude"


class LeftOut(Exception):
    """Something in a history cannot be sent; the message says why."""


def image_block(image: llm.ImageContent) -> dict[str, Any]:
    """The content block of *image*.

    Raises:
        LeftOut: Claude would not take it.
    """
    state = state_of(image)
    known = image._cache.get(_CACHE_KEY)
    if known is not None and known[0] == state:
        source: dict[str, Any] = known[1]
    else:
        source = _source_of(image)
        image._cache[_CACHE_KEY] = state, source
    return {"type": "image", "source": source}


def state_of(image: llm.ImageContent) -> tuple[Any, ...]:
    """What the block of *image* is made of; to be compared."""
    return image.image, image.mime_type, image.inference_width, image.inference_height


def image_source(source: dict[str, Any]) -> dict[str, Any]:
    """*source*, that of an image block, as the API takes it.

    Raises:
        LeftOut: It does not.
    """
    if source["type"] == "url":
        return {"type": "url", "url": fetchable_url(source["url"])}
    if source["type"] == "base64":
        return _base64_source(source["data"], source["media_type"])
    return source


def _source_of(image: llm.ImageContent) -> dict[str, Any]:
    where = image.image
    if not isinstance(where, str):
        try:
            encoded = llm.utils.serialize_image(image).data_bytes
        except ImportError as exc:
            raise LeftOut("an image that cannot be encoded, because Pillow is missing") from exc
        except Exception as exc:  # the codec's own, or what is no frame at all
            raise LeftOut("an image that cannot be encoded") from exc
        return _base64_source(base64.b64encode(encoded or b"").decode(), "image/jpeg")
    where = where.strip()
    if where[:5].lower() != "data:":
        return {"type": "url", "url": fetchable_url(where)}
    header, comma, data = where[5:].partition(",")
    if not comma:
        raise LeftOut("an image whose data URL has no data")
    declared, *parameters = header.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return _base64_source(data, image.mime_type or declared)


def fetchable_url(url: str, what: str = "an image") -> str:
    """*url*, that of *what*, as the API takes it.

    Raises:
        LeftOut: It does not.
    """
    url = url.strip()
    if not url:
        raise LeftOut(f"{what} whose URL is empty")
    if not url.lower().startswith(("https://", "http://")):
        raise LeftOut(f"{what} whose URL is not one that Claude can fetch")
    return url


def clean_base64(data: str, what: str = "an image") -> str:
    """*data*, that of *what*, in the alphabet and the padding that the API takes.

    Raises:
        LeftOut: It is no base64, or of nothing.
    """
    data = _NOT_BASE64.sub("", data.translate(_URL_SAFE))
    try:
        content = base64.b64decode(data + "=" * (-len(data) % 4))
    except binascii.Error as exc:
        raise LeftOut(f"{what} whose base64 cannot be read") from exc
    if not content:
        raise LeftOut(f"{what} that is empty")
    return base64.b64encode(content).decode()


def _base64_source(data: str, declared: str) -> dict[str, Any]:
    clean = clean_base64(data)
    if len(clean) > _MAX_BASE64:
        raise LeftOut("an image above 10 MB")
    content = base64.b64decode(clean[:_SIGNATURE_CHARS])
    return {"type": "base64", "data": clean, "media_type": _media_type(content, declared)}


def _media_type(content: bytes, declared: str) -> str:
    """What *content* is; the API refuses an image that is not of the type that it is given."""
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    kind = declared.strip().lower()
    kind = _ALIASES.get(kind, kind)
    if kind in IMAGE_TYPES:
        return kind
    raise LeftOut(f"an image of type {kind if _MEDIA_TYPE.fullmatch(kind) else 'unknown'}")
