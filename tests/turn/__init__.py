"""Tests of `resilient_claude.turn`: one turn, from `chat()` to its end."""
