"""The log of what callers hear."""

from __future__ import annotations

import pytest

from resilient_claude.voice.voice_log import VOICE_EVENTS, cause_of, handler_failed, write

from ..support.lines import Lines
from ..support.scripted_llm import Foreign


def test_a_line_is_a_sentence_with_fields(lines: Lines) -> None:
    """Plain logging shows the sentence, and dashboards count the fields."""
    write("voice.apology", number=2, waited_s=12.0, cause="overloaded")

    assert lines.events == [
        ("voice.apology", {"number": 2, "waited_s": 12.0, "cause": "overloaded"})
    ]
    assert lines.sentences == [
        "the caller was told that his turn is lost, after 12.0 s: overloaded (apology 2 in a row)"
    ]


@pytest.mark.parametrize("event", VOICE_EVENTS)
def test_every_sentence_is_made_of_its_fields(event: str, lines: Lines) -> None:
    """A format that does not fit would be an error in the middle of an outage."""
    numbers = {"number": 1, "waited_s": 2.0}
    write(event, **{name: numbers.get(name, "x") for name in VOICE_EVENTS[event].fields})

    assert len(lines.sentences) == 1


def test_no_message_of_an_exception(lines: Lines) -> None:
    """It may quote the caller."""
    handler_failed("apology", KeyError("his name"))

    assert cause_of(Foreign("his name")) == "Foreign"
    assert cause_of(None) == "no_answer"
    assert "his name" not in str(lines.events) + str(lines.sentences)
