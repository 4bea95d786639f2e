"""Every fault, at every place, as often as told, driven in every way: what comes of it.

`catalogue` lists the faults and makes the cells of them, `playing` finds out what comes of each,
`expected` derives what must come of it and compares, and sums it up for docs/failures.md.
"""

from __future__ import annotations

import gc

import pytest

from tests.faults.catalogue.cells import CELLS
from tests.faults.catalogue.table import Cell
from tests.faults.expected.promises import expected
from tests.faults.expected.rows import row_of
from tests.faults.expected.verdict import broken_promises, doubled_text, ghost_calls, silent_success

from .conftest import Matrix


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{row_of(cell)}/{cell}")
async def test_the_promises_are_kept(cell: Cell, matrix: Matrix) -> None:
    """Which promises, and why they say what they say of this cell: see `promises.py`."""
    seen = await matrix.seen(cell)

    broken = broken_promises(cell, expected(cell), seen)
    if broken:  # without a traceback: there is nothing in it, and formatting it stops the loop
        pytest.fail("\n".join([str(cell), *broken]), pytrace=False)


@pytest.mark.asyncio(loop_scope="session")
async def test_over_all_cells(matrix: Matrix) -> None:
    """The four things that a caller or an operator would never forgive, counted.

    Computed from what was observed alone, so that a mistake in `promises.py` cannot hide them.
    """
    played = await matrix.all_seen()
    gc.collect()  # whatever was left to it warns now

    assert len(CELLS) >= 400
    assert [str(cell) for cell, seen in played if seen.hung] == []
    assert [str(cell) for cell, seen in played if silent_success(cell, seen)] == []
    assert [str(cell) for cell, seen in played if doubled_text(seen)] == []
    assert [str(cell) for cell, seen in played if ghost_calls(cell, seen)] == []
    assert matrix.unclaimed == []
