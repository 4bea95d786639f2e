"""A simulated Claude on a real socket, which fails on script.

Install it with `pip install 'resilient-claude[testing]'`.
"""

from resilient_claude.testing.script.answers import Answer, HttpError, Raw, ToolUse
from resilient_claude.testing.script.breaks import HOWS, POINTS, Break, Garbage, SseError, Step
from resilient_claude.testing.script.server_tools import Cited, ServerToolUse, found
from resilient_claude.testing.script.thoughts import Note, Thought
from resilient_claude.testing.server import SimulatedClaude
from resilient_claude.testing.serving.http1 import RecordedRequest

__all__ = [
    "HOWS",
    "POINTS",
    "Answer",
    "Break",
    "Cited",
    "Garbage",
    "HttpError",
    "Note",
    "Raw",
    "RecordedRequest",
    "ServerToolUse",
    "SimulatedClaude",
    "SseError",
    "Step",
    "Thought",
    "ToolUse",
    "found",
]
