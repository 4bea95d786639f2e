"""Types and dimensions as the simulation reads them."""

from __future__ import annotations

import pytest

from resilient_claude.testing.rules.pixels import Pixels, pixels
from tests.support.pictures import gif, jpeg, png, segment, webp


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(300, 20), "image/png"),
        (gif(300, 20), "image/gif"),
        (webp(300, 20), "image/webp"),
        (webp(300, 20, kind=b"VP8L"), "image/webp"),
        (webp(300, 20, kind=b"VP8 "), "image/webp"),
        (jpeg(300, 20), "image/jpeg"),
        (jpeg(300, 20, before=segment(500) + b"\xff\xff\xff\xd0", sof=0xC2), "image/jpeg"),
    ],
)
def test_an_image_is_read_by_its_header(content: bytes, media_type: str) -> None:
    """Each of the four types that the API takes."""
    assert pixels(content) == Pixels(media_type, 300, 20)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hi",
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        png()[:20],
        png(0, 1, content=b""),
        gif()[:8],
        webp()[:28],
        webp(kind=b"VP8L")[:23],
        webp(kind=b"ALPH"),
        jpeg()[:8],
        b"\xff\xd8\xff\xda" + bytes(20),
        b"\xff\xd8\xff\xe1\0\2" + bytes(20),
    ],
)
def test_what_cannot_be_read_is_none(content: bytes) -> None:
    """It is no image, or a damaged one."""
    assert pixels(content) is None
