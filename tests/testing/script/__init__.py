"""Tests of the script."""
