"""What a TLS handshake writes into the evidence: that it has begun, and what certificate it met."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from resilient_claude.failures.evidence import Evidence, excerpt
from resilient_claude.failures.failure import Phase

from .current_evidence import current_evidence


class ObservedSSLObject(ssl.SSLObject):
    """Writes into the evidence when TLS begins, and what certificate it failed over."""

    def do_handshake(self) -> None:
        """Take the handshake as far as it goes without the peer."""
        evidence = current_evidence.get()
        if evidence is not None and evidence.phase is Phase.CONNECT:
            evidence.enter(Phase.TLS)
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if evidence is not None:
                _record_certificate(peer_certificate(self), evidence)
            raise


def peer_certificate(tls: ssl.SSLObject) -> dict[str, Any]:
    """The peer's certificate as `getpeercert` tells it, verified or not; empty if there is none.

    `getpeercert` tells nothing of one that was refused; this does with OpenSSL 3.
    Source: Modules/_ssl.c, `_SSLSocket.get_unverified_chain`, public since Python 3.13.
    """
    with suppress(AttributeError, ValueError, ssl.SSLError):
        chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        if chain:
            info: dict[str, Any] = chain[0].get_info()
            return info
    return {}


def _record_certificate(certificate: dict[str, Any], evidence: Evidence) -> None:
    if certificate:
        evidence.tls_issuer = _name(certificate.get("issuer", ()))
        evidence.tls_subject = _name(certificate.get("subject", ()))
        evidence.tls_not_before = excerpt(certificate.get("notBefore"))
        evidence.tls_not_after = excerpt(certificate.get("notAfter"))


def _name(parts: Iterable[Iterable[tuple[str, str]]]) -> str | None:
    """A distinguished name, such as `commonName=Corp CA, organizationName=Corp`."""
    return excerpt(", ".join(f"{name}={value}" for part in parts for name, value in part))
