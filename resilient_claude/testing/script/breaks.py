"""Answers that break: where, how, and after how much of them. Frozen values; no I/O.

Theory of operation. A connection is accepted, a request arrives, the headers go out, then the
events of the answer, one per piece: `Point` lists what is reached on the way, in that order. A
point may be reached more than once (two text blocks) or never (no tool); a break takes place when
it is reached first, and at the points of the deltas after the first `after_pieces` of them. All
pieces up to there have then been sent, and what follows is `how`: an end, of the connection
(`reset`, `close`) or of the body alone (`end`, `SseError`); nothing more to come (`stall`) or
nothing of use (`pings`, `comments`, `empty_deltas`); or bytes in between, after which the answer
goes on (`Garbage`). Which of them need an event stream is checked on construction, so that every
`Break` that exists can be played.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Literal, TypeAlias, get_args

from .answers import Answer, HttpError, Raw
from .wire import DELTA_POINTS, pieces

Point: TypeAlias = Literal[
    "accept",
    "request",
    "headers",
    "message_start",
    "block_start",
    "thinking",
    "after_thinking",
    "text",
    "after_text",
    "tool_json",
    "after_tool",
    "before_stop",
    "after_stop",
]
"""How far an answer has been played when it breaks, in the order of the wire."""

HowName: TypeAlias = Literal["reset", "close", "end", "stall", "pings", "comments", "empty_deltas"]
"""What breaks an answer and needs no further values; see `Break`."""

POINTS: tuple[Point, ...] = get_args(Point)
HOWS: tuple[HowName, ...] = get_args(HowName)
POINTS_BEFORE_HEADERS: tuple[Point, ...] = ("accept", "request")
# These write into the event stream, so they need its headers first.
HOWS_IN_STREAM: tuple[HowName, ...] = ("end", "pings", "comments", "empty_deltas")


@dataclass(frozen=True)
class SseError:
    """An `error` event in the stream, under HTTP 200, and then the regular end of the body."""

    type: str = "overloaded_error"
    message: str = "Overloaded"


@dataclass(frozen=True)
class Garbage:
    """Bytes that do not belong there, followed by the rest of the answer."""

    data: bytes


How: TypeAlias = HowName | SseError | Garbage
"""What happens at the point; see `Break`."""


@dataclass(frozen=True)
class Break:
    """An answer that breaks at a point.

    At `accept` the step is consumed by the next new connection, before anything is read from it
    (under TLS: before the handshake). A request that finds such a step on a kept-alive connection
    breaks as at `request`.

    Attributes:
        how: `reset` (RST), `close` (FIN, the chunked body not terminated, no TLS close_notify),
            `end` (the body terminated cleanly), `stall` (silence until the client
            leaves), `pings`, `comments` or `empty_deltas` (one every 20 ms until the client
            leaves), `SseError` or `Garbage`.
        at: The point, see `Point`. The first time that the answer reaches it counts.
        answer: The answer that is played until then.
        after_pieces: How many deltas have been sent at `text`, `thinking` or `tool_json`; of the
            latter's, the first is empty.

    Raises:
        ValueError: The answer never reaches the point, or *how* needs a stream before there is one.
    """

    how: How
    _: KW_ONLY
    at: Point
    answer: Answer = Answer("One two three four five.")  # noqa: RUF009 -- frozen
    after_pieces: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.how, SseError | Garbage) and self.how not in HOWS:
            raise ValueError(f"how must be SseError, Garbage or one of {HOWS}, got {self.how!r}")
        if self.at not in POINTS:
            raise ValueError(f"at must be one of {POINTS}, got {self.at!r}")
        in_stream = isinstance(self.how, SseError) or self.how in HOWS_IN_STREAM
        if self.at in POINTS_BEFORE_HEADERS and in_stream:
            raise ValueError(f"{self.how!r} needs a stream: use at='headers', not {self.at!r}")
        self.pieces_sent()

    def pieces_sent(self) -> int:
        """Count the pieces of the answer that are sent before it breaks.

        Raises:
            ValueError: The answer never reaches the point; not once this object exists.
        """
        if self.at in (*POINTS_BEFORE_HEADERS, "headers"):
            return 0
        points = [piece.point for piece in pieces(self.answer)]
        reached = [index + 1 for index, point in enumerate(points) if point == self.at]
        if not reached:
            known = list(dict.fromkeys(points))
            raise ValueError(f"the answer never reaches {self.at!r}, only {known}")
        if self.at not in DELTA_POINTS.values():
            return reached[0]
        if not 1 <= self.after_pieces <= len(reached):
            raise ValueError(
                f"after_pieces must be 1 to {len(reached)}, the {self.at!r} pieces of the answer, "
                f"got {self.after_pieces} (2 unless it is given)"
            )
        return reached[self.after_pieces - 1]


Step: TypeAlias = Answer | HttpError | Raw | Break
"""What one `POST /v1/messages` gets."""
