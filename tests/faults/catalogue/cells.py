"""Which faults meet which places, times, scenarios and wires: the cells of the matrix."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from .bad_responses import FOREIGN, MALFORMED, STATUSES
from .proxies import PROXIED
from .streams import BREAKS, CONNECTING, EVENTS
from .table import AFTER_TEXT, Cell, FaultSpec, Scenario, Sort, When, Where, Wire
from .unusual import HARMLESS, STOPPED

FAULTS: tuple[FaultSpec, ...] = (
    *CONNECTING,
    *PROXIED,
    *BREAKS,
    *EVENTS,
    *STATUSES,
    *FOREIGN,
    *MALFORMED,
    *HARMLESS,
    *STOPPED,
)

_WHENS = {
    Scenario.DIRECT: tuple(When),
    Scenario.CLIENT: (When.FIRST, When.ALWAYS),
    Scenario.SESSION: (When.FIRST, When.ALWAYS),
    Scenario.FALLBACK: (When.FIRST, When.ALWAYS),
    Scenario.RAISE: (When.FIRST, When.ALWAYS),
    # Somebody who hangs up does not care what the next attempt would have met.
    Scenario.CANCEL: (When.ALWAYS,),
    Scenario.BARGE_IN: (When.ALWAYS,),
}


def all_cells() -> Iterator[Cell]:
    """Every cell, in the order of the table."""
    for fault in FAULTS:
        for where in fault.wheres:
            scenarios = (*fault.scenarios, Scenario.RAISE) if where in _RESUMED else fault.scenarios
            for scenario, when, wire in product(scenarios, fault.whens, fault.wires):
                cell = Cell(fault, where, when, scenario, wire)
                if _makes_sense(cell):
                    yield cell


_RESUMED = (Where.TEXT, Where.TEXT_STOP)


def _makes_sense(cell: Cell) -> bool:
    whens = _WHENS[cell.scenario]
    if cell.when not in whens and cell.fault.whens != (When.FIRST,):
        return False
    if cell.where is Where.TOOL_RESULT:  # a tool needs a session to run in
        return cell.scenario is Scenario.SESSION
    if cell.where in AFTER_TEXT:
        # There is no second attempt that could meet it, and only silence lasts long enough.
        if cell.when is When.FIRST_TWO:
            return False
        if (
            cell.scenario in (Scenario.CANCEL, Scenario.BARGE_IN)
            and cell.fault.sort is not Sort.SILENT
        ):
            return False
    # TLS shows in what the sockets do, which no session and no fallback changes.
    return (
        cell.wire is Wire.TCP
        or Wire.TCP not in cell.fault.wires
        or (cell.scenario in (Scenario.DIRECT, Scenario.CANCEL) and cell.when is not When.FIRST_TWO)
    )


CELLS: tuple[Cell, ...] = tuple(all_cells())
