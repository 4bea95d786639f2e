"""Real streams, whole and cut, against an oracle that reads their JSON line by line.

They are no part of this repository: `CLAUDE_STREAMS` names the folder that holds them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import APIError

from resilient_claude import failure_of
from resilient_claude.testing import Answer, SimulatedClaude
from tests.support.adapters import MakeLLM, shrunk_policy
from tests.support.listening import conversation, read_stream

from .stream_strategies import cut_into, read

CORPUS = Path(os.environ.get("CLAUDE_STREAMS", Path(__file__).parents[3] / "shared" / "corpus"))
SHORT_BYTES = 6_000
"""Up to this length, a stream is cut at every byte."""

_FILES = sorted(CORPUS.glob("*.sse"))
_MISSING = pytest.mark.skip(reason="CLAUDE_STREAMS names no folder with recorded streams")
recorded = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in _FILES]
    or [pytest.param(CORPUS, id="corpus", marks=_MISSING)],
)


@dataclass(frozen=True)
class Expected:
    """What the JSON of a stream says."""

    text: str
    calls: list[tuple[str, str, Any]]
    output_tokens: int
    stop_reason: str | None
    whole: bool

    @property
    def is_answer(self) -> bool:
        """Whether the whole stream is one: something is heard, or is to be done, and not cut."""
        cut_call = self.stop_reason in ("max_tokens", "refusal") and self.calls
        return self.whole and not cut_call and bool(self.text or self.calls)


def expected(data: bytes) -> Expected:
    """Read *data* without any code of ours."""
    lines = data.decode().split("\n")
    events = [json.loads(line.removeprefix("data:")) for line in lines if line[:5] == "data:"]
    blocks: dict[int, dict[str, Any]] = {}
    said: dict[int, str] = {}
    tokens, stop_reason = 0, None
    for event in events:
        usage = event.get("usage") or event.get("message", {}).get("usage") or {}
        tokens = usage.get("output_tokens", tokens)
        if event["type"] == "content_block_start":
            blocks[event["index"]] = event["content_block"]
            said[event["index"]] = event["content_block"].get("text", "")
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            said[event["index"]] += delta.get("text", delta.get("partial_json", ""))
        elif event["type"] == "message_delta":
            stop_reason = event["delta"]["stop_reason"]
    text = spoken([(block["type"], said[i]) for i, block in blocks.items()])
    calls = [
        (block["id"], block["name"], said[i] or "{}")
        for i, block in blocks.items()
        if block["type"] == "tool_use"
    ]
    whole = bool(events) and events[-1]["type"] == "message_stop"
    return Expected(text, calls, tokens, stop_reason, whole)


def spoken(blocks: list[tuple[str, str]]) -> str:
    """The text of the *blocks*, with a space where something else stands between two of them."""
    text, apart = "", False
    for kind, said in blocks:
        apart = apart or kind != "text"
        if kind == "text" and said:
            gap = apart and text and not text[-1].isspace() and not said[0].isspace()
            text, apart = f"{text} {said}" if gap else text + said, False
    return text


def recording(path: Path) -> bytes:
    return path.read_bytes()


def complete(data: bytes) -> bytes:
    """*data* with the blank line that ends its last event, which some recordings lack."""
    return data.rstrip(b"\n") + b"\n\n"


def arguments(calls: list[tuple[str, str, str]]) -> list[tuple[str, str, Any]]:
    return [(call_id, name, json.loads(text)) for call_id, name, text in calls]


@recorded
@pytest.mark.parametrize("size", [10**9, 1_400, 7, 1])
def test_a_recorded_stream_is_delivered(path: Path, size: int) -> None:
    """Text, tool calls and tokens, whatever the size of the reads."""
    data = complete(recording(path))
    wanted = expected(data)

    got = read(*cut_into(data, [size]))

    assert wanted.whole
    assert got.text == wanted.text
    assert got.output_tokens == wanted.output_tokens
    assert (got.outcome is not None) == wanted.is_answer
    if wanted.is_answer:
        assert arguments(got.calls) == arguments(wanted.calls)
    else:
        assert got.calls == []


@recorded
def test_a_recorded_stream_cut_anywhere_is_a_beginning(path: Path) -> None:
    """At every event, and at every byte of the short ones: no more, no less than what came."""
    data = complete(recording(path))
    ends = [i + 2 for i in range(len(data)) if data.startswith(b"\n\n", i)]
    last = data.rindex(b"}") + 1
    cuts = range(last) if len(data) <= SHORT_BYTES else [end for end in ends if end < last]

    for cut in cuts:
        arrived = max((end for end in ends if end <= cut), default=0)
        got = read(data[:cut], clean_end=False)

        assert got.text == expected(data[:arrived]).text, cut
        assert got.calls == [], cut
        assert got.fault is not None, cut
        assert got.fault.retryable, cut


@recorded
def test_a_recorded_stream_without_its_last_event_is_whole(path: Path) -> None:
    """Its stop reason has come, and the body ends cleanly."""
    data = complete(recording(path))
    wanted = expected(data)

    got = read(data[: data.rindex(b"event: message_stop")])

    assert got.text == wanted.text
    assert (got.outcome is not None) == wanted.is_answer
    assert arguments(got.calls) == (arguments(wanted.calls) if wanted.is_answer else [])


@recorded
@pytest.mark.parametrize("drip_bytes", [None, 1_000])
async def test_a_recorded_stream_over_a_socket(
    path: Path, drip_bytes: int | None, make_llm: MakeLLM
) -> None:
    """As it was recorded, through the whole adapter."""
    data = recording(path)
    wanted = expected(data)

    with SimulatedClaude(default=Answer(events=[data], drip_bytes=drip_bytes)) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == wanted.text
    if wanted.is_answer:
        assert heard.error is None
        calls = [(call.call_id, call.name, call.arguments) for call in heard.calls]
        assert arguments(calls) == arguments(wanted.calls)
        assert heard.usage is not None
        assert heard.usage.completion_tokens == wanted.output_tokens
    else:
        assert isinstance(heard.error, APIError)
        assert heard.calls == []


@recorded
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 1.0])
async def test_a_recorded_stream_cut_over_a_socket(
    path: Path, part: float, make_llm: MakeLLM
) -> None:
    """The caller hears a beginning, no tool runs, and the application is told what broke."""
    data = recording(path)
    cut = data[: int(part * data.index(b'"stop_reason":"'))]
    wanted = expected(cut[: cut.rfind(b"\n\n") + 2])

    with SimulatedClaude(default=Answer(events=[cut])) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == wanted.text
    assert heard.calls == []
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind == "truncated"
