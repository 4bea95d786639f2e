"""What a measure is: samples of every contender, taken in turns, and the goal they are held to."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from .contenders import OURS, PLUGIN
from .server import BenchmarkServer


@dataclass(frozen=True, slots=True)
class Goal:
    """What was promised: ours divided by *over*, or ours alone where *over* is None."""

    limit: float
    over: str | None = PLUGIN
    at_least: bool = False

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:.3g}" + (
            "" if self.over in (PLUGIN, None) else f" x {self.over}"
        )


@dataclass(frozen=True, slots=True)
class Result:
    """The samples of one measure, one per round and contender.

    Attributes:
        measure: what was measured.
        unit: of the samples.
        samples: by contender.
        goal: what was promised of it, if anything was.
    """

    measure: str
    unit: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    goal: Goal | None = None

    def median(self, name: str) -> float | None:
        """The median of a contender's samples; None if it did not take part."""
        return median(self.samples[name]) if self.samples.get(name) else None

    def ratio(self, over: str = PLUGIN) -> float | None:
        """Ours over another: the median of the ratios within one round, which share the weather."""
        if not self.samples.get(OURS) or not self.samples.get(over):
            return None
        pairs = zip(self.samples[OURS], self.samples[over], strict=True)
        ratios = [ours / other for ours, other in pairs if other]
        return median(ratios) if ratios else None

    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or without the other."""
        if self.goal is None:
            return None
        value = self.median(OURS) if self.goal.over is None else self.ratio(self.goal.over)
        if value is None:
            return None
        return value >= self.goal.limit if self.goal.at_least else value <= self.goal.limit


@dataclass(frozen=True, slots=True)
class Setting:
    """How much is measured, and against what.

    Attributes:
        server: the healthy API.
        rounds: samples of each contender.
        effort: 1.0 for samples of the usual length, less for shorter ones.
        plugin: whether the plugin takes part.
        tell: shown while it runs.
    """

    server: BenchmarkServer
    rounds: int
    effort: float
    plugin: bool
    tell: Callable[[str], None]

    def times(self, usual: int) -> int:
        """*usual* repetitions, or fewer."""
        return max(2, round(usual * self.effort))

    def shorter(self) -> Setting:
        """The same with at most three rounds, where a sample takes long and differs little."""
        return replace(self, rounds=min(3, self.rounds))

    def contenders(self, *others: str) -> list[str]:
        """Ours, the plugin where it is installed, and *others*."""
        return [OURS, *([PLUGIN] if self.plugin else []), *others]

    async def in_turns(
        self, names: Sequence[str], sample: Callable[[str], Awaitable[float]]
    ) -> dict[str, list[float]]:
        """Samples of each of *names*, round by round, so that all meet the same weather."""
        samples: dict[str, list[float]] = {name: [] for name in names}
        for number in range(self.rounds):
            for name in names if number % 2 else reversed(names):
                self.tell(f"round {number + 1} of {self.rounds}: {name}")
                gc.collect()  # nobody pays for another's garbage
                samples[name].append(await sample(name))
        return samples


def waited_s() -> float:
    """Seconds that this process was ready and another one had the core; 0 where none can tell.

    What a wall clock says while this grows is about the neighbours, not about us.
    """
    statistics = Path("/proc/self/schedstat")  # Linux: run time, waiting time, slices
    if not statistics.is_file():
        return 0.0
    return int(statistics.read_text(encoding="ascii").split()[1]) / 1e9


Measure = Callable[[Setting], Coroutine[None, None, list[Result]]]
