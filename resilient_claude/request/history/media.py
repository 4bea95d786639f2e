"""Images and documents of a history, turned into what the API takes. Pure.

Whatever a host or a model limits is left to `fitting`, which sees all of them; here each is read.
"""

from __future__ import annotations

import base64
import re
import string
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from livekit.agents import llm

from .image_headers import image_header

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""The media types of images that Claude reads."""
LONGEST_BASE64 = 32 * 1024 * 1024
"""The longest base64 that is read, in characters: no request may be longer, so no image is."""

_READ_AT_ONCE = 8 * 1024 * 1024
"""How much base64 is read in some 20 ms, which the event loop may stop for."""
_PERCENT_CHARS = 256 * 1024
"""The longest data URL that is not base64: its escapes are undone one by one."""
_PIECE_CHARS = 1024 * 1024
_HEADER_CHARS = 64 * 1024
_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64 = bytes({*range(256)} - {*_ALPHABET, *b"-_"})
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,40}")
_CACHE_KEY = "resilient_claude"


class LeftOut(Exception):
    """Something in a history cannot be sent; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image as the API takes it.

    Attributes:
        source: The `source` of its block.
        width: In pixels; 0 where only who fetches it will know.
        height: Likewise.
    """

    source: dict[str, Any]
    width: int = 0
    height: int = 0

    @property
    def longest_edge(self) -> int:
        """The larger dimension, in pixels."""
        return max(self.width, self.height)


Watched: TypeAlias = llm.ImageContent | llm.AudioContent | llm.ChatMessage
"""What of a message is no text, and may be another thing in the next turn.

Of a message itself these are the documents in its `extra`.
"""


def state_of(part: Watched) -> tuple[Any, ...]:
    """All that what is sent of *part* depends on; to be compared with that of an earlier turn."""
    if isinstance(part, llm.AudioContent):
        return (part.transcript,)
    if isinstance(part, llm.ChatMessage):
        return tuple(documents_of(part))
    return part.image, part.mime_type, part.inference_width, part.inference_height


def documents_of(message: llm.ChatMessage) -> list[Any]:
    """The document blocks that come with *message*, whatever they are.

    livekit has no content for documents: they travel in a message's `extra`, as
    `{"claude": {"documents": [...]}}`, each as the API takes it.
    """
    extra: object = message.extra
    claude = extra.get("claude") if isinstance(extra, dict) else None
    documents = claude.get("documents") if isinstance(claude, dict) else None
    return documents if isinstance(documents, list) else []


def is_read_at_once(image: llm.ImageContent) -> bool:
    """Whether `picture_of` takes no longer than the event loop may stand still."""
    where = image.image
    if isinstance(where, str) and len(where) <= _READ_AT_ONCE:
        return True
    known = image._cache.get(_CACHE_KEY)
    return known is not None and known[0] == state_of(image)


def picture_of(image: llm.ImageContent) -> Picture:
    """What *image* is sent as; found out once, however often it is sent.

    Raises:
        LeftOut: Claude would not take it.
    """
    state = state_of(image)
    known = image._cache.get(_CACHE_KEY)
    if known is None or known[0] != state:
        found: Picture | str
        try:
            found = _picture_of(image)
        except LeftOut as why:
            found = str(why)
        image._cache[_CACHE_KEY] = known = state, found
    if isinstance(known[1], str):
        raise LeftOut(known[1])
    picture: Picture = known[1]
    return picture


def read_picture(image: llm.ImageContent) -> None:
    """Find out what `picture_of` says, for later."""
    with suppress(LeftOut):
        picture_of(image)


def picture_of_source(source: dict[str, Any]) -> Picture:
    """What the *source* of an image block is sent as.

    Raises:
        LeftOut: Claude would not take it.
    """
    if source["type"] == "url":
        return Picture({"type": "url", "url": fetchable_url(source["url"])})
    if source["type"] == "base64":
        return _picture(source["data"], source["media_type"])
    return Picture({"type": "file", "file_id": str(source["file_id"])})


def _picture_of(image: llm.ImageContent) -> Picture:
    where = image.image
    if not isinstance(where, str):
        return _picture(_encoded(image), "image/jpeg")
    where = where.strip()
    if where[:5].lower() != "data:":
        return Picture({"type": "url", "url": fetchable_url(where)})
    header, comma, data = where[5:].partition(",")
    if not comma:
        raise LeftOut("an image whose data URL has no data")
    declared, *parameters = header.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        if len(data) > _PERCENT_CHARS:
            raise LeftOut("a large image whose data URL is not in base64")
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return _picture(data, str(image.mime_type or declared))


def _encoded(image: llm.ImageContent) -> str:
    """A frame as a JPEG, in base64."""
    try:
        encoded = llm.utils.serialize_image(image, use_cache=False).data_bytes
    except ImportError as exc:
        raise LeftOut("an image that cannot be encoded, because Pillow is missing") from exc
    except Exception as exc:  # the codec's own, or what is no frame at all
        raise LeftOut("an image that cannot be encoded") from exc
    return base64.b64encode(encoded or b"").decode()


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
        LeftOut: It is no base64, of nothing, or longer than anything that can be sent.
    """
    if len(data) > LONGEST_BASE64:
        raise LeftOut(f"{what} above {LONGEST_BASE64 // 1024 // 1024} MB")
    pieces = [data[at : at + _PIECE_CHARS] for at in range(0, len(data), _PIECE_CHARS)]
    # One call for all of it would not let another thread run meanwhile.
    clean = "".join([_cleaned(piece) for piece in pieces])
    if not clean:
        raise LeftOut(f"{what} that is empty")
    cut = len(clean) % 4
    if cut == 1:
        raise LeftOut(f"{what} whose base64 cannot be read")
    if cut:  # the bits that belong to no byte are to be zero
        clean = clean[:-cut] + base64.b64encode(base64.b64decode(clean[-cut:] + "==")).decode()
    return data if clean == data else clean


def _cleaned(piece: str) -> str:
    try:
        raw = piece.encode("ascii")
    except UnicodeEncodeError:
        raw = piece.encode("ascii", "ignore")
    return raw.translate(_URL_SAFE, _NOT_BASE64).decode()


def _picture(data: str, declared: str) -> Picture:
    clean = clean_base64(data)
    header = image_header(base64.b64decode(clean[:_HEADER_CHARS]))
    if header is not None and not header.width and len(clean) > _HEADER_CHARS:
        header = image_header(base64.b64decode(clean))  # of a JPEG with long profiles
    if header is None:
        kind = declared.strip().lower()
        if kind in IMAGE_TYPES:
            raise LeftOut(f"an image that is said to be {kind} and is not")
        raise LeftOut(f"an image of type {kind if _MEDIA_TYPE.fullmatch(kind) else 'unknown'}")
    if not header.width:
        raise LeftOut("an image that is damaged")
    # The API refuses an image that is not of the type that it is given.
    source = {"type": "base64", "data": clean, "media_type": header.media_type}
    return Picture(source, header.width, header.height)
