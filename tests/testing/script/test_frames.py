"""AWS's binary framing, as botocore reads it."""

from __future__ import annotations

import json

from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]

from resilient_claude.testing.script import frames


def read(data: bytes) -> list[dict[str, object]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [message.to_response_dict() for message in buffer]


def test_an_event_is_what_botocore_reads() -> None:
    """It checks both sums, and the lengths."""
    (told,) = read(frames.event({"type": "ping"}))

    assert told["status_code"] == 200
    assert json.loads(bytes(told["body"])) == {"bytes": "eyJ0eXBlIjogInBpbmcifQ=="}  # type: ignore[call-overload]


def test_an_exception_is_one_for_botocore() -> None:
    """Under HTTP 200, in a frame of its own."""
    (told,) = read(frames.exception("throttlingException", "Slow down."))

    assert told["status_code"] == 400
    assert told["headers"] == {
        ":exception-type": "throttlingException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    assert json.loads(bytes(told["body"])) == {"message": "Slow down."}  # type: ignore[call-overload]
