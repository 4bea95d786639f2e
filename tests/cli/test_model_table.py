"""What the command prints of the models."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import date

import pytest
from rich.console import Console
from typer.testing import CliRunner

from resilient_claude.cli.app import app
from resilient_claude.cli.model_table import NARROWEST, WIDTH, model_table
from resilient_claude.request.model_facts import MODELS


def printed(today: date = date(2026, 11, 26)) -> list[str]:
    """The lines of the table, with what each row holds on one line."""
    console = Console(width=300, file=io.StringIO())
    with console.capture() as captured:
        console.print(model_table(console.width, today=today))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_each_model_has_a_row_with_what_is_asked_of_it() -> None:
    """It answers what somebody asks who chooses a model, and who wonders about a request."""
    lines = printed()

    for line in (
        "claude-haiku-5-5 latest adaptive, disabled (by default) low to max (medium) "
        "disabled, effort low 1000/128 0.1/0.5",
        "claude-opus-5 legacy adaptive, disabled (by default) low to max (high) effort low "
        "1000/128 5/25",
        "claude-sonnet-4-6 legacy adaptive, disabled, enabled (if asked) "
        "low to max, no xhigh (high) nothing 1000/128 3/15",
        "claude-sonnet-4-5 until 2026-11-30 disabled, enabled (if asked) - nothing 200/64 3/15",
        "claude-mythos-preview retired adaptive, enabled (always) "
        "low to max, no xhigh (high) adaptive, effort low - -",
    ):
        assert line in lines
    assert [line.split()[0] for line in lines if line.startswith("claude-")] == [
        facts.name for facts in MODELS
    ]


def test_what_the_prices_leave_out_is_told_below() -> None:
    """Who chooses by them has long calls, too."""
    assert printed()[-1].endswith("; 5 times as much above 100 K of prompt on claude-haiku-5-5.")


def test_a_model_is_retired_from_its_day_on() -> None:
    """ "until" a day that is over would be read as a promise."""
    for day, status in ((29, "until 2026-11-30"), (30, "retired")):
        lines = printed(date(2026, 11, day))

        assert any(line.startswith(f"claude-sonnet-4-5 {status} ") for line in lines)


@pytest.mark.parametrize(
    ("columns", "widest"), [(40, NARROWEST), (80, 80), (107, 107), (WIDTH, WIDTH), (200, 200)]
)
def test_the_command_prints_it_whole_on_any_screen(columns: int, widest: int) -> None:
    """In a file or a narrow window too: what is cut off would be the price.

    A terminal of 80 columns would break every line of the wide table in two.
    """
    result = CliRunner().invoke(app, ["models"], env={"COLUMNS": str(columns)})

    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert max(map(len, lines)) <= widest
    rows = [line.split() for line in lines if line.startswith(" claude-")]
    prices = [row[-1] for row in rows]
    assert [row[0] for row in rows] == [facts.name for facts in MODELS]
    assert "0.1/0.5" in prices
    assert "\N{HORIZONTAL ELLIPSIS}" not in result.output


def test_the_command_does_not_wait_for_livekit() -> None:
    """The table needs neither it nor the SDK, which take seconds to import."""
    code = (
        "import sys\nfrom resilient_claude.cli.app import app\n"
        "try:\n    app(['models'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(not {'livekit', 'anthropic', 'aiohttp'}.isdisjoint(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0
