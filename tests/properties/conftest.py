"""Registers the Hypothesis profiles, so that `--hypothesis-profile=thorough` finds them."""

from __future__ import annotations

from . import profiles as profiles
