"""Plays one turn: livekit's stream, its parts, and the attempts that they are made of."""
