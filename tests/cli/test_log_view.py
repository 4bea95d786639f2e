"""The log beside a conversation."""

from __future__ import annotations

import logging

from resilient_claude.cli.log_view import captured


def test_captured_leaves_logging_as_it_was() -> None:
    """The demo runs in the process of whoever calls it."""
    names = ("livekit", "livekit.plugins.resilient_claude")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.level, each.propagate, list(each.handlers)) for each in loggers]
    lines: list[str] = []

    with captured(lines.append):
        loggers[1].info("claude.call_recovered", extra={"attempts": 2, "model": "m"})
        logging.getLogger("livekit.agents").warning("careful")

    assert lines == ["claude.call_recovered attempts=2", "careful"]
    assert [(each.level, each.propagate, list(each.handlers)) for each in loggers] == before
