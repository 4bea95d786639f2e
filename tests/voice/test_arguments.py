"""The arguments of `keep_caller_informed` are checked when they are given."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from livekit.agents import AgentSession

from resilient_claude.voice import Line, keep_caller_informed
from resilient_claude.voice.arguments import Arguments, said_after_s

from ..support.scripted_llm import ScriptedLLM, Turn

DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(keep_caller_informed).parameters.items()
    if name != "session"
}


def arguments(**given: Any) -> Arguments:
    return Arguments(**DEFAULTS | given)


def test_the_defaults() -> None:
    """They are promises: the README's numbers follow from them."""
    assert {name: v for name, v in DEFAULTS.items() if not isinstance(v, str | tuple)} == {
        "hold_after_s": 2.5,
        "hold_every_s": 7.0,
        "max_hold_lines": 3,
        "tool_hold_after_s": None,
        "give_up_after_s": 12.0,
        "max_apologies": 3,
        "on_give_up": None,
        "ask_again_every_s": None,
    }
    assert all(len(line.split()) <= 4 for line in DEFAULTS["hold_lines"])


@pytest.mark.parametrize("name", ["hold_after_s", "hold_every_s", "give_up_after_s"])
@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_seconds_are_positive_and_finite(name: str, value: float) -> None:
    """A wait without an end is what this is there to prevent."""
    with pytest.raises(ValueError, match=rf"{name} must be > 0 and finite, got"):
        arguments(**{name: value})


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name.endswith("_s")])
@pytest.mark.parametrize("value", ["2", True])
def test_seconds_are_numbers(name: str, value: object) -> None:
    """Also those that may be None, or "auto"."""
    with pytest.raises(TypeError, match=f"{name} must be a number of seconds"):
        arguments(**{name: value})


@pytest.mark.parametrize("name", ["max_hold_lines", "max_apologies"])
def test_counts_are_counts(name: str) -> None:
    """None at all is a count."""
    assert arguments(**{name: 0}).pace
    with pytest.raises(ValueError, match=f"{name} must be >= 0, got -1"):
        arguments(**{name: -1})
    with pytest.raises(TypeError, match=f"{name} must be an int"):
        arguments(**{name: 1.5})


@pytest.mark.parametrize("name", ["hold_lines", "apology", "broke_off"])
def test_functions_that_return_words_are_not_async(name: str) -> None:
    """Nobody can wait for them when the words are due."""

    async def words() -> str:
        return "Sorry."

    with pytest.raises(TypeError, match=f"{name} must be a function that is not async"):
        arguments(**{name: words})
    with pytest.raises(TypeError, match="a function that returns an async iterable of frames"):
        Line("Sorry.", audio=words)  # type: ignore[arg-type]


def test_on_give_up_is_a_function() -> None:
    """It is called at the worst of times."""
    with pytest.raises(TypeError, match="on_give_up must be an async function"):
        arguments(on_give_up="transfer")


def test_lines_are_checked_too() -> None:
    """By their names."""
    with pytest.raises(TypeError, match="hold_lines must be a sequence"):
        arguments(hold_lines="One moment.")
    with pytest.raises(ValueError, match="apology must have words"):
        arguments(apology="")


def test_functions_are_asked_each_time() -> None:
    """The language of a call may change."""
    texts = iter(["Sorry.", "Pardon."])
    given = arguments(apology=lambda: next(texts), hold_lines=lambda: ["Un instant."])

    assert [given.line_now("apology"), given.line_now("apology")] == [
        Line("Sorry."),
        Line("Pardon."),
    ]
    assert given.lines_now() == (Line("Un instant."),)
    assert given.recorded


def test_without_recordings_speech_does_not_pass_by_us() -> None:
    """Nobody pays for what he does not use."""
    assert not arguments().recorded


async def test_only_sessions_can_be_attended() -> None:
    """An agent or a context is easily given instead."""
    with pytest.raises(TypeError, match="session must be an AgentSession, got str"):
        keep_caller_informed("session")  # type: ignore[arg-type]


async def test_nothing_is_attached_when_an_argument_is_wrong() -> None:
    """Half of it would be worse than none."""
    async with AgentSession(llm=ScriptedLLM(Turn("Hi.")), vad=None) as session:
        with pytest.raises(ValueError, match="give_up_after_s"):
            keep_caller_informed(session, give_up_after_s=0)

        assert session.conn_options.max_unrecoverable_errors == 3


@pytest.mark.parametrize(("heard_s", "said_s"), [(2.5, 2.25), (12.0, 11.75), (0.1, 0.09)])
def test_what_is_to_be_heard_is_said_a_little_earlier(heard_s: float, said_s: float) -> None:
    """A promise is about what the caller hears; text-to-speech takes its time."""
    assert said_after_s(heard_s) == pytest.approx(said_s)
    assert arguments(give_up_after_s=heard_s).pace.give_up_after_s == pytest.approx(said_s)
