"""Tests of `resilient_claude.transport`: one exchange over real sockets."""
