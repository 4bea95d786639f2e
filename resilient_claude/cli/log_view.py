"""The log as the commands show it: a line of its own beside the conversation, not on stderr.

What this package is for is seen in its log only: that an attempt failed, of what, and that the turn
was saved. `demo` and `chat` therefore show its lines where the words appear, each as the sentence
that it is, and keep livekit's own chatter away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resilient_claude.telemetry.log import LOGGER_NAME


@contextmanager
def captured(
    show: Callable[[str], None],
    *,
    without: Callable[[logging.LogRecord], bool] = lambda record: False,
) -> Iterator[None]:
    """Give every log line of this package, and every warning of livekit, to *show* alone.

    Afterwards logging is as it was before.

    Args:
        show: Is called with each line.
        without: Whether a line is left out.
    """
    livekit, ours = logging.getLogger("livekit"), logging.getLogger(LOGGER_NAME)
    before = livekit.propagate, livekit.level, ours.level
    handler = _LineHandler(show)
    handler.addFilter(lambda record: not without(record))
    livekit.addHandler(handler)
    livekit.propagate = False
    livekit.setLevel(logging.WARNING)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        livekit.removeHandler(handler)
        livekit.propagate = before[0]
        livekit.setLevel(before[1])
        ours.setLevel(before[2])


class _LineHandler(logging.Handler):
    """Writes each record on one line."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())
