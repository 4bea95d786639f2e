"""The README and the pages of docs/, read as text."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    """The text of docs/*name*.md."""
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def pages() -> dict[str, str]:
    """Every page that users or contributors read, by its path from the root."""
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of *language* in *text*."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table in *text* whose first column is headed *header*, row by row."""
    _, found, rest = text.partition(f"| {header} |")
    assert found, f"no table is headed {header}"
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def names(cell: str) -> list[str]:
    """The names in backticks in *cell*."""
    return re.findall(r"`([\w.]+)`", cell)
