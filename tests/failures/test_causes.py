"""The deepest cause of an exception, and the chain that leads there."""

from __future__ import annotations

import asyncio
import errno
import ssl

import anthropic
import httpcore2
import httpx2
import pytest

from resilient_claude.failures.causes import cause_chain, relink, root_cause
from resilient_claude.failures.faults import ClockExpired
from tests.support.exceptions import REQUEST, chained, hidden


def test_the_root_is_found_behind_a_suppressed_context() -> None:
    """httpcore2 raises `from None`: without this, logs say "All connection attempts failed"."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(
        anthropic.APIConnectionError(request=REQUEST),
        httpx2.ConnectError("All connection attempts failed"),
        hidden(httpcore2.ConnectError("All connection attempts failed"), refused),
    )

    assert root_cause(exc) is refused


def test_relinking_makes_the_cause_chain_end_at_the_root() -> None:
    """A traceback and livekit's `__str__` look only at `__cause__`."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    exc = chained(httpx2.ConnectError("x"), hidden(httpcore2.ConnectError("x"), refused))

    relink(exc)

    chain, current = [], exc.__cause__
    while current is not None:
        chain.append(type(current))
        current = current.__cause__
    assert chain == [httpcore2.ConnectError, ConnectionRefusedError]


@pytest.mark.parametrize(
    "signal", [StopAsyncIteration(), asyncio.CancelledError(), ssl.SSLWantReadError()]
)
def test_signals_are_never_the_root(signal: BaseException) -> None:
    """They tell how asyncio and ssl work, not what failed."""
    exc = hidden(httpx2.ReadError("x"), signal)
    timeout = TimeoutError()
    timeout.__cause__ = asyncio.CancelledError()

    assert root_cause(exc) is exc
    assert root_cause(timeout) is timeout


def test_a_cycle_ends() -> None:
    """`raise a from b` inside a handler of a can close a ring."""
    one, two = OSError("one"), OSError("two")
    one.__cause__, two.__cause__ = two, one

    assert list(cause_chain(one)) == [one, two]
    relink(one)
    assert two.__cause__ is None


def test_of_several_addresses_the_telling_error_is_the_root() -> None:
    """A machine without IPv6 fails there at once, which is not why IPv4 failed."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    group = ExceptionGroup("all failed", [OSError(errno.ENETUNREACH, "unreachable"), refused])

    assert root_cause(hidden(httpcore2.ConnectError("x"), group)) is refused


def test_a_bug_in_an_except_block_is_not_called_by_the_error_it_handled() -> None:
    """Otherwise our own bug would be retried as a connection error."""
    bug = KeyError("index")
    bug.__context__ = ConnectionResetError(errno.ECONNRESET, "reset")

    assert root_cause(bug) is bug


def test_a_clock_that_expired_is_the_root_itself() -> None:
    """It is a verdict of ours; what it interrupted at that moment is not why."""
    expired = ClockExpired("first_token_s", 6)
    expired.__cause__ = ConnectionResetError(errno.ECONNRESET, "reset")

    assert root_cause(expired) is expired


def test_an_os_error_of_several_addresses_leads_to_theirs() -> None:
    """anyio's `connect_tcp` hides them behind an OSError without a number."""
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    assert root_cause(hidden(OSError("All connection attempts failed"), refused)) is refused


def test_where_no_address_has_a_route_the_first_one_tells() -> None:
    """A machine without any network: there is nothing more telling than that."""
    first = OSError(errno.ENETUNREACH, "unreachable")
    group = ExceptionGroup("all failed", [first, OSError(errno.EHOSTUNREACH, "no route")])

    assert root_cause(group) is first


def test_a_group_of_signals_is_its_own_root() -> None:
    """Cancellations alone tell nothing of a cause."""
    group = BaseExceptionGroup("cancelled", [asyncio.CancelledError()])

    assert list(cause_chain(group)) == [group]


def test_the_chain_begins_with_the_exception_and_ends_with_the_root() -> None:
    """`classify` reads the chain in this order: the outermost class says whose it is."""
    outer, middle, inner = ValueError("a"), RuntimeError("b"), OSError("c")

    assert list(cause_chain(chained(outer, middle, inner))) == [outer, middle, inner]


def test_relinking_takes_a_cancellation_out_of_the_chain() -> None:
    """A traceback that ends in CancelledError sends the operator to the wrong place."""
    exc = chained(httpx2.ReadError("x"), TimeoutError("y"), asyncio.CancelledError())

    relink(exc)

    assert exc.__cause__ is not None
    assert (exc.__cause__.__cause__, exc.__cause__.__context__) == (None, None)
