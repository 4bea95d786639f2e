"""What goes over the wire for an answer, as values: no I/O, no clock.

The shape of the events is that of the recorded streams of the Anthropic SDK's test suite.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from .answers import Answer, words
from .content_parts import content_of, lasting_of, tool_start

Event = Mapping[str, Any]

PING: Event = {"type": "ping"}
COMMENT = b": keep-alive\n\n"
DELTA_POINTS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "tool_json",
}
"""The point that each kind of delta reaches, which an answer does once per delta."""
_STOP_POINTS = {
    "text": "after_text",
    "thinking": "after_thinking",
    "tool_use": "after_tool",
    "server_tool_use": "after_tool",
    "mcp_tool_use": "after_tool",
}
_EVENT_POINTS = {
    "content_block_start": "block_start",
    "message_delta": "before_stop",
    "message_stop": "after_stop",
}
_EMPTY_DELTAS = {
    "text": {"type": "text_delta", "text": ""},
    "thinking": {"type": "thinking_delta", "thinking": ""},
    "tool_use": {"type": "input_json_delta", "partial_json": ""},
}


_PINGS = 4
"""How many come while a server tool works."""


class Piece(NamedTuple):
    """One write: the point that is reached once it is sent, the bytes, and a wait before them."""

    point: str
    data: bytes
    wait_s: float = 0.0


def pieces(
    answer: Answer,
    *,
    model: str = "claude-sonnet-5-5",
    serial: int = 1,
    framed: Callable[[Event], bytes] | None = None,
) -> list[Piece]:
    """Cut *answer* into its events, one per piece.

    Args:
        answer: The answer.
        model: The model named in it unless it names one.
        serial: Numbers the ids of the message and its tool calls.
        framed: Writes an event; as a server-sent one when None.
    """
    kind = ""
    result = []
    for event, wait_s in _timed(answer, model, serial):
        if isinstance(event, bytes):
            result.append(Piece("raw", event))
            continue
        if event["type"] == "content_block_start":
            kind = event["content_block"]["type"]
        data = encode(event, answer.line_end) if framed is None else framed(event)
        result.append(Piece(_point(event, kind), data, wait_s))
    return result


def events(answer: Answer, *, model: str, serial: int) -> list[Event | bytes]:
    """List the events of *answer* in order."""
    return [event for event, _ in _timed(answer, model, serial)]


def _timed(answer: Answer, model: str, serial: int) -> Iterator[tuple[Event | bytes, float]]:
    """The events of *answer*, and the seconds before each that its content takes."""
    if answer.events is not None:
        yield from ((event, 0.0) for event in answer.events)
        return
    yield _message_start(answer, model, serial), 0.0
    if answer.first_token_s:
        yield PING, 0.0
    lasting, deltas_sent = lasting_of(answer), 0
    for index, (start, deltas) in enumerate(_blocks(answer, serial)):
        lasts_s = lasting.get(index, 0.0)
        if lasts_s and not deltas:  # a result, which comes whole
            lasts_s /= _PINGS + 1
            yield from [(PING, lasts_s)] * _PINGS
        yield _block_event("start", index, content_block=start), 0.0 if deltas else lasts_s
        if index == 0 or (index in lasting and deltas):
            yield PING, 0.0
        for delta in deltas:
            yield _block_event("delta", index, delta=delta), lasts_s
            lasts_s = 0.0
        yield _block_event("stop", index), 0.0
        deltas_sent += len(deltas)
    yield _message_delta(answer, deltas_sent), 0.0
    yield {"type": "message_stop"}, 0.0


def _block_event(what: str, index: int, **more: Any) -> Event:
    return {"type": f"content_block_{what}", "index": index, **more}


def message(answer: Answer, *, model: str, serial: int) -> dict[str, Any]:
    """Build the JSON message that a request without streaming gets for *answer*."""
    start = dict(_message_start(answer, model, serial)["message"])
    delta = _message_delta(answer, len(answer.text_pieces))
    content = list(content_of(answer, serial))
    if answer.thinking is not None:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": _SIGNATURE})
    if answer.text_pieces:
        content.append({"type": "text", "text": "".join(answer.text_pieces)})
    for index, tool in enumerate(answer.tools):
        content.append({**tool_start(tool, serial, index), "input": dict(tool.input)})
    return {
        **start,
        **delta["delta"],
        "content": content,
        "usage": {**start["usage"], **delta["usage"]},
    }


def message_id(serial: int) -> str:
    """Build the id of a message."""
    return f"msg_{serial:024d}"


def encode(event: Event, line_end: str = "\n") -> bytes:
    """Write *event* as one server-sent event named by its type."""
    data = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    return f"event: {event['type']}{line_end}data: {data}{line_end}{line_end}".encode()


def error_body(error_type: str, message: str, request_id: str | None) -> dict[str, Any]:
    """Build the documented body of an error, which is also the data of an `error` event."""
    body = {"type": "error", "error": {"type": error_type, "message": message}}
    return body if request_id is None else {**body, "request_id": request_id}


def empty_delta(sent: Sequence[Event | bytes]) -> list[Event]:
    """Build an empty delta for the block that the events *sent* leave open.

    Returns:
        The event to repeat, after the start of a new text block if none is open.
    """
    index, kind = -1, None
    for event in sent:
        if isinstance(event, bytes):
            continue
        if event["type"] == "content_block_start":
            index, kind = event["index"], event["content_block"]["type"]
        elif event["type"] == "content_block_stop":
            kind = None
    start: list[Event] = []
    if kind not in _EMPTY_DELTAS:
        index, kind = index + 1, "text"
        block = {"type": "text", "text": ""}
        start = [{"type": "content_block_start", "index": index, "content_block": block}]
    delta = _EMPTY_DELTAS[kind]
    return [*start, {"type": "content_block_delta", "index": index, "delta": delta}]


_SIGNATURE = "EqQBCkYIBxgCKkBzaW11bGF0ZWQ="


def _point(event: Event, kind: str) -> str:
    name = str(event["type"])
    if name == "content_block_delta":
        delta = str(event["delta"]["type"])
        return DELTA_POINTS.get(delta, delta)
    if name == "content_block_stop":
        return _STOP_POINTS.get(kind, f"after_{kind}")
    return _EVENT_POINTS.get(name, name)


def _message_start(answer: Answer, model: str, serial: int) -> dict[str, Any]:
    told = {} if answer.diagnostics is None else {"diagnostics": dict(answer.diagnostics)}
    return {
        "type": "message_start",
        "message": {
            "id": message_id(serial),
            "type": "message",
            "role": "assistant",
            "model": answer.model or model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**_input_usage(answer), "output_tokens": 1, "service_tier": "standard"},
            **told,
        },
    }


def _message_delta(answer: Answer, deltas: int) -> dict[str, Any]:
    is_paused = not all(call.is_finished for call in answer.server_calls)
    reason = "tool_use" if answer.calls else "pause_turn" if is_paused else "end_turn"
    output = answer.output_tokens if answer.output_tokens is not None else max(1, deltas)
    delta: dict[str, Any] = {"stop_reason": answer.stop_reason or reason, "stop_sequence": None}
    if answer.stop_details is not None:
        delta["stop_details"] = {**answer.stop_details}
    if answer.container is not None:
        delta["container"] = {"id": answer.container, "expires_at": "2026-12-26T00:00:00Z"}
    counted = {}
    if answer.server_calls:
        names = [call.name for call in answer.server_calls if call.result is not None]
        counted["server_tool_use"] = {
            f"{name}_requests": names.count(name) for name in ("web_search", "web_fetch")
        }
    usage = {**_input_usage(answer), "output_tokens": output, **counted}
    return {"type": "message_delta", "delta": delta, "usage": usage}


def _input_usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens,
        "cache_creation_input_tokens": answer.cache_creation_tokens,
        "cache_read_input_tokens": answer.cache_read_tokens,
        **answer.usage,
    }


def _blocks(answer: Answer, serial: int) -> Iterator[tuple[Event, list[Event]]]:
    for block in content_of(answer, serial):
        yield _cut(block)
    if answer.thinking is not None:
        deltas = [{"type": "thinking_delta", "thinking": word} for word in words(answer.thinking)]
        start = {"type": "thinking", "thinking": "", "signature": ""}
        yield start, [*deltas, {"type": "signature_delta", "signature": _SIGNATURE}]
    if answer.text_pieces:
        yield (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in answer.text_pieces],
        )
    for tool, index in zip(answer.tools, count()):
        yield _cut({**tool_start(tool, serial, index), "input": dict(tool.input)})


def _cut(block: Mapping[str, Any]) -> tuple[Event, list[Event]]:
    """How a whole *block* begins, and its deltas."""
    kind = block["type"]
    if kind.endswith("tool_use"):
        pieces = _json_pieces(block["input"])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces
        ]
    if kind not in ("text", "thinking"):
        return block, []
    deltas: list[Event] = [{"type": f"{kind}_delta", kind: word} for word in words(block[kind])]
    start = {"type": kind, kind: ""}
    if kind == "thinking":
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        start["signature"] = ""
    if "citations" in block:
        start["citations"] = []
        deltas[:0] = [{"type": "citations_delta", "citation": c} for c in block["citations"]]
    return start, deltas


def _json_pieces(given: Mapping[str, Any]) -> list[str]:
    # At least two pieces with content, so that a break after the first leaves half of the JSON.
    text = json.dumps(given, ensure_ascii=False)
    size = max(1, min(9, (len(text) + 1) // 2))
    return ["", *(text[start : start + size] for start in range(0, len(text), size))]
