"""The calls of the matrix: which faults meet which callers."""

from __future__ import annotations

from collections.abc import Iterator

from resilient_claude.testing import Answer, Break, HttpError, SseError, ToolUse
from resilient_claude.testing.voice import Coughs, Says

from .call_table import (
    FIRST_TOKEN_S,
    HEARD,
    HEARD_AGAIN,
    PIECE_S,
    TEXT,
    CallCell,
    Caller,
    CallFault,
    Ending,
    Model,
    Tool,
)

_REST = Answer(TEXT.removeprefix(HEARD), first_token_s=FIRST_TOKEN_S, piece_s=PIECE_S)
_BOOKS = Answer(tools=[ToolUse("book")], first_token_s=FIRST_TOKEN_S)
_WHOLE = Answer(TEXT, first_token_s=FIRST_TOKEN_S, piece_s=PIECE_S)
_BROKEN = Break("reset", at="text", answer=_WHOLE, after_pieces=4)
_BROKEN_AGAIN = Break("reset", at="text", answer=_REST, after_pieces=1)
_HANG = Break("stall", at="request")
_A_MOMENT_S = 0.5
"""Longer than it takes to ask, shorter than it takes to be asked again twice."""

HEALTHY = CallFault("healthy", Ending.HARMLESS)
OVERLOADED = CallFault("529", Ending.FAILS, step=HttpError(529), lasts_s=None)
HANGS = CallFault("no-byte", Ending.HANGS, step=_HANG, lasts_s=None)
BREAKS = CallFault("breaks-once", Ending.BREAKS, steps=[_BROKEN], healed=_REST)
STALLS = CallFault(
    "stalls-once",
    Ending.STALLS,
    steps=[Break("stall", at="text", answer=_WHOLE, after_pieces=4)],
    healed=_REST,
)
OUTAGE = CallFault("529-for-60-s", Ending.FAILS, step=HttpError(529), lasts_s=58.3)
TOOL = CallFault("tool", Ending.HARMLESS, steps=[_BOOKS], tool=Tool.RUNS)

LOST = [
    CallFault("401", Ending.REFUSED, step=HttpError(401), lasts_s=None),
    CallFault("400", Ending.REFUSED, step=HttpError(400), lasts_s=None),
    CallFault(
        "429-for-a-minute",
        Ending.REFUSED,
        step=HttpError(429, headers={"retry-after": "60"}),
        lasts_s=None,
    ),
    OVERLOADED,
    CallFault("reset", Ending.FAILS, step=Break("reset", at="request"), lasts_s=None),
    CallFault("no-content", Ending.FAILS, step=Break("end", at="message_start"), lasts_s=None),
    HANGS,
    CallFault("pings", Ending.HANGS, step=Break("pings", at="message_start"), lasts_s=None),
]
"""Faults that no answer survives."""

PASSING = [
    HEALTHY,
    CallFault("529-at-first", Ending.FAILS, step=HttpError(529), lasts_s=_A_MOMENT_S),
    CallFault(
        "reset-at-first", Ending.FAILS, step=Break("reset", at="request"), lasts_s=_A_MOMENT_S
    ),
    CallFault("no-byte-at-first", Ending.HANGS, step=_HANG, lasts_s=_A_MOMENT_S),
    CallFault("529-for-5-s", Ending.FAILS, step=HttpError(529), lasts_s=5.0),
    CallFault("8-s-to-the-first-byte", Ending.SLOW, healed=Answer(TEXT, first_byte_s=8.0)),
]
"""Faults that pass, so that an answer may come."""

BROKEN = [
    BREAKS,
    STALLS,
    CallFault(
        "breaks-twice",
        Ending.BREAKS,
        steps=[_BROKEN, _BROKEN_AGAIN],
        heard=HEARD + HEARD_AGAIN,
    ),
    CallFault(
        "refused-after-words",
        Ending.BREAKS,
        steps=[
            Break(
                SseError("invalid_request_error"),
                at="text",
                answer=_WHOLE,
                after_pieces=4,
            )
        ],
        heard=HEARD,
    ),
]
"""Faults after words."""

TOOLS = [
    TOOL,
    CallFault("tool-then-529", Ending.FAILS, [_BOOKS], HttpError(529), None, tool=Tool.RUNS),
    CallFault("tool-then-401", Ending.REFUSED, [_BOOKS], HttpError(401), None, tool=Tool.RUNS),
    CallFault("tool-then-no-byte", Ending.HANGS, [_BOOKS], _HANG, None, tool=Tool.RUNS),
    CallFault("tool-then-529-once", Ending.FAILS, [_BOOKS, HttpError(529)], tool=Tool.RUNS),
    CallFault(
        "tool-then-breaks-once", Ending.BREAKS, [_BOOKS, _BROKEN], healed=_REST, tool=Tool.RUNS
    ),
]
"""An answer by way of a tool, and faults in what follows its run."""

# --- callers ------------------------------------------------------------------------------------

_ASKS = Says("When do you open?", at_s=0.5)
WAITS = Caller("waits", _ASKS)
HELLO = Caller("says-hello", _ASKS, [Says("Hello?", when_silent_s=5.0, repeat=True)])
HELLO_FOR_LONG = Caller("says-hello-for-long", _ASKS, HELLO.then, lasts_s=78.0)
INTO_LINE = Caller(
    "interrupts-a-line",
    _ASKS,
    [Says("And on Sunday please?", into_speech_s=0.7)],
    lasts_s=34.0,
    long_lines=True,
)
INTO_ANSWER = Caller(
    "interrupts-the-answer", _ASKS, [Says("Wait, and on Sunday?", into_speech_s=0.7)]
)
COUGHS = Caller("coughs", _ASKS, [Coughs(after_own_s=3.1, lasts_s=0.4)])
COUGHS_EARLY = Caller("coughs-early", _ASKS, [Coughs(after_own_s=0.9, lasts_s=0.3)])
COUGHS_INTO_ANSWER = Caller(
    "coughs-into-the-answer", _ASKS, [Coughs(into_speech_s=0.5, lasts_s=0.7)]
)
TWICE = Caller("two-turns", _ASKS, [Says("And on Sunday?", after_own_s=1.0)])
TWICE_LATER = Caller("second-turn-later", _ASKS, [Says("And on Sunday?", after_own_s=2.3)])
FOUR_FINALS = Caller(
    "four-finals", Says("When do you open on Sunday in winter please?", at_s=0.5, finals=4)
)
TALKS_ON = Caller(
    "talks-on-during-a-tool", _ASKS, [Says("For four people please", after_own_s=3.0)]
)
AT_LENGTH = Caller(
    "talks-at-length",
    _ASKS,
    [Says("I have to say " + "really " * 16 + "so", after_own_s=4.0)],
    lasts_s=40.0,
)


def _cells() -> Iterator[CallCell]:
    for attached in (True, False):
        for fault in [*LOST, *PASSING]:
            for caller in (WAITS, HELLO, FOUR_FINALS, TWICE, COUGHS):
                yield CallCell(fault, caller, Model.OURS, attached)
        for fault in PASSING:
            yield CallCell(fault, INTO_ANSWER, Model.OURS, attached)
            yield CallCell(fault, COUGHS_INTO_ANSWER, Model.OURS, attached)
        for fault in BROKEN:
            for caller in (WAITS, INTO_ANSWER, COUGHS_EARLY):
                yield CallCell(fault, caller, Model.OURS, attached)
        for fault in TOOLS:
            for caller in (WAITS, TALKS_ON, COUGHS):
                yield CallCell(fault, caller, Model.OURS, attached)
        for fault in [*LOST, HEALTHY]:
            yield CallCell(fault, WAITS, Model.OTHER, attached)
        for fault in (OVERLOADED, HANGS):
            for caller in (HELLO, FOUR_FINALS, TWICE):
                yield CallCell(fault, caller, Model.OTHER, attached)
        for fault in LOST:
            yield CallCell(fault, WAITS, Model.DEAD, attached)
        for fault in (OVERLOADED, HANGS):
            for caller in (HELLO, FOUR_FINALS):
                yield CallCell(fault, caller, Model.DEAD, attached)
        yield CallCell(OUTAGE, HELLO_FOR_LONG, Model.OURS, attached)
        yield CallCell(HANGS, HELLO_FOR_LONG, Model.OURS, attached)
        yield CallCell(PASSING[4], TWICE_LATER, Model.OURS, attached)
        yield CallCell(HANGS, AT_LENGTH, Model.OURS, attached)
    for fault in (OVERLOADED, HANGS, PASSING[4], PASSING[5]):
        yield CallCell(fault, INTO_LINE, Model.OURS, attached=True)


CELLS = [*_cells()]
