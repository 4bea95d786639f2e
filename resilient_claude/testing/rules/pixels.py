"""What an image is and how many pixels it has, by its first bytes. Pure: no I/O."""

import struct
from typing import NamedTuple


class Pixels(NamedTuple):
    """The media type and the dimensions of an image."""

    media_type: str
    width: int
    height: int


def pixels(data: bytes) -> Pixels | None:
    """Read the header of an image; None if it is none, or damaged."""
    try:
        found = _read(data)
    except (struct.error, IndexError):
        return None
    return found if found is not None and found.width and found.height else None


def _read(data: bytes) -> Pixels | None:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        if data[12:16] != b"IHDR":
            return None
        return Pixels("image/png", *struct.unpack(">II", data[16:24]))
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return Pixels("image/gif", *struct.unpack("<HH", data[6:10]))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return _jpeg(data) if data[:3] == b"\xff\xd8\xff" else None


def _webp(data: bytes) -> Pixels | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = data[24:27], data[27:30]
        if len(height) < 3:
            return None
        edges = (int.from_bytes(each, "little") + 1 for each in (width, height))
        return Pixels("image/webp", *edges)
    if chunk == b"VP8L":
        bits = struct.unpack("<I", data[21:25])[0]
        return Pixels("image/webp", bits % 2**14 + 1, bits // 2**14 % 2**14 + 1)
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width_bits, height_bits = struct.unpack("<HH", data[26:30])
        return Pixels("image/webp", width_bits % 2**14, height_bits % 2**14)
    return None


def _jpeg(data: bytes) -> Pixels | None:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        elif marker in (0xD9, 0xDA):
            return None
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Pixels("image/jpeg", width, height)
        else:
            at += 2 + max(2, struct.unpack(">H", data[at + 2 : at + 4])[0])
    return None
