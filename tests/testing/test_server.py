"""The server as a test steers it: the script, control from any thread, and what `stop` leaves."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import warnings
from pathlib import Path

import pytest

from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude
from tests.testing.raw_client import (
    RawClient,
    eventually,
    parse_events,
)

END = b"0\r\n\r\n"


def test_steps_are_consumed_in_order_and_then_the_default_for_ever() -> None:
    """The script is the whole truth about what a test sees."""
    with SimulatedClaude(Answer("a"), default=Answer("z")) as claude, RawClient(claude) as raw:
        claude.script(Answer("b"))
        texts = []
        for _ in range(4):
            raw.send()
            events = parse_events(raw.read_until(END))
            texts.append("".join(e["delta"].get("text", "") for e in events if "delta" in e))

        assert texts == ["a", "b", "z", "z"]
        assert claude.connections == 1


def test_an_outage_lasts_until_it_is_healed_and_consumes_no_step() -> None:
    """How many requests an outage meets is the client's affair, not the test's."""
    with SimulatedClaude(Answer("a")) as claude, RawClient(claude) as raw:
        claude.outage(HttpError(529))
        for _ in range(3):
            raw.send()
            assert b"529" in raw.read_until(b"}")
        claude.heal()
        raw.send()

        texts = [e["delta"].get("text") for e in parse_events(raw.read_until(END)) if "delta" in e]
        assert "a" in texts
        assert len(claude.requests) == 4


def test_an_outage_may_meet_connections_before_any_request() -> None:
    """`Break(at="accept")` is consumed by a connection."""
    with SimulatedClaude() as claude:
        claude.outage(Break("reset", at="accept"))
        for _ in range(2):
            with RawClient(claude) as raw:
                assert raw.read_to_reset()[0] == b""
        claude.heal()
        with RawClient(claude) as raw:
            raw.send()

            assert b"message_stop" in raw.read_until(END)


def test_the_event_loop_is_none_of_the_application_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications install uvloop's policy, and Windows has its own: their loops differ."""

    def refuse() -> asyncio.AbstractEventLoop:
        raise AssertionError("the policy was asked for a loop")

    monkeypatch.setattr(asyncio.events, "new_event_loop", refuse)
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send()

        assert b"message_stop" in raw.read_until(END)


def test_control_takes_milliseconds() -> None:
    """Tests flip faults in the middle of an answer."""
    with SimulatedClaude() as claude:
        start_s = time.monotonic()
        for _ in range(10):
            claude.refuse()
            claude.listen()
            claude.drop_idle()
            claude.go_dark()

        assert (time.monotonic() - start_s) / 40 < 0.01


def test_control_works_from_many_threads() -> None:
    """An agent's loop and a test's thread may both steer."""
    with SimulatedClaude() as claude:

        def steer() -> None:
            claude.script(Answer("a"))
            claude.drop_idle()

        threads = [threading.Thread(target=steer) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert claude.open_connections == 0


@pytest.mark.parametrize("tls", [False, True])
def test_stop_leaves_nothing(tls: bool) -> None:
    """No thread, no descriptor, no file and no warning, whatever state the connections were in."""
    gc.collect()
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    steps = (Break("stall", at="text"), Break("pings", at="headers"), Answer("a b", piece_s=60))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        claude = SimulatedClaude(*steps, tls=tls)
        claude.start()
        ca_file = claude.ca_file if tls else os.devnull
        clients = [RawClient(claude) for _ in range(6)]
        for client in clients[:3]:
            client.send()
        claude.wait_for_requests(3)
        clients[3].sock.sendall(b"POST /v1/mess")
        assert eventually(lambda: claude.connections == 6)
        claude.go_dark()
        clients += [RawClient(claude) for _ in range(2)]
        start_s = time.monotonic()
        claude.stop()
        stopped_s = time.monotonic() - start_s
        for client in clients:
            client.sock.close()
        del clients, client
        gc.collect()

    assert stopped_s < 0.5
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before
    assert Path(ca_file).exists() is not tls
    assert [str(each.message) for each in caught] == []


def test_stop_twice_is_stop_once_and_start_twice_is_an_error() -> None:
    """Fixtures and context managers may both stop."""
    claude = SimulatedClaude()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = claude.base_url
    with claude:
        with pytest.raises(RuntimeError, match="running already"):
            claude.start()
        with pytest.raises(RuntimeError, match="ca_file exists while"):
            _ = claude.ca_file
    claude.stop()

    assert claude.open_connections == 0
    with pytest.raises(RuntimeError, match="is not running"):
        claude.refuse()


def test_a_stopped_server_can_be_started_again() -> None:
    """What was recorded stays."""
    claude = SimulatedClaude()
    for _ in range(2):
        with claude, RawClient(claude) as raw:
            raw.send()
            assert b"message_stop" in raw.read_until(END)

    assert len(claude.requests) == 2


def test_a_bug_of_the_server_is_raised_by_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else our own bug would look like a network fault to the code under test."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("resilient_claude.testing.serving.play.validate_on", broken)
    claude = SimulatedClaude()
    claude.start()
    with RawClient(claude) as raw:
        raw.send()
        assert raw.read_to_end() == b""

    with pytest.raises(RuntimeError, match="SimulatedClaude has a bug") as caught:
        claude.stop()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_platform_that_nobody_knows_is_refused() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="platform must be one of "):
        SimulatedClaude(platform="azure")  # type: ignore[arg-type]
