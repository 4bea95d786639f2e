"""What a connection goes through: requests, a client that leaves, going dark."""

from __future__ import annotations

import asyncio
import socket

import pytest

from resilient_claude.testing import Answer, Break, SimulatedClaude
from resilient_claude.testing.serving.connection import Connection, ConnectionState
from resilient_claude.testing.serving.ledger import Ledger
from tests.testing.raw_client import (
    HEADERS,
    RawClient,
    eventually,
)
from tests.testing.serving.pairs import connected

END = b"0\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /v1",
        b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc",
        b"POST / HTTP/1.1\r\ncontent-length: 99999999\r\n\r\nabc",
    ],
)
def test_a_client_that_leaves_within_its_request_is_forgotten(sent: bytes) -> None:
    """Cancelled requests are no requests."""
    with SimulatedClaude() as claude:
        with RawClient(claude) as raw:
            raw.sock.sendall(sent)

        assert eventually(lambda: claude.connections == 1 and claude.open_connections == 0)
        assert claude.requests == claude.other_requests == []


def test_connection_close_is_honoured() -> None:
    """The client asked for it."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send(headers={**HEADERS, "connection": "close"})

        assert raw.read_to_end().endswith(END)


@pytest.mark.parametrize("tls", [False, True])
def test_dark_connections_swallow_everything_and_new_ones_work(tls: bool) -> None:
    """A network path dies without a FIN: four pooled connections, all of them dead."""
    with SimulatedClaude(Answer("a b c", piece_s=0.02), tls=tls) as claude:
        with RawClient(claude) as busy, RawClient(claude) as idle:
            busy.send()
            claude.wait_for_requests(1)
            assert eventually(lambda: claude.connections == 2)
            claude.go_dark()
            idle.send()
            idle.sock.sendall(b"x" * 1_000_000)

            assert idle.read_until_quiet() == b""
            busy.read_until_quiet()
            assert busy.read_until_quiet() == b""
            assert len(claude.requests) == 1
            assert claude.open_connections == 2
            with RawClient(claude) as new:
                new.send()
                assert b"message_stop" in new.read_until(END)

        assert eventually(lambda: claude.open_connections == 0)


def test_a_dark_connection_that_the_client_resets_is_closed() -> None:
    """However it left, it has left."""
    with SimulatedClaude(Break("stall", at="text")) as claude, RawClient(claude) as raw:
        raw.send()
        raw.read_until_quiet()
        raw.sock.sendall(b"x")
        claude.go_dark()
        claude.go_dark()
        raw.sock.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER 0
        raw.sock.close()

        assert eventually(lambda: claude.open_connections == 0)


async def test_the_state_of_a_connection_is_what_it_is_doing() -> None:
    """What is closed as idle, and what is left to its answer, is decided by it."""
    ledger = Ledger([Answer("Hi.", first_byte_s=60)], Answer())
    with connected() as (accepted, client):
        connection = serve(accepted, ledger)
        states = [connection.state]
        await reached(connection, ConnectionState.IDLE)
        client.sendall(b"POST /v1/messages HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        await reached(connection, ConnectionState.ANSWERING)
        client.close()
        await connection.task

        assert states == [ConnectionState.OPENING]
        assert connection.state is ConnectionState.CLOSING


async def test_the_cancelled_task_of_a_dark_connection_leaves_its_state_alone() -> None:
    """It still closes what it held, and must not call the dark connection closed."""
    with connected() as (accepted, client):
        connection = serve(accepted, Ledger([], Answer()))
        await reached(connection, ConnectionState.IDLE)
        connection.go_dark()
        await asyncio.wait(connection.tasks[:1])
        connection.close()

        assert connection.state is ConnectionState.DARK
        assert not connection.task.done()
        client.close()
        await connection.task


def serve(accepted: socket.socket, ledger: Ledger) -> Connection:
    """A connection without TLS that takes any request."""
    return Connection(accepted, 1, ledger, context=None, tls_mode="normal", strict=False)


async def reached(connection: Connection, state: ConnectionState) -> None:
    """Wait until *connection* is in *state*."""
    async with asyncio.timeout(5):
        while connection.state is not state:  # noqa: ASYNC110 -- it tells nobody
            await asyncio.sleep(0.001)
