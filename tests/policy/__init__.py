"""Tests of `resilient_claude.policy`: when to try again, how long to wait and to listen."""
