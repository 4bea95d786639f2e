"""The two lanes of a call, side by side. Values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .lane import Judgement, Lane, judged
from .scenes import Scene

OURS_NAME = "resilient_claude"
PLUGIN_NAME = "the plugin"


@dataclass(frozen=True)
class Side:
    """One lane of a call, and what the caller got in it.

    Attributes:
        name: of who answers.
        lane: what happened.
        result: what the caller got.
    """

    name: str
    lane: Lane
    result: Judgement


@dataclass(frozen=True)
class ComparedCall:
    """A call as it is shown.

    Attributes:
        scene: its script.
        plugin: what happened with livekit's plugin.
        ours: what happened with this adapter.
    """

    scene: Scene
    plugin: Side
    ours: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both, in the order in which they are shown."""
        return self.plugin, self.ours


def compared(scene: Scene, plugin: Lane, ours: Lane) -> ComparedCall:
    """Put two lanes of *scene* side by side."""
    return ComparedCall(
        scene,
        Side(PLUGIN_NAME, plugin, judged(plugin, scene.expected)),
        Side(OURS_NAME, ours, judged(ours, scene.expected)),
    )


def verdict(calls: Sequence[ComparedCall]) -> str:
    """How many callers got their answer, on each side."""
    sentences = []
    for side in zip(*(call.sides for call in calls), strict=True):
        good = sum(each.result.good for each in side)
        longest_s = max(each.lane.longest_silence_s for each in side)
        sentences.append(
            f"{side[0].name}: {good} of {len(side)} callers got the answer once and whole, "
            f"the longest silence was {longest_s:.1f} s."
        )
    return "\n".join(sentences)
