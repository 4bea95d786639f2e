"""Tests of `resilient_claude.request.repairs`: what is rejected for a known reason is mended."""
