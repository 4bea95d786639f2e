"""Adapters whose clocks and waits are short enough for a test."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts
from resilient_claude.testing import SimulatedClaude

KEY = "sk-ant-api03-this-key-is-for-tests-only"


class MakeLLM(Protocol):
    """Makes an adapter whose clocks and waits are short enough for a test."""

    def __call__(self, claude: SimulatedClaude, **arguments: Any) -> ResilientClaudeLLM: ...


FASTER = 10
"""How much faster than by default the clocks of these tests run."""


def shrunk_policy(**changes: Any) -> RetryPolicy:
    """The default policy on a clock that runs faster, so that no test hides a default."""
    policy = RetryPolicy()
    names = [field.name for field in fields(policy) if field.name.endswith("_s")]
    seconds = {name: getattr(policy, name) / FASTER for name in names}
    return RetryPolicy(**{**seconds, **changes})


def shrunk_timeouts(**changes: Any) -> Timeouts:
    """The default clocks, running faster; a loaded machine still needs a moment for TLS."""
    timeouts = Timeouts()
    seconds = {f.name: getattr(timeouts, f.name) / FASTER for f in fields(timeouts)}
    return Timeouts(**{**seconds, "connect_s": 0.5, **changes})
