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
        loggers[1].info("recovered after %d attempts", 2, extra={"model": "m"})
        loggers[1].debug("attempt 2 failed")
        logging.getLogger("livekit.agents").warning("careful")

    assert lines == ["recovered after 2 attempts", "careful"]
    assert [(each.level, each.propagate, list(each.handlers)) for each in loggers] == before


def test_what_is_said_elsewhere_can_be_left_out() -> None:
    """`chat` prints the error that a lost turn ends with, and need not log it as well."""
    log = logging.getLogger("livekit.plugins.resilient_claude")
    lines: list[str] = []

    with captured(lines.append, without=lambda record: getattr(record, "event", "") == "lost"):
        log.error("no answer", extra={"event": "lost"})
        log.warning("attempt 1 failed", extra={"event": "failed"})

    assert lines == ["attempt 1 failed"]
