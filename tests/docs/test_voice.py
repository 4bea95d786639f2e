"""The page on what callers hear says what the package does."""

from __future__ import annotations

import inspect
import re

import resilient_claude.voice
from resilient_claude.voice import VoiceStats, keep_caller_informed
from resilient_claude.voice.arguments import APOLOGY, BROKE_OFF, CLOSING, HOLD_LINES
from resilient_claude.voice.payloads import EVENT_NAMES
from resilient_claude.voice.voice_log import VOICE_EVENTS

from .pages import page, rows

VOICE = page("voice")


def test_every_event_is_documented_with_its_payload() -> None:
    """Handlers are written from this table."""
    table = {event.strip("`"): payload.strip("`") for event, payload, _ in rows(VOICE, "event")}

    assert [*table] == [*EVENT_NAMES]
    assert {*table.values()} <= {*resilient_claude.voice.__all__}


def test_every_argument_is_on_the_page() -> None:
    """What is not there is not found."""
    names = {*inspect.signature(keep_caller_informed).parameters} - {"session"}

    assert {name for name in names if name not in VOICE} == set()


def test_every_default_that_is_a_number_is_on_the_page() -> None:
    """Who does not set it hears it all the same."""
    parameters = inspect.signature(keep_caller_informed).parameters.values()
    numbers = {each.name: each.default for each in parameters if type(each.default) in (int, float)}

    assert len(numbers) == 5
    assert {name for name, n in numbers.items() if f"`{name}` ({n:g}" not in VOICE} == set()


def test_the_words_on_the_page_are_those_that_are_said() -> None:
    """Callers ring up about them, and operators look for them."""
    said = [words for _, cell in rows(VOICE, "argument") for words in re.findall('"(.+?)"', cell)]

    assert said == [*HOLD_LINES, APOLOGY, BROKE_OFF, CLOSING]


def test_every_line_of_the_log_and_every_number_is_on_the_page() -> None:
    """Likewise."""
    numbers = {name for name in dir(VoiceStats) if not name.startswith("_")}

    unnamed = {n for n in numbers if f"`{n}`" not in VOICE and f".{n}`" not in VOICE}
    assert unnamed == set()
    assert {*re.findall(r"`(voice\.\w+)`", VOICE)} == {*VOICE_EVENTS}
