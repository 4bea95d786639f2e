"""Models that are deprecated or retired: one line of the log for each in a process.

A worker makes an adapter for every call, and a line for every call would be read by nobody. So what
was logged is remembered for as long as the process lives, here and nowhere else.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from .log import model_ends


class EndingModels:
    """Which models' ends were logged already."""

    def __init__(self) -> None:
        self._logged: set[tuple[str, str | None, str | None]] = set()

    def tell(self, log: Any, model: str, *, lifecycle: str | None, retires_at: str | None) -> None:
        """Write the line, unless it was written before.

        Args:
            log: from `make_logger`.
            model: the model's id.
            lifecycle: "deprecated" or "retired", where that is known.
            retires_at: the day from which on it is not served, such as "2026-11-30".
        """
        line = model, lifecycle, retires_at
        if line not in self._logged:
            self._logged.add(line)
            model_ends(log, model, lifecycle=lifecycle, retires_at=retires_at)

    def tell_if_known(self, log: Any, model: str, retires: date | None, today: date) -> None:
        """The same for a model that is documented to retire; nothing where *retires* is None."""
        if retires is not None:
            lifecycle = "retired" if retires <= today else "deprecated"
            self.tell(log, model, lifecycle=lifecycle, retires_at=retires.isoformat())

    def forget(self) -> None:
        """Log everything again, as in a new process."""
        self._logged.clear()


ENDING_MODELS = EndingModels()
"""Those of this process."""
