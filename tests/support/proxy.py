"""What stands between a client and Claude on loopback: an HTTP proxy, and a port that leads on."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

from resilient_claude.testing.serving import http1
from resilient_claude.testing.serving.handshakes import ServerCertificates

from .serving import Serving, reset_when_closed

Does = Literal["forward", "hang", "close", "reset", "garbage", "inspect"] | int
"""What becomes of a request: it goes through, nothing, FIN, RST, nonsense, or an error status.

Who inspects what is said over TLS shows a certificate of an authority that nobody knows.
"""


class Proxy(Serving):
    """Answers each connection's request with the next of *does*, and then with the last.

    Attributes:
        asked: the first line of every request, without the version.
        credentials: the `proxy-authorization` header of every request, None where there was none.
    """

    def __init__(self, *does: Does) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.credentials: list[str | None] = []
        self._does = list(does)

    def do(self, *does: Does) -> None:
        """From now on, answer with these."""
        self._does = list(does)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request that a connection brings."""
        head = await http1.read_head(reader)
        if head is not None:
            await self._answer(head, reader, writer)

    async def _answer(
        self, head: http1.RequestHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.asked.append(f"{head.method} {head.target}")
        self.credentials.append(head.headers.get("proxy-authorization"))
        match self._does.pop(0) if len(self._does) > 1 else self._does[0]:
            case "forward":
                await _forward(head, reader, writer)
            case "hang":
                await reader.read()
            case "close":
                writer.close()
                await writer.wait_closed()
            case "reset":
                reset_when_closed(writer)
            case "garbage":
                writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
                await reader.read()
            case "inspect":
                writer.write(http1.head(200, {}))
                await _inspect(writer)
            case int(status):
                await http1.read_body(reader, head.headers)
                headers = {"content-length": "0", "connection": "close"}
                writer.write(http1.head(status, headers))
                await writer.drain()
                writer.write_eof()
                await reader.read()


async def _inspect(writer: asyncio.StreamWriter) -> None:
    certificates = ServerCertificates.issue()
    try:
        await writer.start_tls(certificates.context)
    except ssl.SSLError:
        pass  # who asked does not trust it
    finally:
        certificates.remove()


class Relay(Serving):
    """A port of localhost that leads to the port *leads_to*, which may change with time."""

    def __init__(self, leads_to: int) -> None:
        super().__init__()
        self.leads_to = leads_to

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what is said, both ways."""
        await _join(reader, writer, *await asyncio.open_connection("127.0.0.1", self.leads_to))


async def _forward(
    head: http1.RequestHead, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A tunnel for CONNECT; any other request is passed on, and then what follows it."""
    if head.method == "CONNECT":
        host, _, port = head.target.rpartition(":")
        there_reader, there = await asyncio.open_connection(host, int(port))
        writer.write(http1.head(200, {}))
    else:
        url = urlsplit(head.target)
        there_reader, there = await asyncio.open_connection(url.hostname, url.port)
        lines = [f"{head.method} {url.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in head.headers.items()]
        there.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    await _join(reader, writer, there_reader, there)


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there_reader: asyncio.StreamReader,
    there: asyncio.StreamWriter,
) -> None:
    """Pass on what either side says until both have ended."""
    try:
        await asyncio.gather(_pump(reader, there), _pump(there_reader, writer))
    finally:
        there.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
