"""What is seen while something takes seconds."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from resilient_claude.cli.status_line import status_line


def test_in_a_terminal_it_is_seen_only_meanwhile() -> None:
    """The line makes room for what comes."""
    output = io.StringIO()

    with status_line(Console(file=output, force_terminal=True), "starting ..."):
        assert "starting ..." in output.getvalue()

    assert output.getvalue().rstrip().endswith("\x1b[2K")


@pytest.mark.parametrize(("kept", "seen"), [(True, "starting ...\n"), (False, "")])
def test_in_a_file_it_is_a_line_of_its_own_or_none(kept: bool, seen: str) -> None:
    """What is erased in a terminal would be noise there."""
    output = io.StringIO()

    with status_line(Console(file=output), "starting ...", kept=kept):
        assert output.getvalue() == seen

    assert output.getvalue() == seen


def test_no_thread_is_started_for_it() -> None:
    """Calls whose waits are skipped would wait some seconds for each."""
    before = threading.active_count()

    with status_line(Console(file=io.StringIO(), force_terminal=True), "playing ..."):
        assert threading.active_count() == before
