"""Every fault, every caller, alone and behind fallbacks, attended or not: what the caller hears.

The calls are played with timed audio, in real sessions in voice mode; what must come of each is
derived from the promises, see `matrix/call_promises.py`.
"""

from __future__ import annotations

import pytest

from .matrix.call_cells import CELLS
from .matrix.call_playing import play
from .matrix.call_promises import expected
from .matrix.call_table import CallCell
from .matrix.call_verdict import broken_promises


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_promises_are_kept(cell: CallCell) -> None:
    """Which promises, and why they say what they say of this call: see `call_promises.py`."""
    promised = expected(cell)

    seen = play(cell)

    broken = broken_promises(cell, promised, seen)
    if broken:
        pytest.fail("\n".join([str(cell), *broken, seen.played.timeline()]), pytrace=False)


def test_the_matrix_is_whole() -> None:
    """A call that is left out by mistake is not missed by anybody."""
    assert len(CELLS) >= 200
    assert len({str(cell) for cell in CELLS}) == len(CELLS)
