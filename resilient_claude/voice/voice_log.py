"""The log of what callers hear: one table of events, each a sentence and scalar fields.

No text of a line, and no message of an exception: that may hold speech.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from resilient_claude.failures.causes import class_and_place
from resilient_claude.failures.failure import failure_of

LOG = logging.getLogger("livekit.plugins.resilient_claude")


@dataclass(frozen=True, slots=True)
class VoiceEvent:
    """One row of the table.

    Attributes:
        level: of the line.
        fields: names of its fields.
        sentence: what plain logging shows, made of the fields.
    """

    level: int
    fields: tuple[str, ...]
    sentence: str


VOICE_EVENTS = {
    "voice.hold_line": VoiceEvent(
        logging.DEBUG,
        ("number", "waited_s"),
        "hold line %(number)d of this wait, after %(waited_s).1f s",
    ),
    "voice.apology": VoiceEvent(
        logging.WARNING,
        ("number", "waited_s", "cause"),
        "the caller was told that his turn is lost, after %(waited_s).1f s: %(cause)s "
        "(apology %(number)d in a row)",
    ),
    "voice.broke_off": VoiceEvent(
        logging.WARNING,
        ("cause",),
        "an answer broke off after words, and the caller was told: %(cause)s",
    ),
    "voice.give_up": VoiceEvent(
        logging.ERROR,
        ("number", "waited_s", "cause"),
        "given up after %(number)d apologies and %(waited_s).1f s: %(cause)s",
    ),
    "voice.handler_failed": VoiceEvent(
        logging.ERROR,
        ("handled", "root_type", "root_message"),
        "%(handled)s failed: %(root_type)s: %(root_message)s",
    ),
}
"""Names of events and fields are public API."""


def write(event: str, **fields: object) -> None:
    """Log *event*."""
    row = VOICE_EVENTS[event]
    assert row.fields == (*fields,)
    LOG.log(row.level, row.sentence, fields, extra={"event": event, **fields})


def cause_of(error: BaseException | None) -> str:
    """What a line says of *error*: its kind, or its class; `no_answer` if it was not waited for."""
    if error is None:
        return "no_answer"
    failure = failure_of(error)
    return str(failure.kind) if failure is not None else type(error).__name__


def handler_failed(handled: str, exc: BaseException) -> None:
    """A function of the application raised *exc*; the call goes on."""
    write("voice.handler_failed", handled=handled, **class_and_place(exc))
