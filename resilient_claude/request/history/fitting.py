"""Which images and documents of a history fit into one request. Pure.

Theory of operation. What the API limits, it limits for the whole request, and it refuses all of it,
in every later turn of the call as well. So all images and documents of a history are looked at
together, in the order in which they came, in four steps:

1. one by one: too many bytes or pixels, or a URL where none is fetched;
2. their number: the oldest go;
3. above `FEW_IMAGES`, those with an edge above `MANY_EDGE`;
4. their size together: the oldest go.

In steps 1 and 3 an image is made smaller where that can be done; if it is not done yet, the image
is in `to_shrink`. What goes leaves a word in its place. In steps 2 to 4 the newest goes only if it
is too large for a request by itself.

When the oldest go, more go than have to: the number, or the bytes, are rounded up to a part of the
limit. With one too many in each turn, one would go in each turn, and the prompt cache would never
hit again; so the same ones are gone for several turns. For the same reason nothing is remembered:
the same history makes the same request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .media import LeftOut, Picture
from .plain_json import PlainJson
from .shrinking import SmallPictures

LONGEST_EDGE = 8000
"""In pixels; an image with a longer one is refused."""
MANY_EDGE = 2000
"""The same in a request with many images."""
FEW_IMAGES = 20
"""How many images are not many."""
MOST_IMAGES = 600
"""As many as a request may have."""
MOST_IMAGES_OF_SHORT = 100
"""The same where the model's context is short."""
NOT_MEDIA_BYTES = 1_000_000
"""How many bytes are kept free for everything else in a request, until its size is known."""
_PART = 4
"""Into how many parts a limit is cut when the oldest go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """What a request may have, by its host and its model.

    Sources: platform.claude.com/docs/en/build-with-claude/vision, "Request limits", .../pdf-support
    and .../api/overview, "Request size limits".

    Attributes:
        image_chars: Longest base64 of one image, in characters.
        request_bytes: Longest body of a request, in bytes.
        images: How many images a request may have.
        fetches: Whether images and documents may be URLs or ids of files.
        counts_documents: Whether a document counts as an image where `FEW_IMAGES` are counted.
    """

    image_chars: int = 10 * 1024 * 1024
    request_bytes: int = 32_000_000
    images: int = MOST_IMAGES_OF_SHORT
    fetches: bool = True
    counts_documents: bool = False


ANY_LIMITS = MediaLimits()
"""Those of Anthropic's own API, for a model of which nothing is known."""


@dataclass(slots=True, eq=False)
class Medium:
    """An image or a document in a message.

    Attributes:
        block: Its block in the message.
        picture: The image; None of a document.
        message: The message, once it is written.
    """

    block: dict[str, Any]
    picture: Picture | None = None
    message: PlainJson | None = None

    @property
    def noun(self) -> str:
        """What it is, in a word."""
        return "document" if self.picture is None else "image"


@dataclass(slots=True)
class Fitting:
    """What becomes of the media of a history.

    Attributes:
        replaced: The blocks that stand in a medium's place, by the `id()` of its own.
        left_out: What is not sent, and why; a set that keeps its order.
        to_shrink: Images that could be sent if they were smaller, and are not made so yet.
        sent_bytes: How long what is sent of them is, in bytes.
    """

    replaced: dict[int, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)
    to_shrink: list[Picture] = field(default_factory=list)
    sent_bytes: int = 0


class _Fate:
    """What becomes of one medium: sent as it is, sent smaller, or left out."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.picture = medium.picture
        self.gone: str | None = None  # why

    @property
    def size(self) -> int:
        source = self.medium.block["source"] if self.picture is None else self.picture.source
        return size_of(source)

    @property
    def edge(self) -> int:
        return 0 if self.picture is None else self.picture.longest_edge


def fitted(
    media: Sequence[Medium],
    limits: MediaLimits,
    small: SmallPictures,
    *,
    not_media_bytes: int = NOT_MEDIA_BYTES,
) -> Fitting:
    """What of *media*, the oldest first, fits into a request.

    Args:
        media: All of a history.
        limits: What the request may have.
        small: The smaller copies of images that are made already.
        not_media_bytes: How long everything else in the request is.
    """
    fitting = Fitting()
    fates = [*map(_Fate, media)]
    for fate in fates:
        _check(fate, limits, small, fitting)
    _number(fates, limits)
    _many(fates, limits, small, fitting)
    _size(fates, limits.request_bytes, not_media_bytes)
    for fate in fates:
        block = fate.medium.block
        if fate.gone is not None:
            fitting.left_out[fate.gone] = None
            fitting.replaced[id(block)] = stand_in(fate.gone)
            continue
        fitting.sent_bytes += fate.size
        if fate.picture is not fate.medium.picture and fate.picture is not None:
            fitting.replaced[id(block)] = {**block, "source": fate.picture.source}
    return fitting


def rewritten(block: dict[str, Any], replaced: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """*block* of a message, or a copy in which others stand for those that are *replaced*."""
    other = replaced.get(id(block))
    if other is not None:
        return other
    content = block.get("content")
    if block["type"] != "tool_result" or not isinstance(content, list):
        return block
    return {**block, "content": [replaced.get(id(part), part) for part in content]}


def size_of(source: Any) -> int:
    """How long the data of *source* is, in characters; 0 for a URL or the id of a file."""
    if not isinstance(source, dict):
        return 0
    content = source.get("content")
    if isinstance(content, list):
        return sum(size_of(part.get("source", part)) for part in content)
    data = source.get("data", source.get("text"))
    return len(data) if isinstance(data, str) else 0


@lru_cache(maxsize=64)
def stand_in(why: str) -> dict[str, Any]:
    """The text block in the place of what is left out. One object for each *why*: never change it.

    Claude reads what it was; the reason, behind the first comma, is for the operator's log alone.
    """
    return {"text": f"[Left out: {why.partition(',')[0]}]", "type": "text"}


def noun_with_article(noun: str) -> str:
    """*noun* with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _kept(fates: Iterable[_Fate]) -> list[_Fate]:
    return [fate for fate in fates if fate.gone is None]


def _check(fate: _Fate, limits: MediaLimits, small: SmallPictures, fitting: Fitting) -> None:
    """Step 1: what is refused of it alone."""
    kind = fate.medium.block["source"].get("type")
    if kind in ("url", "file") and not limits.fetches:
        how = "by its URL" if kind == "url" else "by the id of a file"
        noun = fate.medium.noun
        fate.gone = f"{noun_with_article(noun)} {how}, which this platform does not take"
    elif fate.size > limits.image_chars and fate.picture is not None:
        _shrink(fate, f"above {limits.image_chars // 1024 // 1024} MB", small, fitting)
    elif fate.edge > LONGEST_EDGE:
        _shrink(fate, f"above {LONGEST_EDGE} pixels", small, fitting)


def _shrink(fate: _Fate, too_big: str, small: SmallPictures, fitting: Fitting) -> None:
    assert fate.picture is not None
    try:
        smaller = small.of(fate.picture)
    except LeftOut as why:
        fate.gone = f"an image {too_big}, {why}"
        return
    if smaller is None:
        fitting.to_shrink.append(fate.picture)
        fate.gone = f"an image {too_big}, not made smaller in time"
    else:
        fate.picture = smaller


def _number(fates: Sequence[_Fate], limits: MediaLimits) -> None:
    """Step 2: of too many images, the oldest go."""
    images = [fate for fate in _kept(fates) if fate.picture is not None]
    excess = len(images) - limits.images
    if excess > 0:
        part = max(1, limits.images // _PART)
        going = min(_rounded_up(excess, part), len(images) - 1)
        for fate in images[:going]:
            fate.gone = f"an older image, since {limits.images} may be sent"


def _many(
    fates: Sequence[_Fate], limits: MediaLimits, small: SmallPictures, fitting: Fitting
) -> None:
    """Step 3: among many images, none has an edge above `MANY_EDGE`."""
    counted = [fate for fate in _kept(fates) if fate.picture is not None or limits.counts_documents]
    if len(counted) <= FEW_IMAGES:
        return
    large = [fate for fate in counted if fate.edge > MANY_EDGE]
    why = f"above {MANY_EDGE} pixels among more than {FEW_IMAGES}"
    for fate in large:
        _shrink(fate, why, small, fitting)
    stuck = [fate for fate in large if fate.gone is not None]
    if not stuck or (counted[-1].gone is None and len(counted) - len(stuck) >= FEW_IMAGES):
        return
    # More is sent if those that cannot be made smaller are sent as they are, among few.
    part = FEW_IMAGES // _PART
    going = min(_rounded_up(len(counted) - FEW_IMAGES, part), len(counted) - 1)
    for fate in counted[going:]:
        if fate in stuck:
            fate.gone = None
    for fate in counted[:going]:
        fate.gone = f"an older {fate.medium.noun}, since there are images {why}"


def _size(fates: Sequence[_Fate], request_bytes: int, not_media_bytes: int) -> None:
    """Step 4: of too many bytes, the oldest go; the newest, if it alone is too large."""
    kept = _kept(fates)
    excess = sum(fate.size for fate in kept) + not_media_bytes - request_bytes
    if excess <= 0 or not kept:
        return
    excess, limit = _rounded_up(excess, request_bytes // _PART), f"{request_bytes // 1_000_000} MB"
    for fate in kept[:-1]:
        if excess <= 0:
            return
        excess -= fate.size
        fate.gone = f"an older {fate.medium.noun}, since a request may have {limit}"
    newest = kept[-1]
    if newest.size + not_media_bytes > request_bytes:
        newest.gone = f"{noun_with_article(newest.medium.noun)} above {limit}"


def _rounded_up(number: int, part: int) -> int:
    return -(-number // part) * part
