"""What a hostile server, or a broken one, sends. Imports nothing of ours."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

FLOOD_BYTES = 8 * 2**20
"""How much comes of what says nothing."""


def response(name: str) -> bytes:
    """The whole response *name* of `RESPONSES`, after which the connection ends."""
    return _made(name)


@cache
def _made(name: str) -> bytes:
    return RESPONSES[name]()


def _head(status: int = 200, encoding: str = "") -> bytes:
    packed = f"content-encoding: {encoding}\r\n" if encoding else ""
    kind = "text/event-stream" if status == 200 else "application/json"
    return (
        f"HTTP/1.1 {status} Odd\r\ncontent-type: {kind}\r\n{packed}connection: close\r\n".encode()
    )


def _whole(body: bytes, status: int = 200, encoding: str = "") -> bytes:
    return _head(status, encoding) + b"content-length: %d\r\n\r\n" % len(body) + body


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _begun() -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    counts = {"input_tokens": 1, "output_tokens": 1}
    return _event("message_start", message={**message, "model": "claude", "usage": counts})


def _block(index: int) -> bytes:
    return _event("content_block_start", index=index, content_block={"type": "text", "text": ""})


def _delta(text: str) -> bytes:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _flood(piece: bytes) -> Callable[[], bytes]:
    return lambda: _whole(_begun() + _block(0) + piece * (FLOOD_BYTES // len(piece)))


def _bomb(layers: int) -> bytes:
    body = bytes(2**27)
    for _ in range(layers):
        body = gzip.compress(body)
    return _whole(body, 529, ", ".join(["gzip"] * layers))


def _packed_stream() -> bytes:
    return _whole(gzip.compress(_begun() + b": nothing\n\n" * (4 * FLOOD_BYTES // 11)), 200, "gzip")


def _blocks() -> bytes:
    stops = (_block(n) + _event("content_block_stop", index=n) for n in range(5_000))
    return _whole(_begun() + b"".join(stops))


def _small_objects() -> bytes:
    objects = b"{}," * (FLOOD_BYTES // 3)
    return _whole(_begun() + b'data: {"type":"ping","more":[' + objects + b"0]}\n\n")


def _tags() -> bytes:
    return _whole(_begun() + _block(0) + _delta("<thinking>a<") * 40_000)


def _broken_off() -> bytes:
    return _whole(_begun() + _block(0) + b"".join(_delta(f"w{n} ") for n in range(40_000)))


RESPONSES: Mapping[str, Callable[[], bytes]] = {
    "gzip bomb for an error": lambda: _bomb(1),
    "gzip in gzip": lambda: _bomb(2),
    "gzipped stream": _packed_stream,
    "data lines without end": _flood(b"data: x\n"),
    "blank lines": _flood(b"\n"),
    "pings": _flood(_event("ping")),
    "comments": _flood(b": nothing\n\n"),
    "empty deltas": _flood(_delta("")),
    "5,000 blocks": _blocks,
    "one event of small objects": _small_objects,
    "tags of thinking": _tags,
    "an answer that breaks off, twice": _broken_off,
    "100 kB of 1xx": lambda: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 4_000 + _whole(_begun()),
}
