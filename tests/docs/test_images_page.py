"""The limits of docs/images.md are those that histories are held to."""

from __future__ import annotations

from resilient_claude.request.fixed_fields import _SHORT_CONTEXT_TOKENS, FixedFields
from resilient_claude.request.history.fitting import (
    FEW_IMAGES,
    LONGEST_EDGE,
    MANY_EDGE,
    MOST_IMAGES,
    MOST_IMAGES_OF_SHORT,
    MediaLimits,
)
from resilient_claude.request.history.shrinking import _MOST_PIXELS, SMALL_EDGE
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.platforms import (
    BEDROCK,
    BEDROCK_MESSAGES,
    FOUNDRY,
    PLATFORMS,
    VERTEX,
    Platform,
)
from resilient_claude.turn.preparing import PREPARE_S

from .pages import page

PAGE = page("images")
HEADER, _, *ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|")
]
LEFT = [
    each for each in PLATFORMS if each not in (BEDROCK, BEDROCK_MESSAGES, VERTEX)
]  # Anthropic's own, and those whose limits are the same
TOLD = {what: (left, right) for what, left, right in ROWS}


def limits(platform: Platform, model: str = "claude-sonnet-4-6") -> MediaLimits:
    return FixedFields.of(RequestOptions(model=model), platform=platform).media_limits


def chars(platform: Platform) -> str:
    """As the API counts it: of base64, which is text."""
    return f"{limits(platform).image_chars / 1024 / 1024:g} MB"


def size(platform: Platform) -> str:
    return f"{limits(platform).request_bytes / 1_000_000:g} MB"


def test_every_platform_stands_in_a_column() -> None:
    """Who has to know his limits looks for the name of what he pays for."""
    short = {FOUNDRY: "Foundry"}

    assert HEADER[1].split(", ") == sorted(
        (short.get(each, each.name) for each in LEFT), key=HEADER[1].index
    )
    assert HEADER[2] == f"{BEDROCK.name} (both), {VERTEX.name}"


def test_the_sizes_are_those_of_the_platforms() -> None:
    """An image that the page allows and the code leaves out is a question nobody can answer."""
    assert {chars(each) for each in LEFT} == {TOLD["one image, in base64"][0]}
    assert {chars(each) for each in (BEDROCK, BEDROCK_MESSAGES, VERTEX)} == {
        TOLD["one image, in base64"][1]
    }
    assert {size(each) for each in LEFT} == {TOLD["all of a request"][0]}
    assert TOLD["all of a request"][1] == f"{size(BEDROCK)}; {size(VERTEX)} on {VERTEX.name}"
    assert size(BEDROCK_MESSAGES) == size(BEDROCK)


def test_the_edges_are_those_of_the_code() -> None:
    """In pixels, and among how many images the shorter one holds."""
    left, right = TOLD["its longer edge"]

    assert left == f"{LONGEST_EDGE} px; {MANY_EDGE} px among more than {FEW_IMAGES}"
    assert right == "the same; documents count too"
    assert [each for each in PLATFORMS if limits(each).counts_documents] == [
        BEDROCK,
        BEDROCK_MESSAGES,
        VERTEX,
    ]


def test_the_number_of_images_is_that_of_the_model() -> None:
    """By how much it reads, where that is known; on every platform."""
    left, right = TOLD["images in a request"]
    found = {
        (limits(each).images, limits(each, "claude-haiku-4-5").images, limits(each, "desk").images)
        for each in PLATFORMS
    }

    assert left == (
        f"{MOST_IMAGES} with models known to read more than {_SHORT_CONTEXT_TOKENS:,} tokens, "
        f"else {MOST_IMAGES_OF_SHORT}"
    )
    assert right == "the same"
    assert found == {(MOST_IMAGES, MOST_IMAGES_OF_SHORT, MOST_IMAGES_OF_SHORT)}


def test_urls_are_sent_where_the_page_says_so() -> None:
    """Ids of files likewise."""
    assert TOLD["URLs, ids of files"] == ("sent", "left out")
    assert [each for each in PLATFORMS if limits(each).fetches] == LEFT


def test_no_limit_is_told_that_is_not_tried_here() -> None:
    """A new row needs a test, and so does a new number in the words below the table."""
    assert [*TOLD] == [
        "one image, in base64",
        "its longer edge",
        "images in a request",
        "all of a request",
        "URLs, ids of files",
    ]
    assert f"a JPEG of at most {SMALL_EDGE} pixels" in PAGE
    assert f"waits at most {PREPARE_S:g} s" in PAGE
    assert f"more than {_MOST_PIXELS // 1_000_000} million pixels" in PAGE
    assert f"[Left out: an image above {LONGEST_EDGE} pixels]" in PAGE
