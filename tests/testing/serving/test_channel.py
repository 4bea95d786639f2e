"""A channel: what it does on a bare socket, and the ends that the protocol cannot tell apart."""

from __future__ import annotations

import asyncio
import time

import pytest

from resilient_claude.testing.serving.channel import Channel, ClientLeftError
from tests.testing.serving.pairs import connected


@pytest.mark.parametrize("opened", [False, True])
async def test_a_pause_is_over_when_the_client_leaves(opened: bool) -> None:
    """Barge-in: a step of a minute must not keep a connection for a minute."""
    with connected() as (accepted, client):
        channel = Channel(accepted)
        if opened:
            await channel.open(None)
        client.close()

        with pytest.raises(ClientLeftError):
            await channel.pause(60)
        channel.close()
        await channel.wait_closed()


async def test_no_pause_does_not_even_look_whether_the_client_is_there() -> None:
    """Most answers have no waits; they go out in one pass of the loop."""
    with connected() as (accepted, client):
        client.close()

        await Channel(accepted).pause(0)


async def test_bytes_can_be_sent_before_any_handshake() -> None:
    """Some middleboxes speak first, whatever the protocol."""
    with connected() as (accepted, client):
        await Channel(accepted).send(b"hello")

        assert client.recv(9) == b"hello"


@pytest.mark.parametrize("speaks", [True, False])
async def test_the_first_bytes_are_awaited_and_left_to_be_read(speaks: bool) -> None:
    """A handshake that follows needs every one of them."""
    with connected() as (accepted, client):
        channel = Channel(accepted)
        if speaks:
            client.sendall(b"hi")
        start_s = time.monotonic()
        await channel.first_bytes(None if speaks else 0.02)

        assert speaks or time.monotonic() - start_s >= 0.02
        reader = await channel.open(None)
        client.sendall(b" there")
        assert await reader.readexactly(8 if speaks else 6) == b"hi there"[-8 if speaks else -6 :]
        channel.close()
        await channel.wait_closed()


async def test_end_reads_on_so_that_the_client_sees_fin_and_no_reset() -> None:
    """Closing over unread bytes sends RST, which is another fault than the one in the script."""
    with connected() as (accepted, client):
        channel = Channel(accepted)
        client.sendall(b"unread")
        ending = asyncio.create_task(channel.end())
        await asyncio.sleep(0)

        assert client.recv(9) == b""
        client.sendall(b"more")
        client.close()
        await ending


async def test_a_detached_connection_outlives_its_channel() -> None:
    """To go dark, the transport must end and the TCP connection must not."""
    with connected() as (accepted, client):
        channel = Channel(accepted)
        await channel.open(None)
        sock = channel.detach()
        await channel.wait_closed()
        channel.close()

        assert sock is not None
        with sock:
            client.sendall(b"anybody?")
            assert await asyncio.get_running_loop().sock_recv(sock, 9) == b"anybody?"
        assert channel.detach() is None
