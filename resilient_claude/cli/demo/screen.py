"""The demo in a terminal: the two lanes of each call side by side, and the table at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .comparison import OURS_NAME, PLUGIN_NAME, ComparedCall, Side
from .lane import Lane

_STYLES = {"caller": "cyan", "agent": "green", "silence": "yellow", "tool": "magenta"}
_TIME = 6
"""Columns of the time, with the space after it."""
_WHO = max(map(len, _STYLES)) + 1
_BETWEEN = 2
_WIDE = 100
"""From so many columns on, the table has room for the requests."""


@dataclass(frozen=True, order=True)
class _Row:
    """A line of a lane."""

    at_s: float
    who: str
    text: str


def show_call(console: Console, call: ComparedCall, heading: str) -> None:
    """Print *call* under *heading*: both lanes in the order of time, and what our log says."""
    console.print(Text(heading, style="bold"))
    width = (console.width - _TIME - _BETWEEN) // 2
    left = _padded(Text.assemble((PLUGIN_NAME, "underline")), width + _BETWEEN)
    names = Text.assemble(" " * _TIME, left, (OURS_NAME, "underline"))
    sides = [_entries(side.lane) for side in call.sides]
    lines = [names]
    for at_s in sorted({each.at_s for side in sides for each in side}):
        cells = [
            [line for each in side if each.at_s == at_s for line in _wrapped(console, each, width)]
            for side in sides
        ]
        lines += _row(at_s, *cells, width=width)
    for log in call.ours.lane.log:
        lines += _hanging(console, Text("log   ", style="dim"), Text(log, style="dim"))
    for line in lines:
        line.rstrip()
        console.print(line, soft_wrap=True)  # it is wrapped already


def _row(at_s: float, left: list[Text], right: list[Text], *, width: int) -> Iterator[Text]:
    margin = Text.assemble((f"{at_s:{_TIME - 1}.1f} ", "dim"))
    for mine, other in zip_longest(left, right, fillvalue=Text()):
        yield margin + _padded(mine, width + _BETWEEN) + other
        margin = Text(" " * _TIME)


def _padded(text: Text, width: int) -> Text:
    padded = text.copy()
    padded.pad_right(max(width - text.cell_len, 0))
    return padded


def _entries(lane: Lane) -> list[_Row]:
    """The lines of *lane*, with times as they are shown."""
    entries = [
        _Row(round(each.start_s, 1), each.who, each.text if each.whole else f"{each.text} ...")
        for each in lane.spoken
    ]
    entries += [
        _Row(round(each.start_s, 1), "silence", f"{each.lasted_s:.1f} s") for each in lane.silences
    ]
    entries += [_Row(round(each.at_s, 1), "tool", each.call) for each in lane.tools]
    if lane.silences and not lane.silences[-1].ended:
        entries.append(_Row(round(lane.lasted_s, 1), "caller", "(hangs up)"))
    return sorted(entries)


def _wrapped(console: Console, entry: _Row, width: int) -> list[Text]:
    margin = Text.assemble((f"{entry.who:{_WHO}}", _STYLES[entry.who]))
    return _hanging(console, margin, Text(entry.text), width)


def _hanging(console: Console, margin: Text, text: Text, width: int | None = None) -> list[Text]:
    """*text* in lines of *width* columns, the first of them after *margin*."""
    room = (width or console.width) - margin.cell_len
    first, *rest = text.wrap(console, room, overflow="fold")
    return [margin + first, *(Text(" " * margin.cell_len) + line for line in rest)]


def summary(calls: Sequence[ComparedCall], columns: int) -> Table:
    """What became of all calls, for a terminal of so many *columns*."""
    wide = columns >= _WIDE
    table = Table(box=box.HORIZONTALS, padding=(0, 1, 0, 0), pad_edge=False, expand=True)
    table.add_column("fault", ratio=3)
    for name in (PLUGIN_NAME, OURS_NAME):
        table.add_column(name, ratio=3)
        table.add_column("silence", justify="right", no_wrap=True)
        if wide:
            table.add_column("requests", justify="right", no_wrap=True)
    for call in calls:
        cells = [Text(call.scene.fault)]
        for side in call.sides:
            cells += _cells(side)[: 3 if wide else 2]
        table.add_row(*cells)
    return table


def _cells(side: Side) -> list[Text]:
    return [
        Text(side.result, style="green" if side.result.good else "red"),
        Text(f"{side.lane.longest_silence_s:.1f} s"),
        Text(str(len(side.lane.asked))),
    ]
