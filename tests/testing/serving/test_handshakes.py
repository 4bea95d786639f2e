"""TLS: certificates that verify, handshakes that fail, and breaks below the encryption."""

from __future__ import annotations

import asyncio
import builtins
import json
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import pytest

from resilient_claude.testing import Break, SimulatedClaude
from resilient_claude.testing.script.breaks import Point
from tests.testing.raw_client import BODY, HEADERS, RawClient, eventually

END = b"0\r\n\r\n"


def handshake(claude: SimulatedClaude, host: str = "localhost", timeout_s: float = 5.0) -> None:
    """A verified handshake."""
    port = urlsplit(claude.base_url).port
    assert port is not None
    context = ssl.create_default_context(cafile=claude.ca_file)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as sock,
        context.wrap_socket(sock, server_hostname=host),
    ):
        pass


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_certificate_verifies_for_both_names(host: str) -> None:
    """Clients verify as they do in production."""
    with SimulatedClaude(tls=True) as claude:
        assert claude.base_url.startswith("https://localhost:")
        handshake(claude, host)


def test_the_certificate_does_not_verify_for_another_name() -> None:
    """A wrong host is a test's way to a certificate error."""
    with SimulatedClaude(tls=True) as claude, pytest.raises(ssl.SSLCertVerificationError):
        handshake(claude, "example.org")


def test_the_ca_is_not_trusted_by_default() -> None:
    """What TLS inspection looks like to a client."""
    with SimulatedClaude(tls=True) as claude:
        port = urlsplit(claude.base_url).port
        with (
            socket.create_connection(("127.0.0.1", port or 0), timeout=5) as sock,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")

        assert eventually(lambda: claude.open_connections == 0)


def test_an_answer_over_tls() -> None:
    """And a second one on the same connection."""
    with SimulatedClaude(tls=True) as claude, RawClient(claude) as raw:
        for _ in range(2):
            raw.send()
            assert b"message_stop" in raw.read_until(END)

        assert claude.connections == 1


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("hang", TimeoutError),
        ("alert", "HANDSHAKE_FAILURE"),
        ("plaintext", "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE"),
    ],
)
def test_a_handshake_fails_in_the_chosen_way_for_new_connections_only(
    mode: Any, error: type[Exception] | str
) -> None:
    """Each is a different exception to the client, and a different cause to its owner."""
    with SimulatedClaude(tls=True) as claude, RawClient(claude) as old:
        claude.tls_mode(mode)
        if isinstance(error, str):
            with pytest.raises(ssl.SSLError, match=f"(?i){error.replace('_', '[_ ]')}"):
                handshake(claude)
        else:
            with pytest.raises(error):
                handshake(claude, timeout_s=0.05)

        old.send()
        assert b"message_stop" in old.read_until(END)
        claude.tls_mode("normal")
        handshake(claude)


def test_a_connection_that_goes_dark_before_its_handshake_never_shakes_hands() -> None:
    """A TLS client waits for bytes that a dead path will not bring."""
    with SimulatedClaude(tls=True) as claude:
        port = urlsplit(claude.base_url).port or 0
        context = ssl.create_default_context(cafile=claude.ca_file)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=0.05) as one,
            socket.create_connection(("127.0.0.1", port), timeout=0.05) as two,
        ):
            assert eventually(lambda: claude.connections == 2)
            claude.go_dark()
            for sock in (one, two):
                with pytest.raises(TimeoutError):
                    context.wrap_socket(sock, server_hostname="localhost")
            handshake(claude)

        assert eventually(lambda: claude.open_connections == 0)


def test_tls_modes_are_checked() -> None:
    """A typo must not leave TLS working."""
    with SimulatedClaude(tls=True) as claude, pytest.raises(ValueError, match="mode must be one"):
        claude.tls_mode("broken")  # type: ignore[arg-type]
    with SimulatedClaude() as claude, pytest.raises(ValueError, match="needs SimulatedClaude"):
        claude.tls_mode("hang")


async def read_over_tls(claude: SimulatedClaude) -> bytes:
    """What asyncio reads of an answer; unlike `ssl.SSLSocket`, it keeps the OS's error."""
    context = ssl.create_default_context(cafile=claude.ca_file)
    port = urlsplit(claude.base_url).port
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    try:
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        body = json.dumps(BODY).encode()
        writer.write(f"POST /v1/messages HTTP/1.1\r\ncontent-length: {len(body)}\r\n".encode())
        writer.write(f"{head}\r\n".encode() + body)
        return await reader.read(-1)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("at", ["accept", "request", "headers", "message_start", "before_stop"])
async def test_reset_is_a_real_econnreset_under_tls_too(at: Point) -> None:
    """A TLS layer that said goodbye first would hide the fault."""
    with (
        SimulatedClaude(Break("reset", at=at), tls=True) as claude,
        pytest.raises(ConnectionResetError),
    ):
        await read_over_tls(claude)


def test_close_is_fin_without_close_notify() -> None:
    """A truncated TLS stream can be told from a finished one."""
    with SimulatedClaude(Break("close", at="text"), tls=True) as claude, RawClient(claude) as raw:
        raw.send()
        response, error = raw.read_to_reset()

        assert isinstance(error, ssl.SSLEOFError)
        assert b"text_delta" in response
        assert b"message_stop" not in response


def test_drop_idle_says_goodbye() -> None:
    """As servers do when keep-alive ends."""
    with SimulatedClaude(tls=True) as claude, RawClient(claude) as raw:
        raw.send()
        raw.read_until(END)
        claude.drop_idle()

        assert raw.sock.recv(1) == b""
        assert claude.open_connections == 0


def test_the_fault_and_the_fix_are_named_without_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install resilient-claude` does not bring it."""
    real_import = builtins.__import__

    def without_trustme(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "trustme":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_trustme)

    with pytest.raises(RuntimeError, match=r"pip install 'resilient-claude\[testing\]'"):
        SimulatedClaude(tls=True).start()
