"""livekit-plugins-anthropic, where it is installed."""

from __future__ import annotations

import importlib.util


def has_plugin() -> bool:
    """Whether it is."""
    try:
        return importlib.util.find_spec("livekit.plugins.anthropic") is not None
    except ModuleNotFoundError:  # there is no plugin at all
        return False
