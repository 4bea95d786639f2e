"""The server of a cell: `SimulatedClaude` wherever it can play the fault, else `RawServer`."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from resilient_claude.testing import Answer, Break, Garbage, SimulatedClaude, Step
from tests.faults.catalogue.raw import HeardText, RawScript, RawServer, broken_after, whole
from tests.faults.catalogue.table import (
    AFTER_TOOL,
    BOOKING,
    HEARD,
    HEARD_AGAIN,
    SPOKEN,
    TEXT,
    Breaks,
    Cell,
    Proxied,
    Responds,
    Sort,
    When,
    Where,
    Wire,
)
from tests.support.proxy import Proxy

from .watch import HOST, Watch

_POINTS = {
    Where.REQUEST: "request",
    Where.HEADERS: "headers",
    Where.CONTENT: "message_start",
    Where.THINKING: "after_thinking",
    Where.TEXT: "text",
    Where.TEXT_STOP: "before_stop",
    Where.TOOL_JSON: "tool_json",
    Where.TOOL: "after_tool",
    Where.TOOL_STOP: "before_stop",
    Where.TOOL_AFTER_TEXT: "tool_json",
    Where.TOOL_RESULT: "message_start",
}
_PIECES = {Where.TEXT_STOP: 1}
"""How many pieces come before the break; elsewhere 2, of a tool's the first being empty."""


@dataclass
class Claude:
    """What a cell's adapter talks to.

    Attributes:
        base_url: where it is.
        ca_file: whom to trust; None over TCP, and where nobody shall be trusted.
        requests: how many requests for messages were read so far.
        connections: how many connections were accepted so far.
        open_connections: how many of them are open.
        proxy: the URL of the proxy that leads to it, if there is one.
        strike: switches the fault on that is below HTTP; does nothing where it is none.
        heal: switches it off.
    """

    base_url: str
    ca_file: str | None
    requests: Callable[[], int]
    connections: Callable[[], int]
    open_connections: Callable[[], int]
    proxy: str | None = None
    strike: Callable[[], None] = field(default=lambda: None)
    heal: Callable[[], None] = field(default=lambda: None)


@asynccontextmanager
async def claude_for(cell: Cell, heard_text: HeardText, watch: Watch) -> AsyncIterator[Claude]:
    """The server that plays *cell*, its faults below HTTP not yet switched on."""
    steps, default = scripted(cell)
    tls = cell.wire is Wire.TLS
    if any(isinstance(step, RawScript) for step in (*steps, default)):
        raw = RawServer([_as_raw_script(step) for step in (*steps, default)], heard_text, tls=tls)
        # In a context of its own, so that its tasks do not count as the adapter's.
        nobody = contextvars.Context()
        await asyncio.get_running_loop().create_task(raw.start(), context=nobody)
        try:
            yield Claude(
                raw.base_url,
                raw.ca_file,
                lambda: raw.requests,
                lambda: raw.connections,
                lambda: raw.open_connections,
            )
        finally:
            await raw.stop()
        return
    simulated = SimulatedClaude(*cast(list[Step], steps), default=cast(Step, default), tls=tls)
    with simulated:
        claude = Claude(
            simulated.base_url,
            simulated.ca_file if tls else None,
            lambda: len(simulated.requests),
            lambda: simulated.connections,
            lambda: simulated.open_connections,
        )
        _arm(cell, claude, simulated, watch)
        if not isinstance(cell.fault.means, Proxied):
            yield claude
            return
        async with _behind_proxy(claude, cell.fault.means):
            yield claude


@asynccontextmanager
async def _behind_proxy(claude: Claude, means: Proxied) -> AsyncIterator[None]:
    """Let a proxy stand before *claude*, which fails when it strikes."""
    proxy, beyond = Proxy("forward"), claude.open_connections
    listening = proxy.listening()
    # In a context of its own, so that its tasks do not count as the adapter's.
    starting = asyncio.get_running_loop().create_task(
        listening.__aenter__(), context=contextvars.Context()
    )
    claude.proxy = await starting
    claude.connections = lambda: len(proxy.asked)
    claude.open_connections = lambda: beyond() + proxy.open_connections
    claude.strike = lambda: proxy.do(means.does)
    claude.heal = lambda: proxy.do("forward")
    try:
        yield
    finally:
        await listening.__aexit__(None, None, None)


def scripted(cell: Cell) -> tuple[list[Step | RawScript], Step | RawScript]:
    """What each request gets, and what every later one gets."""
    fault, after = faulty_step(cell), Answer(AFTER_TOOL)
    if fault is None:
        return [], SPOKEN
    healthy = _healthy(cell)
    before: list[Step | RawScript] = [BOOKING] if cell.where is Where.TOOL_RESULT else []
    if cell.fault.sort is Sort.HARMLESS:
        return [fault], after
    if cell.may_resume and cell.where is Where.TEXT and cell.when is When.ALWAYS:
        return [fault, _broken_again(cell)], after  # a second resume would find it healthy
    match cell.when:
        case When.FIRST:
            return [*before, fault, healthy], after
        case When.FIRST_TWO:
            return [*before, fault, fault, healthy], after
        case When.ALWAYS:
            return before, fault


def _broken_again(cell: Cell) -> RawScript:
    """The rest of the answer, which breaks after one more word."""
    assert isinstance(cell.fault.means, Breaks)
    rest, how = Answer(TEXT.removeprefix(HEARD)), cell.fault.means.how
    return broken_after(HEARD + HEARD_AGAIN, rest, "text", how, count=1)


def _healthy(cell: Cell) -> Answer:
    if cell.where is Where.TOOL_RESULT:
        return Answer(AFTER_TOOL)
    if cell.may_resume:
        return Answer(TEXT.removeprefix(cell.heard_before))
    return cell.answer


def faulty_step(cell: Cell) -> Step | RawScript | None:
    """The fault as a response; None if it is below HTTP."""
    match cell.fault.means:
        case Responds(step):
            return step
        case Breaks(how):
            point, count = _POINTS[cell.where], _PIECES.get(cell.where, 2)
            if cell.heard_before:
                return broken_after(cell.heard_before, cell.answer, point, how, count=count)
            answer = Answer(AFTER_TOOL) if cell.where is Where.TOOL_RESULT else cell.answer
            breaks: Any = Garbage(how) if isinstance(how, bytes) else how
            return Break(breaks, at=cast(Any, point), answer=answer)
        case _:
            return None


def _as_raw_script(step: Step | RawScript) -> RawScript:
    if isinstance(step, RawScript):
        return step
    assert isinstance(step, Answer), step
    return whole(step)


def _arm(cell: Cell, claude: Claude, simulated: SimulatedClaude, watch: Watch) -> None:
    """Give *claude* the switches of a fault below HTTP."""

    def resolve(to: str | Exception | None) -> Callable[[], None]:
        return lambda: setattr(watch, "address", to)

    def at_host() -> None:
        scheme, _, rest = claude.base_url.partition("://")
        claude.base_url = f"{scheme}://{HOST}:{rest.rpartition(':')[2]}"

    match cell.fault.means:
        case "refuse":
            claude.strike, claude.heal = simulated.refuse, simulated.listen
        case "dns" | "dns-hang" | "no-route" | "wrong-host" as strike:
            at_host()
            unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            to = {"dns": unknown, "dns-hang": None, "no-route": _NO_ROUTE}
            claude.strike = resolve(to.get(strike, "127.0.0.1"))
            claude.heal = resolve("127.0.0.1")
        case "untrusted":
            claude.ca_file = None
        case "tls-plaintext" | "tls-alert" | "tls-hang" as strike:
            mode: Any = strike.removeprefix("tls-")
            claude.strike = lambda: simulated.tls_mode(mode)
            claude.heal = lambda: simulated.tls_mode("normal")
        case "go-dark":
            claude.strike = simulated.go_dark
        case "drop-idle":
            claude.strike = simulated.drop_idle


_NO_ROUTE = "255.255.255.255"
"""TCP has no route to a broadcast address, on any machine."""
