"""Tests of what serves the script."""
