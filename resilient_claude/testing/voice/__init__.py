"""Calls with timed audio: what do your callers hear?

A real `AgentSession` in voice mode, a caller who speaks by a script, and a loudspeaker that knows
which words came out of it, and when.
"""

from resilient_claude.testing.voice.call import VoiceCall
from resilient_claude.testing.voice.heard import Post, Silence, Sound, Utterance
from resilient_claude.testing.voice.marks import recording
from resilient_claude.testing.voice.played import Happened, PlayedCall
from resilient_claude.testing.voice.script import Coughs, Outage, Says

__all__ = [
    "Coughs",
    "Happened",
    "Outage",
    "PlayedCall",
    "Post",
    "Says",
    "Silence",
    "Sound",
    "Utterance",
    "VoiceCall",
    "recording",
]
