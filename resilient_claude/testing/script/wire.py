"""What goes over the wire for an answer, as values: no I/O, no clock.

The shape of the events is that of the recorded streams of the Anthropic SDK's test suite.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

from .answers import Answer, ToolUse, words
from .thoughts import Thought, seal

Event = Mapping[str, Any]

PING: Event = {"type": "ping"}
COMMENT = b": keep-alive\n\n"
DELTA_POINTS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "tool_json",
}
"""The point that each kind of delta reaches, which an answer does once per delta."""
_STOP_POINTS = {"text": "after_text", "thinking": "after_thinking", "tool_use": "after_tool"}
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
    lasting = _lasting(answer)
    result = []
    for event in events(answer, model=model, serial=serial):
        if isinstance(event, bytes):
            result.append(Piece("raw", event))
            continue
        if event["type"] == "content_block_start":
            kind = event["content_block"]["type"]
        is_delta = event["type"] == "content_block_delta"
        wait_s = lasting.pop(event["index"], 0.0) if is_delta else 0.0
        data = encode(event, answer.line_end) if framed is None else framed(event)
        result.append(Piece(_point(event, kind), data, wait_s))
    return result


def events(answer: Answer, *, model: str, serial: int) -> list[Event | bytes]:
    """List the events of *answer* in order."""
    if answer.events is not None:
        return list(answer.events)
    blocks, lasting = list(_blocks(answer, serial)), _lasting(answer)
    result: list[Event | bytes] = [_message_start(answer, model, serial)]
    if answer.first_token_s:
        result.append(PING)
    for index, (start, deltas) in enumerate(blocks):
        result.append({"type": "content_block_start", "index": index, "content_block": start})
        if index == 0 or index in lasting:
            result.append(PING)
        result += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        result.append({"type": "content_block_stop", "index": index})
    result.append(_message_delta(answer, sum(len(deltas) for _, deltas in blocks)))
    result.append({"type": "message_stop"})
    return result


def message(answer: Answer, *, model: str, serial: int) -> dict[str, Any]:
    """Build the JSON message that a request without streaming gets for *answer*."""
    start = dict(_message_start(answer, model, serial)["message"])
    delta = _message_delta(answer, len(answer.text_pieces))
    content = list(_content(answer, serial))
    if answer.thinking is not None:
        content.append({"type": "thinking", "thinking": answer.thinking, "signature": _SIGNATURE})
    if answer.text_pieces:
        content.append({"type": "text", "text": "".join(answer.text_pieces)})
    for index, tool in enumerate(answer.tools):
        content.append({**_tool_start(tool, serial, index), "input": dict(tool.input)})
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
    reason = answer.stop_reason or ("tool_use" if answer.calls else "end_turn")
    details = {} if answer.stop_details is None else {"stop_details": {**answer.stop_details}}
    output = answer.output_tokens if answer.output_tokens is not None else max(1, deltas)
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None, **details},
        "usage": {**_input_usage(answer), "output_tokens": output},
    }


def _input_usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens,
        "cache_creation_input_tokens": answer.cache_creation_tokens,
        "cache_read_input_tokens": answer.cache_read_tokens,
        **answer.usage,
    }


def _blocks(answer: Answer, serial: int) -> Iterator[tuple[Event, list[Event]]]:
    for block in _content(answer, serial):
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
        yield _cut({**_tool_start(tool, serial, index), "input": dict(tool.input)})


def _content(answer: Answer, serial: int) -> Iterator[dict[str, Any]]:
    """The blocks of `Answer.content`, whole."""
    before: list[dict[str, Any]] = []
    for index, part in enumerate(answer.content or ()):
        if isinstance(part, ToolUse):
            block = {**_tool_start(part, serial, index), "input": dict(part.input)}
        elif isinstance(part, str):
            block = {"type": "text", "text": part}
        else:
            signature = seal(part.text, before)
            block = {"type": "thinking", "thinking": part.text, "signature": signature}
        before.append(block)
        yield block


def _cut(block: Mapping[str, Any]) -> tuple[Event, list[Event]]:
    """How a whole *block* begins, and its deltas."""
    kind = block["type"]
    if kind == "tool_use":
        pieces = _json_pieces(block["input"])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": piece} for piece in pieces
        ]
    deltas: list[Event] = [{"type": f"{kind}_delta", kind: word} for word in words(block[kind])]
    start = {"type": kind, kind: ""}
    if kind == "thinking":
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        start["signature"] = ""
    return start, deltas


def _lasting(answer: Answer) -> dict[int, float]:
    """How long each block of `Answer.content` that takes its time does so, in seconds, by index."""
    thoughts = enumerate(answer.content or ())
    return {at: part.lasts_s for at, part in thoughts if isinstance(part, Thought) and part.lasts_s}


def _tool_start(tool: ToolUse, serial: int, index: int) -> dict[str, Any]:
    call_id = tool.id or f"toolu_{serial:020d}{index:04d}"
    return {"type": "tool_use", "id": call_id, "name": tool.name, "input": {}}


def _json_pieces(given: Mapping[str, Any]) -> list[str]:
    # At least two pieces with content, so that a break after the first leaves half of the JSON.
    text = json.dumps(given, ensure_ascii=False)
    size = max(1, min(9, (len(text) + 1) // 2))
    return ["", *(text[start : start + size] for start in range(0, len(text), size))]
