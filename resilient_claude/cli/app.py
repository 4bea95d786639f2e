"""The `resilient-claude` command: `demo`, `chat` and `models`.

livekit and the SDK take seconds to import, so each command imports what it needs when it runs.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from resilient_claude.version import __version__

from .status_line import status_line

# The local variables of a traceback would show the API key.
app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False, add_completion=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"resilient-claude {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Claude for LiveKit agents, which keeps a live call going when Claude or the network fails."""


@app.command()
def demo(
    record: Annotated[
        bool,
        typer.Option("--record", help="Play livekit-plugins-anthropic again, and keep it."),
    ] = False,
    timeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the calls: an .svg, or an .html page."),
    ] = None,
    listen: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Speak what the caller heard: a .wav, by espeak-ng."),
    ] = None,
) -> None:
    """Play calls that go wrong, beside livekit-plugins-anthropic; without a key or a network."""
    from .demo.command import DemoOptions, run

    if record and not _has_plugin():
        _fail("--record needs `pip install livekit-plugins-anthropic`")
    try:
        options = DemoOptions(record, timeline, listen)
    except ValueError as exc:
        _fail(str(exc))
    try:
        answered = run(Console(highlight=False), options)
    except OSError as exc:
        _fail(str(exc))
    raise typer.Exit(0 if answered else 1)


@app.command()
def chat(
    model: Annotated[str, typer.Option(help="Id of a Claude model.")] = "claude-sonnet-4-6",
    base_url: Annotated[
        str | None, typer.Option(help="Where the Messages API is.", envvar="ANTHROPIC_BASE_URL")
    ] = None,
    system: Annotated[str | None, typer.Option(help="The system prompt.")] = None,
) -> None:
    """Talk to Claude in the terminal, with the key in ANTHROPIC_API_KEY.

    Ctrl-C interrupts an answer; Ctrl-D or /quit ends the conversation.
    """
    if not os.environ.get("ANTHROPIC_API_KEY"):
        _fail("set ANTHROPIC_API_KEY: `chat` talks to the real Claude, `demo` needs no key")
    with status_line(Console(highlight=False), "starting livekit ...", kept=True):
        from livekit.agents import NOT_GIVEN

        from resilient_claude import ResilientClaudeLLM

        from .chat import converse

    try:
        claude = ResilientClaudeLLM(model=model, base_url=base_url or NOT_GIVEN)
    except (TypeError, ValueError) as exc:
        _fail(str(exc))
    converse(claude, system)


@app.command()
def models() -> None:
    """Print what is known of every Claude model, and what is asked of it by default."""
    from datetime import date

    from .model_table import NARROWEST, model_table

    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    console.print(model_table(console.width, today=date.today()))


def _has_plugin() -> bool:
    try:
        return find_spec("livekit.plugins.anthropic") is not None
    except ModuleNotFoundError:  # there is no plugin at all
        return False


def _fail(message: str) -> NoReturn:
    """Say on stderr why nothing can be done, and exit with code 2."""
    text = Text(f"Error: {message}", style="red")
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)  # commands stay whole
    raise typer.Exit(2)
