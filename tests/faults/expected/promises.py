"""What must come of each cell, derived from the promises. Pure; never recorded from the output.

The promises: 1 fresh every time, 2 one owner of retries, 3 nothing
twice, 4 nothing silent, 5 bounded silence, 6 the true cause, 7 cancel is instant, 8 no secrets,
9 drop-in. What a row of docs/failures.md says is computed from this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from livekit.agents import APIError

from tests.faults.catalogue.table import (
    AFTER_TOOL,
    CALL,
    HEARD_AGAIN,
    OTHER_TEXT,
    TEXT,
    WARM_TURNS,
    Cell,
    Limits,
    Scenario,
    Sort,
    When,
    Where,
    limits_of,
)

from .naming import Failing, asked_wait_s, failing_of, named

MAX_PAUSES = 5
"""docs/failures.md: a turn that server tools paused is continued up to this many times."""


@dataclass(frozen=True)
class Expectation:
    """What must be observed of a cell.

    Attributes:
        text: what the caller heard, exactly.
        calls: the tool calls that ran, or would have been run by whoever reads the stream.
        failing: the failed attempts' name; None if none fails.
        error: the class of the error that the turn ends with; None for a turn without one.
        attempts: requests that were sent or tried, of each turn in order, probes included.
        requests: `POST /v1/messages` that reached the server.
        failed: attempts that failed, which is the number of `claude.attempt_failed` lines.
        lines: all other lines of the adapter, by their event names, in order.
        retryable: whether the framework may be told that trying again is safe.
        silence_s: upper bound from the turn's start to the first word or the error.
        wait_s: lower bound of each wait between attempts: what the service asked for.
        abandoned_after_s: from when on a turn that is left without a word has been abandoned.
    """

    text: str
    calls: tuple[tuple[str, str], ...]
    failing: Failing | None
    error: type[APIError] | None
    attempts: tuple[int, ...]
    requests: int
    failed: int
    lines: tuple[str, ...]
    retryable: bool | None
    silence_s: float
    wait_s: float = 0.0
    abandoned_after_s: float = inf


def expected(cell: Cell) -> Expectation:
    """What the promises say about *cell*."""
    if cell.scenario in (Scenario.CANCEL, Scenario.BARGE_IN):
        return _cancelled(cell)
    limits = limits_of(cell)
    if cell.scenario is Scenario.FALLBACK:
        return _with_fallback(cell, limits)
    turn = _turn(cell, limits, faulty=_FAULTY[cell.when])
    if cell.scenario is Scenario.SESSION:
        return _in_session(cell, turn)
    return turn


_FAULTY = {When.FIRST: 1.0, When.FIRST_TWO: 2.0, When.ALWAYS: inf}


# --- one turn -----------------------------------------------------------------------------------


def _turn(cell: Cell, limits: Limits, *, faulty: float) -> Expectation:
    """One turn whose first *faulty* attempts meet the fault."""
    if cell.fault.sort is Sort.HARMLESS:
        return _answered(cell, cell.fault.text, tool=cell.fault.tool, reported=cell.fault.reported)
    if cell.fault.sort is Sort.DROPPED_POOL:
        # The client has seen the connections close, so that a new one is made: no attempt is lost.
        return replace(_answered(cell, TEXT), requests=WARM_TURNS[cell.fault.sort] + 1)
    if cell.fault.stop_reason == "pause_turn":
        return _paused(cell, limits, faulty)
    if _is_an_answer(cell):
        # Promise 4: cut short, but heard: reported, not raised. A stop sequence is what the
        # application asked for, and complete.
        return _answered(cell, cell.fault.text, reported=cell.fault.stop_reason != "stop_sequence")
    return _failed_or_recovered(cell, limits, faulty)


def _answered(cell: Cell, text: str, *, tool: bool = False, reported: bool = False) -> Expectation:
    return Expectation(
        text=text,
        calls=(CALL,) if tool else (),
        failing=None,
        error=None,
        attempts=(1,),
        requests=1,
        failed=0,
        lines=("claude.outcome",) if reported else (),
        retryable=None,
        silence_s=AT_ONCE_S,
    )


AT_ONCE_S = 15.0
"""Upper bound for what waits for no clock, on a machine that does other things as well. Far below
every clock of `PATIENT`, so that a wait for one of them shows."""


def _failed_or_recovered(cell: Cell, limits: Limits, faulty: float) -> Expectation:
    failing = failing_of(cell)
    heard = cell.heard_before
    if cell.fault.sort is Sort.STOPPED:
        heard = cell.fault.text
    resumes = cell.may_resume and failing.resumable
    # Promise 3: no retry once text was heard, except one resume. Promise 2: never more than the
    # policy allows, never more than the failure is worth.
    allowed = min(limits.max_attempts, failing.attempts)
    if heard:
        allowed = 2 if resumes else 1
    if cell.endless:
        allowed = 1  # the turn ends with it
    if resumes and faulty > 1 and cell.where is Where.TEXT:
        heard += HEARD_AGAIN  # the continuation was heard too, until it broke
    if failing.will and faulty > 1 and allowed > 1:
        return _nothing_said(cell, failing)
    failed = int(min(faulty, allowed))
    recovered = faulty < allowed
    attempts = failed + recovered
    calls = (CALL,) if recovered and cell.answer.tools else ()
    text = heard
    if recovered:
        # Either the whole answer, or the rest of it: the same words.
        text = "".join(cell.answer.text_pieces) if not heard else TEXT
        if cell.where is Where.TOOL_RESULT:
            text = AFTER_TOOL
        lines: tuple[str, ...] = ("claude.call_recovered",)
    else:
        # Promise 6: one canonical line; "interrupted" if the caller had heard some of it.
        lines = ("claude.call_interrupted" if heard else "claude.call_failed",)
    if failing.relieved and allowed > 1:
        lines = ("claude.request_adjusted", *lines)
    return Expectation(
        text=text,
        calls=calls,
        failing=failing,
        error=None if recovered else failing.error,
        attempts=(attempts,),
        requests=_requests(cell, failed=failed, recovered=recovered),
        failed=failed,
        lines=lines,
        # Promise 3: the framework must not try again what was heard.
        retryable=False if heard and not recovered else None,
        silence_s=_silence_s(cell, limits, failed=failed, heard=heard),
        wait_s=asked_wait_s(cell),
    )


def _nothing_said(cell: Cell, failing: Failing) -> Expectation:
    """The same empty answer twice: asked once more, and then taken for what it is."""
    return replace(
        _answered(cell, ""),
        failing=failing,
        attempts=(2,),
        requests=2,
        failed=1,
        lines=("claude.outcome", "claude.call_recovered"),
    )


def _requests(cell: Cell, *, failed: int, recovered: bool) -> int:
    """How many requests the server reads: those of attempts that came so far."""
    unseen = cell.where is Where.CONNECTING
    warmed = WARM_TURNS.get(cell.fault.sort, 0)
    return warmed + (0 if unseen else failed) + recovered


def _silence_s(cell: Cell, limits: Limits, *, failed: int, heard: str) -> float:
    """Promise 5: over all attempts and waits; at once where nothing has to be waited for."""
    if heard:
        return AT_ONCE_S  # to the first word
    if cell.fault.sort in (Sort.SILENT, Sort.DARK_POOL):
        # Thinking is progress: only the clock for it may end an attempt that began in time.
        thought = limits.clocks["thinking_s"] if cell.where is Where.THINKING else 0.0
        if cell.endless:
            return limits.max_turn_s + SLACK_S
        return limits.max_silence_s + thought + SLACK_S
    return AT_ONCE_S + (failed - 1) * asked_wait_s(cell)


SLACK_S = 3.0
"""How late a busy machine may be."""


# --- messages that ended properly ---------------------------------------------------------------


def _is_an_answer(cell: Cell) -> bool:
    """Promise 4: text that was cut short is an answer; a tool call that was cut short is none."""
    return cell.fault.sort is Sort.STOPPED and bool(cell.fault.text) and not cell.fault.tool


def _paused(cell: Cell, limits: Limits, faulty: float) -> Expectation:
    """A turn that server tools paused is continued, which is no retry and no failure."""
    if faulty <= MAX_PAUSES:
        parts = int(faulty) + 1
        said = cell.fault.text * int(faulty) + TEXT
        return replace(_answered(cell, said), attempts=(parts,), requests=parts)
    parts = MAX_PAUSES + 1
    failing = named("truncated", origin=None, attempts=1)
    return Expectation(
        text="",
        calls=(),
        failing=failing,
        error=failing.error,
        attempts=(parts,),
        requests=parts,
        failed=1,
        lines=("claude.call_failed",),
        retryable=None,
        silence_s=AT_ONCE_S,
    )


# --- other scenarios ----------------------------------------------------------------------------


def _in_session(cell: Cell, turn: Expectation) -> Expectation:
    """In a session a tool call is run, and its result is another turn."""
    if cell.where is Where.TOOL_RESULT:
        # The first turn was healthy and called the tool; what fails is the second. Promise 3: the
        # tool ran once, however often its result is sent.
        if cell.fault.stop_reason == "end_turn":  # nothing to add after a result is fine
            turn = replace(_answered(cell, ""), lines=("claude.outcome",))
        return replace(
            turn,
            calls=(CALL,),
            attempts=(1, *turn.attempts),
            requests=turn.requests + 1,
        )
    if not turn.calls:
        return turn
    return replace(
        turn,
        text=turn.text + AFTER_TOOL,
        attempts=(*turn.attempts, 1),
        requests=turn.requests + 1,
    )


def _with_fallback(cell: Cell, limits: Limits) -> Expectation:
    """`FallbackAdapter`: one attempt of ours, then the other provider, then a probe of ours."""
    limits = replace(limits, max_attempts=1)
    turn = _turn(cell, limits, faulty=_FAULTY[cell.when])
    if turn.error is None or turn.text:
        return turn  # what was heard is not said again by somebody else
    # Promise 9: the adapter asks the other one, and sees by a turn of its own whether we are back.
    back = cell.when is When.FIRST
    probe = _answered(cell, "") if back else _turn(cell, limits, faulty=_FAULTY[cell.when] - 1)
    return replace(
        turn,
        text=OTHER_TEXT,
        error=None,
        retryable=None,
        attempts=(*turn.attempts, *probe.attempts),
        requests=turn.requests + probe.requests,
        failed=turn.failed + probe.failed,
        lines=(*turn.lines, *probe.lines),
        silence_s=limits.fallback_s + AT_ONCE_S,
    )


def _cancelled(cell: Cell) -> Expectation:
    """Promise 7: nothing more is heard, asked or said; a turn that was cancelled did not fail."""
    lasting = cell.fault.sort in (Sort.SILENT, Sort.DARK_POOL)
    failing = failing_of(cell)
    failed = 0 if lasting else 1  # the others are cancelled in the wait after the first failure
    return Expectation(
        text=cell.heard_before,
        calls=(),
        failing=failing if failed else None,
        error=None,
        attempts=(1,),
        requests=WARM_TURNS.get(cell.fault.sort, 0) + (cell.where is not Where.CONNECTING),
        failed=failed,
        lines=(),
        retryable=None,
        silence_s=inf,
        # Promise 4: the operator learns of a caller who left in trouble, and of no other barge-in.
        abandoned_after_s=inf if cell.heard_before else 0.0 if failed else LONG_WAIT_S,
    )


LONG_WAIT_S = 2.5
"""docs/watching.md: from then on, a turn that is left before its first word was abandoned."""
