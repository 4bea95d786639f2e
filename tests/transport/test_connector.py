"""A connection as it is set up: it notices a dead path, and keeps what the system said."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp
import pytest

from resilient_claude.transport.connector import _socket, with_os_error


def test_sockets_notice_a_dead_path() -> None:
    """A NAT that forgot the connection says nothing; the kernel has to ask."""
    sock = _socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1)))
    try:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4000
    finally:
        sock.close()


def test_the_system_s_error_is_put_back_below_aiohttp_s() -> None:
    """aiohttp keeps the number alone, and the chain would end one link above the cause."""
    lost = with_os_error(aiohttp.ClientOSError(errno.ECONNRESET, "Connection reset by peer"))

    assert lost is not None
    assert type(lost.__cause__) is ConnectionResetError
    assert lost.__cause__.errno == errno.ECONNRESET


def test_an_error_of_tls_is_one_of_tls() -> None:
    """OpenSSL has numbers of its own, which are somebody else's in the system."""
    lost = with_os_error(aiohttp.ClientOSError(1, "[SSL: APPLICATION_DATA_AFTER_CLOSE_NOTIFY]"))

    assert lost is not None
    assert type(lost.__cause__) is ssl.SSLError


@pytest.mark.parametrize("exc", [None, ValueError("no"), aiohttp.ClientOSError("no number")])
def test_what_holds_no_number_stays_as_it_is(exc: BaseException | None) -> None:
    """Nothing is invented where nothing is known."""
    assert with_os_error(exc) is exc
    assert exc is None or exc.__cause__ is None


def test_a_cause_that_is_there_stays() -> None:
    """aiohttp's own is nearer to what happened."""
    lost, cause = aiohttp.ClientOSError(errno.EPIPE, "Broken pipe"), BrokenPipeError()
    lost.__cause__ = cause

    assert with_os_error(lost) is lost
    assert lost.__cause__ is cause
