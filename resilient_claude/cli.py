"""The `resilient-claude` command: `demo` and `chat`.

livekit and the SDK take seconds to import, so each command imports what it needs when it runs.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .version import __version__

if TYPE_CHECKING:
    from livekit.agents import llm

    from .demo import Turn

# Local variables in a traceback would show the API key.
app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_show_locals=False, add_completion=False
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"resilient-claude {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Claude for LiveKit agents that keeps a live call going when Claude or the network does not."""


# --- demo ---------------------------------------------------------------------------------------


@app.command()
def demo(
    plugin: Annotated[
        bool, typer.Option("--plugin", help="Try livekit-plugins-anthropic instead.")
    ] = False,
) -> None:
    """Play a day of trouble against a simulated Claude. Needs no key and no network."""
    console = Console(highlight=False)
    name = "livekit.plugins.anthropic.LLM" if plugin else "resilient_claude.ResilientClaudeLLM"
    console.print(f"[bold]A day of trouble for {name}[/]")
    console.print("A real AgentSession in text mode, Claude simulated on loopback.", style="dim")
    from .demo import play

    try:
        turns = asyncio.run(play(console, _anthropic_plugin if plugin else _resilient_claude))
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "livekit":
            raise
        _fail("--plugin needs the plugin: pip install livekit-plugins-anthropic")
    console.print()
    console.print(_summary(turns))
    console.print(_verdict(turns))
    raise typer.Exit(0 if all(turn.whole for turn in turns) else 1)
