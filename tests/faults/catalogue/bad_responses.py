"""The faults that are a whole response: statuses, what is no stream, streams that are wrong."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from resilient_claude.testing import HttpError, Raw
from resilient_claude.testing.script.wire import error_body

from .raw import Finish, Forever, RawScript, Send, answer_events, head, json_response, sse, streamed
from .streams import CANCELLED, GONE, INDISCREET, LASTING, ONCE
from .table import BOOKING, SPOKEN, TEXT, FaultSpec, Responds, Scenario, Sort, Where

ALONE = (Scenario.DIRECT,)
WITH_RESULT = (Where.RESPONSE, Where.TOOL_RESULT)
# Reading the body as what it claims to be failed.
UNREADABLE = (ValueError, zlib.error, aiohttp.ClientError, HttpProcessingError)


def status_fault(status: int, name: str = "", **facts: Any) -> FaultSpec:
    """An error of the API with its HTTP status."""
    headers = facts.setdefault("headers", {})
    step = HttpError(status, message=INDISCREET, headers=headers, body=facts.pop("body", None))
    return FaultSpec(
        name or str(status),
        Sort.STATUS,
        Responds(step),
        status=status,
        error_type=step.error_type,
        **facts,
    )


# The code for an organisation that has spent what it wanted to spend at most.
# Source: anthropic 2.12, types/shared/enforced_spend_limit_reached_error.py.
SPENT = {
    "type": "error",
    "error": {
        "type": "rate_limit_error",
        "message": INDISCREET,
        "details": {"error_code": "enforced_spend_limit_reached"},
    },
}
NO_CREDIT = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": f"Your credit balance is too low to access the Anthropic API. {INDISCREET}",
    },
}
FAR_AWAY = "Fri, 01 Jan 2100 00:00:00 GMT"
TRANSIENT = (408, 409, 429, 500, 502, 503, 504, 529)

STATUSES = (
    *(status_fault(status, whens=ONCE) for status in (400, 401, 402, 403, 404, 413)),
    *(status_fault(status, whens=ONCE, scenarios=ALONE) for status in (405, 418, 422, 499)),
    *(status_fault(s, scenarios=LASTING, wheres=WITH_RESULT) for s in TRANSIENT),
    *(status_fault(status, whens=ONCE, scenarios=ALONE) for status in (501, 520, 524)),
    *(
        status_fault(s, f"{s}-retry-after-fits", headers={"retry-after": "0.1"}, scenarios=ALONE)
        for s in (429, 503, 529)
    ),
    *(
        status_fault(s, f"{s}-retry-after-too-long", headers={"retry-after": "600"}, whens=ONCE)
        for s in (429, 503, 529)
    ),
    status_fault(
        429,
        "429-retry-after-ms-wins",
        headers={"retry-after-ms": "100", "retry-after": "600"},
        scenarios=ALONE,
    ),
    status_fault(429, "429-retry-after-soon", headers={"retry-after": "soon"}, scenarios=ALONE),
    status_fault(429, "429-retry-after-negative", headers={"retry-after": "-5"}, scenarios=ALONE),
    status_fault(429, "429-retry-after-date", headers={"retry-after": FAR_AWAY}, scenarios=ALONE),
    status_fault(429, "429-spend-limit", body=SPENT, spend_limit=True, whens=ONCE),
    # Source: the API's message under 400 when the account has no credit left.
    status_fault(400, "400-no-credit", body=NO_CREDIT, spend_limit=True, whens=ONCE),
    *(
        status_fault(s, f"{s}-should-not-retry", headers={"x-should-retry": "false"}, whens=ONCE)
        for s in (429, 500, 529)
    ),
    *(
        status_fault(s, f"{s}-should-retry", headers={"x-should-retry": "true"}, scenarios=ALONE)
        for s in (400, 404)
    ),
    *(
        status_fault(
            status,
            f"{status}-redirect",
            headers={"location": "http://127.0.0.1:1/v1/messages"},
            whens=ONCE,
            scenarios=ALONE,
        )
        for status in (301, 302, 307, 308)
    ),
    # A proxy or load balancer in between: no error of the API, no request-id.
    *(
        FaultSpec(
            f"{status}-of-a-proxy",
            Sort.STATUS,
            Responds(Raw(f"<html>Bad gateway<!-- {INDISCREET} -->", status=status)),
            status=status,
            request_id=False,
            whens=ONCE,
        )
        for status in (403, 502, 503)
    ),
    FaultSpec(
        "500-without-a-body",
        Sort.STATUS,
        Responds(Raw(b"", status=500)),
        status=500,
        request_id=False,
        whens=ONCE,
        scenarios=ALONE,
    ),
    FaultSpec(
        "500-with-a-body-without-end",
        Sort.STATUS,
        Responds(
            RawScript((Send(head(500)), Forever(b"4000\r\n" + b"x" * 0x4000 + b"\r\n", 0.001)))
        ),
        status=500,
        # A client of the application reads it for as long as the clock lets it.
        scenarios=(*ALONE, Scenario.SESSION, Scenario.FALLBACK, Scenario.CANCEL),
    ),
    FaultSpec(
        "500-with-a-body-that-drips",
        Sort.SILENT,
        Responds(RawScript((Send(head(500)), Forever(b"1\r\nx\r\n")))),
        status=500,
        scenarios=CANCELLED,
    ),
)

FOREIGN = (
    FaultSpec(
        "html",
        Sort.FOREIGN,
        Responds(Raw(b"<html>Log in</html>")),
        wheres=WITH_RESULT,
        scenarios=CANCELLED,
    ),
    FaultSpec("json", Sort.FOREIGN, Responds(Raw(b"{}", content_type="application/json"))),
    *(
        FaultSpec(
            f"{error_type.replace('_', '-')}-as-json",
            Sort.EVENT,
            Responds(
                RawScript((Send(json_response(200, error_body(error_type, INDISCREET, "req"))),))
            ),
            whens=ONCE,
            error_type=error_type,
        )
        for error_type in ("api_error", "overloaded_error", "authentication_error")
    ),
    FaultSpec(
        "message-as-json",
        Sort.FOREIGN,
        Responds(
            RawScript((Send(json_response(200, {"content": [{"type": "text", "text": TEXT}]})),))
        ),
        whens=ONCE,
    ),
    FaultSpec("nothing", Sort.ENDED, Responds(Raw(b"", content_type="text/event-stream"))),
    FaultSpec(
        "nothing-of-no-type",
        Sort.ENDED,
        Responds(RawScript((Send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),))),
        whens=ONCE,
        scenarios=ALONE,
    ),
    FaultSpec(
        "204",
        Sort.ENDED,
        Responds(RawScript((Send(b"HTTP/1.1 204 No Content\r\n\r\n"),))),
        whens=ONCE,
        scenarios=ALONE,
    ),
    FaultSpec(
        "html-called-an-event-stream",
        Sort.ENDED,
        Responds(Raw(b"<html>\n\n<p>Log in", content_type="text/event-stream")),
        whens=ONCE,
    ),
)


def wrong(name: str, *events: dict[str, Any] | bytes, **facts: Any) -> FaultSpec:
    """A response whose events are these, in one write."""
    given = {"whens": ONCE, "scenarios": (Scenario.DIRECT, Scenario.SESSION), **facts}
    return FaultSpec(name, Sort.MALFORMED, Responds(streamed(sse(events))), **given)


START, BLOCK, PING, *DELTAS, BLOCK_STOP, DELTA, STOP = answer_events(SPOKEN)
REST = (*DELTAS, BLOCK_STOP, DELTA, STOP)
TOOL_EVENTS = answer_events(BOOKING)
BAD_TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 7}}
THOUGHT = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "thinking_delta", "thinking": "Kilo lima."},
}
TWO_INPUTS = {
    **TOOL_EVENTS[1],
    "content_block": {**TOOL_EVENTS[1]["content_block"], "input": {"guests": 2}},
}
FOUR = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "input_json_delta", "partial_json": "[4]"},
}
CHUNK = b"40000\r\n" + b"x" * 0x40000 + b"\r\n"

MALFORMED = (
    wrong("event-is-no-object", START, b"data: [1, 2]\n\n", STOP),
    wrong("event-of-the-wrong-shape", START, BLOCK, BAD_TEXT, *REST),
    wrong("event-without-fields", {"type": "message_start"}, BLOCK, *REST),
    wrong("invalid-utf-8", START, BLOCK, b'data: {"type": "\xff\xfe"}\n\n', roots=(ValueError,)),
    wrong("two-message-starts", START, START, BLOCK, *REST),
    wrong("tool-delta-before-its-block", START, *TOOL_EVENTS[2:]),
    wrong("block-before-the-message", BLOCK, START, *REST),
    wrong("block-inside-of-a-tool", START, TOOL_EVENTS[1], {**BLOCK, "index": 1}, *REST),
    wrong("thinking-inside-of-text", START, BLOCK, THOUGHT, *REST),
    wrong("thinking-inside-of-a-tool", START, TOOL_EVENTS[1], THOUGHT, *TOOL_EVENTS[2:]),
    wrong("two-stop-reasons", START, DELTA, {**DELTA, "delta": {"stop_reason": "refusal"}}, STOP),
    wrong("two-inputs-of-a-tool", START, TWO_INPUTS, *TOOL_EVENTS[2:]),
    wrong(
        "more-values-than-can-be-read",
        START,
        BLOCK,
        b'data: {"a": [' + b"[]," * 50_000 + b"0]}\n\n",
    ),
    wrong("more-lines-than-can-be-read", START, BLOCK, b"data: 1\n" * 20_000 + b"\n"),
    wrong("block-stopped-twice", START, BLOCK, BLOCK_STOP, BLOCK_STOP, DELTA, STOP),
    wrong("block-after-the-stop-reason", START, DELTA, BLOCK, *REST),
    wrong("no-stop-reason", START, BLOCK, BLOCK_STOP, STOP),
    wrong("stop-at-once", STOP),
    wrong("error-without-fields", START, {"type": "error"}),
    wrong(
        "error-that-is-no-json",
        START,
        f"event: error\ndata: {INDISCREET}\n\n".encode(),
        roots=(json.JSONDecodeError,),
    ),
    wrong("tool-input-is-not-json", sse(TOOL_EVENTS).replace(b": 4}", b": ")),
    wrong("tool-input-is-no-object", START, TOOL_EVENTS[1], FOUR, *TOOL_EVENTS[-3:]),
    wrong("tool-never-closed", *(e for e in TOOL_EVENTS if e["type"] != "content_block_stop")),
    FaultSpec(
        "garbage-for-http",
        Sort.MALFORMED,
        Responds(RawScript((Send(b"\x00\x16\x03 garbage\r\n\r\n"), Finish("close")))),
        roots=UNREADABLE,
    ),
    FaultSpec(
        "garbage-for-a-chunk",
        Sort.MALFORMED,
        Responds(RawScript((Send(head() + b"no-size\r\n" + sse([START])), Forever()))),
        roots=UNREADABLE,
        whens=ONCE,
    ),
    FaultSpec(
        "header-too-long",
        Sort.MALFORMED,
        Responds(RawScript((Send(head(x_long="x" * 2_000_000)), Forever()))),
        roots=UNREADABLE,
        whens=ONCE,
        scenarios=ALONE,
    ),
    FaultSpec(
        "event-without-end",
        Sort.MALFORMED,
        Responds(RawScript((Send(head()), Forever(CHUNK, 0.0001)))),
        whens=ONCE,
        scenarios=ALONE,
    ),
    FaultSpec(
        "gzip-that-is-none",
        Sort.MALFORMED,
        Responds(streamed(sse(answer_events(SPOKEN)), content_encoding="gzip")),
        roots=UNREADABLE,
        whens=ONCE,
    ),
    FaultSpec(
        "body-shorter-than-told",
        Sort.CUT,
        Responds(
            RawScript(
                (
                    Send(head(transfer_encoding="", content_length="9999") + sse([START, BLOCK])),
                    Finish("close"),
                )
            )
        ),
        roots=GONE,
        whens=ONCE,
    ),
    FaultSpec(
        "gzip-truncated",
        Sort.ENDED,
        Responds(streamed(gzip.compress(sse([START, BLOCK]))[:-12], content_encoding="gzip")),
        whens=ONCE,
        scenarios=ALONE,
    ),
)
