"""Documents of a history, turned into what the API takes. Pure."""

from __future__ import annotations

import base64
import re
from typing import Any

from .media import LeftOut, clean_base64, fetchable_url, picture_of_source

_SOURCES: dict[object, dict[str, type]] = {
    "base64": {"data": str},
    "text": {"data": str},
    "url": {"url": str},
    "file": {"file_id": str},
    "content": {"content": list},
}
_TYPES = {"base64": "application/pdf", "text": "text/plain"}
_SIGNATURE_CHARS = 1368
"""Of base64: a PDF begins within its first 1024 bytes."""
_TRAILER_CHARS = 64 * 1024
"""Of base64 at the end, where a PDF says whether it is encrypted."""
_ENCRYPTED = re.compile(rb"/Encrypt\s+\d+\s+\d+\s+R|/Encrypt\s*<<")


def is_document_source(source: dict[str, Any]) -> bool:
    """Whether *source* has the shape of a document's: a known type, and its field."""
    kind = source.get("type")
    fields = _SOURCES.get(kind) if isinstance(kind, str) else None
    return fields is not None and all(isinstance(source.get(n), t) for n, t in fields.items())


def document_source(source: dict[str, Any]) -> dict[str, Any]:
    """*source*, that of a document, as the API takes it.

    Raises:
        LeftOut: It does not.
    """
    kind = source["type"]
    if kind == "url":
        return {"type": "url", "url": fetchable_url(source["url"], "a document")}
    if kind == "content":
        return {"type": "content", "content": _content(source["content"])}
    wanted = _TYPES.get(kind)
    if wanted is None:
        return {"type": "file", "file_id": source["file_id"]}
    if not source["data"].strip():
        raise LeftOut("a document that is empty")
    given = str(source.get("media_type", wanted)).partition(";")[0].strip().lower()
    if given != wanted and not (kind == "text" and given.startswith("text/")):
        raise LeftOut("a document of a type that Claude does not read")
    data = _pdf(source["data"]) if kind == "base64" else source["data"]
    return {"type": kind, "media_type": wanted, "data": data}


def _pdf(data: str) -> str:
    """The base64 *data* of a PDF: "standard PDF (no passwords/encryption)".

    Source: platform.claude.com/docs/en/build-with-claude/pdf-support.
    """
    clean = clean_base64(data, "a document")
    if b"%PDF-" not in base64.b64decode(clean[:_SIGNATURE_CHARS]):
        raise LeftOut("a document that is no PDF")
    if _ENCRYPTED.search(base64.b64decode(clean[-_TRAILER_CHARS:])):
        raise LeftOut("a PDF that is encrypted")
    return clean


def _content(blocks: list[Any]) -> list[dict[str, Any]]:
    """The blocks within a document, which may be text and images."""
    content = []
    for block in blocks:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text" and isinstance(block.get("text"), str) and block["text"].strip():
            content.append({"type": "text", "text": block["text"]})
        elif kind == "image" and isinstance(block.get("source"), dict):
            content.append({"type": "image", "source": _image_source(block["source"])})
    if not content:
        raise LeftOut("a document that is empty")
    return content


def _image_source(source: dict[str, Any]) -> dict[str, Any]:
    try:
        return picture_of_source(source).source
    except (KeyError, TypeError, AttributeError) as exc:
        raise LeftOut("a document with an image that has no source") from exc


def document_block(block: object) -> dict[str, Any]:
    """A *block* that came with a message, as the API takes it.

    Raises:
        LeftOut: It does not, or it is none.
    """
    if not isinstance(block, dict) or block.get("type") != "document":
        raise LeftOut("a document that is no document block")
    source = block.get("source")
    if not isinstance(source, dict) or not is_document_source(source):
        raise LeftOut("a document without a source")
    fields: dict[str, Any] = {
        name: block[name] for name in ("context", "title") if isinstance(block.get(name), str)
    }
    citations = block.get("citations")
    if isinstance(citations, dict):
        fields["citations"] = {"enabled": bool(citations.get("enabled"))}
    return {"type": "document", "source": document_source(source), **fields}
