"""What must come of each call, derived from the promises. Pure; never recorded from a call.

Times are seconds from the end of the caller's question. The promises of `keep_caller_informed`,
with its defaults: a voice within `VOICE_S` of his last word, an answer or an apology within
`ENDING_S` of the commit, over turns that he interrupted; a fourth lost wait in a row closes the
call politely. Without it: what the adapter promises of a turn that is not interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from .call_table import (
    FIRST_TOKEN_S,
    OTHER_TEXT,
    TEXT,
    TOOL_S,
    CallCell,
    Caller,
    CallFault,
    Ending,
    Model,
    Tool,
)
from .call_texts import APOLOGY, CLOSING, Kind

WORD_S = 0.3
"""Of the agent's voice."""
HEARD_S = 0.35
"""From a text to its first sound."""
ASKED_S = 0.3
"""From the last word to the request that has all of it: speech-to-text."""
COMMIT_S = 0.55
"""From the last word to the commit: livekit's end of turn."""
VOICE_S = 3.4
"""A voice, from his last word: 2.5 s after the commit, and the time to be heard."""
ENDING_S = 12.8
"""An answer or an apology, from the commit of the first turn that he waits for."""
ATTEMPT_S = 6.0
"""`first_token_s`: how long the adapter waits for one attempt."""
FALLBACK_ATTEMPT_S = 5.0
"""How long `FallbackAdapter` waits for one LLM."""
BUDGET_S = 20.0
"""`max_silence_s`: how long the adapter tries."""
WAIT_S = 2.0
"""Between two attempts at most: the cap of the backoff."""
MAX_APOLOGIES = 3
SLACK_S = 0.4


@dataclass(frozen=True)
class CallExpectation:
    """What must be heard of a call, whenever that is.

    Attributes:
        must: what must be heard.
        may: what may be heard besides.
        answers: what an answer that nobody interrupts says, word for word.
        tool_runs: how often the tool runs.
        closes: whether the session is closed in the end; None if that is not ours to promise.
    """

    must: frozenset[Kind]
    may: frozenset[Kind]
    answers: frozenset[str]
    tool_runs: int
    closes: bool | None


def expected(cell: CallCell) -> CallExpectation:
    """What the promises say about *cell*."""
    fault, caller = cell.fault, cell.caller
    must = _attached(cell) if cell.attached else _bare(cell)
    may = {Kind.LINE} if cell.attached and _may_take_long(cell) else set()
    if Kind.BROKE_OFF in must and caller.interrupts:  # then nothing has broken off for him
        must.remove(Kind.BROKE_OFF)
        may.add(Kind.BROKE_OFF)
    answers = {OTHER_TEXT} if Kind.OTHER in must else _answers(fault)
    return CallExpectation(
        must=frozenset(must),
        may=frozenset(may),
        answers=frozenset(answers),
        tool_runs=int(fault.tool is Tool.RUNS),
        closes=Kind.CLOSING in must if cell.attached else None,
    )


def _answers(fault: CallFault) -> set[str]:
    """The first answer, and that of a later turn."""
    return {fault.heard or TEXT, fault.healed.text}


# --- who answers, and when ----------------------------------------------------------------------


def answered_s(cell: CallCell) -> tuple[float, float]:
    """Between when and when the first answer is heard, if nobody interrupts; infinity for never."""
    fault = cell.fault
    tool_s = FIRST_TOKEN_S + TOOL_S if fault.tool is Tool.RUNS else 0.0
    begun_s = ASKED_S + tool_s
    rest_s = FIRST_TOKEN_S + HEARD_S
    healthy_s = begun_s + rest_s
    if fault.sort is Ending.HARMLESS:
        return healthy_s, healthy_s
    if cell.model is Model.OTHER:
        wait_s = FALLBACK_ATTEMPT_S if fault.sort is Ending.HANGS else 0.0
        return healthy_s + wait_s, healthy_s + wait_s
    if fault.sort is Ending.REFUSED or fault.endless or cell.model is Model.DEAD:
        return inf, inf
    if fault.sort is Ending.SLOW:
        # The first attempt is given up, the last one that fits in the budget is not.
        slow_s = begun_s + ATTEMPT_S + fault.healed.first_byte_s + HEARD_S
        return slow_s, slow_s + WAIT_S
    if fault.sort is Ending.HANGS:
        return healthy_s + ATTEMPT_S, healthy_s + ATTEMPT_S + WAIT_S
    if fault.sort in (Ending.BREAKS, Ending.STALLS):
        again_s = 0.0 if fault.sort is Ending.BREAKS else ATTEMPT_S
        return healthy_s, healthy_s + FIRST_TOKEN_S + again_s + WAIT_S
    assert fault.sort is Ending.FAILS
    healed_s = max(fault.lasts_s or 0.0, begun_s)
    return healed_s + rest_s, healed_s + WAIT_S + rest_s


def lost_s(cell: CallCell) -> float:
    """When the caller is told that his turn is lost, at the latest."""
    begun_s = COMMIT_S
    if cell.fault.tool is Tool.RUNS:
        begun_s = ASKED_S + FIRST_TOKEN_S + TOOL_S
    at_once = cell.fault.sort is Ending.REFUSED and cell.model is Model.OURS
    return begun_s + (HEARD_S if at_once else ENDING_S)


def _attached(cell: CallCell) -> set[Kind]:
    earliest_s, latest_s = answered_s(cell)
    deadline_s = lost_s(cell)
    words = Kind.OTHER if _answered_by_other(cell) else Kind.ANSWER
    if latest_s <= deadline_s:
        return {words, Kind.BROKE_OFF} if cell.fault.heard else {words}
    assert earliest_s > deadline_s, f"{cell}: too close to say"
    told = {Kind.APOLOGY}
    if _lost_waits(cell) > MAX_APOLOGIES:
        told.add(Kind.CLOSING)
    lasts_s = cell.fault.lasts_s
    if lasts_s and _repeats(cell.caller) and cell.caller.lasts_s > lasts_s + ENDING_S:
        told.add(Kind.ANSWER)
    return told


def _lost_waits(cell: CallCell) -> int:
    """How many waits are lost until the call is over, when he asks again and again."""
    if not _repeats(cell.caller) or not cell.fault.endless:
        return 1
    silent_s = max(line.when_silent_s or 0.0 for line in cell.caller.then)
    sorry_s = len(APOLOGY.split()) * WORD_S
    each_s = lost_s(cell) + sorry_s + silent_s + WORD_S
    left_s = cell.caller.lasts_s - len(CLOSING.split()) * WORD_S - SLACK_S
    return int((left_s - lost_s(cell)) / each_s) + 1


def _bare(cell: CallCell) -> set[Kind]:
    earliest_s, latest_s = answered_s(cell)
    if _repeats(cell.caller) and latest_s < inf and cell.fault.sort is Ending.SLOW:
        return set()  # each "Hello?" begins anew, and none of them is answered in time
    asks_on = _repeats(cell.caller) and cell.fault.lasts_s
    if latest_s <= BUDGET_S + ASKED_S or asks_on:
        return {Kind.OTHER} if _answered_by_other(cell) else {Kind.ANSWER}
    assert earliest_s == inf, f"{cell}: too close to say"
    return set()


def _answered_by_other(cell: CallCell) -> bool:
    return cell.model is Model.OTHER and cell.fault.sort is not Ending.HARMLESS


def _repeats(caller: Caller) -> bool:
    return any(line.repeat for line in caller.then)


def _may_take_long(cell: CallCell) -> bool:
    """Whether a voice may not be heard before a hold line is due."""
    _, latest_s = answered_s(cell)
    return min(latest_s, lost_s(cell)) > VOICE_S - HEARD_S - SLACK_S
