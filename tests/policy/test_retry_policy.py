"""What a policy may be, and the words when it may not."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.policy.retry_policy import RetryPolicy


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"max_attempts": 0}, ValueError, "max_attempts must be >= 1"),
        ({"max_attempts": 2.0}, TypeError, "max_attempts must be an int, got 2.0"),
        ({"max_attempts": True}, TypeError, "max_attempts must be an int, got True"),
        ({"max_silence_s": -1}, ValueError, "max_silence_s must be finite and > 0, got -1"),
        ({"max_silence_s": float("inf")}, ValueError, "max_silence_s must be finite"),
        ({"wait_cap_s": float("nan")}, ValueError, "wait_cap_s must be finite"),
        ({"wait_base_s": "1"}, TypeError, "wait_base_s must be a number of seconds, got '1'"),
        ({"wait_multiplier": 0.5}, ValueError, "wait_multiplier must be from 1"),
        ({"on_interruption": "retry"}, ValueError, '"raise" or "resume", got \'retry\''),
        ({"resume_instruction": "Go on."}, ValueError, r"resume_instruction must hold \{said\}"),
        ({"resume_instruction": None}, ValueError, r"resume_instruction must hold \{said\}"),
    ],
)
def test_a_bad_policy_says_what_was_wrong(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """At construction, not in the middle of a call."""
    with pytest.raises(error, match=message):
        RetryPolicy(**arguments)
