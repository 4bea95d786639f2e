"""Keeps the caller company in a voice session: hold lines, apologies, and giving up.

A right stream can still be a silent call. `keep_caller_informed(session)` bounds what the caller
hears, from the commit of his turn and over turns that he interrupted, with any `llm.LLM`.

Names are loaded on first use: most of them import livekit, which takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resilient_claude.voice.care import Care as Care
    from resilient_claude.voice.care import keep_caller_informed as keep_caller_informed
    from resilient_claude.voice.lines import Line as Line
    from resilient_claude.voice.payloads import Answered as Answered
    from resilient_claude.voice.payloads import Apology as Apology
    from resilient_claude.voice.payloads import BrokeOff as BrokeOff
    from resilient_claude.voice.payloads import GiveUp as GiveUp
    from resilient_claude.voice.payloads import HoldLine as HoldLine
    from resilient_claude.voice.stats import VoiceStats as VoiceStats
    from resilient_claude.voice.stats import WaitStats as WaitStats

__all__ = [
    "Answered",
    "Apology",
    "BrokeOff",
    "Care",
    "GiveUp",
    "HoldLine",
    "Line",
    "VoiceStats",
    "WaitStats",
    "keep_caller_informed",
]

_HOMES = {
    "Answered": "payloads",
    "Apology": "payloads",
    "BrokeOff": "payloads",
    "Care": "care",
    "GiveUp": "payloads",
    "HoldLine": "payloads",
    "Line": "lines",
    "VoiceStats": "stats",
    "WaitStats": "stats",
    "keep_caller_informed": "care",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
