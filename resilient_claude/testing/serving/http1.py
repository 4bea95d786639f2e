"""HTTP/1.1: reading requests within bounds, and framing responses."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 64 * 1024
# The Messages API takes 32 MB. Source: https://platform.claude.com/docs/en/api/errors
MAX_BODY_BYTES = 32 * 1024 * 1024
TERMINATOR = b"0\r\n\r\n"
"""The end of a chunked body."""
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    413: "Payload Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class RecordedRequest:
    """A request as it was received.

    Attributes:
        method: `POST`, `GET`, ...
        path: Without the query.
        query: Without the question mark.
        headers: By lower-case name; repeated ones are joined with commas.
        body: The parsed JSON; None if there is none.
        raw_body: The bytes of the body.
        connection: The ordinal of the connection it came on, from 1.
        at_s: Seconds from the start of the server until the request was complete.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    raw_body: bytes
    connection: int
    at_s: float

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to send another request on the same connection."""
        return self.headers.get("connection", "").lower() != "close"


class BadRequestError(Exception):
    """A request that cannot be answered regularly.

    Attributes:
        status: The HTTP status to refuse it with.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class RequestHead:
    """The request line and the headers."""

    method: str
    target: str
    headers: dict[str, str]


async def read_head(reader: asyncio.StreamReader) -> RequestHead | None:
    """Read the head of the next request; None when the client has left instead.

    Raises:
        BadRequestError: It is no HTTP, or longer than 64 KiB.
    """
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except asyncio.LimitOverrunError as exc:
        raise BadRequestError(431, f"headers exceed {MAX_HEAD_BYTES} bytes") from exc
    first, *lines = data.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400, f"not an HTTP/1.1 request line: {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequestError(400, f"not a header: {line[:80]!r}")
        key = name.lower()
        value = value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return RequestHead(parts[0], parts[1], headers)


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """Read the body that *headers* announce.

    Raises:
        BadRequestError: It is longer than 32 MiB, or its length is no number.
        asyncio.IncompleteReadError: The client left within the body.
        ConnectionError: The connection broke within the body.
    """
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunked(reader)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise BadRequestError(400, f"content-length must be a number, got {length!r}")
    size = int(length)
    if size <= MAX_BODY_BYTES:
        return await reader.readexactly(size)
    await _discard(reader, size)
    raise BadRequestError(413, "Request exceeds the maximum size")


def record(head: RequestHead, raw_body: bytes, *, connection: int, at_s: float) -> RecordedRequest:
    """Build the record of a request; a body that is no JSON, or too deep, is recorded as None."""
    url = urlsplit(head.target)
    try:
        body = json.loads(raw_body)
    except (ValueError, RecursionError):
        body = None
    return RecordedRequest(
        method=head.method,
        path=url.path,
        query=url.query,
        headers=head.headers,
        body=body,
        raw_body=raw_body,
        connection=connection,
        at_s=at_s,
    )


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Write the status line and headers of a response."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def request_id(serial: int) -> str:
    """Build the id of a response."""
    return f"req_{serial:024d}"


def chunk(data: bytes) -> bytes:
    """Frame *data* as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    too_long = False
    while True:
        line = await reader.readuntil(b"\r\n")
        try:
            size = int(line.split(b";")[0], 16)
        except ValueError as exc:
            raise BadRequestError(400, f"not a chunk size: {line[:80]!r}") from exc
        if size == 0:
            break
        if too_long or len(body) + size > MAX_BODY_BYTES:
            too_long = True
            await _discard(reader, size)
        else:
            body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    if too_long:
        raise BadRequestError(413, "Request exceeds the maximum size")
    return bytes(body)


async def _discard(reader: asyncio.StreamReader, size: int) -> None:
    # A client that is still sending sees a reset instead of our answer, so its body is taken first.
    while size > 0:
        data = await reader.read(min(size, MAX_HEAD_BYTES))
        if not data:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(data)
