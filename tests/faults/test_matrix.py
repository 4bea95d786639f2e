"""Every fault, at every place, as often as told, driven in every way: what comes of it.

`streams.py`, `responses.py` and `unusual.py` list the faults, `cells.py` makes the cells of them,
`naming.py` and `promises.py` derive what must come of each, `play.py` and `drives.py` find out what
does, `verdict.py` compares, and `rows.py` sums it up for the README.
"""

from __future__ import annotations

import gc

import pytest

from .cells import CELLS
from .conftest import Matrix
from .promises import expected
from .rows import row_of
from .table import Cell
from .verdict import broken_promises, doubled_text, ghost_calls, silent_success


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
    assert matrix.strays == []
