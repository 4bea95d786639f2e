"""Tests of `resilient_claude.request.tools`: what the model may call, and how it is told."""
