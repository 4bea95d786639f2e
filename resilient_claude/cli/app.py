"""The `resilient-claude` command: `demo` and `chat`.

livekit and the SDK take seconds to import, so each command imports what it needs when it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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

    from resilient_claude import ResilientClaudeLLM

    from .demo import Turn

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


# --- demo ---------------------------------------------------------------------------------------


@app.command()
def demo(
    plugin: Annotated[
        bool, typer.Option("--plugin", help="Try livekit-plugins-anthropic instead.")
    ] = False,
) -> None:
    """Play a day of trouble against a simulated Claude, without a key and without a network."""
    console = Console(highlight=False)
    name = "livekit.plugins.anthropic.LLM" if plugin else "resilient_claude.ResilientClaudeLLM"
    console.print(f"A day of trouble for {name}", style="bold")
    console.print("A real AgentSession in text mode; Claude is simulated on loopback.", style="dim")
    make_llm = _anthropic_plugin if plugin else _resilient_claude
    from .demo import play

    turns = asyncio.run(play(console, make_llm))
    console.print()
    console.print(_summary(turns))
    console.print(_verdict(turns))
    raise typer.Exit(0 if all(turn.whole for turn in turns) else 1)


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


def _summary(turns: Sequence[Turn]) -> Table:
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


def _verdict(turns: Sequence[Turn]) -> Text:
    bad = [turn.trouble.fault for turn in turns if not turn.whole]
    if bad:
        return Text(f"NOT heard once and whole: {', '.join(bad)}.", style="bold red")
    return Text(f"All {len(turns)} turns were heard once and whole.", style="bold green")


# --- chat ---------------------------------------------------------------------------------------


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
    from livekit.agents import NOT_GIVEN

    from resilient_claude import ResilientClaudeLLM

    from .demo import captured

    try:
        claude = ResilientClaudeLLM(model=model, base_url=base_url or NOT_GIVEN)
    except (TypeError, ValueError) as exc:
        _fail(str(exc))
    conversation = _Conversation(claude, system)
    with captured(conversation.log), asyncio.Runner() as runner:
        while (line := conversation.ask()) is not None:
            try:
                runner.run(conversation.answer(line))
            except KeyboardInterrupt:
                conversation.note("interrupted")
        runner.run(claude.aclose())


class _Conversation:
    """One conversation in the terminal."""

    def __init__(self, claude: ResilientClaudeLLM, system: str | None) -> None:
        from livekit.agents import llm

        self._claude = claude
        self._console = Console(highlight=False)
        self._within_line = False
        self._held: list[str] = []
        self._history = llm.ChatContext.empty()
        if system:
            self._history.add_message(role="system", content=system)

    def ask(self) -> str | None:
        """The next thing the user says; None at the end."""
        while True:
            try:
                line = self._console.input("[bold cyan]you[/]    ").strip()
            except KeyboardInterrupt:
                self.note("Ctrl-D or /quit ends")
                continue
            except EOFError:
                self._console.print()
                return None
            if line:
                return None if line == "/quit" else line

    async def answer(self, line: str) -> None:
        """Say *line* to Claude and print the answer as it comes."""
        from livekit.agents import APIError

        # The loop stood still at the prompt. Let it see which connections were closed meanwhile,
        # so that the request does not go out on one of them and fail.
        for _ in range(3):
            await asyncio.sleep(0)
        self._history.add_message(role="user", content=line)
        heard, whole = "", False
        try:
            async with self._claude.chat(chat_ctx=self._history) as stream:
                async for chunk in stream:
                    if chunk.delta is not None and chunk.delta.content:
                        self._say(chunk.delta.content)
                        heard += chunk.delta.content
            whole = True
        except APIError as exc:
            self.note(exc.message, style="red")
        finally:
            if heard:
                self._history.add_message(role="assistant", content=heard, interrupted=not whole)
            self._end_line()

    def log(self, line: str) -> None:
        """Show a line of the log, after the answer that is being printed if there is one."""
        if self._within_line:
            self._held.append(line)
        else:
            self.note(line)

    def note(self, text: str, style: str = "dim") -> None:
        """Show *text* on a line of its own."""
        self._end_line()
        self._console.print(Text(text, style=style))

    def _say(self, text: str) -> None:
        if not self._within_line:
            self._console.print("claude ", style="bold green", end="")
        self._within_line = True
        self._console.print(Text(text), end="", soft_wrap=True)

    def _end_line(self) -> None:
        if self._within_line:
            self._console.print()
        self._within_line = False
        held, self._held = self._held, []
        for line in held:
            self._console.print(Text(line, style="dim"))


def _fail(message: str) -> NoReturn:
    """Say on stderr why nothing can be done, and exit with code 2."""
    Console(stderr=True, highlight=False).print(Text(f"Error: {message}", style="red"))
    raise typer.Exit(2)
