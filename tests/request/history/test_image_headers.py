"""Dimensions are read off headers, whatever stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.request.history.image_headers import ImageHeader, image_header
from tests.support.pictures import gif, jpeg, png, segment, webp

WIDTH, HEIGHT = 1234, 567


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (png(WIDTH, HEIGHT), "image/png"),
        (gif(WIDTH, HEIGHT), "image/gif"),
        (gif(WIDTH, HEIGHT).replace(b"89a", b"87a"), "image/gif"),
        (webp(WIDTH, HEIGHT), "image/webp"),
        (webp(WIDTH, HEIGHT, kind=b"VP8L"), "image/webp"),
        (webp(WIDTH, HEIGHT, kind=b"VP8 "), "image/webp"),
        (jpeg(WIDTH, HEIGHT), "image/jpeg"),
        (jpeg(WIDTH, HEIGHT, sof=0xC2), "image/jpeg"),
        (jpeg(WIDTH, HEIGHT, before=segment(60_000) * 5), "image/jpeg"),
        (jpeg(WIDTH, HEIGHT, before=segment(40, 0xC4) + b"\xff\xff\xff\x01"), "image/jpeg"),
    ],
)
def test_a_header_tells_type_and_dimensions(content: bytes, media_type: str) -> None:
    """Without decoding a pixel, in each of the forms that cameras and browsers write."""
    assert image_header(content) == ImageHeader(media_type, WIDTH, HEIGHT)


def test_a_bomb_costs_nothing() -> None:
    """Some hundred bytes that become gigabytes in a decoder."""
    bomb = png(60_000, 60_000, content=b"\0" * 100)

    assert image_header(bomb) == ImageHeader("image/png", 60_000, 60_000)


@pytest.mark.parametrize(
    "content",
    [
        png()[:20],
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\4CgBI" + bytes(30),
        png(0, 5, content=b""),
        gif()[:8],
        jpeg()[:9],
        jpeg(5, 0),
        b"\xff\xd8\xff\xda" + bytes(50),
        b"\xff\xd8\xff\xd9" + bytes(50),
        b"\xff\xd8\xff\xe1\x00\x01" + bytes(50),
        b"\xff\xd8\xff\xe1\x00\x02" + bytes(50),
        b"\xff\xd8" + segment(2) * 2000 + jpeg()[2:],
        b"\xff\xd8" + b"\xff" * 5000,
        webp()[:25],
        webp(kind=b"VP8 ")[:26],
        webp(kind=b"VP8 ").replace(b"\x9d\x01\x2a", b"abc"),
        webp(kind=b"ALPH"),
    ],
)
def test_a_header_without_dimensions_is_that_of_a_damaged_image(content: bytes) -> None:
    """No decoder gets further; and one that lies about its length ends the search."""
    found = image_header(content)

    assert found is not None
    assert (found.width, found.height) == (0, 0)


@pytest.mark.parametrize(
    "content", [b"", b"odd", b"<svg/>", b"RIFF1234WAVE", b"\x00\x00\x00 ftypheic"]
)
def test_another_type_is_none(content: bytes) -> None:
    """A photo of a telephone, a sound, a drawing."""
    assert image_header(content) is None


@given(
    st.sampled_from([png(), jpeg(before=segment(20)), gif(), webp(), webp(kind=b"VP8L")]),
    st.integers(0, 60),
    st.binary(max_size=60),
)
def test_nothing_raises_whatever_stands_behind_a_signature(
    content: bytes, at: int, other: bytes
) -> None:
    """An image comes from whoever is on the line."""
    found = image_header(content[:at] + other)

    assert found is None or found.width >= 0
