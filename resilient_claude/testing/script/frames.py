"""AWS's binary framing of event streams, in which Bedrock sends an answer, as values: no I/O.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html, "Event stream encoding";
botocore, data/bedrock-runtime, `ResponseStream`.
"""

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
"""What a response of such frames says that it is."""

EXCEPTIONS: Mapping[int, str] = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
"""What Bedrock calls an error, by its HTTP status."""

_STRING = 7


def event(data: Mapping[str, Any]) -> bytes:
    """One event of the Messages API as Bedrock sends it."""
    headers = {
        ":event-type": "chunk",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return frame(headers, {"bytes": base64.b64encode(json.dumps(data).encode()).decode()})


def exception(name: str, message: str) -> bytes:
    """What Bedrock sends in the stream, under HTTP 200, when it cannot go on."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return frame(headers, {"message": message})


def frame(headers: Mapping[str, str], payload: Mapping[str, str]) -> bytes:
    """One message of the framing, with both of its checksums."""
    data = json.dumps(payload).encode()
    fields = b"".join(
        bytes([len(name)])
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", len(fields) + len(data) + 16, len(fields))
    message = prelude + struct.pack("!I", crc32(prelude)) + fields + data
    return message + struct.pack("!I", crc32(message))
