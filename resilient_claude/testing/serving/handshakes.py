"""The test CA, and the ways in which a TLS handshake goes wrong."""

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

TlsMode: TypeAlias = Literal["normal", "hang", "alert", "plaintext"]
"""What a new connection meets: a handshake, silence, a fatal alert, or a server without TLS."""

# A fatal (2) handshake_failure (40) alert, RFC 8446 section 6.
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
PLAINTEXT = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 28\r\n"
    b"connection: close\r\n\r\nThis port does not speak TLS"
)


@dataclass(frozen=True)
class ServerCertificates:
    """A server's TLS context, and the CA its clients must trust."""

    context: ssl.SSLContext
    ca_path: Path

    @classmethod
    def issue(cls) -> "ServerCertificates":
        """Issue a certificate for localhost and 127.0.0.1 from a new CA.

        Raises:
            RuntimeError: trustme is not installed.
        """
        try:
            import trustme
        except ImportError as exc:
            raise RuntimeError(
                "SimulatedClaude(tls=True) needs trustme: pip install 'resilient-claude[testing]'"
            ) from exc
        ca = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        with tempfile.NamedTemporaryFile(
            prefix="simulated-claude-", suffix=".pem", delete=False
        ) as file:
            file.write(ca.cert_pem.bytes())
        return cls(context, Path(file.name))

    def remove(self) -> None:
        """Remove the CA's file."""
        self.ca_path.unlink(missing_ok=True)
