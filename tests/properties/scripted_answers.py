"""What the simulated Claude says in one attempt, and the books it keeps of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from resilient_claude.response.sse import Event
from tests.support.virtual_time import FOR_EVER_S

from .scripts import ScriptedAttempt, ScriptedBlock

_WORDS = (
    *("yes", "there", "is", "a", "table", "for", "you", "tonight", "at", "seven,", "by", "the"),
    *("window.", "Shall", "I", "book", "it?"),
)


def words(number: int, start: int, count: int) -> str:
    """Words that only this place of this attempt's answer has, each followed by a space."""
    picked = ((index, _WORDS[index % len(_WORDS)]) for index in range(start, start + count))
    return "".join(f"{word[:2]}{number}q{index}{word[2:]} " for index, word in picked)


@dataclass
class AttemptSeen:
    """One attempt, as the simulated Claude saw it.

    Attributes:
        number: from 1.
        kind: `fresh`, `continuation` after a pause, or `resume`.
        started: when the request was made; the other times are of the same clock.
        ended: when the adapter had done with it.
        text: the whole of what it has to say that was not said before.
        calls: (id, name, arguments) of its tool calls, whole.
        sent_text: the text that it has sent so far, as it was sent.
        began: when its content began, None if it has not; an empty text block is none.
        progressed: when it last made progress, None if it has not.
        lived: when it last sent anything at all.
        speaking: whether that was inside of text or a tool's input.
        whole: whether its `message_stop` was sent.
        stop_reason: the one it has sent, if any.
        tokens: those that it has reported.
        retry_after_s: what it asked to wait, if that was sense.
        continued: whether it paused, and another request went on from there.
    """

    number: int
    kind: str
    started: float
    ended: float = FOR_EVER_S
    text: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    sent_text: str = ""
    began: float | None = None
    progressed: float | None = None
    lived: float | None = None
    speaking: bool = False
    whole: bool = False
    stop_reason: str | None = None
    tokens: int = 0
    retry_after_s: float | None = None
    continued: bool = False

    def note(self, events: list[Event], now: float) -> None:
        """Keep the books: *events* are sent."""
        for event in events:
            match event["type"]:
                case "message_start":
                    usage = event["message"]["usage"]
                    self.tokens = usage["input_tokens"] + usage["output_tokens"]
                    continue
                case "message_stop":
                    self.whole = True
                    continue
                case "content_block_start":
                    kind = event["content_block"]["type"]
                    if kind == "text":
                        continue  # a block that has begun says nothing yet
                    self.speaking = kind == "tool_use"
                case "content_block_delta":
                    self.sent_text += event["delta"].get("text", "")
                    self.speaking |= "text" in event["delta"]
                case "message_delta":
                    self.tokens += event["usage"]["output_tokens"] - 1
                    self.stop_reason = event["delta"]["stop_reason"]
                    if self.began is None:
                        continue
                case "content_block_stop" if self.began is None:
                    continue
            self.began = self.began or now
            self.progressed = now


def _block(index: int, content: dict[str, Any], deltas: list[dict[str, Any]]) -> list[Event]:
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _pieces(text: str, sizes: tuple[int, ...]) -> Iterator[str]:
    start = 0
    for size in cycle(sizes):
        if start >= len(text):
            return
        yield text[start : start + size]
        start += size


class ScriptedAnswer:
    """The events of one attempt; tells the attempt what it will say."""

    def __init__(self, script: ScriptedAttempt, attempt: AttemptSeen, resumed: str | None) -> None:
        self._script = script
        self._attempt = attempt
        self._resumed = resumed
        self._words = 0
        blocks = script.blocks
        if resumed is not None and all(block.kind != "text" for block in blocks):
            blocks = (ScriptedBlock("text"), *blocks)
        if script.stop_reason == "pause_turn":
            blocks = (*blocks, ScriptedBlock("search"))  # what it pauses for
        usage = {"input_tokens": 2**attempt.number, "output_tokens": 1}
        message = {"id": f"msg_{attempt.number}", "usage": usage}
        self.events: list[Event] = [{"type": "message_start", "message": message}]
        for index, block in enumerate(blocks):
            self.events += _block(index, *self._content(index, block))
        tool = any(block.kind == "tool" for block in blocks)
        reason = script.stop_reason or ("tool_use" if tool else "end_turn")
        delta = {"stop_reason": reason, "stop_sequence": None}
        self.events += [
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
            {"type": "message_stop"},
        ]

    def _content(
        self, index: int, block: ScriptedBlock
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A block's start and its deltas."""
        if block.kind == "text":
            pieces = _pieces(self._text(block.words), self._script.piece_chars)
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
            return {"type": "text", "text": ""}, deltas
        if block.kind == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": "hm "}] * block.words
            signature = {"type": "signature_delta", "signature": "c2ln"}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
        number = self._attempt.number
        arguments = json.dumps({"n": number, "at": index, "say": 'quo"te}{'})
        arguments = arguments if block.valid else arguments[:-2]
        pieces = _pieces(arguments, (9,))
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        if block.kind == "search":
            ids = {"type": "server_tool_use", "id": f"srvtoolu_{number}_{index}"}
            return {**ids, "name": "web_search", "input": {}}, deltas
        call_id = f"toolu_{number}_{index}"
        self._attempt.calls.append((call_id, "book", arguments))
        return {"type": "tool_use", "id": call_id, "name": "book", "input": {}}, deltas

    def _text(self, count: int) -> str:
        if self._resumed is not None:
            resumed, self._resumed = self._resumed, ""
            return resumed
        text = words(self._attempt.number, self._words, count)
        self._words += count
        self._attempt.text += text
        return text
