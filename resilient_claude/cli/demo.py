"""A scripted day of trouble: a real `AgentSession` talks to a simulated Claude, without a key.

What the caller hears is taken from the very end of livekit's text output, so that nothing is shown
which a real caller would not have heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import Agent, AgentSession, APIError, ErrorEvent, function_tool, llm
from livekit.agents.voice.io import TextOutput
from rich.console import Console
from rich.text import Text

from resilient_claude import failure_of
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude, Step, ToolUse

from .log_view import captured


@dataclass(frozen=True)
class Trouble:
    """One turn of the day.

    Attributes:
        fault: what goes wrong.
        says: what the caller says.
        steps: what the simulated Claude does, request by request.
        refused: whether connections are refused until the first attempt has failed.
    """

    fault: str
    says: str
    steps: Sequence[Step]
    refused: bool = False

    @property
    def answer(self) -> str:
        """What the caller must hear, once and whole."""
        return " ".join(s.text for s in self.steps if isinstance(s, Answer) and s.text)

    @property
    def bookings(self) -> int:
        """How many tables must be booked."""
        return sum(len(step.tools) for step in self.steps if isinstance(step, Answer))


_OPEN = Answer("Good evening! The kitchen is open until eleven.")
_VEGAN = Answer("Yes, the mushroom risotto and two of the starters.")
_DOG = Answer("Of course. The terrace is heated, and dogs are welcome.")
_BOOK = Answer("One moment.", tools=[ToolUse("book_table", {"guests": 2, "at": "20:00"})])
_DONE = Answer("Your table for two is booked for eight tonight.")
_PARKING = Answer("Yes, behind the house.")
_SIX = Answer(tools=[ToolUse("book_table", {"guests": 6, "at": "19:00"})])
_SIX_DONE = Answer("Six tomorrow at seven, it is noted.")
DAY = (
    Trouble("connection refused", "Hello, are you open tonight?", [_OPEN], refused=True),
    Trouble("529 overloaded", "Anything vegan?", [HttpError(529, message="Overloaded"), _VEGAN]),
    Trouble(
        "reset before the first token",
        "Can we sit outside with a dog?",
        [Break("reset", at="message_start", answer=_DOG), _DOG],
    ),
    Trouble("no fault: a tool call", "A table for two at eight, please.", [_BOOK, _DONE]),
    # Faults under HTTP 200, which nothing below the application reports.
    Trouble(
        "200 OK, and no answer", "Do you have parking?", [Break("end", at="headers"), _PARKING]
    ),
    Trouble(
        "cut off inside a tool call",
        "And a table for six tomorrow?",
        [Break("close", at="tool_json", answer=_SIX), _SIX, _SIX_DONE],
    ),
)


@dataclass
class PlayedTurn:
    """What became of one turn.

    Attributes:
        trouble: its script.
        heard: what the caller heard, segment by segment.
        silence_s: seconds from the caller's last word to the first text; None without any.
        requests: HTTP requests, refused connections included.
        bookings: how often the tool ran.
        cause: the root cause of the last failed attempt, as the LLM reported it.
        failed: whether the turn failed for good.
    """

    trouble: Trouble
    heard: list[str] = field(default_factory=list)
    silence_s: float | None = None
    requests: int = 0
    bookings: int = 0
    cause: str = "-"
    failed: bool = False

    @property
    def text(self) -> str:
        """Everything the caller heard."""
        return " ".join(segment.strip() for segment in self.heard)

    @property
    def whole(self) -> bool:
        """Whether the caller heard the answer once and whole, and every tool ran once."""
        expected = (self.trouble.answer, self.trouble.bookings)
        return not self.failed and (self.text, self.bookings) == expected


async def play(
    console: Console, make_llm: Callable[[str], llm.LLM[Any]], day: Sequence[Trouble] = DAY
) -> list[PlayedTurn]:
    """Play *day* turn by turn, showing on *console* what is heard and what is logged.

    Args:
        console: where to show it.
        make_llm: makes the LLM to try, from the base URL of the simulated Claude.
        day: the script.
    """
    with SimulatedClaude() as claude:
        caller = _Caller(console, claude)
        model = make_llm(claude.base_url)
        # The default detector of turns wants a VAD; a conversation in text has no use for either.
        session = AgentSession[None](llm=model, vad=None, turn_handling={"turn_detection": None})
        session.on("error", caller.on_error)
        session.output.transcription = caller
        with captured(caller.on_log):
            async with model, session:
                await session.start(_Host(caller))
                for number, trouble in enumerate(day, 1):
                    console.print(f"\n{number}/{len(day)}  {trouble.fault}", style="bold")
                    await caller.play(session, trouble)
        return caller.turns


class _Host(Agent):
    def __init__(self, caller: _Caller) -> None:
        super().__init__(instructions="You answer a restaurant's phone. Be brief.")
        self._caller = caller

    @function_tool
    async def book_table(self, guests: int, at: str) -> str:
        """Book a table.

        Args:
            guests: how many people.
            at: time of day, as HH:MM.
        """
        await asyncio.sleep(0.1)  # as a booking system would take
        self._caller.on_tool(f"book_table(guests={guests}, at={at!r})")
        return "booked"


class _Caller(TextOutput):
    """The end of livekit's output chain: plays turns, shows and gathers what happens in them."""

    def __init__(self, console: Console, claude: SimulatedClaude) -> None:
        super().__init__(label="caller", next_in_chain=None)
        self.turns: list[PlayedTurn] = []
        self._console = console
        self._claude = claude
        self._refusing = False
        self._started = time.monotonic()
        self._segment = ""

    async def play(self, session: AgentSession[None], trouble: Trouble) -> None:
        turn = PlayedTurn(trouble)
        self.turns.append(turn)
        self._claude.unscript()  # whoever gave up before the end of the last turn's script
        self._claude.script(*trouble.steps)
        answered = len(self._claude.requests)
        self._refusing = trouble.refused
        if trouble.refused:
            self._claude.refuse()
        self._started = time.monotonic()
        self._show("caller", trouble.says, "cyan")
        try:
            await session.run(user_input=trouble.says)
        except APIError:
            turn.failed = True  # `on_error` was told why
        turn.requests += len(self._claude.requests) - answered

    async def capture_text(self, text: str) -> None:
        if self.turns[-1].silence_s is None:
            self.turns[-1].silence_s = time.monotonic() - self._started
        self._segment += text

    def flush(self) -> None:
        if self._segment:
            self.turns[-1].heard.append(self._segment)
            self._show("agent", self._segment, "green")
        self._segment = ""

    def on_tool(self, call: str) -> None:
        self.turns[-1].bookings += 1
        self._show("tool", call, "magenta")

    def on_error(self, event: ErrorEvent) -> None:
        turn, error = self.turns[-1], event.error
        failure = failure_of(error.error)
        turn.cause = f"{type(error.error).__name__}: {error.error}"
        if failure is not None:
            turn.cause = f"{failure.root_type}: {failure.root_message} ({failure.origin})"
        turn.failed = turn.failed or not error.recoverable
        if self._refusing:  # exactly one attempt is refused, and the server never saw it
            self._refusing = False
            turn.requests += 1
            self._claude.listen()

    def on_log(self, line: str) -> None:
        self._show("log", line, "yellow")

    def _show(self, who: str, text: str, style: str) -> None:
        at = f"{time.monotonic() - self._started:.2f} s"
        margin = Text.assemble((f"{at:6} ", "dim"), (f"{who:6} ", style))
        said = Text(text, style="dim" if who == "log" else "")
        for line in said.wrap(self._console, self._console.width - len(margin), overflow="fold"):
            line.rstrip()
            # It is wrapped already, and a table would fill each line up with blanks.
            self._console.print(margin + line, soft_wrap=True)
            margin = Text(" " * len(margin))
