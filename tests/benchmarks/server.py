"""A fast, healthy Messages API on loopback, in a process of its own. Imports nothing of ours.

A fourth Claude beside the simulated, the raw and the scripted one: their scripts, records and
checks would cost more than what is measured here.

The first part of the path says what is streamed: `/500at0/v1/messages` are 500 tokens at once,
`/160at80/v1/messages` are 160 tokens at 80 per second, each with the time it was sent at, and
`/hostile0/v1/messages` is the first of the responses in `hostile`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import ssl
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import hostile

HOST = "127.0.0.1"
ROOT = Path(__file__).parents[2]
LIFETIME_S = 1800.0
"""The server ends by itself after this, should nobody end it."""

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\nrequest-id: req_benchmark\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PATH = re.compile(rb"/(\d+)at(\d+)/v1/messages")
_HOSTILE = re.compile(rb"/hostile(\d+)/v1/messages")
_MODELS = b'{"data":[],"has_more":false,"first_id":null,"last_id":null}'
_WORDS = ("The", " doctor", " has", " time", " for", " you", " on", " Thursday", " morning", ".")


class BenchmarkServer:
    """The server's process; use it with `with`.

    Attributes:
        http: its base URL.
        https: likewise with TLS; None without trustme.
        ca_file: PEM file of the CA to trust.
        pid: its process.
    """

    def __init__(self, lifetime_s: float = LIFETIME_S) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.server", "--lifetime", str(lifetime_s)],
            cwd=ROOT,
            stdin=subprocess.PIPE,  # it ends when this does, so never outlives us
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.http = f"http://{HOST}:{ready['http']}"
        self.https = None if ready["https"] is None else f"https://localhost:{ready['https']}"
        self.ca_file: str | None = ready["ca_file"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=10)


def base_url(server_url: str, *, tokens: int, per_s: int) -> str:
    """Where a client asks for *tokens* tokens at *per_s* per second; 0 means all at once."""
    return f"{server_url}/{tokens}at{per_s}"


def hostile_url(server_url: str, number: int) -> str:
    """Where a client gets the response *number* of `hostile.RESPONSES`."""
    return f"{server_url}/hostile{number}"


class _Connection(asyncio.Protocol):
    """One connection: requests in, one after the other, streams out."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._received = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end])
        length = _LENGTH.search(head)
        if len(self._received) < end + 4 + (int(length[1]) if length else 0):
            return
        self._received.clear()
        first_line = head.partition(b"\r\n")[0]
        path = _PATH.search(first_line)
        if hostile_path := _HOSTILE.search(first_line):
            self._transport.write(hostile.response([*hostile.RESPONSES][int(hostile_path[1])]))
            self._transport.close()
        elif path is None:
            head = (
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            )
            self._transport.write(head % len(_MODELS) + _MODELS)
        elif path[2] == b"0":
            self._transport.write(_burst(int(path[1])))
        else:
            self._transport.write(_HEAD + _opening())
            self._pace(self._loop.time(), 1 / int(path[2]), 0, int(path[1]))

    def _pace(self, at: float, step_s: float, sent: int, tokens: int) -> None:
        token = _delta(f"@{time.monotonic():.5f} ")
        if sent + 1 == tokens:
            self._transport.write(token + _closing(tokens))
            return
        self._transport.write(token)
        self._timer = self._loop.call_at(
            at + step_s, self._pace, at + step_s, step_s, sent + 1, tokens
        )


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    event = f"event: {kind}\ndata: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(event), event)


@cache
def _opening() -> bytes:
    usage = {"input_tokens": 900, "output_tokens": 1, "cache_read_input_tokens": 0}
    message: dict[str, Any] = {
        "id": "msg_0123456789abcdefghijklmn",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "cache_creation_input_tokens": 0, "service_tier": "standard"},
    }
    block = {"type": "text", "text": ""}
    return (
        _event("message_start", message=message)
        + _event("content_block_start", index=0, content_block=block)
        + _event("ping")
    )


def _delta(text: str) -> bytes:
    # Written out, because json.dumps would be half of the server's work.
    data = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}'
    event = b"event: content_block_delta\ndata: %b\n\n" % (data % text.encode())
    return b"%x\r\n%b\r\n" % (len(event), event)


@cache
def _closing(tokens: int) -> bytes:
    return (
        _event("content_block_stop", index=0)
        + _event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": tokens},
        )
        + _event("message_stop")
        + b"0\r\n\r\n"
    )


@cache
def _burst(tokens: int) -> bytes:
    deltas = b"".join(_delta(_WORDS[n % len(_WORDS)]) for n in range(tokens))
    return _HEAD + _opening() + deltas + _closing(tokens)


def _tls(folder: Path) -> tuple[ssl.SSLContext, str] | tuple[None, None]:
    try:
        import trustme
    except ImportError:
        return None, None
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", HOST).configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return context, str(ca_file)


async def _serve(lifetime_s: float, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    context, ca_file = _tls(folder)
    http = await loop.create_server(lambda: _Connection(loop), HOST, 0, backlog=1024)
    ports: dict[str, int | str | None] = {"http": http.sockets[0].getsockname()[1], "https": None}
    if context is not None:
        https = await loop.create_server(lambda: _Connection(loop), HOST, 0, ssl=context)
        ports["https"] = https.sockets[0].getsockname()[1]
    sys.stdout.write(json.dumps(ports | {"ca_file": ca_file}) + "\n")
    sys.stdout.flush()
    gc.freeze()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    loop.call_later(lifetime_s, ended.set)
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lifetime", type=float, default=LIFETIME_S, help="seconds")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_serve(parser.parse_args().lifetime, Path(folder)))


if __name__ == "__main__":
    main()
