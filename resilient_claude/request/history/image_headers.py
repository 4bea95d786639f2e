"""What the first bytes of an image say: its type and its dimensions. Pure.

Only headers are read, never pixels, and of a JPEG at most `_MOST_SEGMENTS` of them: what costs a
decoder gigabytes costs nothing here.

Sources: the PNG specification, "IHDR"; ITU-T T.81, annex B (JPEG); the GIF89a specification,
section 18; developers.google.com/speed/webp/docs/riff_container and RFC 6386, section 9.1 (WebP).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

_MOST_SEGMENTS = 1000
"""Of a JPEG, before its frame header; those with a long colour profile have some dozens."""
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))
_END_OF_HEADERS = frozenset((0xD9, 0xDA))


class ImageHeader(NamedTuple):
    """What an image says of itself.

    Attributes:
        media_type: Such as "image/png".
        width: In pixels; 0 if that cannot be read, and no decoder will read the rest either.
        height: Likewise.
    """

    media_type: str
    width: int
    height: int


def image_header(content: bytes) -> ImageHeader | None:
    """The header of an image that begins with *content*; None if it is of no type that is known."""
    found = next((row for row in _READERS if content.startswith(row[0])), None)
    if found is None and content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        found = b"", "image/webp", _webp
    if found is None:
        return None
    _, media_type, dimensions = found
    try:
        width, height = dimensions(content)
    except (struct.error, IndexError):  # it ends too soon
        width = height = 0
    return ImageHeader(media_type, *((width, height) if width and height else (0, 0)))


def _png(content: bytes) -> tuple[int, int]:
    if content[12:16] != b"IHDR":
        return 0, 0
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def _gif(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def _jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if content[at] != 0xFF:
            return 0, 0
        if content[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        marker = content[at + 1]
        at += 2
        if marker in _WITHOUT_LENGTH:
            continue
        if marker in _END_OF_HEADERS:
            return 0, 0
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", content, at + 3)
            return width, height
        (length,) = struct.unpack_from(">H", content, at)
        if length < 2:
            return 0, 0
        at += length
    return 0, 0


def _webp(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8X":
        low = struct.unpack_from("<BBBBBB", content, 24)
        return _int24(low[:3]) + 1, _int24(low[3:]) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _int24(parts: tuple[int, ...]) -> int:
    return parts[0] | parts[1] << 8 | parts[2] << 16


_READERS: tuple[tuple[bytes, str, Callable[[bytes], tuple[int, int]]], ...] = (
    (b"\xff\xd8\xff", "image/jpeg", _jpeg),
    (b"\x89PNG\r\n\x1a\n", "image/png", _png),
    (b"GIF87a", "image/gif", _gif),
    (b"GIF89a", "image/gif", _gif),
)
