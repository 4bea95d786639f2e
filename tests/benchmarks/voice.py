"""What the caller hears, and when: `python -m tests.benchmarks.voice`.

Twenty calls with timed audio, in real sessions in voice mode, played with our adapter and
`keep_caller_informed`, with our adapter alone, and with the plugin where it is installed. The time
in which everybody waits is skipped, so that all of them take two minutes. Times are seconds from
the caller's first question. What was promised and not kept is listed, and makes the exit status 1.

Then a healthy call, in real time, with and without `keep_caller_informed`: the first word, and the
CPU of the session's thread by token.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

from livekit.agents import llm
from rich.console import Console
from rich.table import Table

from resilient_claude.testing import Answer, SimulatedClaude
from resilient_claude.testing.voice import PlayedCall, Says, VoiceCall
from resilient_claude.voice import keep_caller_informed

from ..voice.matrix import call_cells as cells
from ..voice.matrix.call_playing import Adapter, SeenCall, ours, play
from ..voice.matrix.call_promises import expected
from ..voice.matrix.call_table import CallCell, Caller, CallFault, Model
from ..voice.matrix.call_texts import Kind
from ..voice.matrix.call_verdict import broken_promises
from . import report
from .contenders import KEY, MODEL, PLUGIN, has_plugin

ATTENDED, ALONE = "ours, attended", "ours alone"
LINES_SHOWN = 7
"""Of a call in which more is heard, the rest is counted."""
TOKENS, PER_S = 1200, 80
FIRST_WORD_GOAL_S, CPU_GOAL = 0.020, 1.03


def _named(name: str) -> CallFault:
    faults = [*cells.LOST, *cells.PASSING, *cells.BROKEN, *cells.TOOLS]
    return next(fault for fault in faults if fault.name == name)


def _cell(
    fault: str | CallFault, caller: Caller = cells.WAITS, model: Model = Model.OURS
) -> CallCell:
    return CallCell(
        _named(fault) if isinstance(fault, str) else fault, caller, model, attached=True
    )


CALLS: Mapping[str, CallCell] = {
    "healthy": _cell("healthy"),
    "the key is refused (401)": _cell("401"),
    "429, retry after a minute": _cell("429-for-a-minute"),
    "529, all fallbacks as well": _cell("529", model=Model.DEAD),
    "529 for a minute, “Hello?” after 5 s of silence": _cell(cells.OUTAGE, cells.HELLO_FOR_LONG),
    "no byte, “Hello?” after 5 s of silence": _cell("no-byte", cells.HELLO),
    "four finals of one sentence, and a 401": _cell("401", cells.FOUR_FINALS),
    "a tool of 5 s": _cell("tool"),
    "a stall in mid-sentence": _cell("stalls-once"),
    "the first byte after 8 s, always": _cell("8-s-to-the-first-byte"),
    "a reset in mid-answer": _cell("breaks-once"),
    "barge-in on a (long) hold line, no byte": _cell("no-byte", cells.INTO_LINE),
    "529 for 5 s, a second turn meanwhile": _cell("529-for-5-s", cells.TWICE_LATER),
    "529 once": _cell("529-at-first"),
    "no byte once": _cell("no-byte-at-first"),
    "pings and nothing else": _cell("pings"),
    "two resets in one answer": _cell("breaks-twice"),
    "a tool of 5 s, then a 401": _cell("tool-then-401"),
    "no byte, another provider behind it": _cell("no-byte", model=Model.OTHER),
    "529 once, a cough before the answer": _cell("529-at-first", cells.COUGHS_EARLY),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call with one contender.

    Attributes:
        lines: what was heard, each with its second.
        voice_s: the longest that the caller waited for a voice; None if he waited to the end.
        ended_s: how long he waited, at first, for a word of an answer or an apology; likewise.
        closed: whether the session was closed.
        broken: promises that were not kept; of ours, attended, alone.
    """

    lines: list[str]
    voice_s: float | None
    ended_s: float | None
    closed: bool
    broken: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.voice",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="WORDS", help="calls with these words in their name")
    parser.add_argument("--rounds", type=int, default=9, help="of the healthy call in real time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was heard")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)  # of what goes wrong here, the table tells
    console = report.console()
    names = [name for name in CALLS if (arguments.only or "") in name]
    outcomes = run(names, console)
    console.print(table(outcomes))
    console.print(summary(outcomes))
    healthy = compared(arguments.rounds, console) if arguments.rounds else {}
    for name, value in healthy.items():
        console.print(f"{name}: {value:.3f}")
    if arguments.json is not None:
        write_json(arguments.json, outcomes, healthy)
    broken = [line for each in outcomes.values() for line in each[ATTENDED].broken]
    console.print("\n".join(broken))
    sys.exit(bool(broken))


# --- the calls ----------------------------------------------------------------------------------

Outcomes = Mapping[str, Mapping[str, Outcome]]
"""By call and by contender."""


def run(names: Sequence[str], console: Console) -> dict[str, dict[str, Outcome]]:
    """Play the calls *names*, one after the other."""
    contenders = _contenders()
    if PLUGIN not in contenders:
        console.print("livekit-plugins-anthropic is not installed: ours is played alone")
    outcomes: dict[str, dict[str, Outcome]] = {}
    with console.status("") as status:
        for number, name in enumerate(names, 1):
            outcomes[name] = {}
            for who, adapter in contenders.items():
                status.update(f"call {number} of {len(names)}: {name}; {who}")
                cell = replace(CALLS[name], attached=who == ATTENDED)
                outcomes[name][who] = _outcome(cell, play(cell, adapter))
    return outcomes


def _contenders() -> dict[str, Adapter]:
    return {ATTENDED: ours, ALONE: ours, **({PLUGIN: _plugin} if has_plugin() else {})}


@asynccontextmanager
async def _plugin(claude: SimulatedClaude) -> AsyncIterator[llm.LLM[Any]]:
    from livekit.plugins import anthropic

    async with anthropic.LLM(api_key=KEY, base_url=claude.base_url, model=MODEL) as made:
        try:
            yield made
        finally:
            await made._client.close()  # which it leaves open


def _outcome(cell: CallCell, seen: SeenCall) -> Outcome:
    asked_s, played = cell.caller.asked_s, seen.played
    broken = broken_promises(cell, expected(cell), seen) if cell.attached else []
    ends = [h.utterance.start_s for h in seen.heard if h.kind not in (Kind.LINE, Kind.UNKNOWN)]
    return Outcome(
        lines=[*_told(played, asked_s)],
        voice_s=_longest_wait_s(played),
        ended_s=ends[0] - asked_s if ends else None,
        closed=played.closed_at_s is not None,
        broken=[f"{cell}: {line}" for line in broken],
    )


def _longest_wait_s(played: PlayedCall) -> float | None:
    """From the last word that he said before the agent was heard."""
    longest_s = 0.0
    for wait in (each for each in played.silences() if each.kind == "wait"):
        if not wait.ended:
            return None
        words = [s.end_s for s in played.said() if s.text and s.end_s <= wait.end_s]
        longest_s = max(longest_s, wait.end_s - max(words))
    return longest_s


def _told(played: PlayedCall, asked_s: float) -> Iterator[str]:
    rows = sorted([*played.said()[1:], *played.heard()], key=lambda each: each.start_s)
    for each in rows[:LINES_SHOWN]:
        text = each.text.replace(".", ". ").strip() or "(coughs)"
        who = "caller: " if each.who == "caller" else ""
        cut = "" if each.whole else " —"
        yield f"{each.start_s - asked_s:5.1f} {who}{text}{cut}"
    if len(rows) > LINES_SHOWN:
        yield f"      and {len(rows) - LINES_SHOWN} more until {played.lasted_s - asked_s:.0f}"
    if played.closed_at_s is not None:
        yield f"{played.closed_at_s - asked_s:5.1f} the session is closed"
    elif not played.heard():
        yield f"      nothing in {played.lasted_s - asked_s:.0f} s"


def table(outcomes: Outcomes) -> Table:
    """What is heard when, a column per contender."""
    shown = Table(
        "call", show_lines=True, title="what is heard, in seconds from the question's end"
    )
    for who in next(iter(outcomes.values()), {}):
        shown.add_column(who, overflow="fold", ratio=1)
    for name, by_contender in outcomes.items():
        shown.add_row(name, *("\n".join(each.lines) for each in by_contender.values()))
    return shown


def summary(outcomes: Outcomes) -> Table:
    """The numbers over all calls."""
    shown = Table("over all calls")
    whos = [*next(iter(outcomes.values()), {})]
    for who in whos:
        shown.add_column(who, justify="right")
    columns = [[each[who] for each in outcomes.values()] for who in whos]
    shown.add_row("longest wait for a voice", *(_longest([o.voice_s for o in c]) for c in columns))
    shown.add_row(
        "longest wait for an answer or an apology",
        *(_longest([o.ended_s for o in c]) for c in columns),
    )
    shown.add_row("calls with neither", *(str(sum(o.ended_s is None for o in c)) for c in columns))
    shown.add_row("sessions closed", *(str(sum(o.closed for o in c)) for c in columns))
    return shown


def _longest(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    endless = " and endless" if None in values else ""
    return f"{max(known, default=0.0):.1f} s{endless}"


def write_json(path: Path, outcomes: Outcomes, healthy: Mapping[str, float]) -> None:
    """All that was heard."""
    calls = {
        name: {who: each.lines for who, each in by_contender.items()}
        for name, by_contender in outcomes.items()
    }
    document = {"machine": report.machine(), "calls": calls, "healthy": dict(healthy)}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# --- a healthy call -----------------------------------------------------------------------------


def compared(rounds: int, console: Console) -> dict[str, float]:
    """A healthy call with `keep_caller_informed` and without: medians over *rounds*."""
    first_s: dict[bool, list[float]] = {True: [], False: []}
    cpu_us: dict[bool, list[float]] = {True: [], False: []}
    gc.collect()
    with console.status("") as status:
        for number in range(rounds):
            status.update(f"a healthy call: round {number + 1} of {rounds}")
            for attended in (True, False) if number % 2 else (False, True):
                first_s[attended].append(_first_word_s(attended=attended))
                cpu_us[attended].append(_cpu_us(attended=attended))
    ratios = [one / other for one, other in zip(cpu_us[True], cpu_us[False], strict=True)]
    return {
        "first word, attended (s)": median(first_s[True]),
        "first word, alone (s)": median(first_s[False]),
        "CPU per token, attended (us)": median(cpu_us[True]),
        "CPU per token, alone (us)": median(cpu_us[False]),
        "CPU per token, attended over alone": median(ratios),
    }


def _first_word_s(*, attended: bool) -> float:
    """From his last word to the first of the answer, in real time."""
    with SimulatedClaude(default=Answer("Yes, we do.", first_token_s=0.3)) as claude:
        played = _call(claude, attended=attended, lasts_s=2.5).play(real_time=True)
    return played.silences()[0].lasted_s


def _cpu_us(*, attended: bool) -> float:
    """CPU of the session's thread by token, of a whole call with one very long answer."""
    sentence = "These are five more words. "
    text = sentence * (TOKENS // len(sentence.split()))
    with SimulatedClaude(default=Answer(text, first_token_s=0.3, piece_s=1 / PER_S)) as claude:
        call = _call(claude, attended=attended, lasts_s=TOKENS / PER_S + 3.0)
        began_s = thread_time()
        call.play()
        return (thread_time() - began_s) / TOKENS * 1e6


def _call(claude: SimulatedClaude, *, attended: bool, lasts_s: float) -> VoiceCall:
    return VoiceCall(
        lambda: ours(claude),
        [Says("Do you open?", at_s=0.2)],
        claude=claude,
        prepare=keep_caller_informed if attended else None,
        lasts_s=lasts_s,
    )


if __name__ == "__main__":
    main()
