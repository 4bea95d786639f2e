"""Bytes in, events out of them, and livekit's chunks and an outcome out of those. Pure."""
