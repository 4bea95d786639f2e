"""Compare what was observed of a cell with what was promised. Pure."""

from __future__ import annotations

import errno
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from typing import Any

from resilient_claude import failure_of
from tests.faults.catalogue.table import (
    CALL,
    KEY,
    OTHER_KEY,
    OTHER_TEXT,
    Cell,
    FaultSpec,
    Scenario,
    Sort,
    Where,
)
from tests.faults.playing.play import Seen

from .promises import Expectation

CLOSING_S = 5.0
"""Promise 7 says 5 ms; `test_cancel.py` takes the median. Here, many
cells share two cores; the clocks are six times as long."""
PRIVATE = ("4929 1234 5678", "Alpha bravo", "charlie delta", "Kilo lima", "India juliet")
"""Pieces of the prompt and of the replies."""


def broken_promises(cell: Cell, promised: Expectation, seen: Seen) -> list[str]:
    """Every difference, each as a line that names it; empty if all promises were kept."""
    if seen.hung:
        return [f"hung: {seen.lines}"]
    differences = [
        *_differs("text", promised.text, seen.text),
        *_differs("tool calls", list(promised.calls), seen.calls),
        *_differs("attempts", promised.attempts, tuple(turn.attempts for turn in seen.turns)),
        *_differs("requests", promised.requests, seen.requests),
        *_about_the_error(promised, seen),
        *_about_the_lines(cell, promised, seen),
        *_about_the_time(cell, promised, seen),
        *_about_the_scenario(cell, promised, seen),
        *_about_the_report(cell, promised, seen),
        *(f"leaked: {leak}" for leak in seen.leaked),
        *(f"cannot be shown: {error}" for error in seen.unprintable),
        *_leaks_secrets(seen),
    ]
    if cell.fault.roots and seen.errors:
        differences += _about_the_root(cell, seen.errors[0])
    return differences


def _differs(what: str, promised: object, seen: object) -> Iterator[str]:
    if promised != seen:
        yield f"{what}: promised {promised!r:.300}, got {seen!r:.300}"


def _about_the_error(promised: Expectation, seen: Seen) -> Iterator[str]:
    if promised.error is None:
        yield from _differs("errors", [], seen.errors)
        return
    if len(seen.errors) != 1:
        yield f"errors: promised one {promised.error.__name__}, got {seen.errors!r}"
        return
    (error,) = seen.errors
    if not isinstance(error, promised.error):
        yield f"error: promised {promised.error.__name__}, got {error!r}"
    failure = failure_of(error)
    if failure is None:
        yield f"error: has no failure: {error!r}"
    if promised.retryable is not None and getattr(error, "retryable", None) != promised.retryable:
        yield f"error: promised retryable={promised.retryable}, got {error!r}"
    if promised.text and f"after {len(promised.text)} characters" not in str(error):
        yield f"error: does not say how much was heard: {error!s}"


def _about_the_root(cell: Cell, error: BaseException) -> Iterator[str]:
    chain = list(_causes(error))
    if not isinstance(chain[-1], cell.fault.roots):
        names = [type(link).__name__ for link in chain]
        yield f"root: promised one of {cell.fault.roots}, got the chain {names}"
    if isinstance(chain[-1], (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        yield "root: a signal of ssl, which is no cause"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _about_the_lines(cell: Cell, promised: Expectation, seen: Seen) -> Iterator[str]:
    failed = [fields for name, fields in seen.lines if name == "claude.attempt_failed"]
    others = tuple(name for name, _ in seen.lines if name != "claude.attempt_failed")
    yield from _differs("failed attempts", promised.failed, len(failed))
    yield from _differs("other lines", (*promised.lines, *_abandoned(promised, seen)), others)
    yield from _about_every_line(seen)
    if promised.failing is None:
        return
    for fields in failed:
        if fields["kind"] not in promised.failing.kinds:
            yield f"kind: promised {set(promised.failing.kinds)}, got {fields}"
        if promised.failing.origin not in (None, fields["origin"]):
            yield f"origin: promised {promised.failing.origin}, got {fields}"
        if "wait_s" in fields and fields["wait_s"] < promised.wait_s:
            yield f"wait: promised at least {promised.wait_s} s, got {fields}"
        yield from _about_the_evidence(cell.fault, fields)
    summaries = [f for n, f in seen.lines if n.startswith("claude.call_")]
    for line in summaries:
        if line["kind"] not in promised.failing.kinds:
            yield f"kind of the canonical line: {line}"
    # The parts of a turn that server tools paused are requests too, and did not fail.
    paused = cell.fault.stop_reason == "pause_turn"
    yield from _numbered(seen.lines, first=promised.attempts[0] if paused else 1)


def _abandoned(promised: Expectation, seen: Seen) -> Iterator[str]:
    """The line about a caller who left in trouble, which a slow machine may bring about."""
    if seen.turns and seen.turns[-1].elapsed_s >= promised.abandoned_after_s:
        yield "claude.turn_abandoned"


def _about_every_line(seen: Seen) -> Iterator[str]:
    """Each belongs to a turn, leaves out what is not known, and repeats no cause aloud."""
    turns = {turn.turn_id for turn in seen.turns}
    last: dict[str, tuple[object, ...]] = {}
    same: dict[str, int] = {}
    for (name, fields), level in zip(seen.lines, seen.levels, strict=True):
        turn_id = fields.get("turn_id", "")
        if turn_id not in turns and name != "claude.request_adjusted":  # that is of the adapter
            yield f"turn_id: {name} is of no turn that ended: {fields}"
        if None in fields.values():
            yield f"null: {fields}"
        if name != "claude.attempt_failed":
            continue
        cause = tuple(fields.get(part) for part in ("kind", "origin", "root_type", "status"))
        promised = "DEBUG" if last.get(turn_id) == cause else "WARNING"
        if level != promised:
            yield f"level: promised {promised}, got {level}: {fields}"
        last[turn_id] = cause
        # Promise 2: what comes back word for word is asked for again at growing distances.
        words = f"{turn_id} {fields['kind']} {fields['root_message']}"
        same = {words: same.get(words, 0) + 1}
        at_least_s = 0.5 * 2 ** (same[words] - 1)
        answered = fields["kind"] in ("malformed", "truncated") and "wait_s" in fields
        if str(fields["root_message"]).startswith("max_tokens"):
            continue  # another request follows, with more room: not the same one
        if answered and fields["wait_s"] < at_least_s:
            yield f"distance: promised at least {at_least_s} s, got {fields}"


def _about_the_evidence(fault: FaultSpec, fields: dict[str, Any]) -> Iterator[str]:
    """Promise 6: the line names what came over the wire, and what the system said."""
    yield from _differs("error type", fault.error_type, fields.get("error_type"))
    if fault.sort is Sort.STATUS:
        yield from _differs("status", fault.status, fields.get("status"))
        yield from _differs("request id known", fault.request_id, "request_id" in fields)
    yield from _differs("proxy named", fault.proxied, "proxy" in fields)
    if fault.roots:
        names = {cls.__name__ for root in fault.roots for cls in _family(root)}
        if fields["root_type"] not in names:
            yield f"root type: promised one of {fault.roots}, got {fields}"
    if len(fault.roots) == 1:
        promised = _NUMBERS.get(fault.roots[0], fields.get("errno"))
        yield from _differs("errno", promised, fields.get("errno"))


_NUMBERS: dict[type[BaseException], int] = {
    ConnectionRefusedError: errno.ECONNREFUSED,
    ConnectionResetError: errno.ECONNRESET,
    socket.gaierror: socket.EAI_NONAME,
}


def _family(cls: type[BaseException]) -> Iterator[type[BaseException]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)


def _numbered(lines: list[tuple[str, dict[str, Any]]], *, first: int) -> Iterator[str]:
    """The failed attempts of each turn are counted one by one."""
    expected_number = first
    for name, fields in lines:
        if name != "claude.attempt_failed":
            expected_number = expected_number if name == "claude.outcome" else first
            continue
        if fields["attempt"] != expected_number:
            yield f"attempt: promised {expected_number}, got {fields['attempt']}"
        expected_number = fields["attempt"] + 1


def _about_the_time(cell: Cell, promised: Expectation, seen: Seen) -> Iterator[str]:
    if cell.scenario in (Scenario.CANCEL, Scenario.BARGE_IN):
        if seen.closing_s is None or seen.closing_s > CLOSING_S:
            yield f"closing: promised {CLOSING_S} s, got {seen.closing_s}"
    elif seen.silence_s is not None and seen.silence_s > promised.silence_s:
        yield f"silence: promised {promised.silence_s} s, got {seen.silence_s:.2f}"


def _about_the_scenario(cell: Cell, promised: Expectation, seen: Seen) -> Iterator[str]:
    if cell.scenario in (Scenario.SESSION, Scenario.BARGE_IN):
        yield from _differs("history", promised.text, seen.said)
    if cell.scenario is Scenario.FALLBACK:
        asked = int(promised.text == OTHER_TEXT)
        yield from _differs("times that the other provider was asked", asked, seen.other_asked)


def _about_the_report(cell: Cell, promised: Expectation, seen: Seen) -> Iterator[str]:
    """What `claude_turn_ended` tells is what happened."""
    if cell.scenario is Scenario.FALLBACK or not seen.turns:
        return  # nobody heard the probe
    told = sum(turn.text_chars for turn in seen.turns)
    yield from _differs("characters reported", len(promised.text), told)
    told = sum(turn.tool_calls for turn in seen.turns)
    yield from _differs("tool calls reported", len(promised.calls), told)
    last = seen.turns[-1]
    yield from _differs("failure reported", promised.error is not None, last.failure is not None)
    abandoned = bool([*_abandoned(promised, seen)])
    yield from _differs("abandonment reported", abandoned, last.abandoned)
    hung_up = cell.scenario in (Scenario.CANCEL, Scenario.BARGE_IN)
    yield from _differs("cancellation reported", hung_up, last.cancelled)


def _leaks_secrets(seen: Seen) -> Iterator[str]:
    ours = [repr(line) for line in seen.lines]
    for text in (*ours, *seen.printed):
        for private in (KEY, KEY[:14], OTHER_KEY, *PRIVATE):
            if private in text:
                yield f"{private!r} in {text:.500}"
    for text in seen.foreign:
        if KEY in text:
            yield f"the key in {text:.500}"


# --- over all cells -----------------------------------------------------------------------------


def silent_success(cell: Cell, seen: Seen) -> bool:
    """Whether a turn ended well although nothing was said, done or told."""
    if cell.scenario in (Scenario.CANCEL, Scenario.BARGE_IN):
        return False
    told = any(name == "claude.outcome" for name, _ in seen.lines)
    return not (seen.text or seen.calls or seen.errors or told)


def doubled_text(seen: Seen) -> bool:
    """Whether a word was heard twice. No answer says one twice, but for the huge one."""
    words = Counter(seen.text.split())
    return len(seen.text) < 1000 and any(count > 1 for count in words.values())


def ghost_calls(cell: Cell, seen: Seen) -> bool:
    """Whether a tool ran that Claude had not asked for in full, or twice."""
    if len(seen.calls) > 1 or any(call != CALL for call in seen.calls):
        return True
    asked = bool(cell.answer.tools) or cell.fault.tool or cell.where is Where.TOOL_RESULT
    return bool(seen.calls) and not asked
