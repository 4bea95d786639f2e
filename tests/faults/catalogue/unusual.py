"""Answers that are unusual and right, and messages that end properly without being an answer."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from resilient_claude.testing import Answer

from .bad_responses import ALONE, BLOCK, BLOCK_STOP, DELTA, PING, REST, START, STOP
from .raw import (
    Finish,
    Forever,
    RawScript,
    Send,
    answer_events,
    error_event,
    head,
    sse,
    streamed,
    whole,
)
from .streams import EVERY, INDISCREET, ONCE
from .table import (
    BOOKING,
    SPOKEN,
    SPOKEN_BOOKING,
    TEXT,
    FaultSpec,
    Responds,
    Scenario,
    Sort,
    When,
    Where,
)

# --- unusual and right --------------------------------------------------------------------------


def harmless(name: str, means: Answer | RawScript | bytes, **facts: Any) -> FaultSpec:
    """An answer that is whole, however it is written; bytes are the body of its stream."""
    step = streamed(means) if isinstance(means, bytes) else means
    given = {"text": TEXT, "whens": EVERY, "scenarios": ALONE, **facts}
    return FaultSpec(name, Sort.HARMLESS, Responds(step), **given)


def block(kind: str, **fields: Any) -> dict[str, Any]:
    """The start of a block."""
    return {"type": "content_block_start", "index": 0, "content_block": {"type": kind, **fields}}


def delta(kind: str, **fields: Any) -> dict[str, Any]:
    """A delta of the block that is open."""
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}


def at(index: int, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """*events* as those of the block with this index."""
    return [{**event, "index": index} if "index" in event else event for event in events]


UNICODE = "Grüße aus Köln, 你好, שלום, 🎉👩‍👩‍👧."
HUGE = ("Words and words " * 20_000, "and even more of them. " * 20_000)
UNKNOWN = {"type": "weather_report", "sky": {"clouds": 3}}
NEW_BLOCK = at(7, block("hologram"), delta("photon_delta"), BLOCK_STOP)
WHOLE = sse(answer_events(SPOKEN))
NAMELESS = b"".join(line + b"\n" for line in WHOLE.split(b"\n") if line[:6] != b"event:")
BOOKED = block("tool_use", id="toolu_1", name="book", input={"guests": 4})
DONE_TEXT = sse([START, BLOCK, *REST[:-1]]) + b"data: [DONE]\n\n"
SEARCH = block("server_tool_use", id="srvtoolu_1", name="web_search", input={})
TWO_TEXTS = [
    *(block("text", text=""), delta("text_delta", text="Alpha bravo "), BLOCK_STOP),
    *at(2, block("text", text=""), delta("text_delta", text="charlie delta echo."), BLOCK_STOP),
]
IN_SESSION = (Scenario.DIRECT, Scenario.SESSION)
EVERYWHERE = (*IN_SESSION, Scenario.CLIENT, Scenario.FALLBACK)
TOOL = answer_events(BOOKING)
UNCLOSED = (
    *(block("text", text=""), delta("text_delta", text="Alpha bravo ")),
    *at(1, block("text", text=""), delta("text_delta", text="charlie delta echo."), BLOCK_STOP),
)


def named_without_input(start: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The *start* of a tool call whose input is what is *given*, or left out."""
    fields = {key: value for key, value in start["content_block"].items() if key != "input"}
    return {**start, "content_block": {**fields, **given}}


def ending(reason: str | None) -> list[dict[str, Any]]:
    """The last events of a message with this stop reason."""
    end = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {}}
    return [end, STOP]


def booked(name: str, *events: dict[str, Any] | bytes, **facts: Any) -> FaultSpec:
    """A whole answer of these *events*, with the tool's call and nothing else."""
    given = {"text": "", "tool": True, "scenarios": IN_SESSION, **facts}
    return harmless(name, sse(events), **given)


HARMLESS = (
    harmless(
        "one-byte-at-a-time", Answer(UNICODE, drip_bytes=1), text=UNICODE, scenarios=IN_SESSION
    ),
    harmless("crlf", Answer(TEXT, line_end="\r\n"), scenarios=IN_SESSION),
    harmless("crlf-one-byte-at-a-time", Answer(TEXT, line_end="\r\n", drip_bytes=1)),
    harmless("cr", Answer(TEXT, line_end="\r")),
    harmless("byte-order-mark", b"\xef\xbb\xbf" + NAMELESS),
    harmless("events-without-names", NAMELESS),
    harmless("no-space-after-the-colon", WHOLE.replace(b"data: ", b"data:")),
    harmless("data-on-two-lines", WHOLE.replace(b',"', b',\ndata: "')),
    harmless("garbage-lines", b"\x00\xff\xfe garbage\n" + WHOLE),
    harmless("unknown-event", sse([UNKNOWN, START, UNKNOWN, BLOCK, *REST])),
    harmless("unknown-block", sse([START, *NEW_BLOCK, BLOCK, *REST])),
    harmless("unknown-delta", sse([START, BLOCK, delta("mood_delta"), *REST])),
    harmless("pings-everywhere", sse([PING, START, PING, BLOCK, PING, *REST])),
    harmless("two-message-deltas", sse([START, BLOCK, *REST[:-1], DELTA, STOP])),
    harmless("huge-deltas", Answer(pieces=HUGE), text="".join(HUGE)),
    harmless("gzip", streamed(gzip.compress(WHOLE), content_encoding="gzip"), scenarios=IN_SESSION),
    harmless("deflate", streamed(zlib.compress(WHOLE), content_encoding="deflate")),
    harmless("no-content-type", streamed(WHOLE, content_type="")),
    harmless(
        "until-the-connection-closes",
        RawScript((Send(head(transfer_encoding="", connection="close") + WHOLE), Finish("close"))),
    ),
    harmless(
        "early-hints",
        RawScript(
            (Send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), *whole(SPOKEN).actions)
        ),
    ),
    harmless(
        "body-left-open",
        RawScript((Send(head() + b"%x\r\n%b\r\n" % (len(WHOLE), WHOLE)), Forever())),
        scenarios=IN_SESSION,
    ),
    harmless(
        "stop-reason-of-tomorrow",
        Answer(TEXT, stop_reason="end_of_tomorrow"),
        reported=True,  # the operator learns that there is a new one
    ),
    harmless("message-stop-twice", WHOLE + sse([STOP])),
    harmless("error-after-the-end", WHOLE + error_event("overloaded_error", INDISCREET)),
    harmless("garbage-after-the-end", WHOLE + b"data: {garbage\n\n"),
    harmless(
        "error-after-the-end-of-a-call",
        sse(answer_events(BOOKING)) + error_event("api_error", INDISCREET),
        text="",
        tool=True,
        scenarios=IN_SESSION,
    ),
    harmless(
        "tool-without-a-delta",
        sse([START, BOOKED, BLOCK_STOP, *answer_events(BOOKING)[-2:]]),
        text="",
        tool=True,
        scenarios=IN_SESSION,
    ),
    harmless(
        "text-in-the-start-of-a-block",
        sse([START, block("text", text="Alpha bravo "), *REST[2:]]),
    ),
    harmless(
        "text-around-a-server-tool",
        sse([START, *TWO_TEXTS[:3], *at(1, SEARCH, BLOCK_STOP), *TWO_TEXTS[3:], DELTA, STOP]),
    ),
    harmless("thinking-first", Answer(TEXT, thinking="Kilo lima."), scenarios=IN_SESSION),
    # --- whole by its own words: what other clients accept
    harmless("no-message-stop", sse([START, BLOCK, *REST[:-1]]), scenarios=EVERYWHERE),
    booked("no-message-stop-after-a-call", *TOOL[:-1], scenarios=EVERYWHERE),
    harmless(
        "no-message-stop-of-a-body-with-a-length",
        RawScript(
            (
                Send(
                    head(transfer_encoding="", content_length=str(len(sse([*TOOL[:-1]]))))
                    + sse([*TOOL[:-1]])
                ),
            )
        ),
        text="",
        tool=True,
    ),
    harmless("done-for-message-stop", sse([START, BLOCK, *REST[:-1]]) + b"data: [DONE]\n\n"),
    harmless("done-after-message-stop", WHOLE + b"data: [DONE]\n\n"),
    harmless(
        "done-and-a-body-left-open",
        RawScript(
            (
                Send(head() + b"%x\r\n%b\r\n" % (len(DONE_TEXT), DONE_TEXT)),
                Forever(),
            )
        ),
    ),
    harmless("stop-reason-is-null", sse([START, BLOCK, *REST[:-2], *ending(None)])),
    harmless("stop-reason-is-empty", sse([START, BLOCK, *REST[:-2], *ending("")])),
    booked("stop-reason-is-null-after-a-call", *TOOL[:-2], *ending(None)),
    harmless("empty-data", sse([START, BLOCK]) + b"data:\n\n" + sse([*REST])),
    harmless("data-that-is-no-event", sse([START, BLOCK]) + b"data: ok\n\n" + sse([*REST])),
    harmless(
        "unknown-event-that-is-no-json",
        sse([START, BLOCK]) + b"event: heartbeat\ndata: {still here\n\n" + sse([*REST]),
    ),
    harmless("text-that-nobody-closed", sse([START, *UNCLOSED, DELTA, STOP])),
    harmless("text-without-a-start", sse([START, *REST])),
    *(
        harmless(f"event-stream-as-{kind}", streamed(WHOLE, content_type=kind), scenarios=scenarios)
        for kind, scenarios in (
            ("text/plain", IN_SESSION),
            ("application/octet-stream", ALONE),
            ("application/x-ndjson", ALONE),
            ("text/event-stream, text/event-stream", IN_SESSION),
        )
    ),
    # --- arguments are exactly those that came
    booked("tool-without-input", START, named_without_input(TOOL[1]), *TOOL[2:]),
    booked("tool-whose-input-is-null", START, named_without_input(TOOL[1], input=None), *TOOL[2:]),
    booked(
        "tool-whose-input-came-twice",
        START,
        named_without_input(TOOL[1], input={"guests": 4}),
        *TOOL[2:],
    ),
)

# --- properly ended -----------------------------------------------------------------------------


def stopped(reason: str, name: str, step: Answer | None = None, **facts: Any) -> FaultSpec:
    """A message with this stop reason; *step* if its events are not an answer's."""
    text = facts.get("text", "")
    means = Responds(step or Answer(text, stop_reason=reason))
    given = {"whens": ONCE, "stop_reason": reason, **facts}
    return FaultSpec(f"{reason}-{name}".replace("_", "-"), Sort.STOPPED, means, **given)


def cut_tool(text: str, reason: str) -> Answer:
    """A message that ends inside of a tool call, without closing it."""
    answer = answer_events(Answer(text, tools=BOOKING.tools, stop_reason=reason))
    return Answer(events=[*answer[:-4], *answer[-2:]])


def paused(text: str) -> Answer:
    """A message that stops after *text* and a search that takes long."""
    spoken = answer_events(Answer(text))[1:-2] if text else []
    search = at(
        1 if text else 0,
        SEARCH,
        delta("input_json_delta", partial_json='{"query": "menu"}'),
        BLOCK_STOP,
    )
    end = {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {}}
    return Answer(events=[START, *spoken, *search, end, STOP])


THINKING_ONLY = Answer(thinking="Kilo lima mike november.")
PAUSED_TEXT = "Zulu yankee. "

STOPPED = (
    stopped("refusal", "empty"),
    stopped("refusal", "with-text", text=TEXT),
    stopped("refusal", "with-a-tool", Answer(tools=BOOKING.tools, stop_reason="refusal")),
    stopped("max_tokens", "empty"),
    stopped("max_tokens", "thinking-only", Answer(thinking="Kilo.", stop_reason="max_tokens")),
    stopped("max_tokens", "with-text", text=TEXT),
    stopped("max_tokens", "in-a-tool", cut_tool("", "max_tokens"), tool=True),
    stopped(
        "max_tokens",
        "in-a-tool-after-text",
        cut_tool(SPOKEN_BOOKING.text, "max_tokens"),
        text=SPOKEN_BOOKING.text,
        tool=True,
    ),
    stopped("model_context_window_exceeded", "empty"),
    stopped("model_context_window_exceeded", "with-text", text=TEXT),
    stopped(
        "model_context_window_exceeded",
        "in-a-tool",
        cut_tool("", "model_context_window_exceeded"),
        tool=True,
    ),
    stopped("stop_sequence", "empty", whens=tuple(When)),
    stopped("stop_sequence", "with-text", text=TEXT),
    stopped("tool_use", "without-a-tool", wheres=(Where.RESPONSE, Where.TOOL_RESULT)),
    stopped("tool_use", "thinking-only", Answer(thinking="Kilo lima.", stop_reason="tool_use")),
    stopped("tool_use", "blank", Answer(pieces=(" ", "\n"), stop_reason="tool_use")),
    stopped("tool_use", "with-text", text=TEXT),
    stopped("end_turn", "thinking-only", THINKING_ONLY),
    stopped("end_turn", "empty", whens=tuple(When), wheres=(Where.RESPONSE, Where.TOOL_RESULT)),
    stopped("pause_turn", "without-text", paused(""), whens=tuple(When)),
    stopped(
        "pause_turn",
        "with-text",
        paused(PAUSED_TEXT),
        text=PAUSED_TEXT,
        whens=(When.FIRST,),
    ),
)
