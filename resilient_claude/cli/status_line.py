"""A line that says what is waited for: imports, which take seconds, and calls that are played."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text


@contextmanager
def status_line(console: Console, doing: str, *, kept: bool = False) -> Iterator[None]:
    """Say what is being done until it is done.

    No thread moves a spinner meanwhile: time that is skipped would wait for it.

    Args:
        console: where to say it.
        doing: what.
        kept: whether it is said where no line can be taken back as well, in a file or a pipe.
    """
    if console.is_terminal:
        line = Text(doing, style="dim")
        with Live(line, console=console, auto_refresh=False, transient=True) as live:
            live.refresh()
            yield
    else:
        if kept:
            console.print(doing, style="dim")
        yield
