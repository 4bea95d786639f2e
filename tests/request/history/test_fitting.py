"""What of many images fits into a request, and which of them go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resilient_claude.request.history import shrinking
from resilient_claude.request.history.fitting import (
    ANY_LIMITS,
    FEW_IMAGES,
    Fitting,
    MediaLimits,
    Medium,
    fitted,
    rewritten,
    size_of,
    stand_in,
)
from resilient_claude.request.history.media import Picture
from resilient_claude.request.history.shrinking import SmallPictures

PARTNER = replace(ANY_LIMITS, fetches=False, counts_documents=True, image_chars=5 * 1024 * 1024)
MB = 1_000_000


def an_image(edge: int = 100, chars: int = 8) -> Medium:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * chars}
    picture = Picture(source, edge, 50)
    return Medium({"type": "image", "source": source}, picture)


def a_document(chars: int = 8, kind: str = "base64") -> Medium:
    return Medium({"type": "document", "source": {"type": kind, "data": "A" * chars}})


def by(kind: str) -> Medium:
    source = {"type": kind, "url": "https://x.invalid/a.png"}
    return Medium({"type": "image", "source": source}, Picture(source))


@pytest.fixture(autouse=True)
def _pillow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none, unless a test wants one."""
    there = request.node.get_closest_marker("usefixtures") is not None
    monkeypatch.setattr(shrinking, "has_pillow", lambda: there)


@pytest.fixture
def with_pillow() -> None:
    """A Pillow that could be asked; see `_pillow`."""


def fates(media: list[Medium], limits: MediaLimits = ANY_LIMITS, **more: Any) -> list[str]:
    """What becomes of *media*: "sent", "small", or the word in its place."""
    found = fitted(media, limits, more.pop("small", SmallPictures()), **more)
    return [fate_of(medium, found) for medium in media]


def fate_of(medium: Medium, found: Fitting) -> str:
    block = found.replaced.get(id(medium.block))
    if block is None:
        return "sent"
    return str(block.get("text", "small"))


def sent(count: int) -> list[str]:
    return ["sent"] * count


def gone(count: int, what: str = "an older image") -> list[str]:
    return [f"[Left out: {what}]"] * count


def test_what_fits_is_sent_as_it_is() -> None:
    """As nearly always."""
    media = [an_image(), by("url"), by("file"), an_image(8000), a_document(20 * MB)]

    found = fitted(media, ANY_LIMITS, SmallPictures())

    assert found == Fitting(sent_bytes=20 * MB + 16)


@pytest.mark.parametrize(
    ("medium", "limits", "what", "why"),
    [
        (an_image(8001), ANY_LIMITS, "an image above 8000 pixels", "Pillow"),
        (an_image(chars=11 * MB), ANY_LIMITS, "an image above 10 MB", "Pillow"),
        (an_image(chars=6 * MB), PARTNER, "an image above 5 MB", "Pillow"),
        (by("url"), PARTNER, "an image by its URL", "this platform"),
        (by("file"), PARTNER, "an image by the id of a file", "this platform"),
        (a_document(kind="url"), PARTNER, "a document by its URL", "this platform"),
        (a_document(33 * MB), ANY_LIMITS, "a document above 32 MB", ""),
    ],
)
def test_what_is_refused_alone_leaves_a_word(
    medium: Medium, limits: MediaLimits, what: str, why: str
) -> None:
    """Claude reads what it was; the operator reads why."""
    found = fitted([medium, an_image()], limits, SmallPictures())
    if medium.picture is None and not why:  # the newest, of which nothing else could make room
        found = fitted([medium], limits, SmallPictures())

    (reason,) = found.left_out
    assert found.replaced == {id(medium.block): {"type": "text", "text": f"[Left out: {what}]"}}
    assert why in reason


# --- their number ---------------------------------------------------------------------------------


def test_the_oldest_go_when_there_are_too_many() -> None:
    """A camera shows one image a turn; the caller talks about the last ones."""
    media = [an_image() for _ in range(101)]

    assert fates(media) == [*gone(25), *sent(76)]


def test_the_same_ones_are_gone_for_several_turns() -> None:
    """Were it another one in each turn, the prompt cache would never hit again."""
    media = [an_image() for _ in range(130)]
    counts = [fates(media[:count]).count("sent") for count in (100, 101, 125, 126, 130)]

    assert counts == [100, 76, 100, 76, 80]


def test_documents_are_no_images_by_number() -> None:
    """The limits of their pages cannot be seen from outside."""
    media = [a_document() for _ in range(150)]

    assert fates(media) == sent(150)


@pytest.mark.parametrize("images", [1, 2])
def test_the_newest_stays_whatever_the_limit(images: int) -> None:
    """It is what the caller asks about."""
    media = [an_image() for _ in range(9)]

    assert fates(media, replace(ANY_LIMITS, images=images))[-1] == "sent"


# --- many and large -------------------------------------------------------------------------------

LARGE = "an image above 2000 pixels among more than 20"


def test_few_may_be_large() -> None:
    """The stricter limit begins with the twenty-first."""
    media = [an_image(2001) for _ in range(FEW_IMAGES)]

    assert fates(media) == sent(FEW_IMAGES)


def test_the_large_ones_go_where_enough_others_are_left() -> None:
    """One screenshot of long ago is no reason to leave twenty photos out."""
    media = [an_image(2001), *(an_image(2000) for _ in range(FEW_IMAGES))]

    assert fates(media) == [*gone(1, LARGE), *sent(FEW_IMAGES)]


def test_large_ones_are_sent_among_few() -> None:
    """If all of them are large, the newest twenty say more than none."""
    media = [an_image(4000) for _ in range(30)]

    assert fates(media) == [*gone(10), *sent(20)]


def test_a_large_newest_is_sent_among_few() -> None:
    """Here the older ones make room for it."""
    media = [*(an_image() for _ in range(21)), an_image(4000)]

    assert fates(media) == [*gone(5), *sent(17)]


def test_documents_make_images_many_on_some_platforms() -> None:
    """On Bedrock and Google Cloud, not at Anthropic's."""
    media = [*(a_document() for _ in range(20)), an_image(2001), an_image()]

    assert fates(media) == sent(22)
    assert fates(media, PARTNER)[-2:] == [*gone(1, LARGE), "sent"]


# --- their size -----------------------------------------------------------------------------------


def test_the_oldest_go_when_all_of_it_is_too_large() -> None:
    """30 images of 1.3 MB are 39 MB; a quarter of the limit is made room, for the turns to come."""
    media = [an_image(chars=1_300_000) for _ in range(30)]

    assert fates(media) == [*gone(7), *sent(23)]
    assert fates(media[:29]) == [*gone(7), *sent(22)]


def test_the_rest_of_the_request_counts() -> None:
    """A long history and many tools leave less room."""
    media = [a_document(9 * MB), an_image(chars=9 * MB)]

    assert fates(media, not_media_bytes=10 * MB) == sent(2)
    assert fates(media, not_media_bytes=15 * MB) == [*gone(1, "an older document"), "sent"]


def test_words_that_are_too_long_by_themselves_are_no_matter_of_media() -> None:
    """Nothing is left to go: the API says what is wrong."""
    assert fates([], not_media_bytes=33 * MB) == []


# --- made smaller ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("with_pillow")
def test_what_is_not_made_smaller_yet_is_told() -> None:
    """A thread can do it; until then a word stands for it."""
    large = an_image(9000)
    small = SmallPictures()
    assert large.picture is not None

    found = fitted([large, an_image()], ANY_LIMITS, small)
    assert found.to_shrink == [large.picture]
    assert fate_of(large, found) == "[Left out: an image above 8000 pixels]"


@pytest.mark.usefixtures("with_pillow")
def test_what_was_made_smaller_is_sent_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its new size, and whatever else its block has."""
    less = Picture({"type": "base64", "media_type": "image/jpeg", "data": "BBBB"}, 1920, 10)
    monkeypatch.setattr(shrinking, "shrunk", lambda _: less)
    large, small = an_image(9000, chars=9 * MB), SmallPictures()
    assert large.picture is not None
    small.make(large.picture)

    found = fitted([large], ANY_LIMITS, small)

    assert found == Fitting({id(large.block): {**large.block, "source": less.source}}, sent_bytes=4)


@pytest.mark.usefixtures("with_pillow")
def test_a_bomb_is_not_even_tried() -> None:
    """A header may claim gigabytes of pixels."""
    media = [an_image(60_000), an_image()]
    media[0].picture = replace(media[0].picture, height=60_000)  # type: ignore[type-var]

    found = fitted(media, ANY_LIMITS, SmallPictures())

    assert [*found.left_out] == ["an image above 8000 pixels, too large to be made smaller"]
    assert not found.to_shrink


# --- the words ------------------------------------------------------------------------------------


def test_a_word_is_one_object() -> None:
    """A message in which it stands is compared with the last turn's, and sent again as it was."""
    assert stand_in("an image, because") is stand_in("an image, because")
    assert stand_in("an image, because")["text"] == "[Left out: an image]"


def test_a_block_is_rewritten_where_it_stands() -> None:
    """Also within a tool's result, and without a change of the one that earlier requests have."""
    inner, other = {"type": "image"}, {"type": "text", "text": "x"}
    outer = {"type": "tool_result", "content": [inner, other]}
    replaced = {id(inner): stand_in("an image")}

    assert rewritten(outer, replaced)["content"] == [stand_in("an image"), other]
    assert rewritten(inner, replaced) is stand_in("an image")
    assert rewritten(other, replaced) is other
    assert outer["content"] == [inner, other]


def test_a_document_of_blocks_is_as_long_as_they_are() -> None:
    """Text and images, one below the other."""
    content = [{"type": "text", "text": "abc"}, {"type": "image", "source": {"data": "AAAA"}}]

    assert size_of({"type": "content", "content": content}) == 7
    assert size_of({"type": "url", "url": "https://x"}) == size_of(None) == 0
