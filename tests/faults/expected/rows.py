"""The rows of the table in docs/failures.md: which cells each one sums up, and what it says.

What a row says is computed from what the promises expect of its cells, so that the page, the
promises and the tests cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from livekit.agents import APIError

from tests.faults.catalogue.table import AFTER_TEXT, IN_TOOL, Cell, Scenario, Sort, When, Where

from .naming import THOUGHT_AWAY, failing_of
from .promises import MAX_PAUSES, Expectation, expected

TESTS = "tests/faults/test_matrix.py"


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        key: selects its cells: `pytest tests/faults -k KEY`.
        faults: its first column.
    """

    key: str
    faults: str


ROWS = (
    Row("unreachable", "connection refused, no route, DNS"),
    Row("untrusted", "TLS: untrusted, also a proxy's certificate; not TLS, alert"),
    Row("tunnel", "a proxy that answers CONNECT with 5xx or nonsense, cuts it, or hangs"),
    Row("tunnel-refused", "a proxy that forbids the host or wants credentials"),
    Row("broken", "reset, closed, ended or garbled before output"),
    Row("silent", "no byte, or only pings, comments and empty deltas; a pool gone dark"),
    Row("endless", "pings while Claude seems to think, for ever"),
    Row("transient", "408, 409, 429, 5xx, 529, also as an event under 200"),
    Row("foreign", "HTML, JSON, nothing or nonsense under 200"),
    Row("permanent", "every other 4xx, also as an event; a spend limit; `retry-after` > budget"),
    Row("resumed", "a break after text was heard"),
    Row("interrupted", 'the same with `on_interruption="raise"`, in a tool call, or for good'),
    Row("in-tool", "any break inside or after a tool call"),
    Row("no-answer", "refusal, `max_tokens`, full context, without an answer"),
    Row("thought-away", "thinking that used up `max_tokens` before a word"),
    Row("nothing-said", "an answer of nothing, or of thinking only"),
    Row("no-action", "Claude ends to use a tool, says nothing and calls none; after a tool too"),
    Row("cut-short", "refusal, `max_tokens`, full context, after text"),
    Row("paused", f"server tools pause the turn (continued up to {MAX_PAUSES} times)"),
    Row("after-a-tool", "any of these after a tool has run"),
    Row("harmless", "CRLF, split UTF-8, gzip, unknown events, dropped idle connections, ..."),
)


def row_of(cell: Cell) -> str:
    """The key of the row that *cell* belongs to."""
    sort = cell.fault.sort
    acts = cell.fault.stop_reason == "tool_use" and not cell.fault.text
    if cell.where is Where.TOOL_RESULT:  # after which Claude may have nothing to add
        if sort is Sort.STOPPED:
            return "no-action" if acts else "harmless"
        return "after-a-tool"
    if cell.fault.name == THOUGHT_AWAY:
        return "thought-away"
    if sort is Sort.STOPPED and acts:
        return "no-action"
    if sort in (Sort.HARMLESS, Sort.DROPPED_POOL) or cell.fault.name == "stop-sequence-with-text":
        return "harmless"
    if cell.fault.stop_reason == "pause_turn":
        return "paused"
    if sort is Sort.STOPPED and cell.fault.text:
        return "interrupted" if cell.fault.tool else "cut-short"
    if cell.endless:
        return "endless"
    attempts = failing_of(cell).attempts
    if cell.fault.proxied and sort is not Sort.UNTRUSTED:
        return "tunnel-refused" if attempts == 1 else "tunnel"
    if cell.may_resume and failing_of(cell).resumable:
        return "resumed"
    if cell.where in AFTER_TEXT:
        return "interrupted"
    if sort is Sort.STOPPED:
        return "nothing-said" if failing_of(cell).will else "no-answer"
    if attempts == 1:
        return "permanent"
    if cell.where in IN_TOOL:
        return "in-tool"
    if sort in _ROWS:
        return _ROWS[sort]
    return "foreign" if cell.where is Where.RESPONSE else "broken"


_ROWS = {
    Sort.DNS: "unreachable",
    Sort.UNREACHABLE: "unreachable",
    Sort.UNTRUSTED: "untrusted",
    Sort.HANDSHAKE: "untrusted",
    Sort.SILENT: "silent",
    Sort.DARK_POOL: "silent",
    Sort.STATUS: "transient",
    Sort.EVENT: "transient",
    Sort.FOREIGN: "foreign",
}


def table(cells: Iterable[Cell]) -> list[str]:
    """The lines of the table.

    Raises:
        ValueError: the cells of a row do not agree about what it says.
    """
    plain = [cell for cell in cells if not _in_two_minds(cell)]
    lines = ["| fault | first attempt only | always | tests |", "|---|---|---|---|"]
    for row in ROWS:
        mine = [cell for cell in plain if row_of(cell) == row.key and cell.scenario in SCENARIOS]
        first = _one(row, {say(cell) for cell in mine if cell.when is When.FIRST})
        always = _one(row, {say(cell) for cell in mine if cell.when is When.ALWAYS})
        if always == first or not always:
            always = "the same"
        link = f"[`-k {row.key}/`](../{TESTS})"
        lines.append(f"| {row.faults} | {first or always} | {always} | {link} |")
    return lines


SCENARIOS = (Scenario.DIRECT, Scenario.RAISE, Scenario.SESSION)
"""In the others somebody else answers, or nobody listens any more."""


def _in_two_minds(cell: Cell) -> bool:
    """Whether a status and a clock tell different stories, and either may be believed."""
    return cell.fault.sort is Sort.SILENT and cell.fault.status is not None


def _one(row: Row, sayings: set[str]) -> str:
    if len(sayings) > 1:
        raise ValueError(f"the cells of {row.key} say different things: {sorted(sayings)}")
    return next(iter(sayings), "")


def say(cell: Cell) -> str:
    """What the caller of *cell* hears, in the words of the table."""
    promised = expected(cell)
    if row_of(cell) == "no-action":
        fails = promised.error is not None
        return "nothing more; a typed error after 2 attempts" if fails else "the whole answer, once"
    if promised.error is not None:
        return _say_failed(cell, promised)
    if row_of(cell) == "nothing-said" and cell.when is When.ALWAYS:
        return "nothing, after 2 attempts; a `claude.outcome` line, no error"
    if row_of(cell) == "cut-short":
        return "that text, once; a `claude.outcome` line, no error"
    if row_of(cell) == "after-a-tool":
        return "the whole answer; the tool has run once"
    if promised.calls and row_of(cell) != "harmless":
        return "the tool runs once, whole"
    return "the whole answer, once"


def _say_failed(cell: Cell, promised: Expectation) -> str:
    assert promised.error is not None
    assert promised.failing is not None
    error = f"`{promised.error.__name__}`"
    if promised.error is APIError or row_of(cell) in _MIXED:
        error = "a typed error"
    if promised.text:
        return "that text, once; an error that says how much it was"
    nothing = "the tool does not run" if row_of(cell) == "in-tool" else "nothing"
    if promised.calls:
        nothing = "nothing more; the tool has run once"
    if cell.fault.stop_reason == "pause_turn":
        return f"{nothing}; {error} after {promised.requests} requests"
    if cell.endless:
        return f"{nothing}; {error} after 5 minutes"
    return f"{nothing}; {error} {_SOON[promised.failing.attempts]}"


_MIXED = ("in-tool", "after-a-tool", "tunnel")
"""Rows whose cells fail in many ways: each has the error of its own row."""
_SOON = {1: "at once", 2: "after 2 attempts", inf: "within 20 s"}
"""`max_silence_s` is 20 by default; `test_readme_table.py` looks."""
