"""Whole turns of the real stream, in virtual time, against a Claude that does as a script says.

Only `open_exchange` is replaced: everything above it is real. Each attempt speaks words of its
own, so that every delivered character tells which attempt it came from.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import cycle
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
import anthropic
import httpx2
from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts, TurnEnded
from resilient_claude.connection import AiohttpTransport
from resilient_claude.failures import FailureKind, Phase, StreamFault
from resilient_claude.request import Request
from resilient_claude.sse import Event
from resilient_claude.testing.validation import validate
from resilient_claude.transport import Clocks, Exchange

from . import virtual_time
from .virtual_time import FOR_EVER_S

PROMPT = "My account number is forty-seven eleven and my dog is called Bello."
"""What the caller says; no log line and no message may repeat it."""

_REQUEST = httpx2.Request("POST", "https://api.anthropic.com/v1/messages")


# --- scripts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A content block: `text` of so many words, `thinking`, a `search`, or a `tool` call."""

    kind: str
    words: int = 1
    valid: bool = True  # its input, if it has one, is JSON


@dataclass(frozen=True)
class Script:
    """What one attempt meets.

    Attributes:
        connect_s: seconds until the connection is there.
        response_s: seconds from then to the response.
        refused: the fault instead of a response, if any; see `FAULTS`.
        refused_early: whether it comes instead of the connection.
        retry_after: header of a refusal that has a status.
        blocks: the content.
        stop_reason: how it ends; "" for what suits the blocks.
        piece_chars: sizes of the text deltas, over and over.
        rhythm: seconds before a read, and the events it brings, over and over.
        breaks_after: events until it breaks off, counted from the end if negative; None for whole.
        breaks: how; see `FAULTS` and `SILENCES`.
        stays_open: whether the body stays open after the last event.
        repeats: what a resumed answer begins with: "last_words", "everything" or "nothing".
    """

    connect_s: float = 0.0
    response_s: float = 0.0
    refused: str | None = None
    refused_early: bool = False
    retry_after: str | None = None
    blocks: tuple[Block, ...] = (Block("text", 3),)
    stop_reason: str = ""
    piece_chars: tuple[int, ...] = (4,)
    rhythm: tuple[tuple[float, int], ...] = ((0.0, 1),)
    breaks_after: int | None = None
    breaks: str = "reset"
    stays_open: bool = False
    repeats: str = "last_words"


@dataclass(frozen=True)
class Cancel:
    """When the caller barges in: at a time, or after so many chunks, and some loop steps later."""

    after_s: float | None = None
    after_chunks: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Turn:
    """One turn: what the application configured, and what its attempts meet; the last for ever."""

    scripts: tuple[Script, ...]
    policy: RetryPolicy = RetryPolicy()
    timeouts: Timeouts = Timeouts()
    conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    model: str = "claude-sonnet-4-6"
    after_tool_result: bool = False
    filter_thinking: bool = False
    observed: bool = True
    cancel: Cancel | None = None


# --- faults -------------------------------------------------------------------------------------


def _caused(outer: Exception, cause: BaseException | None) -> Exception:
    outer.__cause__ = cause
    return outer


def _status(status: int, error_type: str, headers: dict[str, str]) -> Exception:
    body = {"type": "error", "error": {"type": error_type, "message": f"no: {PROMPT}"}}
    response = httpx2.Response(status, request=_REQUEST, headers=headers, json=body)
    return anthropic.APIStatusError(f"no: {PROMPT}", response=response, body=body)


def _connection(cause: BaseException) -> Exception:
    return _caused(anthropic.APIConnectionError(request=_REQUEST), cause)


def fault(name: str, headers: dict[str, str]) -> Exception:
    """A new exception, as the transport raises it."""
    if name.isdecimal():
        return _status(int(name), STATUSES[name], {"request-id": "req_1", **headers})
    match name:
        case "dns":
            return _connection(socket.gaierror(-3, "Temporary failure in name resolution"))
        case "refused":
            return _connection(ConnectionRefusedError(111, "Connection refused"))
        case "tls":
            return _connection(ssl.SSLCertVerificationError(1, "certificate verify failed"))
        case "reset":
            lost = aiohttp.ClientPayloadError("Response payload is not completed")
            return _caused(lost, ConnectionResetError(104, "Connection reset by peer"))
        case "html":
            kind = FailureKind.MALFORMED
            return StreamFault(kind, "HTTP 200 with content type text/html", retryable=True)
        case "bug":
            return ValueError(f"a bug, quoting {PROMPT}")
    raise AssertionError(name)


STATUSES = {
    "400": "invalid_request_error",
    "401": "authentication_error",
    "402": "billing_error",
    "429": "rate_limit_error",
    "500": "api_error",
    "529": "overloaded_error",
}
REFUSALS = ("dns", "refused", "tls", "reset", "html", "bug", "silence", *STATUSES)
SILENCES = ("silence", "pings", "empty_deltas")
BREAKS = ("reset", "bug", "end", "error", "invalid_request", "garbled", *SILENCES)

PING: Event = {"type": "ping"}


# --- what Claude says ---------------------------------------------------------------------------

_WORDS = "yes there is a table for you tonight at seven, by the window. Shall I book it?".split()


def words(number: int, start: int, count: int) -> str:
    """Words that only this place of this attempt's answer has, each followed by a space."""
    picked = ((index, _WORDS[index % len(_WORDS)]) for index in range(start, start + count))
    return "".join(f"{word[:2]}{number}q{index}{word[2:]} " for index, word in picked)


@dataclass
class Attempt:
    """One attempt, as the simulated Claude saw it.

    Attributes:
        number: from 1.
        kind: `fresh`, `continuation` after a pause, or `resume`.
        started: when the request was made; the other times are of the same clock.
        ended: when the adapter had done with it.
        text: the whole of what it has to say that was not said before.
        calls: (id, name, arguments) of its tool calls, whole.
        sent_text: the text that it has sent so far, as it was sent.
        began: when its first content block began, None if none has.
        progressed: when it last made progress, None if it has not.
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
                    self.began = self.began or now
                    self.speaking = event["content_block"]["type"] in ("text", "tool_use")
                case "content_block_delta":
                    self.sent_text += event["delta"].get("text", "")
                case "message_delta":
                    self.tokens += event["usage"]["output_tokens"] - 1
                    self.stop_reason = event["delta"]["stop_reason"]
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


class _Answer:
    """The events of one attempt; tells the attempt what it will say."""

    def __init__(self, script: Script, attempt: Attempt, resumed: str | None) -> None:
        self._script = script
        self._attempt = attempt
        self._resumed = resumed
        self._words = 0
        blocks = script.blocks
        if resumed is not None and all(block.kind != "text" for block in blocks):
            blocks = (Block("text"), *blocks)
        if script.stop_reason == "pause_turn":
            blocks = (*blocks, Block("search"))  # what it pauses for
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

    def _content(self, index: int, block: Block) -> tuple[dict[str, Any], list[dict[str, Any]]]:
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


class SimulatedClaude:
    """Plays the scripts, one per attempt, and keeps the books.

    Attributes:
        attempts: every attempt so far.
        complaints: what was wrong with a request.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._first: list[Any] = []
        self.attempts: list[Attempt] = []
        self.complaints: list[str] = []

    async def open_exchange(
        self,
        client: anthropic.AsyncAnthropic,
        request: Request,
        clocks: Clocks,
        stack: AsyncExitStack,
    ) -> Exchange:
        """In place of `transport.open_exchange`."""
        number = len(self.attempts) + 1
        script = self._turn.scripts[min(number, len(self._turn.scripts)) - 1]
        attempt = Attempt(number, self._kind(request), _now())
        for before in self.attempts:
            before.continued |= b'"srvtoolu_%d_' % before.number in request.content()
        self.attempts.append(attempt)
        self._check(request)
        try:
            await self._connect(script, attempt, clocks)
        except BaseException:
            attempt.ended = _now()
            raise
        answer = _Answer(script, attempt, self._resumed(request, attempt, script))
        reads = await stack.enter_async_context(aclosing(_reads(script, attempt, answer.events)))
        clocks.enter(Phase.FIRST_TOKEN)
        response = SimpleNamespace(headers={"request-id": f"req_{number}"})
        return Exchange(response, lambda: anext(reads, None))  # type: ignore[arg-type]

    def _kind(self, request: Request) -> str:
        messages = request.body["messages"]
        if not self.attempts:
            self._first = messages
        if messages == self._first:
            return "fresh"
        blocks = messages[-1]["content"]
        if any(block["type"] == "server_tool_use" for block in blocks):
            return "continuation"
        return "resume"

    def _check(self, request: Request) -> None:
        """Every request must be one that the API takes."""
        given = {"x-api-key": "k", "anthropic-version": "2023-06-01", **request.headers}
        headers = {name.lower(): value for name, value in given.items()}
        error = validate(headers, request.content())
        if error is not None:
            self.complaints.append(error.message)

    async def _connect(self, script: Script, attempt: Attempt, clocks: Clocks) -> None:
        headers = {} if script.retry_after is None else {"retry-after": script.retry_after}
        refused = script.refused
        has_status = refused is not None and refused.isdecimal()
        clocks.enter(Phase.CONNECT)
        await asyncio.sleep(script.connect_s)
        if refused is not None and script.refused_early and not has_status:
            await _refuse(refused, headers)
        clocks.enter(Phase.SEND)
        clocks.enter(Phase.RESPONSE)
        await asyncio.sleep(script.response_s)
        if refused is not None:
            attempt.retry_after_s = _seconds(script.retry_after) if has_status else None
            await _refuse(refused, headers)

    def _resumed(self, request: Request, attempt: Attempt, script: Script) -> str | None:
        """What a resumed answer says first; None if this is none."""
        if attempt.kind != "resume":
            return None
        before = self.attempts[: attempt.number - 1]
        parts = [a for a in before if a.continued or a is before[-1]]
        whole = "".join(a.text for a in parts)
        last = request.body["messages"][-1]
        said = last["content"][-1]["text"]
        if last["role"] == "assistant":
            if not whole.startswith(said):
                self.complaints.append(f"to be continued is {said!r}, which is not {whole!r}")
            return whole[len(said) :]
        said = said.partition(HEARD)[2]
        if not whole.startswith(said):
            self.complaints.append(f"heard is {said!r}, which is not {whole!r}")
        return go_on(whole, said, script.repeats)


HEARD = "The caller has heard: "
"""Begins the instruction to resume, so that the simulated Claude finds what was heard."""


def go_on(whole: str, said: str, repeats: str) -> str:
    """How Claude goes on with *whole* after *said*, when it is asked to."""
    rest = whole[len(said) :]
    between_words = said[-1:].isspace() or rest[:1].isspace() or not said
    if repeats == "everything":
        return whole
    if repeats == "nothing" and between_words:
        return rest.lstrip()
    return f"{' '.join(said.split()[-3:])}{said[len(said.rstrip()) :]}{rest}"


async def _refuse(name: str, headers: dict[str, str]) -> None:
    if name == "silence":
        await asyncio.sleep(FOR_EVER_S)
    raise fault(name, headers)


async def _reads(
    script: Script, attempt: Attempt, events: list[Event]
) -> AsyncGenerator[list[Event], None]:
    """The reads of one attempt."""
    cut = len(events) if script.breaks_after is None else script.breaks_after % (len(events) + 1)
    rhythm = cycle(script.rhythm)
    sent = 0
    try:
        while sent < cut:
            wait_s, size = next(rhythm)
            await asyncio.sleep(wait_s)
            batch = events[sent : min(cut, sent + size)]
            sent += len(batch)
            attempt.note(batch, _now())
            yield batch or [PING]
        if script.breaks_after is not None:
            async for batch in _breaks(script.breaks, events[:sent]):
                yield batch
        elif script.stays_open:
            await asyncio.sleep(FOR_EVER_S)
    finally:
        attempt.ended = min(attempt.ended, _now())


async def _breaks(how: str, sent: list[Event]) -> AsyncGenerator[list[Event], None]:
    if how == "end":
        return
    if how in ("error", "invalid_request"):
        name = "overloaded_error" if how == "error" else "invalid_request_error"
        yield [{"type": "error", "error": {"type": name, "message": f"no: {PROMPT}"}}]
    elif how == "garbled":
        yield [{"type": "content_block_delta", "index": 99, "delta": None}]
    elif how == "silence":
        await asyncio.sleep(FOR_EVER_S)
    elif how not in SILENCES:
        raise fault(how, {})
    open_block = bool(sent) and sent[-1]["type"] in ("content_block_start", "content_block_delta")
    filler = PING
    if how == "empty_deltas" and open_block:
        empty = {"type": "text_delta", "text": ""}
        filler = {"type": "content_block_delta", "index": sent[-1]["index"], "delta": empty}
    while True:
        await asyncio.sleep(2.9)
        yield [filler]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.replace(".", "").isdecimal() else None


# --- playing a turn -----------------------------------------------------------------------------


class _Log:
    """A structlog logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def bind(self, **_: Any) -> _Log:
        return self

    def _write(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    debug = info = warning = error = _write


@dataclass
class Result:
    """What one turn looked like from every side."""

    turn: Turn
    claude: SimulatedClaude
    started: float
    chunks: list[tuple[float, llm.ChatChunk]] = field(default_factory=list)
    error: BaseException | None = None
    finished: float | None = None
    cancelled: float | None = None
    closing_s: float = 0.0
    ended: list[TurnEnded] = field(default_factory=list)
    errors: list[llm.LLMError] = field(default_factory=list)
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All the text that was delivered."""
        return "".join(c.delta.content or "" for _, c in self.chunks if c.delta is not None)

    def text_of(self, attempt: Attempt) -> str:
        """The text that was delivered of one attempt, whose id its chunks carry."""
        chunks = [c for _, c in self.chunks if c.id == f"msg_{attempt.number}"]
        return "".join(c.delta.content or "" for c in chunks if c.delta is not None)

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """The tool calls that were delivered: id, name, arguments."""
        deltas = [c.delta for _, c in self.chunks if c.delta is not None]
        calls = [call for delta in deltas for call in delta.tool_calls]
        return [(call.call_id, call.name, call.arguments) for call in calls]

    def heard_at(self) -> list[float]:
        """When something was delivered that is heard, or that has an effect."""
        return [
            at
            for at, chunk in self.chunks
            if chunk.delta is not None and (chunk.delta.content or chunk.delta.tool_calls)
        ]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The fields of every log line with this name."""
        return [fields for name, fields in self.lines if name == event]


def play(turn: Turn) -> Result:
    """Play *turn* to its end; nothing may be left of it."""
    return virtual_time.run(_play(turn))


@lru_cache
def _client(observed: bool) -> anthropic.AsyncAnthropic:
    """No request ever reaches it; one whose transport reports its phases, or one that does not."""
    transport = AiohttpTransport() if observed else httpx2.MockTransport(_never)
    http_client = httpx2.AsyncClient(transport=transport)
    return anthropic.AsyncAnthropic(api_key="sk-ant-none", http_client=http_client)


def _never(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError("open_exchange is replaced")


async def _play(turn: Turn) -> Result:
    log = _Log()
    claude = SimulatedClaude(turn)
    result = Result(turn, claude, _now(), lines=log.lines)
    adapter = ResilientClaudeLLM(
        client=_client(turn.observed),
        model=turn.model,
        retry=turn.policy,
        timeout=turn.timeouts,
        filter_thinking=turn.filter_thinking,
        logger=log,
    )
    adapter.on("claude_turn_ended", result.ended.append)
    adapter.on("error", result.errors.append)
    with patch("resilient_claude.stream.open_exchange", claude.open_exchange):
        stream = adapter.chat(chat_ctx=_context(turn), conn_options=turn.conn_options)
        reading = asyncio.create_task(_listen(stream, result))
        if turn.cancel is not None:
            await _barge_in(stream, turn.cancel, result, reading)
        await reading
        await stream.aclose()
    await adapter.aclose()
    return result


def _context(turn: Turn) -> llm.ChatContext:
    context = llm.ChatContext.empty()
    context.add_message(role="user", content=PROMPT)
    if turn.after_tool_result:
        context.insert(llm.FunctionCall(call_id="c1", name="book", arguments="{}"))
        output = llm.FunctionCallOutput(call_id="c1", name="book", output="ok", is_error=False)
        context.insert(output)
    return context


async def _listen(stream: llm.LLMStream, result: Result) -> None:
    try:
        async for chunk in stream:
            result.chunks.append((_now(), chunk))
    except Exception as exc:
        result.error = exc
    result.finished = _now()


async def _barge_in(
    stream: llm.LLMStream, cancel: Cancel, result: Result, reading: asyncio.Task[None]
) -> None:
    if cancel.after_s is not None:
        await asyncio.wait([reading], timeout=cancel.after_s)
    while len(result.chunks) < cancel.after_chunks and not reading.done():
        await asyncio.sleep(0.01)
    for _ in range(cancel.steps):
        await asyncio.sleep(0)
    if reading.done():
        return
    result.cancelled = _now()
    await stream.aclose()
    result.closing_s = _now() - result.cancelled
