"""The script and the recorded requests."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.serving.ledger import Ledger
from tests.testing.raw_client import (
    RawClient,
)


def test_what_is_no_step_is_refused() -> None:
    """`script([Answer()])` is an easy slip."""
    with pytest.raises(TypeError, match=r"a step is an Answer, .*: pass each step by itself"):
        Ledger([[Answer()]], Answer())  # type: ignore[list-item]


def test_what_is_no_step_is_no_outage() -> None:
    """It would be a bug of the server's thread, long after the line that wrote it."""
    with pytest.raises(TypeError, match="a step is an Answer, HttpError, Raw or Break"):
        Ledger([], Answer()).outage("down")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "message"), [("5", "must be a number, got '5'"), (-1, "must be >= 0, got -1")]
)
def test_what_is_no_time_does_not_pass(seconds: Any, message: str) -> None:
    """A cache that grows younger would hit where the real one misses."""
    with pytest.raises((TypeError, ValueError), match=f"seconds {message}"):
        Ledger([], Answer()).age_cache(seconds)


def test_wait_for_requests_tells_how_many_came() -> None:
    """The message is what a failing test shows."""
    with SimulatedClaude() as claude, RawClient(claude) as raw:
        raw.send()
        assert len(claude.wait_for_requests(1)) == 1

        with pytest.raises(TimeoutError, match=r"expected 2 requests within 0.01 s, got 1"):
            claude.wait_for_requests(2, timeout_s=0.01)
