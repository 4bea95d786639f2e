"""An exception gets its name, and its chain is made fit to be shown, in one step."""

from __future__ import annotations

import httpx2

from resilient_claude.failures.causes import root_cause
from resilient_claude.failures.failure import FailureKind, Origin, Phase
from resilient_claude.failures.naming import name_failure
from resilient_claude.failures.private import Private
from tests.support.exceptions import CONNECTING, STREAMING, hidden, status_error


def test_the_cause_that_a_library_hid_is_named_and_reached() -> None:
    """Promise 6: `raise ... from None` leaves an operator with "connection error"."""
    refused = ConnectionRefusedError(111, "Connection refused")
    outer = hidden(httpx2.ConnectError("All connection attempts failed"), refused)

    failure, shown = name_failure(outer, CONNECTING, private=Private)

    assert (failure.kind, failure.origin, failure.phase, failure.errno) == (
        FailureKind.CONNECT,
        Origin.LOCAL,
        Phase.CONNECT,
        111,
    )
    assert shown is outer
    assert root_cause(shown) is shown.__cause__ is refused


def test_what_is_private_is_neither_named_nor_shown() -> None:
    """Promise 8: the exception goes to logs and traces as well as its name."""
    said = "my card number is 4711 0815 1234"
    exc = status_error(400, error_type="invalid_request_error", message=f"bad text: {said}")

    failure, shown = name_failure(exc, STREAMING, private=lambda: Private(speech=[said]))

    assert failure.kind is FailureKind.REJECTED
    assert "4711" not in f"{failure.root_message} {shown} {shown!r}"
