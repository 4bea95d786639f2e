"""A conversation with Claude in the terminal.

Theory of operation. The prompt blocks, so the event loop runs only while an answer comes: one
`asyncio.Runner` lives as long as the conversation and is run once per answer. Ctrl-C is barge-in:
during an answer it cancels that answer and what was heard of it stays in the history, at the
prompt it only says how to leave. A line of the log that comes in the middle of a sentence waits
for the end of it, lest it be read as a part of it. What ends a turn is said once, by its error.
"""

from __future__ import annotations

import asyncio
import logging

from livekit.agents import APIError, llm
from rich.console import Console
from rich.text import Text

from resilient_claude import ResilientClaudeLLM

from .log_view import captured

# In the first pass the loop reads the end of a connection, in the second TLS closes the socket
# below, in the third the pool hears that the connection is lost.
# Source: asyncio/selector_events.py and sslproto.py, `call_soon` in `close` and in
# `_on_shutdown_complete`.
_PASSES_TO_CLOSE = 3


def converse(claude: ResilientClaudeLLM, system: str | None) -> None:
    """Talk to *claude* until the end of the input or /quit, and close it.

    Args:
        claude: Who answers.
        system: The system prompt, if any.
    """
    conversation = Chat(claude, system)
    conversation.note(
        f"{claude.model} at {claude.provider}; /quit ends, Ctrl-C interrupts an answer"
    )
    with captured(conversation.log, without=_says_what_the_error_says), asyncio.Runner() as runner:
        while (line := conversation.ask()) is not None:
            try:
                runner.run(conversation.answer(line))
            except KeyboardInterrupt:
                conversation.note("interrupted")
        runner.run(claude.aclose())


class Chat:
    """One conversation in the terminal.

    Args:
        claude: Who answers.
        system: The system prompt, if any.
    """

    def __init__(self, claude: ResilientClaudeLLM, system: str | None) -> None:
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
        await _see_closed_connections()
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


def _says_what_the_error_says(record: logging.LogRecord) -> bool:
    """Whether it tells of the failure that ends the turn: that is read once, as its error."""
    event = getattr(record, "event", "")
    last = event == "claude.attempt_failed" and getattr(record, "wait_s", None) is None
    return last or event in ("claude.call_failed", "claude.call_interrupted")


async def _see_closed_connections() -> None:
    """Let the loop, which stood still at the prompt, see which connections were closed meanwhile.

    Otherwise the request goes out on one of them and fails.
    """
    for _ in range(_PASSES_TO_CLOSE):
        await asyncio.sleep(0)
