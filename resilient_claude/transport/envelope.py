"""What the SDK puts around a body, which is the same in every turn, and building it costs time."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx2
import yarl
from multidict import CIMultiDict

from resilient_claude.request.request import Request

if TYPE_CHECKING:
    import anthropic

MOST_ENVELOPES = 64
"""How many envelopes of a client are kept: more come only of keys and headers that rotate."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is around a body.

    Attributes:
        method: of HTTP.
        url: where it goes.
        headers: in the SDK's order.
    """

    method: str
    url: yarl.URL
    headers: CIMultiDict[str] = field(repr=False)

    @classmethod
    def of(cls, request: httpx2.Request) -> Envelope:
        """The envelope of a request that the SDK made."""
        headers = CIMultiDict(request.headers.multi_items())
        return cls(request.method, yarl.URL(str(request.url), encoded=True), headers)

    def headers_for(self, content: bytes) -> CIMultiDict[str]:
        """The headers with the length of *content*."""
        headers = self.headers.copy()
        if "content-length" in headers:
            headers["content-length"] = str(len(content))
        return headers


class Envelopes:
    """The envelopes that are known, by client and by what they depend on besides it."""

    def __init__(self) -> None:
        self._by_client: weakref.WeakKeyDictionary[
            object, dict[Hashable, tuple[httpx2.URL, Envelope]]
        ] = weakref.WeakKeyDictionary()

    def find(self, client: anthropic.AsyncAnthropic, request: Request) -> Envelope | None:
        """The envelope of *request*, if it is known."""
        base_url, envelope = self._by_client.get(client, {}).get(_key(client, request), _UNKNOWN)
        # The same object until the client is given another; comparing URLs costs time.
        return envelope if base_url is client.base_url else None

    def keep(
        self, client: anthropic.AsyncAnthropic, request: Request, envelope: Envelope
    ) -> Envelope:
        """Remember *envelope* for requests like *request*."""
        known = self._by_client.setdefault(client, {})
        if len(known) >= MOST_ENVELOPES:
            known.clear()
        known[_key(client, request)] = client.base_url, envelope
        return envelope


_UNKNOWN = (None, None)


def _key(client: anthropic.AsyncAnthropic, request: Request) -> Hashable:
    return client.api_key, client.auth_token, repr(request.headers), repr(request.query)
