"""Documents that Claude reads, and what becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.request.history.documents import (
    document_block,
    document_source,
    is_document_source,
)
from resilient_claude.request.history.media import LeftOut
from tests.support.pictures import base64_source, encoded, png

PDF = b"%PDF-1.7\n1 0 obj << /Note (say /Encrypt aloud) >>\ntrailer << /Size 3 >>\n%%EOF"


def pdf(content: bytes = PDF, **changes: Any) -> dict[str, Any]:
    return base64_source(content, "application/pdf") | changes


def plain(data: str = "Hello.", media_type: str = "text/plain") -> dict[str, Any]:
    return {"type": "text", "media_type": media_type, "data": data}


def blocks(*content: Any) -> dict[str, Any]:
    return {"type": "content", "content": [*content]}


TEXT = {"type": "text", "text": "Hello."}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (pdf(), pdf()),
        (pdf(b"junk\n" + PDF), pdf(b"junk\n" + PDF)),
        (pdf(media_type="Application/PDF; x"), pdf()),
        (plain(), plain()),
        (plain(media_type="text/markdown"), plain()),
        (
            {"type": "url", "url": " https://x.invalid/a "},
            {"type": "url", "url": "https://x.invalid/a"},
        ),
        ({"type": "file", "file_id": "f", "x": 1.5}, {"type": "file", "file_id": "f"}),
        (
            blocks(TEXT, TEXT | {"citations": 1}, {"type": "text", "text": " "}, 5),
            blocks(TEXT, TEXT),
        ),
        (
            blocks({"type": "image", "source": base64_source(png(), "image/PNG")}),
            blocks({"type": "image", "source": base64_source(png())}),
        ),
    ],
)
def test_what_can_be_read_is_sent_as_the_api_takes_it(given: Any, sent: Any) -> None:
    """A field too many is a 400 as well."""
    assert is_document_source(given)
    assert document_source(given) == sent


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (pdf(b""), "empty"),
        (pdf(data="!"), "empty"),
        (pdf(data="JVBER"), "cannot be read"),
        (pdf(media_type="application/msword"), "of a type"),
        (pdf(b"<html>"), "no PDF"),
        (pdf(b" " * 2000 + PDF), "no PDF"),
        (pdf(PDF.replace(b"/Size 3", b"/Encrypt 12 0 R")), "encrypted"),
        (pdf(PDF.replace(b"/Size 3", b"/Encrypt<< /V 4 >>")), "encrypted"),
        (plain(" "), "empty"),
        (plain(media_type="application/json"), "of a type"),
        ({"type": "url", "url": "file:///a.pdf"}, "not one that Claude can fetch"),
        (blocks(), "empty"),
        (blocks({"type": "video"}), "empty"),
        (blocks({"type": "image", "source": {}}), "no source"),
        (blocks({"type": "image", "source": {"type": "base64", "data": 5}}), "no source"),
        (blocks({"type": "image", "source": base64_source(b"odd")}), "is not"),
    ],
)
def test_what_cannot_be_read_is_left_out_and_says_why(given: Any, why: str) -> None:
    """The API would refuse it in every later turn of the call."""
    with pytest.raises(LeftOut, match=why):
        document_source(given)


@pytest.mark.parametrize(
    "source",
    [{}, {"type": 5}, {"type": "disk"}, {"type": "base64"}, {"type": "text", "data": 5}],
)
def test_what_has_no_such_shape_is_no_source(source: Any) -> None:
    """In a tool's result it is the tool's own data."""
    assert not is_document_source(source)


def test_a_block_keeps_what_the_api_knows_of_it() -> None:
    """It was written by hand, and in an application's words."""
    block = {"type": "document", "source": plain(), "title": "Menu", "context": 5, "colour": "red"}

    assert document_block(block | {"citations": {"enabled": 1, "x": 2}}) == {
        "type": "document",
        "source": plain(),
        "title": "Menu",
        "citations": {"enabled": True},
    }


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("menu.pdf", "no document block"),
        ({"type": "image"}, "no document block"),
        ({"type": "document"}, "without a source"),
        ({"type": "document", "source": "menu.pdf"}, "without a source"),
        ({"type": "document", "source": {"type": "base64"}}, "without a source"),
        ({"type": "document", "source": pdf(data=encoded(b"<html>"))}, "no PDF"),
    ],
)
def test_a_block_that_is_none_is_left_out(block: Any, why: str) -> None:
    """livekit keeps anything in `extra`."""
    with pytest.raises(LeftOut, match=why):
        document_block(block)
