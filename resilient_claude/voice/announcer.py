"""Says it: chooses the words, counts them, and tells the application and the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from resilient_claude.failures.failure import failure_of

from .arguments import APOLOGY, BROKE_OFF, CLOSING, HOLD_LINES, Arguments
from .lines import Line, following, lines_of
from .payloads import (
    EVENT_NAMES,
    Answered,
    Apology,
    BrokeOff,
    EventName,
    GiveUp,
    HoldLine,
    Payload,
)
from .stats import SilenceMeter, VoiceStats
from .voice_log import cause_of, handler_failed, write
from .wait import CallerWait

Listener = Callable[[Any], object]


class Announcer:
    """What is said to one caller, and who hears of it.

    Attributes:
        stats: what the caller heard.
        meter: his silences, which end there.
    """

    def __init__(self, arguments: Arguments, wait: CallerWait) -> None:
        self.stats = VoiceStats()
        self.meter = SilenceMeter(self.stats)
        self._arguments = arguments
        self._wait = wait
        self._last_line: Line | None = None
        self._hold_lines = lines_of("hold_lines", HOLD_LINES)
        self._lines = {"apology": Line(APOLOGY), "broke_off": Line(BROKE_OFF)}
        self._listeners: dict[EventName, list[Listener]] = {name: [] for name in EVENT_NAMES}

    def listeners(self, event: str) -> list[Listener]:
        """Those of *event*, to add to or to remove from.

        Raises:
            ValueError: there is no such event.
        """
        if event not in EVENT_NAMES:
            raise ValueError(f"event must be one of {', '.join(EVENT_NAMES)}, got {event!r}")
        return self._listeners[event]

    def hold_line(
        self, now: float, *, during_tool: bool, said: Callable[[Line], bool] = bool
    ) -> Line | None:
        """The next line, which goes out now; None if there is none, or it could not be *said*."""
        wait, waited_s = self._wait, self._wait.waited_s(now)
        line = self._next_line()
        if line is None or not said(line):
            wait.hold_line_left_out(now)
            return None
        wait.hold_line_said(now)
        self._last_line = line
        self.stats.hold_lines += 1
        write("voice.hold_line", number=wait.hold_lines, waited_s=round(waited_s, 3))
        self._emit(
            "hold_line",
            HoldLine(
                text=line.text,
                number=wait.hold_lines,
                waited_s=waited_s,
                during_tool=during_tool,
            ),
        )
        return line

    def apology(self, now: float, error: BaseException | None) -> Line:
        """The apology, which goes out now."""
        waited_s = self._wait.waited_s(now)
        self._wait.apologised()
        line = self._line_now("apology")
        self.stats.apologies += 1
        self._lost("voice.apology", self._wait.lost, waited_s, error)
        self._emit(
            "apology",
            Apology(
                text=line.text,
                number=self._wait.lost,
                waited_s=waited_s,
                error=error,
                failure=failure_of(error),
            ),
        )
        return line

    def broke_off(self, error: BaseException) -> Line:
        """What is said when an answer broke off, which goes out now."""
        line = self._line_now("broke_off")
        self.stats.broke_off += 1
        write("voice.broke_off", cause=cause_of(error))
        self._emit("broke_off", BrokeOff(text=line.text, error=error, failure=failure_of(error)))
        return line

    def give_up(self, now: float, error: BaseException | None) -> GiveUp:
        """It is given up now: what `on_give_up` is called with."""
        payload = GiveUp(
            apologies=self._wait.lost,
            waited_s=self._wait.waited_s(now),
            error=error,
            failure=failure_of(error),
        )
        self._wait.gave_up()
        self.stats.give_ups += 1
        self._lost("voice.give_up", payload.apologies, payload.waited_s, error)
        self.meter.ended(now, "gave_up", self._wait.hold_lines)
        self._emit("give_up", payload)
        return payload

    def closing(self) -> Line:
        """The last sentence, unless the application hands the caller over."""
        return Line(CLOSING)

    def answered(self, now: float, *, asked_again: bool) -> None:
        """The caller hears the answer from now on."""
        waited_s, lines = self._wait.heard(now)
        self.meter.ended(now, "answered", lines)
        self._emit(
            "answered", Answered(waited_s=waited_s, hold_lines=lines, asked_again=asked_again)
        )

    def _next_line(self) -> Line | None:
        try:
            self._hold_lines = self._arguments.lines_now()
        # The application's function: better in another language than not at all.
        except Exception as exc:  # noqa: BLE001
            handler_failed("hold_lines", exc)
        return following(self._hold_lines, self._wait.hold_lines, self._last_line)

    def _line_now(self, name: Literal["apology", "broke_off"]) -> Line:
        try:
            self._lines[name] = self._arguments.line_now(name)
        except Exception as exc:  # noqa: BLE001  # likewise
            handler_failed(name, exc)
        return self._lines[name]

    def _lost(self, event: str, number: int, waited_s: float, error: BaseException | None) -> None:
        write(event, number=number, waited_s=round(waited_s, 3), cause=cause_of(error))

    def _emit(self, event: EventName, payload: Payload) -> None:
        for listener in [*self._listeners[event]]:
            try:
                listener(payload)
            except Exception as exc:  # noqa: BLE001  # the application's: the call goes on
                handler_failed(event, exc)
