"""The log events of the adapter as a test compares them."""

from __future__ import annotations

import logging
from typing import Any


class Lines(logging.Handler):
    """The log events of the adapter, as (event, fields), of every level.

    Attributes:
        events: one for each line, in order.
        sentences: what plain logging shows of it.
        levels: its level.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.sentences: list[str] = []
        self.levels: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = {k: v for k, v in vars(record).items() if k not in _RECORD}
        self.events.append((fields.pop("event"), fields))
        self.sentences.append(record.getMessage())
        self.levels.append(record.levelname)

    def clear(self) -> None:
        """Forget what was logged so far."""
        self.events.clear()
        self.sentences.clear()
        self.levels.clear()

    def named(self, event: str) -> list[dict[str, Any]]:
        """The fields of every line with this event name."""
        return [fields for name, fields in self.events if name == event]


_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
