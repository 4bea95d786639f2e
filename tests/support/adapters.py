"""Adapters whose waits are short enough for a test."""

from __future__ import annotations

from typing import Any, Protocol

from resilient_claude import ResilientClaudeLLM, RetryPolicy
from resilient_claude.testing import SimulatedClaude

KEY = "sk-ant-api03-this-key-is-for-tests-only"


class MakeLLM(Protocol):
    """Makes an adapter whose waits are short enough for a test."""

    def __call__(self, claude: SimulatedClaude, **arguments: Any) -> ResilientClaudeLLM: ...


SHORT_S = 1.0
"""A clock that a test waits for: long enough for the healthy attempt that follows, on a busy
machine too, where loopback and TLS take a tenth of a second."""

FASTER = 10
"""How much shorter than by default the waits between attempts are in these tests."""


def shrunk_policy(**changes: Any) -> RetryPolicy:
    """The default policy with short waits, so that no test hides a default.

    The silence budget stays as it is, and so do the clocks of `make_llm`: what is not the subject
    of a test must not run out on a machine that is busy. A test of a clock shrinks that one alone.
    """
    policy = RetryPolicy()
    waits = ("wait_base_s", "throttled_wait_base_s", "wait_cap_s")
    return RetryPolicy(**{**{name: getattr(policy, name) / FASTER for name in waits}, **changes})
