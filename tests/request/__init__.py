"""Tests of `resilient_claude.request`: a chat context becomes one Messages API request."""
