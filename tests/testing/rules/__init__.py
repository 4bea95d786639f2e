"""Tests of the rules of the Messages API."""
