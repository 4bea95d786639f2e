"""The results as a table, as JSON and as a picture."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from .contenders import OURS, PLUGIN
from .measure import Result

_PACKAGES = ("livekit-agents", "livekit-plugins-anthropic", "anthropic", "httpx2", "aiohttp")


def console() -> Console:
    """Where the table is shown; wide enough for it, should it be a file."""
    shown = Console()
    return shown if shown.is_terminal else Console(width=140)


def machine() -> dict[str, str]:
    """Where the numbers come from."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    facts = {
        "cpu": f"{_cpu()}, {os.cpu_count()} cores, load {load}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for name in _PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    return facts


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def table(results: Sequence[Result]) -> Table:
    """One row per goal; the others' medians in the last column."""
    shown = Table("measure")
    for column in ("ours", "plugin", "ratio", "goal", "met"):
        shown.add_column(column, justify="right")
    shown.add_column("others")
    measures: set[str] = set()
    for result in results:
        again = result.measure in measures  # with another goal
        measures.add(result.measure)
        over = PLUGIN if result.goal is None else result.goal.over or PLUGIN
        ratio = result.ratio(over)
        others = {name: result.median(name) for name in result.samples}
        shown.add_row(
            f"  the same, over {over}" if again else f"{result.measure} ({result.unit})",
            _number(result.median(OURS)),
            _number(result.median(PLUGIN)),
            _number(ratio),
            "" if result.met() is None else str(result.goal),
            {None: "", True: "yes", False: "NO"}[result.met()],
            ", ".join(
                f"{name} {_number(value)}"
                for name, value in others.items()
                if name not in (OURS, PLUGIN)
            ),
        )
    return shown


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def write_json(path: Path, facts: dict[str, str], results: Sequence[Result]) -> None:
    """Everything that was measured, sample by sample."""
    rows = [
        {
            "measure": result.measure,
            "unit": result.unit,
            "samples": result.samples,
            "medians": {name: result.median(name) for name in result.samples},
            "ratio": result.ratio(),
            "goal": None if result.goal is None else str(result.goal),
            "met": result.met(),
        }
        for result in results
    ]
    document = {"machine": facts, "command": sys.argv[1:], "results": rows}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def write_svg(path: Path, facts: dict[str, str], results: Sequence[Result]) -> None:
    """A bar per measure: ours, where the plugin is the full width."""
    bars = [(r.measure, ratio) for r in results if (ratio := r.ratio()) is not None]
    bars = list(dict(bars).items())
    height, width, left = 26, 420, 280
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" '
        f'height="{height * (len(bars) + 2)}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="18">ours, where the plugin is 1 ({escape(facts["cpu"])})</text>',
    ]
    for row, (name, ratio) in enumerate(bars, start=1):
        y = row * height
        drawn = min(ratio, 1 / ratio if ratio > 1 else 1.0) * width
        lines += [
            f'<text x="{left - 8}" y="{y + 18}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{y + 5}" width="{width}" height="16" fill="#ddd"/>',
            f'<rect x="{left}" y="{y + 5}" width="{drawn:.1f}" height="16" fill="#b5552b"/>',
            f'<text x="{left + width + 8}" y="{y + 18}">{ratio:.3g}</text>',
        ]
    path.write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")


def write_samples_svg(path: Path, facts: dict[str, str], result: Result) -> None:
    """A bar per contender of one measure: its median, and a mark for every sample."""
    medians = {name: median(samples) for name, samples in result.samples.items()}
    longest = max(sample for samples in result.samples.values() for sample in samples)
    height, width, left = 32, 420, 120
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" '
        f'height="{height * (len(medians) + 1)}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="18">{escape(result.measure)} ({escape(facts["cpu"])})</text>',
    ]
    for row, (name, value) in enumerate(medians.items(), start=1):
        y = row * height
        colour = "#b5552b" if name == OURS else "#999"
        lines += [
            f'<text x="{left - 8}" y="{y + 18}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{y + 4}" width="{value / longest * width:.1f}" height="20" '
            f'fill="{colour}"/>',
            f'<text x="{left + width + 12}" y="{y + 18}">{value:.3g}</text>',
        ]
        lines += [
            f'<rect x="{left + sample / longest * width:.1f}" y="{y + 4}" width="1.5" height="20"/>'
            for sample in result.samples[name]
        ]
    path.write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")
