"""Tests of `resilient_claude.request.history`: whatever the history is, Claude accepts it."""
