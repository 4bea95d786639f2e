"""Any valid stream: whole it gives exactly what Claude said; damaged, at most a beginning of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from resilient_claude import ResilientClaudeLLM, failure_of
from resilient_claude.failures.faults import Fault
from resilient_claude.response.outcomes import Outcome
from resilient_claude.response.translator import Translator
from resilient_claude.testing import Answer, SimulatedClaude
from tests.support.adapters import KEY, shrunk_policy
from tests.support.listening import Heard, conversation, read_stream

from .profiles import searched
from .stream_strategies import Read, Stream, cut_into, read, streams

SIZES = st.lists(st.integers(1, 90), max_size=3)


def is_answer(stream: Stream) -> bool:
    """Whether the whole stream is an answer: something was said, or is to be done."""
    return bool(stream.text or stream.calls)


def is_beginning_or_whole(result: Read, stream: Stream) -> None:
    """What came of a damaged *stream* is nothing that Claude did not say."""
    assert stream.text.startswith(result.text)
    if result.outcome is not None:
        assert result.text == stream.text
    for call in result.calls:
        assert call in stream.calls
    assert len(result.calls) == len({call_id for call_id, _, _ in result.calls})
    assert result.outcome is not None or result.calls == []


@searched(200)
@given(streams(), SIZES)
def test_a_whole_stream_gives_exactly_what_was_said(stream: Stream, sizes: list[int]) -> None:
    """Whatever its blocks, its noise, its line ends and its reads."""
    result = read(*cut_into(bytes(stream), sizes))

    assert result.text == stream.text
    assert result.output_tokens == stream.output_tokens
    if is_answer(stream):
        assert result.fault is None
        assert result.calls == stream.calls
    else:
        assert result.fault is not None


@searched(200)
@given(streams(), SIZES, st.floats(0, 1, exclude_max=True))
def test_a_cut_stream_is_a_beginning_and_never_a_success(
    stream: Stream, sizes: list[int], at: float
) -> None:
    """Cut anywhere before the end of `message_stop`, by something that nobody can tell."""
    data = bytes(stream)
    end = data.rindex(b'{"type":"message_stop"}') + len(b'{"type":"message_stop"}')
    result = read(*cut_into(data[: int(at * end)], sizes), clean_end=False)

    assert stream.text.startswith(result.text)
    assert result.calls == []
    assert result.fault is not None
    assert result.fault.retryable


@searched(200)
@given(stream=streams(), sizes=SIZES, at=st.floats(0, 1, exclude_max=True))
def test_a_body_that_ends_early_is_whole_once_it_has_a_stop_reason(
    stream: Stream, sizes: list[int], at: float
) -> None:
    """A clean end cuts nothing off: what has come is all that was sent."""
    data = bytes(stream)
    cut = data[: int(at * len(data))]
    blank = stream.line_end.encode() * 2
    whole = blank in cut[cut.find(b'"stop_reason":') :] and b'"stop_reason":' in cut

    result = read(*cut_into(cut, sizes))

    if whole and is_answer(stream):
        assert (result.text, result.calls) == (stream.text, stream.calls)
        assert result.outcome is not None
    else:
        assert stream.text.startswith(result.text)
        assert (result.calls, result.outcome) == ([], None)


@searched(600)
@given(
    stream=streams(),
    sizes=SIZES,
    at=st.integers(0, 10_000),
    how=st.sampled_from(["drop", "double", "replace"]),
    by=st.binary(min_size=1, max_size=1) | st.sampled_from([b"\n", b"\r", b'"', b"\\", b"}", b","]),
)
def test_a_wrong_byte_in_the_structure_is_noticed(
    stream: Stream, sizes: list[int], at: int, how: str, by: bytes
) -> None:
    """Dropped, doubled or replaced: what comes of it is a beginning, or the whole."""
    positions = stream.structure()
    at = positions[at % len(positions)]

    is_beginning_or_whole(read(*damaged(stream, at, how, by, sizes)), stream)


@searched(200)
@given(
    stream=streams(),
    sizes=SIZES,
    at=st.integers(0, 10_000),
    how=st.sampled_from(["drop", "double", "replace"]),
    by=st.binary(min_size=1, max_size=1),
)
def test_a_wrong_byte_anywhere_is_a_fault_or_an_answer(
    stream: Stream, sizes: list[int], at: int, how: str, by: bytes
) -> None:
    """Inside of a string it can go unnoticed; half a tool call or another exception cannot."""
    data = bytes(stream)
    result = read(*damaged(stream, at % len(data), how, by, sizes))

    assert result.outcome is not None or result.calls == []
    assert len(result.calls) <= len(stream.calls)
    assert all(isinstance(json.loads(arguments), dict) for _, _, arguments in result.calls)


@searched(200)
@given(
    stream=streams(),
    at=st.integers(0, 10_000),
    how=st.sampled_from(["drop", "double", "swap"]),
)
def test_an_event_out_of_order_is_noticed(stream: Stream, at: int, how: str) -> None:
    """Every event but a delta is tied to the others by its index and its place."""
    tied = [
        index
        for index, event in enumerate(stream.events)
        if isinstance(event, dict) and event["type"] not in ("content_block_delta", "message_delta")
    ]
    index = tied[at % len(tied)]
    begun = stream.events[index]
    # Text without a start is a block of its own, so that it lacks only what the start said.
    assume(how == "double" or not (isinstance(begun, dict) and _text_at_once(begun)))
    if how == "swap":
        assume(index + 1 < len(stream.events))
        following = stream.events[index + 1]
        stream.events[index], stream.events[index + 1] = following, stream.events[index]
    else:
        stream.events[index : index + 1] = [stream.events[index]] * (0 if how == "drop" else 2)

    is_beginning_or_whole(read(bytes(stream)), stream)


def _text_at_once(event: dict[str, Any]) -> bool:
    return bool(event.get("content_block", {}).get("text"))


def damaged(stream: Stream, at: int, how: str, by: bytes, sizes: list[int]) -> list[bytes]:
    """The reads of *stream* with the byte *at* dropped, doubled or replaced."""
    data = bytes(stream)
    wrong = {"drop": b"", "double": data[at : at + 1] * 2, "replace": by}[how]
    return cut_into(data[:at] + wrong + data[at + 1 :], sizes)


# --- found by the search ------------------------------------------------------------------------


def event(**fields: Any) -> bytes:
    """One event as Claude sends it."""
    return f"event: {fields['type']}\ndata: {json.dumps(fields)}\n\n".encode()


def delta(index: int, **fields: str) -> bytes:
    return event(type="content_block_delta", index=index, delta=fields)


USAGE = {"input_tokens": 1, "output_tokens": 1}
START = event(type="message_start", message={"id": "msg_1", "usage": USAGE})
TEXT = event(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
CALL = {"type": "tool_use", "id": "toolu_1", "name": "book", "input": {}}
TOOL = event(type="content_block_start", index=0, content_block=CALL)
CLOSED = event(type="content_block_stop", index=0)
END = event(type="message_delta", delta={"stop_reason": "end_turn"}, usage=USAGE)
STOP = event(type="message_stop")
NOT_ONE = delta(0, type="text_delta", text="not ")
HOLED = {
    "no line end after the event's name": NOT_ONE.replace(b"_delta\ndata", b"_deltadata", 1),
    "no data field": NOT_ONE.replace(b"data:", b"dxta:", 1),
    "an empty line before the data field": NOT_ONE.replace(b"\ndata", b"\n\nxata", 1),
    "a type that is not the event's name": NOT_ONE.replace(b'"content_', b'"kontent_', 1),
}


@pytest.mark.parametrize("how", HOLED)
def test_a_delta_that_cannot_be_read_leaves_no_hole(how: str) -> None:
    """ "Do not pay" must not become "Do pay"."""
    said = [delta(0, type="text_delta", text=text) for text in ("Do ", "pay")]

    result = read(START, TEXT, said[0], HOLED[how], said[1], CLOSED, END, STOP)

    assert result.text == "Do "
    assert result.outcome is None


@pytest.mark.parametrize("how", [*HOLED, "an unknown type of delta"])
def test_a_tool_is_not_run_with_half_of_its_input(how: str) -> None:
    """`{"seats": 4}` must not become `{}`, which is valid too."""
    pieces = [delta(0, type="input_json_delta", partial_json=p) for p in ("{", '"seats": 4', "}")]
    if how in HOLED:
        pieces[1] = HOLED[how].replace(b"text_delta", b"input_json_delta")
    else:
        pieces[1] = pieces[1].replace(b"input_json_delta", b"input_yaml_delta")

    result = read(START, TOOL, *pieces, CLOSED, END.replace(b"end_turn", b"tool_use"), STOP)

    assert result.calls == []
    assert result.outcome is None


def test_text_of_a_block_of_an_unknown_type_leaves_no_hole() -> None:
    """A block that has text deltas is a text block, whatever its type looks like."""
    said = delta(0, type="text_delta", text="Do not ")
    more = [TEXT, delta(0, type="text_delta", text="pay"), CLOSED]
    more = [part.replace(b'"index": 0', b'"index": 1') for part in more]

    result = read(START, TEXT.replace(b'"text"', b'"tezt"', 1), said, CLOSED, *more, END, STOP)

    assert result.text in ("", "Do not pay")


def test_a_message_that_ends_with_its_last_byte_is_whole() -> None:
    """`message_stop` is there, only the empty line after it is not: nothing is missing."""
    said = delta(0, type="text_delta", text="Hi.")
    body = START + TEXT + said + CLOSED + END + STOP
    assert read(body).outcome is Outcome.COMPLETE

    with SimulatedClaude(default=Answer(events=[body.rstrip()])) as claude:
        heard = asyncio.run(ask_once(claude))

    assert (heard.text, heard.error) == ("Hi.", None)


async def ask_once(claude: SimulatedClaude) -> Heard:
    """One turn with one attempt."""
    adapter = ResilientClaudeLLM(
        api_key=KEY, base_url=claude.base_url, retry=shrunk_policy(max_attempts=1)
    )
    heard = await read_stream(adapter.chat(chat_ctx=conversation()))
    await adapter.aclose()
    return heard


@pytest.mark.parametrize("text", [None, 0, []])
def test_a_text_block_that_begins_with_nothing_can_be_sent_back(text: Any) -> None:
    """It is taken on the way in, so the way back must not be a bug."""
    translator = Translator()
    start = {"type": "content_block_start", "index": 0}
    translator.feed([{"type": "message_start", "message": {"id": "m"}}])
    try:
        translator.feed([{**start, "content_block": {"type": "text", "text": text}}])
    except Fault:
        return
    translator.feed([{"type": "content_block_stop", "index": 0}])

    assert translator.content() == []


# --- below the events ---------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("garbage", [b"zz\r\n", b"Your account is empty.\r\n", b"-1\r\n\r\n"])
async def test_a_broken_chunk_ends_the_attempt_at_once(garbage: bytes) -> None:
    """aiohttp closes the connection and leaves the reader waiting, which no clock should end."""
    said = START + TEXT + delta(0, type="text_delta", text="Hi")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"%x\r\n%s\r\n" % (len(said), said))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(garbage)
        await reader.read()  # until the client has left
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    adapter = ResilientClaudeLLM(
        api_key=KEY,
        base_url=f"http://{host}:{port}",
        retry=shrunk_policy(max_attempts=1),
    )
    heard = await read_stream(adapter.chat(chat_ctx=conversation()))
    await adapter.aclose()
    server.close()
    await server.wait_closed()

    assert heard.text == "Hi"
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind in ("reset", "malformed", "truncated")
    assert "account" not in failure.root_message
