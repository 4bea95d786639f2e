"""Tests of the time that is shared and skipped."""
