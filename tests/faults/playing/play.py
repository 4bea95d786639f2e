"""Play one cell: drive a real turn into the fault, and write down everything that came of it."""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import anthropic
from livekit.agents import llm

from resilient_claude import ResilientClaudeLLM, RetryPolicy, Timeouts, TurnEnded
from tests.faults.catalogue.raw import HeardText
from tests.faults.catalogue.table import (
    KEY,
    WARM_TURNS,
    Cell,
    Scenario,
    Sort,
    When,
    Where,
    limits_of,
)
from tests.support.listening import conversation

from .scenarios import SCENARIOS
from .servers import Claude, claude_for
from .watch import Watch

HUNG_S = 60.0
_SETTLED_S = 0.25
"""Until the session has put down what was heard, of which nothing tells; many cells wait at once,
and a busy machine takes longer than the twentieth of a second that suffices otherwise."""
_CLOSED_S = 15.0


@dataclass
class Seen:
    """Everything that was observed of one cell.

    Attributes:
        text: what the caller heard.
        calls: the tool calls that ran, or were handed to whoever read the stream.
        errors: the errors that the turn ended with, as the application got them.
        other_asked: how often the second provider was asked.
        turns: what the adapter told at the end of each of its turns.
        requests: requests that the server read.
        lines: the adapter's log lines, without those of the turns that filled the pool.
        levels: the levels of these.
        foreign: everybody else's.
        silence_s: from the turn's start to the first word, call or error; None if there was none.
        closing_s: how long it took to cancel.
        said: what the session's history has the agent say.
        leaked: tasks and connections that outlived the adapter, and exceptions nobody caught.
        hung: whether the cell had to be ended by force.
        printed: what logs and tools that capture local variables show of its errors.
        unprintable: exceptions in the chains of its errors that cannot be shown.
    """

    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    other_asked: int = 0
    turns: list[TurnEnded] = field(default_factory=list)
    requests: int = 0
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    silence_s: float | None = None
    closing_s: float | None = None
    said: str | None = None
    leaked: list[str] = field(default_factory=list)
    hung: bool = False
    printed: list[str] = field(default_factory=list)
    unprintable: list[str] = field(default_factory=list)


class Play:
    """One cell while it is played."""

    def __init__(self, cell: Cell, watch: Watch, setting_up: asyncio.Lock) -> None:
        self.cell = cell
        self._setting_up = setting_up
        self.watch = watch
        self.heard_text = HeardText()
        self.seen = Seen()
        self.failed_once = asyncio.Event()
        self._failures = 0
        self._started: float | None = None

    async def run(self) -> Seen:
        """Play the cell to its end."""
        try:
            async with asyncio.timeout(HUNG_S), AsyncExitStack() as stack:
                # One after the other: together they would keep the loop busy for a second, and
                # the clocks of other cells would run out.
                async with self._setting_up:
                    server = claude_for(self.cell, self.heard_text, self.watch)
                    claude = await stack.enter_async_context(server)
                    await asyncio.sleep(0)
                    adapter = make_adapter(self.cell, claude)
                    await asyncio.sleep(0)
                await self._with(claude, adapter)
        except TimeoutError:
            self.seen.hung = True
        self.seen.foreign = self.watch.foreign
        self.seen.leaked += self.watch.accidents
        return self.seen

    async def _with(self, claude: Claude, adapter: ResilientClaudeLLM) -> None:
        await self._warm(adapter)
        self.watch.lines.clear()
        adapter.on("claude_turn_ended", self.seen.turns.append)
        adapter.on("error", lambda event: self._failed(claude))
        claude.strike()
        await asyncio.sleep(0)
        try:
            await SCENARIOS[self.cell.scenario](self, adapter, claude)
        finally:
            await adapter.aclose()
            await adapter.client.close()  # which the application does, if it made it
        self.seen.lines = list(self.watch.lines.events)
        self.seen.levels = list(self.watch.lines.levels)
        self.seen.requests = claude.requests()
        for error in self.seen.errors:
            self.seen.printed += traceback.format_exception(error)
            self.seen.printed += _locals_behind(error)
            self.seen.unprintable += _unprintable(error)
            _forget_frames(error)
        await self._nothing_left(claude)

    async def _warm(self, adapter: ResilientClaudeLLM) -> None:
        turns = WARM_TURNS.get(self.cell.fault.sort, 0)
        streams = [adapter.chat(chat_ctx=conversation("Hi.")) for _ in range(turns)]
        await asyncio.gather(*(stream.collect() for stream in streams))
        for stream in streams:
            await stream.aclose()

    def _failed(self, claude: Claude) -> None:
        self._failures += 1
        self.failed_once.set()
        if self._failures == _HEALED_AFTER[self.cell.when]:
            claude.heal()

    async def _nothing_left(self, claude: Claude) -> None:
        for _ in range(5):  # tasks that are done but for their last step
            await asyncio.sleep(0)
        self.seen.leaked += [f"task {task}" for task in self.watch.running()]
        with suppress(TimeoutError):
            await until(lambda: claude.open_connections() == 0)
        if claude.open_connections():
            self.seen.leaked.append(f"{claude.open_connections()} connections")

    # --- what is heard --------------------------------------------------------------------------

    def begin(self) -> None:
        """The turn begins."""
        self._started = asyncio.get_running_loop().time()

    def broke_the_silence(self) -> None:
        """The caller heard a word, or the application learnt that there will be none."""
        assert self._started is not None
        if self.seen.silence_s is None:
            self.seen.silence_s = asyncio.get_running_loop().time() - self._started

    def hear(self, chunk: llm.ChatChunk) -> list[tuple[str, str]]:
        """Note what *chunk* says; the tool calls in it are returned."""
        if chunk.delta is None:
            return []
        if chunk.delta.content or chunk.delta.tool_calls:
            self.broke_the_silence()
        if chunk.delta.content:
            self.seen.text += chunk.delta.content
            self.heard_text.hear(chunk.delta.content)
        return [(call.name, call.arguments) for call in chunk.delta.tool_calls]

    def fail(self, error: BaseException) -> None:
        """The turn ends with *error*."""
        self.broke_the_silence()
        self.seen.errors.append(error)

    async def in_the_fault(self, claude: Claude) -> None:
        """Wait until the turn is in the middle of its fault."""
        cell = self.cell
        if cell.fault.sort not in (Sort.SILENT, Sort.DARK_POOL):
            await asyncio.wait_for(self.failed_once.wait(), _CLOSED_S)
            return  # and so into the wait before the next attempt
        if cell.heard_before:
            await self.heard_text.until(cell.heard_before)
        elif cell.where is not Where.CONNECTING:
            await until(lambda: claude.requests() > 0)
        elif cell.fault.means == "dns-hang":
            await asyncio.wait_for(self.watch.asked.wait(), _CLOSED_S)
        else:
            await until(lambda: claude.connections() > 0)
        await asyncio.sleep(_SETTLED_S)

    @asynccontextmanager
    async def closing(self) -> AsyncIterator[None]:
        """Take the time of what happens inside."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        yield
        self.seen.closing_s = loop.time() - started


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _unprintable(error: BaseException) -> Iterator[str]:
    for link in _chain(error):
        try:
            str(link), repr(link)
        except Exception as exc:
            yield f"{type(link).__name__}: {type(exc).__name__} out of its str() or repr()"


def _locals_behind(error: BaseException) -> Iterator[str]:
    """The local variables of everybody's code but the test's, behind livekit's own error."""
    for link in _chain(error.__cause__):
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if not str(frame.f_globals.get("__name__")).startswith("tests."):
                yield from map(repr, frame.f_locals.values())


def _forget_frames(error: BaseException | None) -> None:
    """Keep *error* and what it was raised from, but not everything that was alive then."""
    seen: set[int] = set()
    left = [error]
    while left:
        link = left.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        link.__traceback__ = None
        left += [link.__cause__, link.__context__]


_HEALED_AFTER = {When.FIRST: 1, When.FIRST_TWO: 2, When.ALWAYS: -1}


async def until(true: Callable[[], bool]) -> None:
    """Look until *true*; of another thread's state, nobody tells.

    Raises:
        TimeoutError: it never was.
    """
    async with asyncio.timeout(_CLOSED_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def make_adapter(cell: Cell, claude: Claude) -> ResilientClaudeLLM:
    """An adapter with the limits of *cell*."""
    limits = limits_of(cell)
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    if claude.ca_file is not None:
        environment["SSL_CERT_FILE"] = claude.ca_file
    if claude.proxy is not None:
        environment["HTTPS_PROXY"] = claude.proxy
    with mock.patch.dict(os.environ, environment, clear=True):
        arguments: dict[str, Any] = {"api_key": KEY, "base_url": claude.base_url}
        if cell.scenario is Scenario.CLIENT:  # whose own retries would multiply with ours
            arguments = {"client": anthropic.AsyncAnthropic(**arguments, max_retries=5)}
        return ResilientClaudeLLM(
            **arguments,
            retry=RetryPolicy(
                max_attempts=limits.max_attempts,
                max_silence_s=limits.max_silence_s,
                max_turn_s=limits.max_turn_s,
                wait_base_s=limits.wait_s,
                throttled_wait_base_s=limits.wait_s,
                wait_cap_s=limits.wait_s,
                **_ON_INTERRUPTION.get(cell.scenario, {}),
            ),
            timeout=Timeouts(**limits.clocks),
        )


_ON_INTERRUPTION: Mapping[Scenario, dict[str, Any]] = {
    Scenario.RAISE: {"on_interruption": "raise"}  # elsewhere the default
}
