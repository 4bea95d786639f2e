"""Images that are made smaller, and such as only pretend to be images."""

from __future__ import annotations

import base64
import io
import random
import zlib
from importlib.util import find_spec
from typing import Any

import pytest

from resilient_claude.request.history import shrinking
from resilient_claude.request.history.image_headers import image_header
from resilient_claude.request.history.media import LeftOut, Picture, picture_of
from resilient_claude.request.history.shrinking import (
    MOST_KEPT,
    SMALL_CHARS,
    SMALL_EDGE,
    SmallPictures,
    shrunk,
)
from tests.support.pictures import base64_source, image, jpeg, padded, png

SMALLER = Picture({"type": "base64", "media_type": "image/jpeg", "data": "BBBB"}, 10, 10)


def picture(content: bytes | None = None, number: int = 0) -> Picture:
    source = base64_source(content or bytes([number]))
    return Picture(source, 9000, 50)


def pillow(name: str = "PIL.Image") -> Any:
    return pytest.importorskip(name, reason="images are made smaller with it, where it is there")


# --- what is kept ---------------------------------------------------------------------------------


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    """What was made smaller, by something that is quicker than Pillow."""
    made: list[Picture] = []

    def shrink(one: Picture) -> Picture:
        made.append(one)
        if one.source["data"] == picture(number=255).source["data"]:
            raise LeftOut("damaged")
        return SMALLER

    monkeypatch.setattr(shrinking, "has_pillow", lambda: True)
    monkeypatch.setattr(shrinking, "shrunk", shrink)
    return made


def test_an_image_is_made_smaller_once(works: list[Picture]) -> None:
    """A tool's result is another object in each request of its turn, with the same image."""
    small = SmallPictures()
    assert small.of(picture()) is None
    small.make(picture())

    assert small.of(picture()) is SMALLER
    assert len(works) == 1


@pytest.mark.usefixtures("works")
def test_that_it_cannot_be_is_known_as_well() -> None:
    """Or a thread would be asked for it in every turn."""
    small = SmallPictures()
    small.make(picture(number=255))

    with pytest.raises(LeftOut, match="damaged"):
        small.of(picture(number=255))


@pytest.mark.usefixtures("works")
def test_the_oldest_are_forgotten() -> None:
    """They hold the large ones too."""
    small = SmallPictures()
    for number in range(MOST_KEPT + 1):
        small.make(picture(number=number))
    small.forget_oldest()

    assert small.of(picture(number=0)) is None
    assert small.of(picture(number=1)) is SMALLER


@pytest.mark.usefixtures("works")
def test_what_one_history_needs_is_kept() -> None:
    """Or a history of a few more would be worked on in every turn."""
    small = SmallPictures()
    pictures = [picture(number=number) for number in range(MOST_KEPT + 3)]
    for each in pictures:
        small.make(each)
        small.of(each)
    small.forget_oldest()

    assert [*map(small.of, pictures)] == [SMALLER] * len(pictures)


def test_without_pillow_it_cannot_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none of our dependencies."""
    monkeypatch.setattr(shrinking, "has_pillow", lambda: False)

    with pytest.raises(LeftOut, match="Pillow"):
        SmallPictures().of(picture())


def test_whether_pillow_is_there_is_seen_without_loading_it() -> None:
    """Loading it takes a while, and is done in the thread."""
    assert shrinking.has_pillow() == (find_spec("PIL") is not None)


# --- with Pillow ----------------------------------------------------------------------------------


def measured(one: Picture) -> tuple[str, int, int]:
    """What the bytes say, not what we say of them."""
    header = image_header(base64.b64decode(one.source["data"]))
    assert header is not None
    assert (one.width, one.height) == (header.width, header.height)
    return header


def test_a_large_image_becomes_a_small_jpeg() -> None:
    """Within what every platform takes, and in its own proportions."""
    pillow()
    found = shrunk(picture(png(9000, 300)))

    assert measured(found) == ("image/jpeg", SMALL_EDGE, SMALL_EDGE // 30)
    assert len(found.source["data"]) < SMALL_CHARS


def test_noise_is_made_as_small_as_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compression helps it, but fewer pixels do."""
    pillow()
    monkeypatch.setattr(shrinking, "SMALL_CHARS", 400_000)
    noise = random.Random(7).randbytes(601 * 2000)
    found = shrunk(picture(pngs_of(noise, 600, 2000)))

    assert measured(found)[2] == 1280
    assert len(found.source["data"]) < 400_000


def pngs_of(rows: bytes, width: int, height: int) -> bytes:
    filtered = b"".join(b"\0" + rows[at : at + width] for at in range(0, width * height, width))
    return png(width, height, content=zlib.compress(filtered, 0))


def test_what_is_see_through_is_on_white() -> None:
    """A JPEG has no such thing, and what stands in a drawing is black as a rule."""
    images = pillow()
    written = io.BytesIO()
    images.new("RGBA", (2500, 20), (0, 0, 0, 0)).save(written, "PNG")
    found = shrunk(picture(written.getvalue()))

    with images.open(io.BytesIO(base64.b64decode(found.source["data"]))) as seen:
        assert seen.getpixel((3, 3)) == (255, 255, 255)


def test_a_photo_is_turned_as_its_camera_was_held() -> None:
    """The API reads no metadata."""
    images = pillow()
    written = io.BytesIO()
    one = images.new("RGB", (4000, 100))
    exif = one.getexif()
    exif[0x0112] = 6  # turned by a quarter
    one.save(written, "JPEG", exif=exif)

    assert measured(shrunk(picture(written.getvalue())))[1:] == (48, SMALL_EDGE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"odd",
        png(9000, 300)[:500],
        png(9000, 300, content=b"\0" * 100),
        jpeg(9000, 300),
        padded(png(9000, 300)[:40], 5000),
    ],
)
def test_what_only_begins_as_an_image_is_damaged(content: bytes) -> None:
    """Whatever a decoder raises for it."""
    pillow()
    with pytest.raises(LeftOut, match="damaged"):
        shrunk(Picture(base64_source(content), 9000, 300))


def test_a_bomb_is_not_decoded() -> None:
    """What we read in its header may be a lie: Pillow's own reading is held against the limit."""
    pillow()
    bomb = png(20_000, 20_000, content=b"\0" * 100)
    with pytest.raises(LeftOut, match=r"too large|damaged"):
        shrunk(Picture(base64_source(bomb), 100, 100))


def test_a_format_that_the_api_lacks_is_not_opened() -> None:
    """Pillow knows dozens, with dozens of decoders that were never meant for strangers' files."""
    images = pillow()
    written = io.BytesIO()
    images.new("RGB", (10, 10)).save(written, "TIFF")
    with pytest.raises(LeftOut, match="damaged"):
        shrunk(Picture(base64_source(written.getvalue()), 9000, 300))


def test_an_image_of_a_chat_context_is_made_smaller() -> None:
    """From the data URL to the block."""
    pillow()
    assert measured(shrunk(picture_of(image(png(8200, 10)))))[1] == SMALL_EDGE
