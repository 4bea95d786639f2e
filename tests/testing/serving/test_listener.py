"""The port: refusing, listening again, and closing what is idle."""

from __future__ import annotations

import errno

import pytest

from resilient_claude.testing import Answer, Break, SimulatedClaude
from tests.testing.raw_client import (
    RawClient,
    eventually,
)

END = b"0\r\n\r\n"


def test_refuse_is_a_real_econnrefused_and_listen_brings_the_port_back() -> None:
    """An outage and its end, at the same address."""
    with SimulatedClaude() as claude, RawClient(claude) as old:
        old.send()
        old.read_until(END)
        url = claude.base_url
        claude.refuse()
        claude.refuse()
        with pytest.raises(ConnectionRefusedError) as caught:
            RawClient(claude)
        assert caught.value.errno == errno.ECONNREFUSED
        assert claude.open_connections == 1

        old.send()
        assert b"message_stop" in old.read_until(END)
        claude.listen()
        claude.listen()
        with RawClient(claude) as new:
            new.send()
            assert b"message_stop" in new.read_until(END)
        assert claude.base_url == url


def test_drop_idle_closes_what_waits_and_spares_what_works() -> None:
    """The race between a client's pool and a server's keep-alive."""
    with (
        SimulatedClaude(Answer("a"), Break("stall", at="text")) as claude,
        RawClient(claude) as idle,
        RawClient(claude) as busy,
        RawClient(claude) as fresh,
    ):
        idle.send()
        idle.read_until(END)
        busy.send()
        claude.wait_for_requests(2)
        assert eventually(lambda: claude.open_connections == 3)
        claude.drop_idle()

        assert idle.read_to_end() == b""
        assert fresh.read_to_end() == b""
        assert claude.open_connections == 1
        assert b"text_delta" in busy.read_until_quiet()
