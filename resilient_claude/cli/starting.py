"""What is seen while livekit and the SDK are imported, which takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def status(console: Console, doing: str) -> Iterator[None]:
    """Say what is being done: in a terminal until it is done, and else on a line of its own."""
    if console.is_terminal:
        with console.status(doing):
            yield
    else:
        console.print(doing, style="dim")
        yield
