"""Skipping the time in which everybody waits does not change what is heard."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import function_tool

from resilient_claude.testing import Answer, HttpError, SimulatedClaude, Step, ToolUse
from resilient_claude.testing.voice import Coughs, PlayedCall, Says, VoiceCall
from tests.support.adapters import shrunk_policy

from .calls import ours

ASKS = Says("Open?", at_s=0.3)
LONG = Answer("One two three four five.", first_token_s=0.4)
EARLIER_S, LATER_S = 0.15, 0.6
"""By how much the times may differ: in real time, the work of a busy machine comes on top."""
MOST_PLAYS = 3


@function_tool
async def look() -> str:
    """Look something up."""
    await asyncio.sleep(0.6)
    return "found"


CALLS: dict[str, tuple[list[Step], list[Any]]] = {
    "an answer": ([LONG], [ASKS]),
    "a retry": ([HttpError(529), LONG], [ASKS]),
    "a tool": ([Answer(tools=[ToolUse("look")], first_token_s=0.2), LONG], [ASKS]),
    "barge-in": ([LONG, Answer("Yes?")], [ASKS, Says("Stop it now", into_speech_s=0.4)]),
    "a cough": ([LONG], [ASKS, Coughs(lasts_s=0.6, into_speech_s=0.4)]),
    "two sentences": ([LONG, LONG], [ASKS, Says("On Sunday?", after_own_s=0.7)]),
}


def play(name: str, *, real_time: bool) -> PlayedCall:
    """Play the call of that name."""
    steps, script = CALLS[name]
    handling = {"interruption": {"false_interruption_timeout": 0.4}}
    with SimulatedClaude(*steps) as claude:
        return VoiceCall(
            ours(claude, retry=shrunk_policy()),
            script,
            claude=claude,
            tools=[look],
            lasts_s=5.6,
            word_s=0.4,
            session_options={"turn_handling": handling},
        ).play(real_time=real_time)


async def test_what_is_heard_is_the_same_in_real_time() -> None:
    """The same words at the same times, whole or cut off, after the same requests.

    All calls in real time at once, each in a thread of its own. Real time is late on a busy
    machine: a call that differs is played again, alone, and the best of three plays counts.
    """
    skipped = {name: await asyncio.to_thread(play, name, real_time=False) for name in CALLS}

    real = await asyncio.gather(*[asyncio.to_thread(play, name, real_time=True) for name in CALLS])

    for name, waited in zip(CALLS, real, strict=True):
        differences = [difference(name, skipped[name], waited)]
        while all(differences) and len(differences) < MOST_PLAYS:
            again = await asyncio.to_thread(play, name, real_time=True)
            differences.append(difference(name, skipped[name], again))
        assert not all(differences), (name, differences)


def difference(name: str, fast: PlayedCall, waited: PlayedCall) -> str:
    """What is heard differently in real time; empty if nothing is."""
    if len(fast.posts()) != len(waited.posts()):
        return f"requests: {len(fast.posts())} and {len(waited.posts())}"
    if len(fast.heard()) != len(waited.heard()):
        return f"utterances: {fast.heard()} and {waited.heard()}"
    for one, other in zip(fast.heard(), waited.heard(), strict=True):
        later = other.start_s - one.start_s, other.end_s - one.end_s
        if one.whole != other.whole or not -EARLIER_S <= min(later) <= max(later) <= LATER_S:
            return f"an utterance: {one} and {other}"
    # At a barge-in, some letters more or less are a matter of milliseconds.
    same = name == "barge-in" or letters(fast) == letters(waited)
    return "" if same else f"words: {fast.text} and {waited.text}"


def letters(played: PlayedCall) -> str:
    """All that was heard, wherever it was cut."""
    return played.text.replace(" ", "")
