"""The clocks of one attempt: what they may be, and what the plugin's time-outs mean for them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts
from tests.support.adapters import KEY


@pytest.mark.parametrize("name", ["connect_s", "first_token_s", "stall_s", "thinking_s"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), None, "3"])
def test_bad_timeouts_say_what_was_wrong(name: str, value: Any) -> None:
    """The message names the clock and the value."""
    with pytest.raises((TypeError, ValueError), match=f"{name} must be .*{value!r}"):
        Timeouts(**{name: value})


@pytest.mark.parametrize("value", [0, -1, float("inf")])
def test_a_bad_number_of_seconds_is_named_as_it_was_given(value: float) -> None:
    """Who wrote `timeout=0` has never heard of `connect_s`."""
    with pytest.raises(ValueError, match=f"^timeout must be finite and > 0, got {value!r}$"):
        ResilientClaudeLLM(api_key=KEY, timeout=value)


async def test_the_plugin_s_timeout_is_translated() -> None:
    """A drop-in takes what the plugin took."""
    adapter = ResilientClaudeLLM(api_key=KEY, timeout=httpx2.Timeout(4.0, read=25.0))

    assert adapter.timeouts == Timeouts(
        connect_s=4.0, first_token_s=20.0, stall_s=25.0, thinking_s=25.0
    )
    assert adapter.retry == RetryPolicy()
    await adapter.aclose()
