"""Images that Claude reads, and what becomes of the others."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import llm

from resilient_claude.request.history.media import LeftOut, image_block, image_source

PNG = b"\x89PNG\r\n\x1a\nrest"
JPEG = b"\xff\xd8\xffrest"
WEBP = b"RIFF1234WEBPrest"


def data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def source_of(url: Any, **more: Any) -> dict[str, Any]:
    source: dict[str, Any] = image_block(llm.ImageContent(image=url, **more))["source"]
    return source


def base64_source(kind: str, content: bytes) -> dict[str, Any]:
    return {
        "type": "base64",
        "data": base64.b64encode(content).decode(),
        "media_type": kind,
    }


@pytest.mark.parametrize(
    ("url", "kind", "content"),
    [
        (data_url("image/png", b"odd"), "image/png", b"odd"),
        (data_url("image/jpg", b"odd"), "image/jpeg", b"odd"),
        (data_url("IMAGE/PNG", b"odd"), "image/png", b"odd"),
        (data_url(" image/pjpeg ", b"odd"), "image/jpeg", b"odd"),
        (data_url("image/png", JPEG), "image/jpeg", JPEG),
        (data_url("image/heic", PNG), "image/png", PNG),
        (data_url("", WEBP), "image/webp", WEBP),
        ("data:image/gif,GIF89a%00", "image/gif", b"GIF89a\0"),
        ("DATA:image/gif;BASE64,R0lG ODlh", "image/gif", b"GIF89a"),
        (data_url("image/png", b"odd!").rstrip("="), "image/png", b"odd!"),
    ],
)
def test_what_can_be_read_is_sent_as_what_it_is(url: str, kind: str, content: bytes) -> None:
    """The API compares the type with the bytes, and knows four types by one name each."""
    assert source_of(url) == base64_source(kind, content)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("", "URL is empty"),
        (" ", "URL is empty"),
        ("cat.png", "URL is not one"),
        ("file:///cat.png", "URL is not one"),
        ("data:image/png;base64", "no data"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png;base64,a", "cannot be read"),
        (data_url("image/heic", b"odd"), "image/heic"),
        (data_url("image/bmp", b"odd"), "image/bmp"),
        (data_url("image/svg+xml", b"<svg/>"), r"image/svg\+xml"),
        (data_url("<b>my secret</b>", b"odd"), "type unknown"),
        (data_url("image/png", b"1" * 8 * 1024 * 1024), "10 MB"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_says_why(image: str, why: str) -> None:
    """livekit raises for some of them, and the API refuses the rest, in every later turn."""
    with pytest.raises(LeftOut, match=why):
        source_of(image)


def test_the_type_that_an_application_tells_counts() -> None:
    """livekit prefers it to that of the data URL as well."""
    assert source_of(data_url("", b"odd"), mime_type="image/webp")["media_type"] == "image/webp"


def test_a_frame_is_sent_as_a_jpeg() -> None:
    """What a camera shows is encoded once, however many turns it is sent in."""
    pytest.importorskip("PIL", reason="livekit encodes frames with it")
    frame = rtc.VideoFrame(8, 8, rtc.VideoBufferType.RGBA, bytes(8 * 8 * 4))
    image = llm.ImageContent(image=frame)

    block = image_block(image)

    assert block["source"]["media_type"] == "image/jpeg"
    assert image_block(image)["source"] is block["source"]
    image.image = "https://x.invalid/a.png"
    assert image_block(image)["source"] == {"type": "url", "url": "https://x.invalid/a.png"}


def test_what_is_no_image_at_all_is_left_out() -> None:
    """livekit does not check what is assigned; and a frame needs an encoder that may be missing."""
    image = llm.ImageContent(image="https://x.invalid/a.png")
    image.image = 7  # type: ignore[assignment]

    with pytest.raises(LeftOut, match="cannot be encoded"):
        image_block(image)


def test_a_source_in_a_tools_result_is_held_to_the_same() -> None:
    """Tools of MCP servers return images of any type."""
    given = {"type": "base64", "media_type": "image/JPG", "data": base64.b64encode(JPEG).decode()}

    assert image_source(given) == base64_source("image/jpeg", JPEG)
    assert image_source({"type": "file", "file_id": "f"}) == {"type": "file", "file_id": "f"}
    with pytest.raises(LeftOut, match="image/tiff"):
        image_source({"type": "base64", "media_type": "image/tiff", "data": "b2Rk"})
