"""The benchmarks run; how fast is not for a test to say."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from time import thread_time

import pytest
from rich.console import Console

from . import __main__ as runner
from . import hostile, report, soak, stalls, voice
from .contenders import OURS
from .measure import Goal, Result
from .server import BenchmarkServer


def test_measures_give_numbers_for_every_contender(tmp_path: Path) -> None:
    """A benchmark that nobody runs rots unseen."""
    results = runner.run(["burst", "request"], rounds=1, effort=0.1, console=Console(quiet=True))

    report.write_json(tmp_path / "results.json", report.machine(), results)
    report.write_svg(tmp_path / "results.svg", report.machine(), results)
    report.write_samples_svg(tmp_path / "one.svg", report.machine(), results[0])
    rows = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["results"]
    assert len(rows) == len(results) == 6
    assert all(row["samples"][OURS] for row in rows)
    for name in ("results.svg", "one.svg"):
        assert (tmp_path / name).read_text(encoding="utf-8").endswith("</svg>\n")


async def test_the_lag_meter_sees_who_blocks_the_loop() -> None:
    """It takes the time of work, and not of a wait, nor of what a neighbour does meanwhile."""
    with stalls.LagMeter() as idle:
        await asyncio.sleep(0.05)
    with stalls.LagMeter() as busy:
        await asyncio.sleep(0.01)
        until = thread_time() + 0.06
        while thread_time() < until:
            pass
        await asyncio.sleep(0.01)

    assert idle.longest_ms < 50 < busy.longest_ms


def test_a_prewarmed_first_turn_on_bedrock_does_not_stop_the_audio() -> None:
    """A frame of speech has 20 ms, and boto3 alone takes ten times that."""
    cold, prewarmed = runner.run(["bedrock"], rounds=1, effort=0.1, console=Console(quiet=True))

    assert prewarmed.met()
    assert (cold.median(OURS) or 0.0) > 20.0


def test_what_is_hostile_is_served_as_it_is() -> None:
    """Otherwise the row would tell of a server that says no."""
    names = [*hostile.RESPONSES]
    with BenchmarkServer() as server:
        for name in ("blank lines", "100 kB of 1xx"):
            with socket.create_connection(_address(server)) as client:
                path = b"/hostile%d/v1/messages" % names.index(name)
                client.sendall(b"POST " + path + b" HTTP/1.1\r\n\r\n")

                assert client.recv(20) == hostile.response(name)[:20]


def _address(server: BenchmarkServer) -> tuple[str, int]:
    host, _, port = server.http.removeprefix("http://").partition(":")
    return host, int(port)


def test_soak_says_nothing_twice_and_leaves_nothing() -> None:
    """The soak's own counters must work, or its zeros mean nothing."""
    found = soak.run([OURS], seconds=1.0, fault_rate=0.0, seed=1, console=Console(quiet=True))

    assert found[OURS]["turns"] > 0
    assert {fact: found[OURS][fact] for fact in soak.MUST_BE_ZERO} == dict.fromkeys(
        soak.MUST_BE_ZERO, 0
    )


def test_calls_are_heard_with_every_contender(tmp_path: Path) -> None:
    """The table of what is heard when, which people will judge us by."""
    console = Console(quiet=True)
    outcomes = voice.run(["a stall in mid-sentence", "the key is refused (401)"], console)

    stall, refused = outcomes.values()
    assert stall[voice.ATTENDED].broken == refused[voice.ATTENDED].broken == []
    assert stall[voice.ATTENDED].lines[0].endswith("Alpha bravo charlie delta")
    assert "I'm sorry" in refused[voice.ATTENDED].lines[0]
    assert refused[voice.ALONE].lines == ["      nothing in 28 s"]
    assert voice.table(outcomes).row_count == 2
    assert voice.summary(outcomes).row_count == 4
    voice.write_json(tmp_path / "calls.json", outcomes, {})
    assert len(json.loads((tmp_path / "calls.json").read_text(encoding="utf-8"))["calls"]) == 2


def test_a_healthy_call_is_compared_with_and_without_care() -> None:
    """What it costs is not for a test to say."""
    found = voice.compared(1, Console(quiet=True))

    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal(0.5), True),
        (Goal(0.4), False),
        (Goal(0.4, at_least=True), True),
        (Goal(1.0, over=None), True),
        (Goal(1.0, over="somebody else"), None),
        (None, None),
    ],
)
def test_goals_are_judged(goal: Goal | None, met: bool | None) -> None:
    """The table's last column is what people read."""
    result = Result("", "", {OURS: [1.0, 1.0, 9.0], "plugin": [2.0, 2.0, 2.0]}, goal)

    assert result.met() is met
