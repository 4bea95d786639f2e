"""The page on what callers hear says what the package does."""

from __future__ import annotations

import inspect
import re

import resilient_claude.voice
from resilient_claude.voice import VoiceStats, keep_caller_informed
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


def test_every_line_of_the_log_and_every_number_is_on_the_page() -> None:
    """Likewise."""
    numbers = {name for name in dir(VoiceStats) if not name.startswith("_")}

    unnamed = {n for n in numbers if f"`{n}`" not in VOICE and f".{n}`" not in VOICE}
    assert unnamed == set()
    assert {*re.findall(r"`(voice\.\w+)`", VOICE)} == {*VOICE_EVENTS}
