"""A client that shows every byte and every way in which a connection ends."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from resilient_claude.testing import SimulatedClaude

HEADERS = {"x-api-key": "key", "anthropic-version": "2023-06-01"}
BODY: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "stream": True,
    "messages": [{"role": "user", "content": "Hello."}],
}
QUIET_S = 0.05


class RawClient:
    """One TCP or TLS connection."""

    def __init__(self, claude: SimulatedClaude) -> None:
        url = urlsplit(claude.base_url)
        assert url.port is not None
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", url.port), timeout=5)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=claude.ca_file)
            self.sock = context.wrap_socket(
                self.sock, server_hostname="localhost", suppress_ragged_eofs=False
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(
        self,
        body: bytes | dict[str, Any] | None = None,
        *,
        method: str = "POST",
        path: str = "/v1/messages",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a request; a valid one unless told otherwise."""
        data = body if isinstance(body, bytes) else json.dumps(body or BODY).encode()
        lines = {"host": "x", "content-length": str(len(data)), **(headers or HEADERS)}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)

    def read_to_end(self) -> bytes:
        """Read to EOF."""
        data = b""
        while part := self.sock.recv(65536):
            data += part
        return data

    def read_until(self, end: bytes) -> bytes:
        """Read until what was read ends with *end*."""
        data = b""
        while not data.endswith(end):
            part = self.sock.recv(65536)
            assert part, f"EOF after {data!r}"
            data += part
        return data

    def read_until_quiet(self, quiet_s: float = QUIET_S) -> bytes:
        """Read until nothing has come for *quiet_s* seconds; EOF is an error."""
        self.sock.settimeout(quiet_s)
        data = b""
        try:
            while part := self.sock.recv(65536):
                data += part
        except TimeoutError:
            return data
        finally:
            self.sock.settimeout(5)
        raise AssertionError(f"EOF after {data!r}")

    def read_to_reset(self) -> tuple[bytes, OSError]:
        """Read until the connection breaks; EOF is an error."""
        data = b""
        try:
            while part := self.sock.recv(65536):
                data += part
        except OSError as exc:
            return data, exc
        raise AssertionError(f"EOF after {data!r}")


def split_head(response: bytes) -> tuple[str, dict[str, str], bytes]:
    """The status line, the headers and what follows them."""
    head, _, rest = response.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return status, {name.lower(): value.strip() for name, _, value in pairs}, rest


def dechunk(data: bytes) -> tuple[list[bytes], bool]:
    """The chunks of a chunked body, and whether it is terminated."""
    chunks: list[bytes] = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            assert data == b"\r\n"
            return chunks, True
        assert data[length : length + 2] == b"\r\n"
        chunks.append(data[:length])
        data = data[length + 2 :]
    return chunks, False


def parse_events(stream: bytes) -> list[dict[str, Any]]:
    """The data of the events of a stream."""
    lines = stream.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def eventually(fact: Callable[[], bool], within_s: float = 2.0) -> bool:
    """Whether *fact* becomes true."""
    deadline_s = time.monotonic() + within_s
    while not fact():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.001)
    return True
