"""Whole turns: whatever their attempts meet and whenever they are cancelled, every promise holds.

The real stream runs against a Claude that does as a script says, in virtual time.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

from resilient_claude import RetryPolicy, Timeouts

from .invariants import check
from .playing import play
from .profiles import searched
from .scripted import HEARD, ScriptedClaude
from .scripts import BREAKS, REFUSALS, Cancel, ScriptedAttempt, ScriptedBlock, ScriptedTurn, fault

# Around every clock's default, just below and just above.
WAITS = st.sampled_from(
    [0.0, 0.05, 1.0, 2.9, 3.1, 5.9, 6.1, 7.9, 8.1, 12.1, 17.9, 18.1, 20.1, 29.9, 31.0]
)
BLOCKS = st.lists(
    st.builds(ScriptedBlock, st.just("text"), st.integers(1, 6))
    | st.builds(ScriptedBlock, st.just("thinking"), st.integers(1, 3))
    | st.builds(
        ScriptedBlock, st.sampled_from(["search", "tool"]), valid=st.integers(0, 5).map(bool)
    ),
    max_size=3,
).map(tuple)
PIECES = st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple)
QUICK = st.lists(
    st.tuples(st.sampled_from([0.0, 0.01]), st.integers(1, 9)), min_size=1, max_size=3
).map(tuple)
SLOW = (
    st.lists(st.tuples(WAITS, st.integers(0, 9)), min_size=1, max_size=4)
    .filter(lambda reads: any(size for _, size in reads))
    .map(tuple)
)
ANSWER: dict[str, Any] = {
    "blocks": BLOCKS,
    "stop_reason": st.sampled_from(
        ["", "", "", "", "pause_turn", "pause_turn", "max_tokens", "refusal", "stop_sequence"]
    ),
    "piece_chars": PIECES,
    "repeats": st.sampled_from(["last_words", "everything", "nothing"]),
    "rhythm": QUICK,
    "stays_open": st.booleans(),
}
BREAK: dict[str, Any] = {"breaks_after": st.integers(-4, 20), "breaks": st.sampled_from(BREAKS)}
REFUSAL: dict[str, Any] = {
    "refused": st.sampled_from(REFUSALS),
    "refused_early": st.booleans(),
    "retry_after": st.none() | st.sampled_from(["0", "0.3", "4", "19.5", "60", "-1", "soon"]),
}
PARTS: dict[str, Any] = {
    "piece_chars": PIECES,
    "rhythm": QUICK,
    "repeats": st.sampled_from(["last_words", "everything", "nothing"]),
    "breaks_after": st.integers(3, 20),
    "breaks": st.sampled_from(BREAKS),
}
TALK = ScriptedAttempt(blocks=(ScriptedBlock("text", 4),), rhythm=((0.0, 1), (0.01, 2)))
SCRIPT = st.one_of(
    st.just(TALK),
    st.builds(ScriptedAttempt, **ANSWER),
    st.builds(ScriptedAttempt, **ANSWER, **BREAK),
    st.builds(ScriptedAttempt, **ANSWER, **BREAK),
    st.builds(
        ScriptedAttempt, **{**ANSWER, "rhythm": SLOW}, connect_s=st.sampled_from([0.0, 1.0, 2.9])
    ),
    st.builds(ScriptedAttempt, **ANSWER, response_s=WAITS),
    st.builds(ScriptedAttempt, **REFUSAL),
    st.builds(ScriptedAttempt, **REFUSAL, connect_s=WAITS, response_s=WAITS),
)
SCRIPTS = st.lists(SCRIPT, min_size=1, max_size=6).map(tuple)
POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.sampled_from([24, 24, 3, 2, 1]),
    max_silence_s=st.sampled_from([20.0, 20.0, 5.0, 0.5]),
    max_turn_s=st.sampled_from([300.0, 300.0, 25.0]),
    on_interruption=st.sampled_from(["resume", "raise"]),
    resume_instruction=st.just(f"{HEARD}{{said}}"),
)
TIMEOUTS = st.sampled_from(
    [Timeouts(), Timeouts(stall_s=30.0, connect_s=25.0), Timeouts(stall_s=1)]
)
CONN_OPTIONS = st.one_of(
    st.just(DEFAULT_API_CONNECT_OPTIONS),
    st.just(DEFAULT_API_CONNECT_OPTIONS),
    st.builds(
        APIConnectOptions,
        max_retry=st.integers(0, 3),
        timeout=st.sampled_from([0.0, 0.5, 5.0, 10.0]),
    ),
)
CANCELS = st.builds(
    Cancel,
    after_s=st.none() | WAITS,
    after_chunks=st.integers(0, 4),
    steps=st.integers(0, 12),
)


def consistent(turn: ScriptedTurn) -> ScriptedTurn:
    """*turn* with no clock above the budget, which the adapter would not take."""
    if turn.timeouts.connect_s <= turn.policy.max_silence_s:
        return turn
    connect_s = min(turn.policy.max_silence_s, Timeouts().connect_s)
    return replace(turn, timeouts=replace(turn.timeouts, connect_s=connect_s))


TURNS = st.builds(
    ScriptedTurn,
    scripts=SCRIPTS,
    policy=POLICIES,
    timeouts=TIMEOUTS,
    conn_options=CONN_OPTIONS,
    model=st.sampled_from(["claude-sonnet-4-6", "claude-sonnet-4-5"]),
    after_tool_result=st.booleans(),
    filter_thinking=st.booleans(),
    observed=st.booleans(),
).map(consistent)


@searched(400)
@given(TURNS)
def test_any_turn(turn: ScriptedTurn) -> None:
    """Faults, waits, pauses, tools and limits in any order."""
    check(play(turn))


@searched(200)
@given(TURNS, CANCELS)
def test_any_turn_cancelled_at_any_moment(turn: ScriptedTurn, cancel: Cancel) -> None:
    """A caller who speaks up: at once, in a wait, in the middle of a word, at the very end."""
    check(play(replace(turn, cancel=cancel)))


@searched(300)
@given(
    answer=st.builds(
        ScriptedAttempt,
        blocks=BLOCKS.map(lambda blocks: (ScriptedBlock("text", 6), *blocks)),
        **PARTS,
    ),
    again=st.builds(ScriptedAttempt, blocks=st.just((ScriptedBlock("text"),)), **PARTS) | SCRIPT,
    unbroken=st.booleans(),
    model=st.sampled_from(["claude-sonnet-4-6", "claude-sonnet-4-5"]),
)
def test_any_answer_that_breaks_off_is_resumed(
    answer: ScriptedAttempt, again: ScriptedAttempt, unbroken: bool, model: str
) -> None:
    """Wherever it breaks, in the middle of a word too, it is said to the end and only once."""
    if unbroken:
        again = replace(again, breaks_after=None)
    policy = RetryPolicy(on_interruption="resume", resume_instruction=f"{HEARD}{{said}}")
    check(play(ScriptedTurn((answer, again), policy=policy, model=model)))


# --- found by the search ------------------------------------------------------------------------

RESUMING = RetryPolicy(on_interruption="resume", resume_instruction=f"{HEARD}{{said}}")
ONE_WORD = ScriptedAttempt(blocks=(ScriptedBlock("text", 1),))
FOUND: dict[str, ScriptedTurn] = {
    # The task that would tell is cancelled before its first step.
    "cancelled before it began": ScriptedTurn((TALK,), cancel=Cancel()),
    # Claude waits for the tool's result, which only livekit can bring.
    "paused with a tool call": ScriptedTurn(
        (
            ScriptedAttempt(
                blocks=(ScriptedBlock("tool"), ScriptedBlock("search")), stop_reason="pause_turn"
            ),
        )
    ),
    # `message_delta` is no content, so it must not lift the silence budget.
    "silent after an empty message": ScriptedTurn(
        (ScriptedAttempt(blocks=(), breaks_after=2, breaks="pings"),),
        policy=RetryPolicy(max_silence_s=5.0),
    ),
    # Pings are a sign of life while Claude thinks: only the end of the turn ends that.
    "broken off in a long thought": ScriptedTurn(
        (
            ScriptedAttempt(
                blocks=(ScriptedBlock("text", 3), ScriptedBlock("thinking", 1)),
                breaks_after=11,
                breaks="pings",
            ),
            TALK,
        ),
        policy=RESUMING,
    ),
    # A search that takes longer than the silence budget is healthy; its continuation must live.
    "paused after a long search without a word": ScriptedTurn(
        (
            ScriptedAttempt(
                blocks=(ScriptedBlock("search"), ScriptedBlock("search")),
                stop_reason="pause_turn",
                rhythm=((7.0, 2),),
            ),
            TALK,
        ),
    ),
    # Two faults, a pause, two faults: five attempts, of which three were to be the most.
    "faults before and after a pause": ScriptedTurn(
        (
            ScriptedAttempt(refused="529"),
            ScriptedAttempt(refused="529"),
            ScriptedAttempt(blocks=(), stop_reason="pause_turn"),
            ScriptedAttempt(refused="529"),
            ScriptedAttempt(refused="529"),
            TALK,
        ),
        policy=RetryPolicy(max_attempts=3),
    ),
    # "th1q1e" was heard of "th1q1ere": an older model goes on with "re", without a space.
    "a prefill in the middle of a word": ScriptedTurn(
        (
            ScriptedAttempt(blocks=(ScriptedBlock("text", 2),), piece_chars=(13,), breaks_after=3),
            TALK,
        ),
        policy=RESUMING,
        model="claude-sonnet-4-5",
    ),
    # "ye1" was heard of "ye1q0s": a newer model repeats all that was heard, and completes it.
    "the only word broke off": ScriptedTurn(
        (replace(ONE_WORD, piece_chars=(3,), breaks_after=3), ONE_WORD), policy=RESUMING
    ),
    "broken off after a comma": ScriptedTurn(
        (
            ScriptedAttempt(blocks=(ScriptedBlock("text", 12),), piece_chars=(76,), breaks_after=3),
            replace(TALK, repeats="nothing"),
        ),
        policy=RESUMING,
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    """The smallest turns that broke a promise."""
    check(play(FOUND[name]))


def test_a_first_attempt_without_a_byte_is_spoken_over_within_seven_seconds() -> None:
    """By default: one clock, one short wait, one answer."""
    result = play(ScriptedTurn((ScriptedAttempt(refused="silence"), TALK)))

    assert result.error is None
    assert result.heard_at()[0] - result.started <= 7.0


def test_silence_for_ever_is_an_error_within_the_budget() -> None:
    """By default: 20 s, whatever the number of attempts."""
    result = play(ScriptedTurn((ScriptedAttempt(refused="silence"),)))

    assert result.error is not None
    assert result.finished is not None
    assert result.finished - result.started <= 20.0


VIRTUAL_START_S = 1000.0


@pytest.mark.parametrize("name", ["529", "refused"])
def test_an_outage_of_twelve_seconds_is_ridden_out(name: str) -> None:
    """By default, with whatever waits are drawn: the plugin gives up after five."""
    healthy = ScriptedClaude.open_exchange

    async def in_an_outage(self: ScriptedClaude, *arguments: Any, **keywords: Any) -> Any:
        if asyncio.get_running_loop().time() < VIRTUAL_START_S + 12.0:
            raise fault(name, {})
        return await healthy(self, *arguments, **keywords)

    for _ in range(20):
        with patch.object(ScriptedClaude, "open_exchange", in_an_outage):
            result = play(ScriptedTurn((TALK,)))

        assert result.error is None
        assert 12.0 <= result.heard_at()[0] - result.started <= 20.0
