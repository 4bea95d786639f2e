"""The calls that these tests play: an adapter of ours, and a caller who asks one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.voice import PlayedCall, Says
from tests.support.adapters import KEY

OPENING = "We open at five. And close at ten, as ever."
ANSWER = Answer(OPENING, first_token_s=0.6)
QUESTION = Says("When do you open?", at_s=0.5)

PlayCall = Callable[..., PlayedCall]


class Makes(Protocol):
    """Makes an adapter."""

    def __call__(self) -> ResilientClaudeLLM: ...


def ours(claude: SimulatedClaude, **arguments: Any) -> Makes:
    """What makes an adapter that asks *claude*."""
    return lambda: ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url, **arguments)


def wait_s(played: PlayedCall) -> float:
    """How long the caller waited at first."""
    return played.silences()[0].lasted_s
