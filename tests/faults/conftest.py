"""Plays the cells of the matrix side by side, so that they take a minute and not an hour."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from tests.faults.catalogue.cells import CELLS
from tests.faults.catalogue.table import HASTY, Cell, Scenario, Sort, When, limits_of
from tests.faults.playing.play import Play, Seen
from tests.faults.playing.watch import Watch, current_watch, watching

# Cells that wait for a clock hardly need the processor, the others hardly wait.
WAITING_AT_ONCE = 24
WORKING_AT_ONCE = 3
# A worker of pytest-xdist is not told which tests it will get, but they mostly come in order.
AHEAD = 32
# The first session of a process loads models for speech, which takes seconds.
FIRST_OF_ALL = next(cell for cell in CELLS if cell.scenario is Scenario.SESSION)


class Matrix:
    """The cells that are played in this run. A test waits for its own; the others go on meanwhile.

    Args:
        cells: those that were selected, in order.
        ahead: how many of them are begun before their tests.

    Attributes:
        unclaimed: exceptions and warnings of the loop that no cell can be blamed for.
    """

    def __init__(self, cells: Sequence[Cell], *, ahead: int, unclaimed: list[str]) -> None:
        self.unclaimed = unclaimed
        self._cells = list(cells)
        self._ahead = ahead
        self._begun: dict[Cell, asyncio.Task[Seen]] = {}
        self._waiting = asyncio.Semaphore(WAITING_AT_ONCE)
        self._working = asyncio.Semaphore(WORKING_AT_ONCE)
        self._setting_up = asyncio.Lock()

    async def seen(self, cell: Cell) -> Seen:
        """What came of *cell*."""
        if cell not in self._begun:
            at = self._cells.index(cell)
            for each in self._cells[at : at + self._ahead]:
                self._begin(each)
        return await asyncio.shield(self._begun[cell])

    async def all_seen(self) -> list[tuple[Cell, Seen]]:
        """What came of every cell, or of every one that this process had to play."""
        return [(cell, await self.seen(cell)) for cell in self._begun or self._cells]

    async def stop(self) -> None:
        """Give up what is not done."""
        for task in self._begun.values():
            task.cancel()
        await asyncio.gather(*self._begun.values(), return_exceptions=True)

    def _begin(self, cell: Cell) -> None:
        if cell not in self._begun:
            # A context of its own, in which it is the one that is watched.
            self._begun[cell] = asyncio.get_running_loop().create_task(
                self._play(cell), context=contextvars.Context()
            )

    async def _play(self, cell: Cell) -> Seen:
        async with self._waiting if _waits(cell) else self._working:
            watch = Watch()
            current_watch.set(watch)
            return await Play(cell, watch, self._setting_up).run()


def _waits(cell: Cell) -> bool:
    """Whether it waits more than it works: for a clock, or before it asks for the same again."""
    again = cell.fault.sort in (Sort.ENDED, Sort.FOREIGN, Sort.MALFORMED)
    return limits_of(cell) is HASTY or (again and cell.when is not When.FIRST)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def matrix(request: pytest.FixtureRequest) -> AsyncIterator[Matrix]:
    """The cells that were selected; all of them if only their sum was."""
    parameters = [
        item.callspec.params.get("cell")
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    cells = [cell for cell in parameters if isinstance(cell, Cell)]
    shared = hasattr(request.config, "workerinput")  # set by pytest-xdist in its workers
    gc.collect()
    gc.freeze()  # a full collection takes 150 ms with livekit and the SDK imported
    unclaimed: list[str] = []
    with watching(asyncio.get_running_loop(), unclaimed):
        await Play(FIRST_OF_ALL, Watch(), asyncio.Lock()).run()
        matrix = Matrix(cells or CELLS, ahead=AHEAD if shared else len(CELLS), unclaimed=unclaimed)
        yield matrix
        await matrix.stop()
    gc.unfreeze()
