"""Tests of `resilient_claude.telemetry`: the record of a turn and what is told of it."""
