"""The tables of docs/failures.md are what the promises expect of the cells that test them."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path

import pytest

from resilient_claude import RetryPolicy
from tests.faults.catalogue.cells import CELLS
from tests.faults.expected.promises import expected
from tests.faults.expected.rows import ROWS, TESTS, Row, row_of, table

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
CAPTION = "# What fails, and what the caller hears"


def test_the_table_is_computed_from_the_matrix() -> None:
    """A table that promises more than is tested, or less, would be worse than none."""
    _, _, section = PAGE.partition(CAPTION)
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
    """No fault is tested that the page does not speak of."""
    assert {row_of(cell) for cell in CELLS} == {row.key for row in ROWS}


def test_the_silence_that_the_table_names_is_the_default() -> None:
    """It is written out as a number, for readers in a hurry."""
    assert re.search(r"within 20 s", PAGE)
    assert RetryPolicy().max_silence_s == 20
    assert re.search(r"after 5 minutes", PAGE)
    assert RetryPolicy().max_turn_s == 5 * 60


# --- the table of kinds ---------------------------------------------------------------------------

KINDS = re.findall(r"^\| `(\w+)` \| `(\w+)`.*? \| (.*?) \| (.*?) \|$", PAGE, re.M)
FAILINGS = {failing for cell in CELLS if (failing := expected(cell).failing) is not None}
AGAIN = {1: "no", 2: "once", inf: "yes"}


@pytest.mark.parametrize(("kind", "error", "again", "sides"), KINDS, ids=lambda cell: cell)
def test_the_table_of_kinds_agrees_with_the_matrix(
    kind: str, error: str, again: str, sides: str
) -> None:
    """Each error, number of attempts and side that the matrix expects is in the row of its kind."""
    for failing in [failing for failing in FAILINGS if failing.kinds == {kind}]:
        assert failing.error.__name__ in (error, "APIError"), failing
        assert re.search(rf"\b{'once' if failing.will else AGAIN[failing.attempts]}\b", again), (
            failing
        )
        assert failing.origin is None or re.search(rf"\b{failing.origin}\b", sides), failing


def test_the_matrix_meets_nearly_every_kind() -> None:
    """Otherwise the comparison above would compare nothing."""
    met = {kind for failing in FAILINGS for kind in failing.kinds}

    # An adapter that is closed and a bug are no faults of the network.
    assert {kind for kind, *_ in KINDS} - met == {"cancelled", "bug"}
