"""What is known about an attempt: written while it runs, read when it has failed.

A new fact that log lines shall tell is a field of `Evidence`, written where it becomes known, and a
field of `Failure` of the same name; everything in between takes it along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from .failure import Failure, Origin, Phase


@dataclass(slots=True)
class Evidence:
    """What is known about one attempt.

    The attempt makes it, the sockets write it while the attempt runs, `classify` reads it. A socket
    may keep it for as long as the connection is open, so it must not hold the conversation.

    Attributes:
        phase: the last phase that began.
        https: whether the URL asks for TLS.
        proxy: host and port of the proxy that is connected first.
        peer: the address that is connected, or that was tried last.
        handshake_ended: whether the peer ended the connection (FIN) during the TLS handshake.
        tls_issuer: who issued the certificate over which a handshake failed.
        tls_subject: whose certificate that was.
        tls_not_before: since when it was valid.
        tls_not_after: until when it was valid.
        status: the HTTP status of the response.
        server: the `server` header of a response that is not the API's.
        via: the `via` header of such a response.
        location: the host that such a response leads to.
        request_id: the `request-id` header of the response, the proof that Anthropic answered.
        loop_lag_s: how long the event loop stood still, seconds; None if it was not noticed.
        on_phase: called with each phase that begins.
    """

    phase: Phase = Phase.BUILD
    https: bool = True
    proxy: str | None = None
    peer: str | None = None
    handshake_ended: bool = False
    tls_issuer: str | None = None
    tls_subject: str | None = None
    tls_not_before: str | None = None
    tls_not_after: str | None = None
    status: int | None = None
    server: str | None = None
    via: str | None = None
    location: str | None = None
    request_id: str | None = None
    loop_lag_s: float | None = None
    on_phase: Callable[[Phase], None] | None = None

    @property
    def proxied(self) -> bool:
        """Whether a proxy is connected first."""
        return self.proxy is not None

    @property
    def origin_between(self) -> Origin:
        """Whose side it was on if it was not Anthropic's: without TLS, the proxy is the peer."""
        return Origin.PROXY if self.proxied and not self.https else Origin.UNKNOWN

    def enter(self, phase: Phase) -> None:
        """*phase* begins."""
        self.phase = phase
        if self.on_phase is not None:
            self.on_phase(phase)

    def facts(self) -> dict[str, Any]:
        """The fields that a `Failure` has as well, but for those that `classify` judges."""
        facts = {name: getattr(self, name) for name in _SHARED}
        if self.request_id is not None:  # Anthropic's own id tells more than an address
            facts["peer"] = None
        return facts


_JUDGED = {"phase", "status"}
_SHARED = {f.name for f in fields(Evidence)} & {f.name for f in fields(Failure)} - _JUDGED


EXCERPT_CHARS = 100
"""How much of what somebody else wrote is kept, in characters."""


def excerpt(text: str | None) -> str | None:
    """What somebody else wrote, short and without control characters; None if that is nothing."""
    cut = (text or "")[:EXCERPT_CHARS].strip()
    return "".join(char if char.isprintable() else "?" for char in cut) or None
