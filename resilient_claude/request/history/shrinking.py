"""Images that are made smaller, with Pillow if it is there. Pure, but slow: for a thread.

Theory of operation. An image that a host, or the number of images, does not allow is made one that
every host and any number allow, so that each has at most one smaller copy and is worked on once.
The copies are kept by the data that they were made of, not by the object that holds it: a tool's
result is read anew in every request until its turn is over.

What is opened is untrusted: the header's dimensions are held against
`_MOST_PIXELS` twice, ours before a thread is asked for and Pillow's before a pixel is decoded, and
only the four formats of the API are tried. Whatever Pillow raises means that the image is damaged.
"""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .media import LeftOut, Picture

SMALL_EDGE = 1920
"""What the longest edge of an image is made, in pixels.

Requests with many images allow 2000, and users report that exactly so many are refused; what is
above 1568 (2576 on the newest models) Claude makes smaller itself. Sources: platform.claude.com/
docs/en/build-with-claude/vision; github.com/Gitlawb/openclaude/pull/520.
"""
SMALL_CHARS = 4 * 1024 * 1024
"""How many characters of base64 it has at most: below the 5 MB of the strictest hosts."""
MOST_KEPT = 64
"""How many smaller copies are kept; more, if one history needs more."""

_MOST_PIXELS = 80_000_000
"""More are not decoded: some 300 MB of memory, and what Pillow warns of."""
_TRIES = ((SMALL_EDGE, 85), (1280, 80), (800, 70))
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


class SmallPictures:
    """Smaller copies of pictures, as far as they are made, for all calls of one adapter."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Picture | str] = OrderedDict()  # or why there is none
        self._used = 0  # since something was forgotten last

    def of(self, picture: Picture) -> Picture | None:
        """The smaller copy of *picture*; None if it has to be made first.

        Raises:
            LeftOut: There can be none.
        """
        found = self._known.get(picture.source["data"])
        if found is None:
            if not has_pillow():
                raise LeftOut("and Pillow, which could make it smaller, is missing")
            if picture.width * picture.height > _MOST_PIXELS:
                raise LeftOut("too large to be made smaller")
            return None
        self._known.move_to_end(picture.source["data"])
        self._used += 1
        if isinstance(found, str):
            raise LeftOut(found)
        return found

    def make(self, picture: Picture) -> None:
        """Make the smaller copy of *picture*, for `of`; takes up to a second or two."""
        found: Picture | str
        try:
            found = shrunk(picture)
        except LeftOut as why:
            found = str(why)
        self._known[picture.source["data"]] = found

    def forget_oldest(self) -> None:
        """Keep `MOST_KEPT`, or as many as were used since the last call if those are more."""
        most, self._used = max(MOST_KEPT, self._used), 0
        while len(self._known) > most:
            self._known.popitem(last=False)


@lru_cache(maxsize=1)
def has_pillow() -> bool:
    """Whether Pillow is installed; it is none of our dependencies."""
    return find_spec("PIL") is not None


def shrunk(picture: Picture) -> Picture:
    """*picture* as a JPEG within `SMALL_EDGE` and `SMALL_CHARS`.

    Raises:
        LeftOut: It is damaged, or too large to be decoded.
    """
    content = base64.b64decode(picture.source["data"])
    try:
        return _shrunk(content)
    except LeftOut:
        raise
    except Exception as exc:  # a decoder raises all kinds of errors on damaged data
        raise LeftOut("damaged") from exc


def _shrunk(content: bytes) -> Picture:
    pillow: Any = import_module("PIL.Image")
    operations: Any = import_module("PIL.ImageOps")
    with pillow.open(io.BytesIO(content), formats=_FORMATS) as image:
        width, height = image.size
        if width * height > _MOST_PIXELS:
            raise LeftOut("too large to be made smaller")
        image.draft("RGB", (SMALL_EDGE, SMALL_EDGE))  # of a JPEG, fewer pixels are decoded
        image.thumbnail((SMALL_EDGE, SMALL_EDGE))
        # "Claude does not parse or receive any metadata": how it is turned would be lost.
        image = operations.exif_transpose(image)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            paper = pillow.new("RGBA", image.size, "white")
            image = pillow.alpha_composite(paper, image)
        image = image.convert("RGB")
    for edge, quality in _TRIES:
        image.thumbnail((edge, edge))
        written = io.BytesIO()
        image.save(written, "JPEG", quality=quality)
        data = base64.b64encode(written.getvalue()).decode()
        if len(data) <= SMALL_CHARS:
            break
    source = {"type": "base64", "data": data, "media_type": "image/jpeg"}
    return Picture(source, *image.size)
