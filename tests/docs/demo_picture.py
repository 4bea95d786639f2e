"""Draws the README's picture of the demo: `python -m tests.docs.demo_picture`.

The picture is what the command prints on a terminal of 80 columns, colours included, and of its
turns only some: all of them would be too small to read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[2] / "docs" / "demo.svg"
COLUMNS = 80
SHOWN_TURNS = (1, 2, 6)
"""Nobody answers, somebody answers badly, and a tool that must not run twice."""


def main() -> None:
    """Play the demo and draw it."""
    PICTURE.write_text(drawn(abridged(played())), encoding="utf-8")
    print(f"drawn: {PICTURE}")  # noqa: T201 - it is a command


def played() -> str:
    """What the demo prints on a terminal, with its colours as escape sequences."""
    terminal = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    return subprocess.run(
        [sys.executable, "-m", "resilient_claude", "demo"],
        env={**os.environ, **terminal},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def abridged(printed: str) -> str:
    """The heading, some of the turns and the verdict; what is left out shows as dots."""
    heading, *turns, table = printed.strip().split("\n\n")
    shown = [heading]
    for number, turn in enumerate(turns, 1):
        if number in SHOWN_TURNS:
            shown.append(turn)
        elif shown[-1] != "...":
            shown.append("...")
    return "\n\n".join([*shown, table.splitlines()[-1]])


def drawn(printed: str) -> str:
    """*printed* as an SVG; the same text gives the same picture."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), legacy_windows=False)
    console.print(Text.from_ansi(printed))
    picture = console.export_svg(title="resilient-claude demo", unique_id="demo")
    # A picture in a page loads no fonts from elsewhere, so it need not ask for them.
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    main()
