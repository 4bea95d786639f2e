"""The `resilient-claude` command: `demo`, `chat` and `models`.

livekit and the SDK take seconds to import, so each command imports what it needs when it runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from importlib.util import find_spec
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resilient_claude.version import __version__

if TYPE_CHECKING:
    from livekit.agents import llm

    from .demo import PlayedTurn

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
    plugin: Annotated[
        bool, typer.Option("--plugin", help="Try livekit-plugins-anthropic instead.")
    ] = False,
) -> None:
    """Play a day of trouble against a simulated Claude, without a key and without a network."""
    if plugin and not _has_plugin():
        _fail("--plugin needs `pip install livekit-plugins-anthropic`")
    console = Console(highlight=False)
    name = "livekit.plugins.anthropic.LLM" if plugin else "resilient_claude.ResilientClaudeLLM"
    console.print(f"A day of trouble for {name}", style="bold")
    console.print("A real AgentSession in text mode; Claude is simulated on loopback.", style="dim")
    _say_that_it_starts(console)
    from .demo import play

    make_llm = _anthropic_plugin if plugin else _resilient_claude
    turns = asyncio.run(play(console, make_llm))
    console.print()
    console.print(_summary(turns))
    console.print(_verdict(turns))
    raise typer.Exit(0 if all(turn.whole for turn in turns) else 1)


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
    _say_that_it_starts(Console(highlight=False))
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
    from .model_table import WIDTH, model_table

    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    console.print(model_table())


def _say_that_it_starts(console: Console) -> None:
    console.print("starting livekit ...", style="dim")  # the imports that follow take seconds


def _has_plugin() -> bool:
    try:
        return find_spec("livekit.plugins.anthropic") is not None
    except ModuleNotFoundError:  # there is no plugin at all
        return False


def _resilient_claude(base_url: str) -> llm.LLM[Any]:
    from resilient_claude import ResilientClaudeLLM

    return ResilientClaudeLLM(api_key="demo", base_url=base_url)


def _anthropic_plugin(base_url: str) -> llm.LLM[Any]:
    try:
        from livekit.plugins import anthropic
    except ImportError as exc:
        _fail(f"{exc}: --plugin needs `pip install livekit-plugins-anthropic`")
    plugin: llm.LLM[Any] = anthropic.LLM(api_key="demo", base_url=base_url)
    return plugin


def _summary(turns: Sequence[PlayedTurn]) -> Table:
    table = Table(
        box=box.HORIZONTALS, show_lines=True, padding=(0, 1, 0, 0), pad_edge=False, expand=True
    )
    table.add_column("fault", ratio=3)
    table.add_column("heard", ratio=4)
    table.add_column("silence", justify="right", no_wrap=True)
    table.add_column("requests", justify="right", no_wrap=True)
    # So wide that at 80 columns the names of exceptions are not cut in two.
    table.add_column("root cause", ratio=5, min_width=23, overflow="fold")
    for turn in turns:
        silence = "-" if turn.silence_s is None else f"{turn.silence_s:.2f} s"
        cause = shorten(turn.cause, 160, placeholder=" ...")
        cells = (turn.trouble.fault, turn.text or "-", silence, str(turn.requests), cause)
        table.add_row(*map(Text, cells), style="" if turn.whole else "red")
    return table


def _verdict(turns: Sequence[PlayedTurn]) -> Text:
    bad = [turn.trouble.fault for turn in turns if not turn.whole]
    if bad:
        return Text(f"NOT heard once and whole: {', '.join(bad)}.", style="bold red")
    return Text(f"All {len(turns)} turns were heard once and whole.", style="bold green")


def _fail(message: str) -> NoReturn:
    """Say on stderr why nothing can be done, and exit with code 2."""
    Console(stderr=True, highlight=False).print(Text(f"Error: {message}", style="red"))
    raise typer.Exit(2)
