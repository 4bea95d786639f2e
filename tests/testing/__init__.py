"""Tests of the simulated Claude."""
