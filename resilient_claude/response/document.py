"""A body under HTTP 200 that is one JSON document and no stream: what it says went wrong. Pure.

Gateways answer so when something failed behind a status that they had sent already, or when they
know no streams. Such a document is never an answer. A whole message in it would be one by its own
words, but it comes when all of it is written, and the caller hears nothing until then: in every
turn, as long as nobody is told. So it is a fault that says what came.
"""

from __future__ import annotations

from resilient_claude.failures.faults import Fault, malformed
from resilient_claude.failures.statuses import fault_of_document

from .bounded_json import read_json

DOCUMENT_BYTES = 64 * 1024
"""How long a document can be of which more is said than that it is no stream."""

WHOLE_MESSAGE = "a whole message as JSON, not a stream: the gateway ignores `stream`"


def is_json(content_type: str) -> bool:
    """Whether *content_type*, in lower case and without parameters, is one of JSON."""
    return content_type in ("application/json", "text/json") or content_type.endswith("+json")


def read_document(body: bytes) -> Fault | None:
    """The fault that *body* stands for; None if it is no JSON object, or says nothing we know."""
    if len(body) > DOCUMENT_BYTES:
        return malformed(WHOLE_MESSAGE) if _looks_like_message(body) else None
    try:
        value = read_json(body)
    except ValueError:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # as Google's gateways answer
    if not isinstance(value, dict):
        return None
    said = value.get("content"), value.get("choices")
    if value.get("type") == "message" or (
        any(isinstance(part, list) for part in said) and not value.get("error")
    ):
        return malformed(WHOLE_MESSAGE)
    return fault_of_document(value)


def _looks_like_message(body: bytes) -> bool:
    """Whether *body*, which is too long to be read, begins or ends as messages do."""
    return any(b'"stop_reason"' in part for part in (body[:1024], body[-1024:]))
