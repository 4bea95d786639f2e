"""The rules for all images of a request together."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing.rules.many_images import check_media
from resilient_claude.testing.rules.shapes import InvalidRequestError
from tests.support.pictures import base64_source, encoded, png
from tests.testing.rules.bodies import (
    OLD_MODEL,
    RESULT,
    USER,
    body,
    called,
    error_of,
    history,
    said,
    text,
)

SMALL, LARGE = base64_source(png(4, 4)), base64_source(png(2001, 1))
URL = {"type": "url", "url": "https://x.invalid/a.png"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": encoded(b"%PDF-1.7")}


def images(count: int, source: dict[str, Any] = SMALL) -> list[dict[str, Any]]:
    """Blocks of *count* images."""
    return [{"type": "image", "source": source}] * count


@pytest.mark.parametrize(
    ("model", "most"), [(OLD_MODEL, 100), ("claude-sonnet-5-5", 600), ("gateway/x", 600)]
)
def test_a_request_has_no_more_images_than_its_model_takes(model: str, most: int) -> None:
    """Those of the whole history count."""
    assert error_of(body(model=model, messages=[said(*images(most))])) is None
    found = error_of(body(model=model, messages=[said(*images(most + 1))]))
    assert found == (400, f"messages: too many images: {most + 1} > {most} maximum")


def test_large_images_are_refused_among_many() -> None:
    """Of twenty each may be large, of twenty-one none; one in a tool's result counts as well."""
    result = {**RESULT, "content": [text("See:"), *images(1, LARGE)]}
    few = history(USER, called(), said(result, *images(19)))
    many = history(USER, called(), said(result, *images(20, URL)))

    assert error_of(few) is None
    found = error_of(many)
    assert found is not None
    assert found[1] == (
        "messages.2.content.0.tool_result.content.1.image.source.base64.data: At least one of the "
        "image dimensions exceed max allowed size for many-image requests: 2000 pixels"
    )


def test_documents_make_images_many_where_they_count() -> None:
    """On Bedrock and Google Cloud."""
    blocks = [*images(1, LARGE), *([{"type": "document", "source": PDF}] * 20)]

    check_media([("user", blocks)], "claude-sonnet-5-5")
    with pytest.raises(InvalidRequestError, match="many-image"):
        check_media([("user", blocks)], "claude-sonnet-5-5", documents_count=True)
