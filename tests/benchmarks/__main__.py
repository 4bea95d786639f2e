"""`python -m tests.benchmarks`: measure, show, and say what was promised."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from rich.console import Console

from . import __doc__ as about
from . import clouds, counts, cpu, fresh, lag, latency, report, sessions, stalls
from .contenders import has_plugin
from .measure import Measure, Result, Setting
from .server import BenchmarkServer

_CA_VARIABLE = "SSL_CERT_FILE"

MEASURES: dict[str, Measure] = {
    "burst": cpu.burst,
    "paced": cpu.paced,
    "request": cpu.request,
    "session": sessions.sessions,
    "resilience": cpu.resilience,
    "first-chunk": latency.warm,
    "tls": latency.over_tls,
    "streams": lag.streams_per_core,
    "lag": lag.beside_turns,
    "hostile": stalls.hostile,
    "bedrock": clouds.bedrock,
    "memory": fresh.memory,
    "first-turn": fresh.first_turn,
    "import": fresh.imports,
    "counts": counts.counts,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples")
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be repeated")
    parser.add_argument("--rounds", type=int, help="samples of each contender")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write an SVG of all ratios")
    parser.add_argument(
        "--plot-streams", type=Path, metavar="FILE", help="write an SVG of the streams per core"
    )
    arguments = parser.parse_args()
    console = report.console()
    results = run(
        arguments.only or list(MEASURES),
        rounds=arguments.rounds or (3 if arguments.quick else 5),
        effort=0.4 if arguments.quick else 1.0,
        console=console,
    )
    facts = report.machine()
    console.print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    if arguments.json is not None:
        report.write_json(arguments.json, facts, results)
    if arguments.plot is not None:
        report.write_svg(arguments.plot, facts, results)
    streams = [result for result in results if result.measure.startswith("streams per core")]
    if arguments.plot_streams is not None and streams:
        report.write_samples_svg(arguments.plot_streams, facts, streams[0])
    console.print(report.table(results))


def run(names: list[str], *, rounds: int, effort: float, console: Console) -> list[Result]:
    """The results of the measures *names*, in order, against a server of their own."""
    plugin = has_plugin()
    if not plugin:
        console.print("livekit-plugins-anthropic is not installed: ours is measured alone")
    results: list[Result] = []
    with BenchmarkServer() as server, _trusted(server.ca_file), console.status("") as status:
        for name in names:

            def tell(text: str, name: str = name) -> None:
                status.update(f"{name}: {text}")

            began = monotonic()
            results += asyncio.run(MEASURES[name](Setting(server, rounds, effort, plugin, tell)))
            console.print(f"{name}: {monotonic() - began:.0f} s")
    return results


@contextmanager
def _trusted(ca_file: str | None) -> Iterator[None]:
    """Let every client trust the server; ours and the plugin's read the same variable."""
    before = os.environ.get(_CA_VARIABLE)
    if ca_file is not None:
        os.environ[_CA_VARIABLE] = ca_file
    yield
    if before is None:
        os.environ.pop(_CA_VARIABLE, None)
    else:
        os.environ[_CA_VARIABLE] = before


if __name__ == "__main__":
    main()
