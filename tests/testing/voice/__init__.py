"""Tests of the calls with timed audio."""
