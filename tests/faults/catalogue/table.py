"""The words of the matrix: what a fault is, where it strikes, how often, and how it is driven.

Everything here is a frozen value. `cells.py` makes the cells of all faults, `expected` says what
must come of each, `playing` finds out what does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from resilient_claude.testing import Answer, Step, ToolUse
from tests.support.proxy import Does

from .raw import How, RawScript

KEY = "sk-ant-api03-this-key-is-for-the-fault-matrix-only"
OTHER_KEY = "sk-ant-oat01-the-key-of-somebody-else"
PROMPT = "My card number is 4929 1234 5678 9012."
TEXT = "Alpha bravo charlie delta echo."
"""The whole answer. No word comes twice, so that a doubled one is seen at once."""
HEARD = "Alpha bravo "
"""What of it was heard when it breaks inside of the text."""
HEARD_AGAIN = "charlie "
"""What more of it was heard when its continuation breaks as well."""
OTHER_TEXT = "Foxtrot golf hotel."
"""What the other provider behind `FallbackAdapter` says."""
AFTER_TOOL = "India juliet."
"""What Claude says once it has the tool's result."""
CALL = ("book", '{"guests": 4}')

SPOKEN = Answer(TEXT)
THOUGHTFUL = Answer(TEXT, thinking="Kilo lima mike november.")
BOOKING = Answer(tools=[ToolUse("book", {"guests": 4})])
SPOKEN_BOOKING = Answer(HEARD, tools=[ToolUse("book", {"guests": 4})])


class Where(StrEnum):
    """How far the attempt had come when the fault struck."""

    CONNECTING = "connecting"
    REQUEST = "before-headers"
    HEADERS = "after-headers"
    CONTENT = "before-content"
    THINKING = "after-thinking"
    TEXT = "in-text"
    TEXT_STOP = "before-stop"
    TOOL_JSON = "in-tool-json"
    TOOL = "after-tool-call"
    TOOL_STOP = "before-stop-of-tool"
    TOOL_AFTER_TEXT = "in-tool-json-after-text"
    RESPONSE = "response"
    """The fault is the response as a whole."""
    TOOL_RESULT = "after-tool-result"
    """In the request that follows a tool's run, before there is content."""


ANSWERS: Mapping[Where, Answer] = {
    Where.THINKING: THOUGHTFUL,
    Where.TOOL_JSON: BOOKING,
    Where.TOOL: BOOKING,
    Where.TOOL_STOP: BOOKING,
    Where.TOOL_AFTER_TEXT: SPOKEN_BOOKING,
}
"""The answer that breaks, and that a later attempt gets whole; elsewhere it is `SPOKEN`."""

HEARD_BEFORE: Mapping[Where, str] = {
    Where.TEXT: HEARD,
    Where.TEXT_STOP: TEXT,
    Where.TOOL_AFTER_TEXT: HEARD,
}
"""What the caller has heard when the fault strikes; elsewhere nothing."""

BEFORE_OUTPUT = (Where.HEADERS, Where.CONTENT, Where.THINKING)
IN_TOOL = (Where.TOOL_JSON, Where.TOOL, Where.TOOL_STOP)
AFTER_TEXT = (Where.TEXT, Where.TEXT_STOP, Where.TOOL_AFTER_TEXT)
IN_STREAM = (*BEFORE_OUTPUT, *IN_TOOL, *AFTER_TEXT)


class When(StrEnum):
    """Which attempts meet the fault."""

    FIRST = "first"
    FIRST_TWO = "first-two"
    ALWAYS = "always"


class Scenario(StrEnum):
    """Who asks for the turn."""

    DIRECT = "direct"
    """`chat()`, read to its end."""
    CLIENT = "client"
    """The same, with a client that the application made, on httpx2's own transport."""
    SESSION = "session"
    """`AgentSession.run` in text mode, with a real tool."""
    FALLBACK = "fallback"
    """`FallbackAdapter` with a healthy second provider."""
    RAISE = "raise"
    """`chat()` with `on_interruption="raise"`."""
    CANCEL = "cancel"
    """`chat()`, and `aclose()` while the fault lasts."""
    BARGE_IN = "barge-in"
    """`AgentSession.interrupt` while the fault lasts."""


class Wire(StrEnum):
    TCP = "tcp"
    TLS = "tls"


class Sort(StrEnum):
    """What a fault is in the words of the promises; each sort has its rules in `expected`."""

    DNS = "dns"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    HANDSHAKE = "handshake"
    CUT = "cut"
    """The transport says that the exchange broke: RST, FIN in the middle, a body too short."""
    ENDED = "ended"
    """The body ended properly, but the message did not."""
    SILENT = "silent"
    STATUS = "status"
    EVENT = "event"
    FOREIGN = "foreign"
    """HTTP 200, but no event stream."""
    MALFORMED = "malformed"
    HARMLESS = "harmless"
    """Unusual, and within the protocol: the answer is whole."""
    STOPPED = "stopped"
    """A proper end of the message, but perhaps not of an answer: see its stop reason."""
    TUNNEL = "tunnel"
    """A proxy does not lead to Claude."""
    DARK_POOL = "dark-pool"
    DROPPED_POOL = "dropped-pool"


WARM_TURNS = {Sort.DARK_POOL: 4, Sort.DROPPED_POOL: 4}
"""Turns that fill the pool before the fault; their requests count."""

Strike = Literal[
    "refuse",
    "dns",
    "dns-hang",
    "no-route",
    "untrusted",
    "wrong-host",
    "tls-plaintext",
    "tls-alert",
    "tls-hang",
    "go-dark",
    "drop-idle",
]
"""A fault below HTTP, switched on before the turn and off after as many attempts as told."""


@dataclass(frozen=True)
class Breaks:
    """The answer of the place breaks there."""

    how: How | bytes


@dataclass(frozen=True)
class Responds:
    """The whole response is this."""

    step: Step | RawScript


@dataclass(frozen=True)
class Proxied:
    """A proxy stands between, and does this to whoever asks it for a tunnel."""

    does: Does


@dataclass(frozen=True)
class FaultSpec:
    """One way in which a turn goes wrong, as a fact; what must come of it is derived.

    Attributes:
        name: in the ids of its cells.
        sort: which rules hold.
        means: how it is made.
        wheres: where it strikes.
        whens: how often; most faults in all three ways.
        scenarios: how the turn is driven, apart from `RAISE`, which follows from the place.
        wires: over what.
        roots: classes of which the end of the cause chain must be one; empty where the verdict
            is ours or the API's, so that there is nothing below it.
        status: the response's HTTP status, where it has one that matters.
        headers: those of its headers that matter.
        error_type: the API's `error.type`.
        spend_limit: whether the error says that money ran out.
        request_id: whether the response proves that Anthropic answered.
        stop_reason: of the message, for `Sort.STOPPED`.
        text: what the message says, for `Sort.STOPPED` and `Sort.HARMLESS`.
        tool: whether the message holds a tool call, for `Sort.STOPPED` and `Sort.HARMLESS`.
        reported: whether a line tells of it although the answer is whole, for `Sort.HARMLESS`.
    """

    name: str
    sort: Sort
    means: Strike | Breaks | Responds | Proxied
    wheres: tuple[Where, ...] = (Where.RESPONSE,)
    whens: tuple[When, ...] = tuple(When)
    scenarios: tuple[Scenario, ...] = (Scenario.DIRECT, Scenario.SESSION, Scenario.FALLBACK)
    wires: tuple[Wire, ...] = (Wire.TCP,)
    roots: tuple[type[BaseException], ...] = ()
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    error_type: str | None = None
    spend_limit: bool = False
    request_id: bool = True
    stop_reason: str | None = None
    text: str = ""
    tool: bool = False
    reported: bool = False

    @property
    def proxied(self) -> bool:
        """Whether it is a proxy that makes it."""
        return isinstance(self.means, Proxied)

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True)
class Cell:
    """One fault, at one place, so often, driven so, over this: one test."""

    fault: FaultSpec
    where: Where
    when: When
    scenario: Scenario
    wire: Wire

    @property
    def answer(self) -> Answer:
        """What breaks, and what a later attempt gets whole."""
        return ANSWERS.get(self.where, SPOKEN)

    @property
    def heard_before(self) -> str:
        """What the caller has heard when the fault strikes."""
        return HEARD_BEFORE.get(self.where, "")

    @property
    def may_resume(self) -> bool:
        """Whether what breaks off here is gone on with, if its fault allows it."""
        broken = self.where in (Where.TEXT, Where.TEXT_STOP)
        return broken and self.scenario is not Scenario.RAISE

    @property
    def endless(self) -> bool:
        """Whether Claude seems to think for ever, of which only the end of the turn is the end."""
        return self.fault.name == "pings-only" and self.where is Where.THINKING

    def __str__(self) -> str:
        parts = (self.fault.name, self.where, self.when, self.scenario, self.wire)
        return "/".join(str(part) for part in parts)


@dataclass(frozen=True)
class Limits:
    """The limits of a turn in one cell, small only where the cell waits for them to run out.

    Attributes:
        max_attempts: as `RetryPolicy` has it.
        max_silence_s: likewise.
        max_turn_s: likewise.
        clocks: `Timeouts`' arguments.
        fallback_s: `FallbackAdapter`'s `attempt_timeout`.
        wait_s: cap of the waits between attempts.
    """

    max_attempts: int = 3
    max_silence_s: float = 20.0
    max_turn_s: float = 300.0
    clocks: Mapping[str, float] = field(default_factory=dict)
    fallback_s: float = 30.0
    wait_s: float = 0.005


_LONG = {
    "connect_s": 30.0,
    "first_token_s": 30.0,
    "stall_s": 30.0,
    "thinking_s": 30.0,
}
PATIENT = Limits(max_silence_s=100.0, clocks=_LONG, fallback_s=30.0)
"""For cells in which no clock runs out: whoever waits for one all the same is found out."""

HASTY = Limits(
    max_silence_s=9.0,
    max_turn_s=11.0,
    clocks={
        "connect_s": 1.5,
        "first_token_s": 1.2,
        "stall_s": 1.5,
        "thinking_s": 1.5,
    },
    fallback_s=1.5,
)
"""For cells in which one does: far above what a healthy exchange on loopback takes, and such that
three attempts fit in the silence with seconds to spare, whichever clock ends them."""

LINGERING = Limits(max_silence_s=1e7, max_turn_s=1e7, clocks=_LONG, wait_s=1e6)
"""For cells that are cancelled, if need be in a wait: none is too short for that."""


def limits_of(cell: Cell) -> Limits:
    """The limits that *cell* runs under."""
    if cell.scenario in (Scenario.CANCEL, Scenario.BARGE_IN):
        return LINGERING
    return HASTY if cell.fault.sort in (Sort.SILENT, Sort.DARK_POOL) else PATIENT
