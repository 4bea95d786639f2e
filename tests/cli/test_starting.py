"""What is seen while something takes seconds."""

from __future__ import annotations

import io

from rich.console import Console

from resilient_claude.cli.starting import status


def test_in_a_terminal_it_is_seen_only_meanwhile() -> None:
    """The line makes room for what comes."""
    output = io.StringIO()

    with status(Console(file=output, force_terminal=True), "starting ..."):
        assert "starting ..." in output.getvalue()

    assert output.getvalue().rstrip().endswith("\x1b[2K")


def test_in_a_file_it_is_a_line_of_its_own() -> None:
    """A spinner in a log is noise."""
    output = io.StringIO()

    with status(Console(file=output), "starting ..."):
        assert output.getvalue() == "starting ...\n"

    assert output.getvalue() == "starting ...\n"
