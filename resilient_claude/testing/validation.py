"""Whether a request keeps the rules of the Messages API. Pure: no I/O."""

from collections.abc import Mapping

from resilient_claude.testing.script import HttpError


def validate(headers: Mapping[str, str], raw_body: bytes) -> HttpError | None:
    """Return the documented error for a `POST /v1/messages`, or None."""
    return validate_headers(headers)


def validate_headers(headers: Mapping[str, str]) -> HttpError | None:
    """Return the documented error for any request's headers, or None."""
    return None
