"""The arguments of a `VoiceCall`, checked before anything is played."""

from collections.abc import Sequence
from typing import Any

from livekit.agents import Agent, llm

from resilient_claude.testing.server import SimulatedClaude

from .script import SHORTEST_S, Coughs, Outage, Says, check_seconds

_SOME_TIME = ("lasts_s", "linger_s", "word_s")


def check_caller(caller: object, lasts_s: float | None) -> None:
    """Refuse a script that cannot be played, or that has no end.

    Raises:
        TypeError: *caller* is no sequence of `Says` and `Coughs`.
        ValueError: A line is repeated, and *lasts_s* ends the call nowhere.
    """
    lines = _each("caller", caller, (Says, Coughs), "Says and Coughs")
    if lasts_s is None and any(line.repeat for line in lines):
        raise ValueError("a line with repeat needs lasts_s: the call would never end")


def check_who_answers(answering: object, agent: object, tools: Sequence[object]) -> None:
    """Refuse what is no LLM, no agent, or both an agent and tools for a plain one.

    Raises:
        TypeError: *answering* is no LLM and nothing that makes one; likewise *agent*.
        ValueError: There are *tools*, and the *agent* would not get them.
    """
    if not isinstance(answering, llm.LLM) and not callable(answering):
        raise TypeError(f"llm must be an LLM, or a function that makes one, got {answering!r}")
    if agent is None:
        return
    if not isinstance(agent, Agent) and not callable(agent):
        raise TypeError(f"agent must be an Agent, or a function that makes one, got {agent!r}")
    if tools:
        raise ValueError("tools are those of the plain agent: an agent brings its own")


def check_claudes(claudes: object, outages: object) -> None:
    """Refuse what is no simulated Claude, and outages of which none is out of order.

    Raises:
        TypeError: One of *claudes* is no `SimulatedClaude`, or one of *outages* no `Outage`.
        ValueError: An outage names no Claude, and there is none.
    """
    known = _each("claude", claudes, SimulatedClaude, "SimulatedClaude")
    given = _each("outages", outages, Outage, "Outage")
    if not known and any(each.claude is None for each in given):
        raise ValueError("an outage needs a claude")


def check_tts_down(tts_down: object) -> None:
    """Refuse what does not say when text-to-speech fails.

    Raises:
        TypeError: *tts_down* is no sequence of pairs of seconds.
        ValueError: A pair ends before it begins.
    """
    for pair in _each("tts_down", tts_down, (tuple, list), "pairs of seconds: [(5, 10)]"):
        if len(pair) != 2:
            raise TypeError(f"tts_down must be a list of pairs of seconds, got {pair!r} in it")
        start_s, end_s = pair
        check_seconds("tts_down", start_s)
        if end_s <= start_s:
            raise ValueError(f"tts_down must end after it begins, got {pair!r}")


def check_clocks(**seconds: float | None) -> None:
    """Refuse *seconds* that are out of range, by their names.

    Raises:
        TypeError: One of them is no number.
        ValueError: One of them is below 0, or so short that nothing would be played.
    """
    for name, value in seconds.items():
        if value is not None:
            check_seconds(name, value, SHORTEST_S if name in _SOME_TIME else 0.0)


def _each(name: str, given: object, kinds: type | tuple[type, ...], wanted: str) -> Sequence[Any]:
    """*given*, the argument *name*, if it is a sequence of nothing but *kinds*."""
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise TypeError(f"{name} must be a list of {wanted}, got {given!r}")
    for each in given:
        if not isinstance(each, kinds):
            raise TypeError(f"{name} must be a list of {wanted}, got {each!r} in it")
    return given
