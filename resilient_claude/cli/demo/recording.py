"""The recording of livekit's plugin: what happened in its calls, with which versions, and when.

It is made by `resilient-claude demo --record` where the plugin is installed, and by nothing else.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .lane import Lane

PATH = Path(__file__).with_name("recording.json")

PLUGIN = "livekit-plugins-anthropic"
_PACKAGES = ("livekit-agents", "anthropic")


@dataclass(frozen=True)
class Recording:
    """What was recorded.

    Attributes:
        recorded: the day, as YYYY-MM-DD.
        versions: of the packages that took part, and of Python.
        lanes: what happened in each call, by its fault, as `Lane.as_dict` gives it.
    """

    recorded: str
    versions: Mapping[str, str]
    lanes: Mapping[str, Mapping[str, Any]]

    @property
    def origin(self) -> str:
        """When and with what it was recorded, for people."""
        others = {name: number for name, number in self.versions.items() if name != PLUGIN}
        return f"recorded on {self.recorded} with {_listed(others)}"

    def lane(self, fault: str) -> Lane:
        """What happened in the call of *fault*.

        Raises:
            KeyError: there is no such call.
        """
        from .lane import Lane  # which imports livekit: that takes seconds

        return Lane.of_dict(self.lanes[fault])

    def written(self) -> str:
        """As it is kept."""
        data = {"recorded": self.recorded, "versions": self.versions, "calls": self.lanes}
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def recording_of(lanes: Mapping[str, Lane]) -> Recording:
    """A recording of today, with the versions that are installed."""
    return Recording(
        recorded=date.today().isoformat(),
        versions={PLUGIN: version(PLUGIN), **_versions()},
        lanes={fault: lane.as_dict() for fault, lane in lanes.items()},
    )


def load(path: Path = PATH) -> Recording:
    """Read the recording."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Recording(data["recorded"], data["versions"], data["calls"])


def origin_now() -> str:
    """When and with what is played now, for people."""
    return f"played on {date.today().isoformat()} with {_listed(_versions())}"


def _versions() -> dict[str, str]:
    return {**{name: version(name) for name in _PACKAGES}, "Python": platform.python_version()}


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())
