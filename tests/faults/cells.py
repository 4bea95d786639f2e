"""Which faults meet which places, times, drives and wires: the cells of the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from .responses import FOREIGN, MALFORMED, STATUSES
from .streams import BREAKS, CONNECTING, EVENTS
from .table import AFTER_TEXT, Cell, Drive, Fault, Sort, When, Where, Wire
from .unusual import HARMLESS, STOPPED

FAULTS: tuple[Fault, ...] = (
    *CONNECTING,
    *BREAKS,
    *EVENTS,
    *STATUSES,
    *FOREIGN,
    *MALFORMED,
    *HARMLESS,
    *STOPPED,
)

_WHENS = {
    Drive.DIRECT: tuple(When),
    Drive.CLIENT: (When.FIRST, When.ALWAYS),
    Drive.SESSION: (When.FIRST, When.ALWAYS),
    Drive.FALLBACK: (When.FIRST, When.ALWAYS),
    Drive.RESUME: (When.FIRST, When.ALWAYS),
    # Somebody who hangs up does not care what the next attempt would have met.
    Drive.CANCEL: (When.ALWAYS,),
    Drive.BARGE_IN: (When.ALWAYS,),
}


def all_cells() -> Iterator[Cell]:
    """Every cell, in the order of the table."""
    for fault in FAULTS:
        for where in fault.wheres:
            drives = (*fault.drives, Drive.RESUME) if where in _RESUMED else fault.drives
            for drive, when, wire in product(drives, fault.whens, fault.wires):
                cell = Cell(fault, where, when, drive, wire)
                if _makes_sense(cell):
                    yield cell


_RESUMED = (Where.TEXT, Where.TEXT_STOP)


def _makes_sense(cell: Cell) -> bool:
    whens = _WHENS[cell.drive]
    if cell.when not in whens and cell.fault.whens != (When.FIRST,):
        return False
    if cell.where is Where.TOOL_RESULT:  # a tool needs a session to run in
        return cell.drive is Drive.SESSION
    if cell.where in AFTER_TEXT:
        # There is no second attempt that could meet it, and only silence lasts long enough.
        if cell.when is When.FIRST_TWO:
            return False
        if cell.drive in (Drive.CANCEL, Drive.BARGE_IN) and cell.fault.sort is not Sort.SILENT:
            return False
    # TLS shows in what the sockets do, which no session and no fallback changes.
    return (
        cell.wire is Wire.TCP
        or Wire.TCP not in cell.fault.wires
        or (cell.drive in (Drive.DIRECT, Drive.CANCEL) and cell.when is not When.FIRST_TWO)
    )


CELLS: tuple[Cell, ...] = tuple(all_cells())
