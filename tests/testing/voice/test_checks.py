"""Arguments of a call: what is wrong is said when it is made, and not in the middle of livekit."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import Agent

from resilient_claude.testing import HttpError, SimulatedClaude
from resilient_claude.testing.voice import Outage, Says, VoiceCall

from .calls import QUESTION, ours

OUTAGE = Outage(HttpError(529))
HELLO = Says("Hello?", when_silent_s=5.0, repeat=True)

WRONG_TYPES: list[tuple[dict[str, Any], str]] = [
    ({"caller": "When do you open?"}, "caller must be a list of Says and Coughs, got 'When do"),
    ({"caller": QUESTION}, r"caller must be a list of Says and Coughs, got Says\("),
    ({"caller": ["Hello?"]}, "caller must be a list of Says and Coughs, got 'Hello\\?' in it"),
    ({"llm": None}, "llm must be an LLM, or a function that makes one, got None"),
    ({"agent": "Receptionist"}, "agent must be an Agent, or a function that makes one, got 'Rec"),
    ({"claude": "http://127.0.0.1"}, "claude must be a list of SimulatedClaude, got 'http"),
    ({"outages": OUTAGE}, r"outages must be a list of Outage, got Outage\("),
    ({"outages": [HttpError(529)]}, r"outages must be a list of Outage, got HttpError\("),
    ({"tts_down": 5}, r"tts_down must be a list of pairs of seconds: \[\(5, 10\)\], got 5"),
    ({"tts_down": (5, 10)}, "tts_down must be a list of pairs of seconds.*, got 5 in it"),
    ({"tts_down": [(5,)]}, r"tts_down must be a list of pairs of seconds, got \(5,\) in it"),
    ({"lasts_s": "30"}, "lasts_s must be a number of seconds, got '30'"),
    ({"word_s": True}, "word_s must be a number of seconds, got True"),
]

WRONG_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"caller": [HELLO]}, "repeat needs lasts_s"),
    ({"linger_s": 0}, "linger_s must be >= 0.02, got 0"),
    ({"lasts_s": float("inf")}, "lasts_s must be finite, got inf"),
    ({"word_s": 1e-5}, "word_s must be >= 0.02, got 1e-05"),
    ({"first_byte_s": -1}, "first_byte_s must be >= 0, got -1"),
    ({"interim_s": -1}, "interim_s must be >= 0"),
    ({"final_s": -1}, "final_s must be >= 0"),
    ({"tts_down": [(5, 5)]}, r"tts_down must end after it begins, got \(5, 5\)"),
    ({"outages": [OUTAGE], "claude": ()}, "an outage needs a claude"),
    ({"tools": [print], "agent": Agent}, "an agent brings its own"),
]


def make(asked: SimulatedClaude, **arguments: Any) -> VoiceCall:
    """A call that can be played but for *arguments*."""
    return VoiceCall(
        **{"llm": ours(asked), "caller": [QUESTION], "claude": asked, **arguments},
    )


@pytest.mark.parametrize(("arguments", "message"), WRONG_TYPES)
def test_what_is_of_the_wrong_type_is_named(
    simulated_claude: SimulatedClaude, arguments: dict[str, Any], message: str
) -> None:
    """A forgotten pair of brackets was an `AttributeError` of a module nobody knows."""
    with pytest.raises(TypeError, match=message):
        make(simulated_claude, **arguments)


@pytest.mark.parametrize(("arguments", "message"), WRONG_VALUES)
def test_what_is_out_of_range_is_named(
    simulated_claude: SimulatedClaude, arguments: dict[str, Any], message: str
) -> None:
    """Before anything is played: some of it would be played, and something else heard."""
    with pytest.raises(ValueError, match=message):
        make(simulated_claude, **arguments)


def test_an_llm_that_was_closed_with_the_call_is_not_played_again(
    simulated_claude: SimulatedClaude,
) -> None:
    """What makes one can be played any number of times; an LLM has had its one call."""
    again = make(simulated_claude, linger_s=1)
    once = make(simulated_claude, llm=ours(simulated_claude)(), linger_s=1)
    once.play()

    assert again.play().text == again.play().text
    with pytest.raises(RuntimeError, match="give a function that makes one"):
        once.play()
