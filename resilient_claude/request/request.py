"""One Messages API request, ready to be sent any number of times. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from resilient_claude.request.history.message import KnownJson

from .encoding import encode
from .thinking import prefix_of


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An argument that could not be sent as given, and why; for the caller to log once."""

    argument: str
    reason: str


@dataclass(frozen=True)
class Request:
    """One Messages API request, ready to be sent any number of times; never changed in place.

    Attributes:
        body: The JSON body, in the SDK's key order.
        headers: Headers beyond the client's own.
        query: Query parameters.
        adjustments: What had to be changed.
        timeout_s: The caller's own timeout for this call, seconds.
        known_json: The JSON of what the messages begin with, or did before they were changed.
    """

    body: dict[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, object]
    adjustments: tuple[Adjustment, ...] = ()
    timeout_s: float | None = None
    known_json: KnownJson | None = field(default=None, repr=False)

    def content(self) -> bytes:
        """The body as the SDK would encode it; encoded once.

        Raises:
            TypeError: A field of the body is not JSON; the message names the field.
        """
        return self._content

    @cached_property
    def _content(self) -> bytes:
        return encode(self.body, self.known_json)

    def prefix(self) -> str:
        """What the thinking of the answer is bound to, for its `ThinkingRecord`."""
        return prefix_of(self.body, len(self.body["messages"]))
