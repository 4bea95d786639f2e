"""Tests of `resilient_claude.failures`: a failure is named, and by its true cause."""
