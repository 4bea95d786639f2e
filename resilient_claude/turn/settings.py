"""The settings of a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from resilient_claude.policy.retry_policy import RetryPolicy
from resilient_claude.policy.timeouts import Timeouts
from resilient_claude.response.prices import Prices
from resilient_claude.transport.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSettings:
    """What the turns of an adapter have in common, as one of them takes it.

    Attributes:
        target: who is asked.
        policy: when a failed attempt is followed by another one.
        timeouts: the clocks of an attempt.
        attempt_s: how long each attempt may wait for content, seconds; None for no such bound.
        filter_thinking: whether leaked thinking tags are taken out of the text.
        prices: what models cost, by their ids, where that is not what Anthropic asks.
    """

    target: Target
    policy: RetryPolicy
    timeouts: Timeouts
    attempt_s: float | None = None
    filter_thinking: bool = False
    prices: Mapping[str, Prices] = field(default_factory=dict)
