"""A connection: what nobody asked for closes it, and no read keeps others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from resilient_claude import ResilientClaudeLLM, failure_of
from resilient_claude.testing.script import wire
from resilient_claude.testing.script.answers import Answer
from resilient_claude.testing.serving import http1
from resilient_claude.transport.protocol import STEP_BYTES, Protocol
from tests.support.adapters import KEY, shrunk_policy
from tests.support.listening import Heard, conversation, read_stream
from tests.support.serving import Serving

SETTLED_S = 0.03

HEADERS = {"content-type": "text/event-stream", "request-id": "req_1"}


def chunked(text: str) -> bytes:
    """A whole answer."""
    body = b"".join(http1.chunk(piece.data) for piece in wire.pieces(Answer(text)))
    return http1.head(200, {**HEADERS, "transfer-encoding": "chunked"}) + body + http1.TERMINATOR


def measured(text: str) -> bytes:
    """The same with a length."""
    body = b"".join(piece.data for piece in wire.pieces(Answer(text)))
    return http1.head(200, {**HEADERS, "content-length": str(len(body))}) + body


Play = Callable[[int], Sequence[bytes]]
"""The writes of an answer to the request of that number."""


class Writes(Serving):
    """Answers each request with some writes, with time between them.

    Attributes:
        asked: the number of the connection of each request.
    """

    def __init__(self, play: Play) -> None:
        super().__init__()
        self.asked: list[int] = []
        self._play = play
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._connections += 1
        number = self._connections
        while (head := await http1.read_head(reader)) is not None:
            await http1.read_body(reader, head.headers)
            self.asked.append(number)
            for data in self._play(len(self.asked)):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(0.01)


async def ask(server: Writes, times: int = 3, **policy: int) -> list[Heard]:
    """What is heard of *times* questions, with time between them."""
    async with server.listening() as url:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=url, retry=shrunk_policy(**policy))
        heard = []
        for _ in range(times):
            heard.append(await read_stream(adapter.chat(chat_ctx=conversation())))
            await asyncio.sleep(SETTLED_S)
        await adapter.aclose()
    return heard


MONDAY = chunked("Monday's.")
UNASKED: dict[str, Play] = {
    "while idle": lambda n: [measured(f"{n}."), MONDAY],
    "glued to a length": lambda n: [measured(f"{n}.") + MONDAY],
    "glued to a terminating chunk": lambda n: [chunked(f"{n}.") + MONDAY],
    "glued to the last bytes": lambda n: [chunked(f"{n}.")[:-3], chunked(f"{n}.")[-3:] + MONDAY],
    "a part of a head": lambda n: [chunked(f"{n}.") + MONDAY[:20]],
    "one byte of a head": lambda n: [chunked(f"{n}.") + b"H"],
    "an interim response": lambda n: [chunked(f"{n}.") + b"HTTP/1.1 103 Early Hints\r\n\r\n"],
    "garbage behind the end": lambda n: [chunked(f"{n}.") + b"garbage"],
    "garbage while idle": lambda n: [chunked(f"{n}."), b"garbage"],
    "a byte while idle": lambda n: [measured(f"{n}."), b"\r"],
}


@pytest.mark.parametrize("name", UNASKED)
async def test_what_nobody_asked_for_is_never_an_answer(name: str) -> None:
    """Tuesday's question would be answered with what was said on Monday, and so on for ever."""
    server = Writes(UNASKED[name])
    heard = await ask(server)

    assert [(turn.text, turn.error) for turn in heard] == [("1.", None), ("2.", None), ("3.", None)]
    assert server.asked == [1, 2, 3]


@pytest.mark.parametrize("answer", [chunked, measured])
async def test_a_connection_that_was_silent_is_used_again(answer: Callable[[str], bytes]) -> None:
    """A handshake per turn costs a caller a tenth of a second."""
    server = Writes(lambda number: [answer(f"{number}.")])
    heard = await ask(server)

    assert [turn.text for turn in heard] == ["1.", "2.", "3."]
    assert server.asked == [1, 1, 1]


BIG = b"x-big: " + b"y" * 100_000 + b"\r\n"
ACCEPTED = {
    "a header of 100 kB": lambda head: head.replace(b"\r\n", b"\r\n" + BIG, 1),
    "300 headers": lambda head: head.replace(b"\r\n", b"\r\n" + b"x: y\r\n" * 300, 1),
    "a length twice": lambda head: head.replace(
        b"\r\n", b"\r\n" + b"".join(x + b"\r\n" for x in head.split(b"\r\n") if b"length" in x), 1
    ),
    "interim responses": lambda head: b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 500 + head,
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_other_clients_accept_is_an_answer(name: str) -> None:
    """A gateway's headers are nobody's fault, and least of all the caller's."""
    server = Writes(lambda number: [ACCEPTED[name](measured(f"{number}."))])
    heard = await ask(server, 2)

    assert [(turn.text, turn.error) for turn in heard] == [("1.", None), ("2.", None)]
    assert server.asked == [1, 1]


@pytest.mark.parametrize("name", ["a header of 100 kB", "300 headers", "a length twice"])
async def test_a_status_is_seen_below_such_headers(name: str) -> None:
    """A wrong key was called malformed, and tried again until the budget was spent."""
    refusal = http1.head(401, {"request-id": "req_1", "content-length": "2"}) + b"{}"
    server = Writes(lambda _: [ACCEPTED[name](refusal)])
    (heard,) = await ask(server, 1)

    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, failure.status, len(server.asked)) == ("auth", 401, 1)


REFUSED = {
    "too many headers": (
        b"HTTP/1.1 200 OK\r\n" + b"x: secret\r\n" * 6_000 + b"\r\n",
        "there are more than 5000 headers",
    ),
    "a header of 2 MB": (
        b"HTTP/1.1 200 OK\r\nx: " + b"secret" * 350_000 + b"\r\n\r\n",
        "the headers are longer than 1048576 bytes",
    ),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\nx: secret\r\n\r\n",
        "there are lengths that differ",
    ),
    "a header without a name": (b"HTTP/1.1 200 OK\r\n: secret\r\n\r\n", "Invalid header token"),
    "no status line": (b"SSH-secret\r\n", "Expected HTTP/, RTSP/ or ICE/"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_says_which_rule_was_broken(name: str) -> None:
    """An operator has to tell somebody what their gateway does wrong, without its bytes."""
    head, rule = REFUSED[name]
    (heard,) = await ask(Writes(lambda _: [head]), 1, max_attempts=1)

    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind == "malformed"
    assert rule in failure.root_message
    assert "secret" not in failure.root_message


async def test_a_status_is_not_lost_to_a_bad_chunk_in_its_packet() -> None:
    """An overloaded service was malformed, and asked again at once."""
    bad = http1.head(529, {"request-id": "req_1", "transfer-encoding": "chunked"}) + b"zz\r\n"
    (heard,) = await ask(Writes(lambda _: [bad]), 1, max_attempts=1)

    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, failure.status) == ("overloaded", 529)


class Steps(Protocol):
    """Counts how much is parsed without giving way."""

    sizes: list[int]

    def _step(self, data: bytes) -> None:
        self.sizes.append(len(data))
        super()._step(data)


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 100\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 30_000,
    ],
)
async def test_a_flood_is_parsed_in_steps(flood: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read of 256 kB holds 16,000 responses: the loop belongs to the audio."""
    Steps.sizes = []
    monkeypatch.setattr("resilient_claude.transport.connector.Protocol", Steps)
    server = Writes(lambda _: [flood, b"x"])
    await ask(server, 1, max_attempts=1)

    assert max(Steps.sizes) <= STEP_BYTES
    assert sum(Steps.sizes) > 100_000
