"""Streams as Claude sends them, and what must come of them.

Each is written as text of two kinds: structure, and what Claude says inside of JSON strings. Only
in the structure can a wrong byte be noticed: inside "Hello", "Hallo" is as good an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from resilient_claude.failures.faults import Fault
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.sse import EventDecoder
from resilient_claude.response.translator import Translator
from tests.support.silence import nobody_hears

Call = tuple[str, str, str]
"""Id, name and arguments of a tool call."""


class Said(str):
    """A string whose content nobody can check."""

    __slots__ = ()


@dataclass
class Stream:
    """A valid response.

    Attributes:
        events: what it consists of; bytes stand for themselves.
        text: all of its text.
        calls: its tool calls.
        output_tokens: the last count it reports.
        stop_reason: how it says that it ended.
        line_end: of its lines.
        ascii_only: whether its JSON escapes everything else.
        apart: whether something else than text came last.
    """

    events: list[dict[str, Any] | bytes] = field(default_factory=list)
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    output_tokens: int = 0
    stop_reason: str = "end_turn"
    line_end: str = "\n"
    ascii_only: bool = False
    apart: bool = False

    def say(self, text: str) -> None:
        """A block of *text* comes: with a space before it, if it would stick to another one."""
        if text:
            has_space = self.text[-1:].isspace() or text[0].isspace()
            self.text += f" {text}" if self.apart and self.text and not has_space else text
            self.apart = False

    def pieces(self) -> Iterator[tuple[bytes, bool]]:
        """Its bytes in pieces, and whether each is structure."""
        for event in self.events:
            if isinstance(event, bytes):
                yield event, True
                continue
            yield f"event: {event['type']}{self.line_end}data: ".encode(), True
            for text, is_structure in self._json(event):
                yield text.encode(), is_structure
            yield (self.line_end * 2).encode(), True

    def __bytes__(self) -> bytes:
        return b"".join(piece for piece, _ in self.pieces())

    def structure(self) -> list[int]:
        """The positions of the bytes that can be checked."""
        positions: list[int] = []
        start = 0
        for piece, is_structure in self.pieces():
            if is_structure:
                positions.extend(range(start, start + len(piece)))
            start += len(piece)
        return positions

    def _json(self, value: object) -> Iterator[tuple[str, bool]]:
        if isinstance(value, Said):
            yield '"', True
            yield json.dumps(value, ensure_ascii=self.ascii_only)[1:-1], False
            yield '"', True
        elif isinstance(value, dict):
            yield "{", True
            for index, (key, item) in enumerate(value.items()):
                yield f"{',' if index else ''}{json.dumps(key)}:", True
                yield from self._json(item)
            yield "}", True
        elif isinstance(value, list):
            yield "[", True
            for index, item in enumerate(value):
                yield "," if index else "", True
                yield from self._json(item)
            yield "]", True
        else:
            yield json.dumps(value), True


@dataclass
class Read:
    """What came of a stream: text and tool calls, and the outcome or the fault."""

    text: str
    calls: list[Call]
    output_tokens: int
    outcome: Outcome | None = None
    fault: Fault | None = None


def read(*reads: bytes, clean_end: bool = True) -> Read:
    """Decode and translate *reads*, as one attempt does; the body ends after them.

    Only a Fault is a fault: everything else comes out.
    """
    decoder, translator = EventDecoder(), Translator()
    chunks: list[Any] = []
    outcome = fault = None
    try:
        for data in reads:
            for events in decoder.steps(data):
                chunks += translator.feed(events)
        chunks += translator.feed(decoder.finish())
        outcome, last = translator.finish(may_be_empty=False, clean_end=clean_end)
        chunks += last
    except Fault as exc:
        fault = exc
        chunks += translator.take_text()
    deltas = [chunk.delta for chunk in chunks]
    return Read(
        text="".join(delta.content or "" for delta in deltas),
        calls=[(c.call_id, c.name, c.arguments) for delta in deltas for c in delta.tool_calls],
        output_tokens=translator.message.usage.output_tokens,
        outcome=outcome,
        fault=fault,
    )


def cut_into(data: bytes, sizes: list[int]) -> list[bytes]:
    """*data* in reads of these sizes, over and over; in one if there are none."""
    if not sizes:
        return [data]
    reads: list[bytes] = []
    start = 0
    while start < len(data):
        size = sizes[len(reads) % len(sizes)]
        reads.append(data[start : start + size])
        start += size
    return reads


# --- strategies ---------------------------------------------------------------------------------

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["Grüße 👋", "\n\n", "data: x\n\nevent: y", '"}\\', "\u2028\r\n", "<thinking>", "a" * 300]
)
_INPUT = st.dictionaries(_TEXT, st.none() | st.integers() | _TEXT, max_size=3)
_NOISE: list[Any] = [
    {"type": "ping"},
    {"type": "weather_report", "sky": {"colour": "blue"}},
    b": a comment\n\n",
    b"id: 7\nretry: 10\n\n",
    b"\n",
]
_SILENT_BLOCKS: dict[str, dict[str, Any]] = {
    "redacted": {"type": "redacted_thinking", "data": Said("b3BhcXVl")},
    "unknown": {"type": "hologram", "size": 3},
    "result": {
        "type": "web_search_tool_result",
        "tool_use_id": Said("s"),
        "content": [{"url": Said("x")}],
    },
}


_KINDS = ("text", "text", "thinking", "redacted", "server", "result", "tool", "unknown")


@st.composite
def streams(draw: st.DrawFn, kinds: tuple[str, ...] = _KINDS, last: str | None = None) -> Stream:
    """Any valid response of blocks of these *kinds*, *last* of all one of that kind."""
    stream = Stream(
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        ascii_only=draw(st.booleans()),
        output_tokens=draw(st.integers(1, 10_000)),
    )
    usage = {"input_tokens": 12, "output_tokens": 1}
    events: list[Any] = [{"type": "message_start", "message": {"id": Said("m"), "usage": usage}}]
    drawn = draw(st.lists(st.sampled_from(kinds), max_size=5))
    for index, kind in enumerate([*drawn, last] if last else drawn):
        events += _block(draw, stream, index, kind)
    if nobody_hears(stream.text):
        stream.text = ""  # nothing but white space and control characters is no speech
    stream.stop_reason = "tool_use" if stream.calls else draw(st.sampled_from(_STOP_REASONS))
    for tokens in [*draw(st.lists(st.integers(1, 10_000), max_size=2)), stream.output_tokens]:
        delta = {"stop_reason": stream.stop_reason, "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}})
    events.append({"type": "message_stop"})
    for at in draw(st.lists(st.integers(0, len(events) - 1), max_size=4)):
        events.insert(at, draw(st.sampled_from(_NOISE)))
    stream.events = events
    return stream


_STOP_REASONS = ["end_turn", "stop_sequence", "max_tokens", "refusal", "pause_turn", "a_new_one"]


def _block(draw: st.DrawFn, stream: Stream, index: int, kind: str) -> list[dict[str, Any]]:
    """A content block, complete; what must come of it is noted in *stream*."""
    start: dict[str, Any]
    deltas: list[dict[str, Any]]
    stream.apart = stream.apart or kind != "text"
    if kind == "text":
        text = draw(_TEXT)
        begun = draw(st.sampled_from(["", "", "", "So: "]))
        stream.say(begun + text)
        start = {"type": "text", "text": Said(begun)}
        # A new type of delta may come in any text block, as `citations_delta` once did: a wrong
        # byte in it cannot be noticed.
        kind_of_delta = Said("text_delta")
        deltas = [{"type": kind_of_delta, "text": Said(piece)} for piece in _split(draw, text)]
    elif kind == "thinking":
        start = {"type": "thinking", "thinking": "", "signature": ""}
        pieces = _split(draw, draw(_TEXT))
        deltas = [{"type": "thinking_delta", "thinking": Said(piece)} for piece in pieces]
        deltas.append({"type": "signature_delta", "signature": Said("c2ln")})
    elif kind in _SILENT_BLOCKS:
        start = _SILENT_BLOCKS[kind]
        deltas = draw(st.lists(st.just({"type": "photon_delta", "photon": 1}), max_size=2))
    else:
        arguments = draw(st.just("") | _INPUT.map(json.dumps))
        pieces = _split(draw, arguments)
        deltas = [{"type": "input_json_delta", "partial_json": Said(piece)} for piece in pieces]
        known = {"id": Said(f"id_{index}"), "name": Said("book"), "input": {}}
        start = {"type": "tool_use" if kind == "tool" else "server_tool_use", **known}
        if kind == "tool":
            stream.calls.append((f"id_{index}", "book", arguments or "{}"))
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _split(draw: st.DrawFn, text: str) -> list[str]:
    """*text* in pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=5)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
