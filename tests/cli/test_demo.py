"""The demo tells the truth: what it shows is what livekit said and what the server saw."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import pytest
from livekit.agents import llm
from rich.console import Console

from resilient_claude import ResilientClaudeLLM
from resilient_claude.cli.demo import DAY, PlayedTurn, Trouble, play
from resilient_claude.testing import Answer, Break, HttpError, Step, ToolUse


def has_plugin() -> bool:
    try:
        return importlib.util.find_spec("livekit.plugins.anthropic") is not None
    except ModuleNotFoundError:
        return False


@dataclass(frozen=True)
class Demo:
    """What one run of the command left behind."""

    stdout: str
    stderr: str
    returncode: int

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the table at the end."""
        _, table = self.stdout.split("root cause", 1)
        lines = [line for line in table.splitlines()[1:-1] if line.strip(" ─")]
        return [re.split(r"\s{2,}", line.strip()) for line in lines]


def run_demo(*arguments: str, columns: int = 600, warnings: str = "always") -> Demo:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ANTHROPIC_")}
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-m", "resilient_claude", "demo", *arguments],
        env={**environment, "COLUMNS": str(columns)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Demo(done.stdout, done.stderr, done.returncode)


@pytest.fixture(scope="module")
def demo() -> Demo:
    return run_demo()


# --- the day, as a command ------------------------------------------------------------------------


def test_every_turn_of_the_demo_is_heard_once_and_whole(demo: Demo) -> None:
    """It is the promise of the package: trouble is a pause, not silence and not a repetition."""
    heard = {fault: text for fault, text, *_ in demo.rows}

    assert heard == {trouble.fault: trouble.answer for trouble in DAY}


def test_the_number_of_requests_is_exact(demo: Demo) -> None:
    """One retry heals each fault; a second owner of retries would show as a higher number."""
    assert [row[3] for row in demo.rows] == ["2", "2", "2", "2", "2", "3"]


def test_the_root_cause_is_the_operating_systems_or_the_apis_own(demo: Demo) -> None:
    """ "Connection error" is what everybody reports; the operator needs what broke, and where."""
    refused, overloaded, reset, none, silent, cut = [row[4] for row in demo.rows]

    assert re.fullmatch(r"ConnectionRefusedError: \[Errno \d+\] .* \(local\)", refused)
    assert overloaded == "OverloadedError: Overloaded (remote)"
    assert re.fullmatch(r"ConnectionResetError: \[Errno \d+\] .* \(remote\)", reset)
    assert none == "-"
    assert silent.startswith("Fault: HTTP 200 with content type text/event-stream")
    assert cut.startswith("ServerDisconnectedError:")


def test_the_silence_is_that_of_one_short_wait(demo: Demo) -> None:
    """A recovery that takes seconds is heard as an outage."""
    silences = [row[2] for row in demo.rows]

    assert all(re.fullmatch(r"\d\.\d\d s", silence) for silence in silences)
    assert all(float(silence[:-2]) < 2 for silence in silences), silences


def test_the_tool_runs_once(demo: Demo) -> None:
    """Two tables booked is worse than none."""
    assert demo.stdout.count("book_table(guests=2, at='20:00')") == 1
    assert demo.stdout.count("book_table(guests=6, at='19:00')") == 1


def test_every_failed_attempt_and_every_recovery_has_one_log_line(demo: Demo) -> None:
    """The log beside the conversation is what an operator would find."""
    assert demo.stdout.count("attempt 1 failed: ") == 5
    assert demo.stdout.count("recovered after 2 attempts (1 ") == 5


def test_the_demo_says_so_exits_with_0_and_prints_nothing_else(demo: Demo) -> None:
    """Warnings, livekit's chatter and unclosed sockets would go to stderr."""
    last = demo.stdout.splitlines()[-1]

    assert (last, demo.stderr) == ("All 6 turns were heard once and whole.", "")
    assert demo.returncode == 0


def test_the_demo_fits_80_columns() -> None:
    """In a narrow terminal a class name that is cut in two cannot be searched for."""
    narrow = run_demo(columns=80)

    assert max(map(len, narrow.stdout.splitlines())) <= 80
    assert "ConnectionRefusedError:" in narrow.stdout
    assert "ConnectionResetError:" in narrow.stdout
    conversation, _, _ = narrow.stdout.partition("\n ─")
    assert [line for line in conversation.splitlines() if line.endswith(" ")] == []


@pytest.mark.skipif(
    not has_plugin(), reason="livekit-plugins-anthropic is not installed (it needs anthropic<2)"
)
def test_the_plugin_plays_the_same_day() -> None:
    """The comparison is fair only if both meet the same faults; its own words are shown."""
    demo = run_demo("--plugin", warnings="ignore")  # it leaves its connections open

    assert [row[0] for row in demo.rows] == [trouble.fault for trouble in DAY]
    assert [row[3] for row in demo.rows[:4]] == ["2", "2", "2", "2"]
    assert "Yes, behind the house." not in demo.stdout  # which it did not wait for
    assert demo.rows[0][4].startswith("APIConnectionError: Connection error.")
    assert "claude." not in demo.stdout
    assert demo.stderr == ""


# --- turns that go wrong --------------------------------------------------------------------------


def make_llm(base_url: str) -> llm.LLM[Any]:
    return ResilientClaudeLLM(api_key="test", base_url=base_url)


async def play_one(trouble: Trouble) -> tuple[PlayedTurn, str]:
    output = io.StringIO()
    (turn,) = await play(Console(file=output, width=300), make_llm, [trouble])
    return turn, output.getvalue()


async def test_a_turn_that_gives_up_leaves_nothing_to_the_next_one() -> None:
    """Whoever is compared must meet each turn's own fault."""
    day = [
        Trouble("400", "Hello?", [HttpError(400), Answer("You never hear this.")]),
        Trouble("none", "Are you there?", [Answer("Yes.")]),
    ]
    turns = await play(Console(file=io.StringIO()), make_llm, day)

    assert [turn.text for turn in turns] == ["", "Yes."]


async def test_a_turn_that_fails_for_good_is_not_whole() -> None:
    """Otherwise the demo would praise an adapter that says nothing."""
    turn, shown = await play_one(Trouble("400", "Hello?", [HttpError(400, message="Too bad")]))

    assert (turn.text, turn.silence_s, turn.requests) == ("", None, 1)
    assert turn.failed
    assert not turn.whole
    assert turn.cause == "BadRequestError: Too bad (caller)"
    assert "no answer after 1 attempt in " in shown


async def test_half_an_answer_is_not_whole() -> None:
    """What was heard before the break is shown as it was heard."""
    steps: list[Step] = [Break("close", at="text"), HttpError(400)]
    turn, _ = await play_one(Trouble("cut", "Count!", steps))

    assert turn.text == "One two"
    assert not turn.whole


SAID = Trouble("none", "Hello?", [Answer("Hello."), Answer("Bye.", tools=[ToolUse("book_table")])])
GOOD = PlayedTurn(SAID, heard=["Hello. ", "Bye."], bookings=1)


@pytest.mark.parametrize(
    ("turn", "whole"),
    [
        (GOOD, True),
        (replace(GOOD, heard=["Hello.", "Hello.", "Bye."]), False),
        (replace(GOOD, heard=["Hello."]), False),
        (replace(GOOD, bookings=2), False),
        (replace(GOOD, bookings=0), False),
        (replace(GOOD, failed=True), False),
    ],
    ids=["good", "twice", "half", "booked twice", "not booked", "failed"],
)
def test_whole_means_every_word_once_and_every_tool_once(turn: PlayedTurn, whole: bool) -> None:
    """The verdict of the demo is only as strict as this."""
    assert turn.whole is whole
