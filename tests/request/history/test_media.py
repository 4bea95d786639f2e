"""Images that Claude reads, and what becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest
from livekit import rtc
from livekit.agents import llm

from resilient_claude.request.history import media
from resilient_claude.request.history.media import (
    LONGEST_BASE64,
    LeftOut,
    Picture,
    clean_base64,
    documents_of,
    is_read_at_once,
    picture_of,
    picture_of_source,
    read_picture,
    state_of,
)
from tests.support.pictures import base64_source, data_url, encoded, gif, image, jpeg, png, webp

PNG, JPEG, GIF, WEBP = png(3, 4), jpeg(3, 4), gif(3, 4), webp(3, 4)


def picture(url: Any, **more: Any) -> Picture:
    return picture_of(llm.ImageContent(image=url, **more))


@pytest.mark.parametrize(
    ("url", "kind", "content"),
    [
        (data_url(PNG), "image/png", PNG),
        (data_url(JPEG, "image/jpg"), "image/jpeg", JPEG),
        (data_url(PNG, "IMAGE/PNG"), "image/png", PNG),
        (data_url(JPEG, " image/pjpeg "), "image/jpeg", JPEG),
        (data_url(JPEG), "image/jpeg", JPEG),
        (data_url(PNG, "image/heic"), "image/png", PNG),
        (data_url(WEBP, ""), "image/webp", WEBP),
        ("data:image/gif,GIF89a%03%00%04%00%00%00%00%3B", "image/gif", GIF),
        (f"DATA:image/gif;BASE64,{encoded(GIF)[:7]}\n {encoded(GIF)[7:]}", "image/gif", GIF),
        (data_url(GIF).rstrip("="), "image/gif", GIF),
        (f"data:;base64,{encoded(GIF)}\N{SNOWMAN}", "image/gif", GIF),
    ],
)
def test_what_can_be_read_is_sent_as_what_it_is(url: str, kind: str, content: bytes) -> None:
    """The API compares the type with the bytes, and knows four types by one name each."""
    found = picture(url)

    assert found.source == base64_source(content, kind)
    assert (found.width, found.height, found.longest_edge) == (3, 4, 4)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "URL is empty"),
        (" ", "URL is empty"),
        ("cat.png", "URL is not one"),
        ("file:///cat.png", "URL is not one"),
        ("data:image/png;base64", "no data"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png;base64,a", "cannot be read"),
        ("data:image/svg+xml," + "%20" * 100_000, "not in base64"),
        (data_url(b"odd", "image/heic"), "image/heic"),
        (data_url(b"odd", "image/bmp"), "image/bmp"),
        (data_url(b"<svg/>", "image/svg+xml"), r"image/svg\+xml"),
        (data_url(b"odd"), "said to be image/png and is not"),
        (data_url(b"<html>", "image/jpeg"), "said to be image/jpeg and is not"),
        (data_url(b"odd", "<b>my secret</b>"), "type unknown"),
        (data_url(PNG[:20]), "damaged"),
        (data_url(png(0, 0, content=b"")), "damaged"),
        (data_url(b"\xff\xd8\xff\xd9" + b"\0" * 100_000), "damaged"),
        ("data:image/png;base64," + "A" * (LONGEST_BASE64 + 1), "32 MB"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_says_why(url: str, why: str) -> None:
    """livekit raises for some of them, and the API refuses the rest, in every later turn."""
    with pytest.raises(LeftOut, match=why):
        picture(url)


@pytest.mark.parametrize("mime_type", ["image/webp", "image/heic", 7])
def test_the_bytes_count_and_not_what_an_application_calls_them(mime_type: Any) -> None:
    """The API reads the bytes as well, and refuses another name for them."""
    one = llm.ImageContent(image=data_url(PNG))
    one.mime_type = mime_type

    assert picture_of(one).source["media_type"] == "image/png"


def test_the_bits_behind_the_last_byte_are_zero() -> None:
    """Python's decoder does not look at them; stricter ones refuse such base64."""
    assert clean_base64("aGl") == "aGk="
    assert clean_base64("QQ") == "QQ=="


def test_clean_base64_is_not_copied() -> None:
    """It may be megabytes, and is as a rule clean."""
    data = encoded(PNG)

    assert clean_base64(data) is data


def test_base64_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a thread which reads a lot of it lets the event loop run."""
    monkeypatch.setattr(media, "_PIECE_CHARS", 3)

    assert clean_base64(" aGVs bG8g d29y bGQ\n=") == "aGVsbG8gd29ybGQ="


def test_a_header_far_behind_the_beginning_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a JPEG with long colour profiles; of the others, a few bytes are enough."""
    monkeypatch.setattr(media, "_HEADER_CHARS", 16)

    assert picture(data_url(JPEG)).width == 3
    assert picture(data_url(PNG)).width == 3


# --- what is found out once -----------------------------------------------------------------------


def test_an_image_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many turns it is sent in, and also if it cannot be."""
    good, bad = image(PNG), image(b"odd")
    first = picture_of(good)
    read_picture(bad)
    monkeypatch.setattr(media, "_picture_of", lambda _: pytest.fail("read again"))

    assert picture_of(good) is first
    with pytest.raises(LeftOut, match="is not"):
        picture_of(bad)


def test_an_image_that_shows_something_else_is_read_anew() -> None:
    """Applications assign another frame to it."""
    one = image(PNG)
    read_picture(one)
    one.image = "https://x.invalid/a.png"

    assert picture_of(one).source == {"type": "url", "url": "https://x.invalid/a.png"}


def test_what_takes_long_is_not_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is to be encoded, and a long text to be looked through; until that is done."""
    monkeypatch.setattr(media, "_READ_AT_ONCE", 50)
    frame = llm.ImageContent(image=rtc.VideoFrame(1, 1, rtc.VideoBufferType.RGBA, bytes(4)))
    short, long = image(GIF), image(padded_gif := GIF + bytes(60))
    assert [*map(is_read_at_once, (frame, short, long))] == [False, True, False]
    for each in (frame, long):
        read_picture(each)

    assert is_read_at_once(frame)
    assert is_read_at_once(long)
    long.image = data_url(padded_gif + b"\0")
    assert not is_read_at_once(long)


def test_a_frame_is_sent_as_a_jpeg() -> None:
    """What a camera shows is encoded once, however many turns it is sent in."""
    pytest.importorskip("PIL", reason="livekit encodes frames with it")
    frame = rtc.VideoFrame(8, 6, rtc.VideoBufferType.RGBA, bytes(8 * 6 * 4))
    one = llm.ImageContent(image=frame)

    found = picture_of(one)

    assert (found.source["media_type"], found.width, found.height) == ("image/jpeg", 8, 6)
    assert picture_of(one) is found


def test_what_is_no_image_at_all_is_left_out() -> None:
    """livekit does not check what is assigned; and a frame needs an encoder that may be missing."""
    one = llm.ImageContent(image="https://x.invalid/a.png")
    one.image = 7  # type: ignore[assignment]

    with pytest.raises(LeftOut, match="cannot be encoded"):
        picture_of(one)


# --- what is watched ------------------------------------------------------------------------------


def test_the_state_is_what_is_sent() -> None:
    """What may change between two turns, of everything that is no text."""
    audio = llm.AudioContent(frame=[], transcript="Hello?")
    message = llm.ChatMessage(role="user", content=[], extra={"claude": {"documents": [1, "a"]}})

    assert state_of(audio) == ("Hello?",)
    assert state_of(message) == (1, "a")
    assert state_of(llm.ImageContent(image="u", inference_width=3)) == ("u", None, 3, None)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"claude": None},
        {"claude": []},
        {"claude": {}},
        {"claude": {"documents": "a.pdf"}},
        None,
    ],
)
def test_a_message_without_documents_has_none(extra: Any) -> None:
    """Others keep something there as well."""
    message = llm.ChatMessage(role="user", content=[])
    message.extra = extra

    assert documents_of(message) == []


def test_a_source_in_a_tools_result_is_held_to_the_same() -> None:
    """Tools of MCP servers return images of any type."""
    given = base64_source(JPEG, "image/JPG")

    assert picture_of_source(given).source == base64_source(JPEG, "image/jpeg")
    file = {"type": "file", "file_id": "f"}
    assert picture_of_source(file).source == file
    with pytest.raises(LeftOut, match="image/tiff"):
        picture_of_source({"type": "base64", "media_type": "image/tiff", "data": "b2Rk"})
