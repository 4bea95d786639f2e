"""Images for tests, made without an image library: real ones, and such as lie."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from livekit.agents import llm


def png(width: int = 2, height: int = 2, *, content: bytes | None = None) -> bytes:
    """A real PNG, white; with *content* instead of its pixels it is as large as it claims to be."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (
        zlib.compress(b"".join([b"\0" + b"\xff" * width] * height)) if content is None else content
    )
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", rows), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def jpeg(width: int = 2, height: int = 2, *, before: bytes = b"", sof: int = 0xC0) -> bytes:
    """The beginning and the end of a JPEG, with segments *before* its frame header."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    segment = b"\xff" + bytes([sof]) + struct.pack(">H", len(frame) + 2) + frame
    return b"\xff\xd8" + before + segment + b"\xff\xd9"


def segment(length: int, marker: int = 0xE1) -> bytes:
    """A segment of a JPEG that is *length* bytes long, such as metadata."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", length) + b"\0" * (length - 2)


def gif(width: int = 2, height: int = 2) -> bytes:
    """The header of a GIF."""
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def webp(width: int = 2, height: int = 2, *, kind: bytes = b"VP8X") -> bytes:
    """The header of a WebP, extended, lossless (VP8L) or lossy (VP8 with a space)."""
    if kind == b"VP8X":
        data = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        data = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little")
    else:
        data = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    chunk = kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def encoded(content: bytes) -> str:
    """*content* in base64."""
    return base64.b64encode(content).decode()


def data_url(content: bytes, kind: str = "image/png") -> str:
    """*content* as a data URL."""
    return f"data:{kind};base64,{encoded(content)}"


def image(content: bytes | None = None, kind: str = "image/png", **more: Any) -> llm.ImageContent:
    """An image of a chat context."""
    return llm.ImageContent(image=data_url(png() if content is None else content, kind), **more)


def base64_source(content: bytes, kind: str = "image/png") -> dict[str, Any]:
    """The `source` of a block."""
    return {"type": "base64", "media_type": kind, "data": encoded(content)}


def padded(content: bytes, size: int) -> bytes:
    """An image of *size* bytes that begins as *content* does; decoders do not look at its end."""
    return content + b"\0" * (size - len(content))
