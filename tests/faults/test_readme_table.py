"""The README's table of failures is what the promises expect of the cells that test it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resilient_claude import RetryPolicy
from tests.faults.catalogue.cells import CELLS
from tests.faults.expected.rows import ROWS, TESTS, Row, row_of, table

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CAPTION = "## What fails, and what the caller hears"


def test_the_table_is_computed_from_the_matrix() -> None:
    """A table that promises more than is tested, or less, would be worse than none."""
    _, _, section = README.partition(CAPTION)
    lines = section.partition("\n## ")[0].splitlines()

    assert [line for line in lines if line.startswith("|")] == table(CELLS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_each_row_links_to_tests_that_exist(row: Row) -> None:
    """`-k` with the key of the row selects its cells, and no others."""
    selected = [cell for cell in CELLS if f"{row.key}/" in f"{row_of(cell)}/{cell}"]

    assert (ROOT / TESTS).exists()
    assert len(selected) >= 4
    assert {row_of(cell) for cell in selected} == {row.key}


def test_every_cell_belongs_to_a_row() -> None:
    """No fault is tested that the README does not speak of."""
    assert {row_of(cell) for cell in CELLS} == {row.key for row in ROWS}


def test_the_silence_that_the_table_names_is_the_default() -> None:
    """It is written out as a number, for readers in a hurry."""
    assert re.search(r"within 20 s", README)
    assert RetryPolicy().max_silence_s == 20
