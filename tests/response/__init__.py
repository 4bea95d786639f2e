"""Tests of `resilient_claude.response`: bytes become events, chunks and an outcome."""
