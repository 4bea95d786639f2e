"""The rules for the sources of images and documents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.pictures import encoded, gif, jpeg, png, webp
from tests.testing.rules.bodies import RESULT, USER, body, called, error_of, history, said, text

JPEG, PNG = encoded(jpeg()), encoded(png())
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def image(**source: Any) -> dict[str, Any]:
    """An image block."""
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", **source}}


def document(source: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A document block."""
    return {"type": "document", "source": source, **changes}


VALID: dict[str, Any] = {
    "jpeg": image(media_type="image/jpeg", data=JPEG),
    "gif": image(media_type="image/gif", data=encoded(gif())),
    "webp": image(media_type="image/webp", data=encoded(webp())),
    "png": image(data=PNG),
    "image_url": {"type": "image", "source": {"type": "url", "url": "HTTPS://x/y.png"}},
    "image_file": {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    "pdf": document(PDF, title="Menu", context="Of today", citations={"enabled": True}),
    "pdf_url": document({"type": "url", "url": "https://x/y.pdf"}),
    "plain": document({"type": "text", "media_type": "text/plain", "data": "Hello."}),
    "blocks": document({"type": "content", "content": [text("Hello."), image(data=PNG)]}),
    "file": document({"type": "file", "file_id": "file_1"}),
}
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"image_{media_type}": (
            image(media_type=media_type, data="aGk="),
            "image.source.base64.media_type: Input should be 'image/jpeg', 'image/png'",
        )
        for media_type in ("image/jpg", "IMAGE/PNG", "image/heic", "image/bmp", "image/svg+xml", "")
    },
    "image_no_base64": (image(data="a b"), "image.source.base64: invalid base64 data"),
    "image_data_url": (image(data="data:image/png;base64,aGk="), "base64: invalid base64 data"),
    "image_cut": (image(data="aGk"), "image.source.base64: invalid base64 data"),
    "image_not_ascii": (image(data="ä"), "image.source.base64: invalid base64 data"),
    "image_empty": (image(data=""), "image.source.base64: image cannot be empty"),
    "image_large": (image(data="A" * 10_485_764), "image exceeds 10 MB maximum: 10485764 bytes"),
    "image_mislabelled": (
        image(data=JPEG),
        "image.source.base64.data: Image does not match the provided media type image/png",
    ),
    "image_edge": (
        image(data=encoded(png(8001, 1))),
        "base64.data: At least one of the image dimensions exceed max allowed size: 8000 pixels",
    ),
    "image_field": (image(data="aGk=", url="x"), "image.source.url: Extra inputs are not permit"),
    "url_empty": (
        {"type": "image", "source": {"type": "url", "url": ""}},
        "image.source.url.url: Input should be a valid URL",
    ),
    "url_data": (
        {"type": "image", "source": {"type": "url", "url": "data:image/png;base64,aGk="}},
        "image.source.url.url: Input should be a valid URL",
    ),
    "document_source": (document({}), "document.source.type: Field required"),
    "document_kind": (
        document({"type": "path"}),
        "document.source.type: Input should be 'base64', 'text', 'content', 'url', 'file'",
    ),
    "document_type": (
        document({**PDF, "media_type": "application/msword"}),
        "document.source.base64.media_type: Input should be 'application/pdf'",
    ),
    "document_no_base64": (document({**PDF, "data": "?"}), "source.base64: invalid base64 data"),
    "document_empty": (document({**PDF, "data": ""}), "source.base64: PDF cannot be empty"),
    "document_no_pdf": (
        document({**PDF, "data": "aGk="}),
        "source.base64.data: The PDF specified was not valid.",
    ),
    "document_text_type": (
        document({"type": "text", "media_type": "text/html", "data": "x"}),
        "document.source.text.media_type: Input should be 'text/plain'",
    ),
    "document_blank": (
        document({"type": "text", "media_type": "text/plain", "data": " "}),
        "document.source.text.data: Input should not be blank",
    ),
    "document_content_type": (
        document({"type": "content", "content": "Hello."}),
        "document.source.content.content: Input should be a valid list",
    ),
    "document_in_document": (
        document({"type": "content", "content": [document(PDF)]}),
        "document.source.content.content.0.type: Input should be 'text', 'image'",
    ),
    "document_image": (
        document({"type": "content", "content": [image(media_type="image/bmp", data="aGk=")]}),
        "content.content.0.image.source.base64.media_type: Input should be 'image/jpeg'",
    ),
}


def in_result(block: dict[str, Any]) -> dict[str, Any]:
    """A body with *block* in a tool's result."""
    return history(USER, called(), said({**RESULT, "content": [block]}))


@pytest.mark.parametrize("block", VALID.values(), ids=VALID)
def test_a_valid_source_is_accepted(block: dict[str, Any]) -> None:
    """In a message and in a tool's result."""
    assert error_of(body(messages=[said(block)])) is None
    assert error_of(in_result(block)) is None


@pytest.mark.parametrize(("block", "message"), INVALID.values(), ids=INVALID)
def test_a_source_that_breaks_a_rule_is_refused(block: dict[str, Any], message: str) -> None:
    """In a message and in a tool's result."""
    for path, value in (
        ("messages.0.content.0.", body(messages=[said(block)])),
        ("messages.2.content.0.tool_result.content.0.", in_result(block)),
    ):
        found = error_of(value)

        assert found is not None
        assert found[0] == 400
        assert found[1].startswith(path)
        assert message in found[1]


@pytest.mark.parametrize("content", [b"hi", png()[:20], b"\xff\xd8\xff\xd9", b"<svg/>"])
def test_what_is_no_image_cannot_be_processed(content: bytes) -> None:
    """Whatever it is called; the answer does not say which one it was."""
    block = image(data=encoded(content))

    for value in (body(messages=[said(block)]), in_result(block)):
        assert error_of(value) == (400, "Could not process image")
