"""Bodies in gzip, and in encodings whose packages need not be there, by hand from their formats."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Mapping
from functools import cache


@cache
def gzip_bomb(size: int) -> bytes:
    """*size* zeros, packed twice. Takes half a second: for a test that needs it, not for all."""
    return gzip.compress(gzip.compress(bytes(size)))


def stored_br(data: bytes) -> bytes:
    """*data* as brotli, not made smaller: at most 64 KiB. Source: RFC 7932, section 9.2."""
    return (len(data) - 1 << 4 | 1 << 20).to_bytes(3, "little") + data + b"\x03"


def stored_zstd(data: bytes) -> bytes:
    """*data* as zstd, not made smaller: at most 128 KiB. Source: RFC 8878, section 3.1.1."""
    return _FRAME + _block(len(data), kind=0, last=True) + data


def _block(size: int, *, kind: int, last: bool = False) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little")


_FRAME = b"\x28\xb5\x2f\xfd\x00\x58"

STORED: Mapping[str, Callable[[bytes], bytes]] = {"br": stored_br, "zstd": stored_zstd}

BOMBS: Mapping[str, bytes] = {
    "br": base64.b64decode(
        "y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//"
        "+P//B/8EQBwWAOje//H//w/+CYA4LADQvf/j//8f/BMAcVgAoHv/Nw=="
    ),
    "zstd": _FRAME + (_block(2**17, kind=1) + b"\0") * 512 + _block(0, kind=0, last=True),
}
"""64 MiB of zeros."""

EMPTY_FRAMES = stored_zstd(b"") * 3_600
"""Frames that hold nothing, of which a decoder is made each."""
