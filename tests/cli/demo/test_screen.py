"""The calls in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from resilient_claude.cli.demo.screen import show_call, summary

from ...support.lanes import ANSWER, HOLD, call, said

WORDS = "We have a quiet table by the window, and one in the garden if you like."


def shown(columns: int, *, ours: str = ANSWER) -> list[str]:
    output = io.StringIO()
    show_call(Console(file=output, width=columns), call(said(), said(HOLD, ours)), "1/7  fault")
    return output.getvalue().splitlines()


def test_both_lanes_are_shown_in_the_order_of_time() -> None:
    """What the one caller hears while the other waits is the point."""
    assert shown(80) == [
        "1/7  fault",
        "      the plugin                            resilient_claude",
        "  0.0 caller  When do you open?             caller  When do you open?",
        "  1.2 silence 18.8 s                        silence 1.8 s",
        "  3.0                                       agent   One moment.",
        "  7.0                                       agent   We open at five.",
        " 20.0 caller  (hangs up)",
        "log   attempt 1 failed: overloaded",
    ]


def test_only_who_speaks_is_coloured() -> None:
    """Words that are dim or coloured all through are hard to read."""
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=True, color_system="standard")
    show_call(console, call(said(), said(ANSWER)), "1/7  fault")

    assert f"\x1b[32magent   \x1b[0m{ANSWER}" in output.getvalue()


@pytest.mark.parametrize("columns", [80, 120])
def test_long_words_are_wrapped_within_their_lane(columns: int) -> None:
    """A line that the terminal breaks would end up in the other lane."""
    lines = shown(columns, ours=WORDS)

    assert max(map(len, lines)) <= columns
    assert [line for line in lines if line.endswith(" ")] == []
    lane = " ".join(line[(columns - 8) // 2 + 16 :] for line in lines)
    assert WORDS in " ".join(lane.split())


@pytest.mark.parametrize(("columns", "requests"), [(80, False), (120, True)])
def test_the_table_fits(columns: int, requests: bool) -> None:
    """Names that are cut in two are not read; the requests are shown where there is room."""
    output = io.StringIO()
    table = summary([call(said(), said(HOLD, ANSWER))], columns)
    Console(file=output, width=columns).print(table)

    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in output.getvalue()
    assert ("requests" in output.getvalue()) is requests
    assert lines[3].split()[:5] == ["overloaded", "<&>", "nothing", "18.8", "s"]
