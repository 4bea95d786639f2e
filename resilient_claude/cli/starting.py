"""What is seen while livekit and the SDK are imported, which takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner


@contextmanager
def status(console: Console, doing: str) -> Iterator[None]:
    """Say what is being done: in a terminal until it is done, and else on a line of its own."""
    if not console.is_terminal:
        console.print(doing, style="dim")
        yield
        return
    with Live(Spinner("dots", doing), console=console, transient=True) as live:
        live.refresh()  # at once: an import may hold up the thread that does it otherwise
        yield
