"""A model that ends is told of once."""

from __future__ import annotations

from datetime import date

import pytest

from resilient_claude.telemetry.ending_models import EndingModels
from resilient_claude.telemetry.log import make_logger
from tests.support.lines import Lines

LAST_DAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("today", "lifecycle"),
    [(date(2026, 11, 29), "deprecated"), (LAST_DAY, "retired"), (date(2027, 1, 1), "retired")],
)
def test_a_model_is_retired_from_its_last_day_on(today: date, lifecycle: str, lines: Lines) -> None:
    """The day is the one from which on requests fail."""
    EndingModels().tell_if_known(make_logger(), "claude-x", LAST_DAY, today)

    facts = {"model": "claude-x", "lifecycle": lifecycle, "retires_at": "2026-11-30"}
    assert lines.events == [("claude.model_retires", facts)]


def test_it_is_told_once(lines: Lines) -> None:
    """A worker makes an adapter for every call."""
    models, log = EndingModels(), make_logger()

    for model in ("claude-x", "claude-y", "claude-x"):
        models.tell_if_known(log, model, LAST_DAY, LAST_DAY)
    models.tell_if_known(log, "claude-z", None, LAST_DAY)

    assert [fields["model"] for _, fields in lines.events] == ["claude-x", "claude-y"]


def test_what_is_news_is_told_again(lines: Lines) -> None:
    """The API may know of another day, and a process may live until the last one."""
    models, log = EndingModels(), make_logger()

    models.tell(log, "claude-x", lifecycle="deprecated", retires_at="2026-11-30")
    models.tell(log, "claude-x", lifecycle="deprecated", retires_at="2027-01-31")
    models.forget()
    models.tell(log, "claude-x", lifecycle="deprecated", retires_at="2026-11-30")

    assert [fields["retires_at"] for _, fields in lines.events] == [
        "2026-11-30",
        "2027-01-31",
        "2026-11-30",
    ]
