"""What is told of a turn: to the log, to the span, to the application. Whole values compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from livekit.agents import APIConnectionError, APIError, llm
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from resilient_claude import (
    Failure,
    FailureKind,
    Origin,
    Outcome,
    Phase,
    ProgressNote,
    Thinking,
    TurnEnded,
    failure_of,
)
from resilient_claude.failures.kinds import FACTS
from resilient_claude.response.translator import Translator
from resilient_claude.response.usage import Usage
from resilient_claude.telemetry.log import make_logger
from resilient_claude.telemetry.record import LONG_WAIT_S, AttemptRecord, TurnRecord
from resilient_claude.telemetry.reporter import Reporter

FAILURE = Failure(
    FailureKind.CONNECT, Origin.LOCAL, Phase.CONNECT, "ConnectionRefusedError", "refused", True, 111
)
FAILURE_FIELDS = {
    "kind": "connect",
    "origin": "local",
    "phase": "connect",
    "root_type": "ConnectionRefusedError",
    "root_message": "refused",
    "errno": 111,
}
OTHER = Failure(
    FailureKind.OVERLOADED, Origin.REMOTE, Phase.RESPONSE, "OverloadedError", "busy", True
)
CALL: dict[str, Any] = {
    "model": "claude-sonnet-4-6",
    "provider": "127.0.0.1:8443",
    "turn_id": "turn_1",
}
FIRST = {"causes": "1 connect", "first_kind": "connect", "first_root_message": "refused"}


class Desk:
    """Reports on a turn that began at 100.0 s, at 102.5 s; what is reported is kept.

    Attributes:
        turn: the record.
        reporter: what is tested.
        lines: log lines, as structlog has them.
        ended: the events `claude_turn_ended`.
        thinking: the events `claude_thinking`.
        notes: the events `claude_progress`.
        now: the clock.
    """

    def __init__(self, lines: list[Any]) -> None:
        self.turn = TurnRecord(
            turn_id="turn_1", model="claude-sonnet-4-6", provider="127.0.0.1:8443", started=100.0
        )
        self.lines = lines
        self.ended: list[TurnEnded] = []
        self.thinking: list[Thinking] = []
        self.notes: list[ProgressNote] = []
        self.reporter = Reporter(
            self.turn,
            logger=make_logger(structlog.get_logger()),
            emit=self._emit,
        )
        self.now = 102.5

    def _emit(self, event: str, told: TurnEnded | Thinking | ProgressNote) -> None:
        if isinstance(told, Thinking):
            assert event == "claude_thinking"
            self.thinking.append(told)
        elif isinstance(told, ProgressNote):
            assert event == "claude_progress"
            self.notes.append(told)
        else:
            assert event == "claude_turn_ended"
            self.ended.append(told)

    def fail(self, failure: Failure, *, wait_s: float | None, speculative: bool = False) -> None:
        """An attempt fails now, and nothing has come of it."""
        attempt = self.turn.attempt_failed(
            failure, Translator(), now=self.now, wait_s=wait_s, speculative=speculative
        )
        self.reporter.attempt_failed(attempt)

    def succeed(self, outcome: Outcome) -> None:
        """The turn ends now, with an answer."""
        self.turn.end(self.now, outcome=outcome)
        self.reporter.turn_ended()

    def lose(self, failure: Failure) -> APIError:
        """The turn ends now, with the error that is returned."""
        self.turn.end(self.now, failure=failure)
        self.reporter.turn_ended()
        return self.reporter.error()

    def cancel(self, *, speculative: bool = False) -> None:
        """The turn ends now, because nobody listens any more."""
        self.turn.end(self.now, speculative=speculative)
        self.reporter.turn_ended()

    def hear(self, text: str) -> None:
        """*text* is handed on at 101.25 s."""
        self.turn.handed_on(llm.ChatChunk(id="m", delta=llm.ChoiceDelta(content=text)), 101.25)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with capture_logs() as lines:
        yield Desk(lines)


def test_thinking_is_told_once(desk: Desk) -> None:
    """An application that plays a sound starts it once, whatever number of attempts think."""
    desk.reporter.thinking(102.0)
    desk.reporter.thinking(110.0)

    assert desk.thinking == [Thinking("turn_1", 2.0)]
    assert desk.lines == []


def test_a_note_is_told_once(desk: Desk) -> None:
    """An attempt that is made once more may write it again; no line holds it, for it is speech."""
    for note in ("I look.", "Found.", "I look."):
        desk.reporter.progress(note)

    assert desk.notes == [ProgressNote("turn_1", "I look."), ProgressNote("turn_1", "Found.")]
    assert desk.lines == []


def test_a_failed_attempt_is_a_line(desk: Desk) -> None:
    """The one place that says what broke while the turn goes on."""
    desk.turn.attempts = 2

    desk.fail(FAILURE, wait_s=0.12345)

    assert desk.lines == [
        {
            "event": "claude.attempt_failed",
            "log_level": "warning",
            "attempt": 2,
            **FAILURE_FIELDS,
            "elapsed_s": 2.5,
            "wait_s": 0.123,
            **CALL,
        }
    ]


def test_a_cause_that_comes_back_is_told_once_aloud(desk: Desk) -> None:
    """25 lines of one outage hide the one that is something else."""
    for failure in (FAILURE, FAILURE, OTHER, OTHER, FAILURE):
        desk.fail(failure, wait_s=0.1)

    assert [(line["kind"], line["log_level"]) for line in desk.lines] == [
        ("connect", "warning"),
        ("connect", "debug"),
        ("overloaded", "warning"),
        ("overloaded", "debug"),
        ("connect", "warning"),
    ]


@pytest.mark.parametrize(
    "change", [{"origin": Origin.REMOTE}, {"root_type": "OSError"}, {"status": 502}]
)
def test_the_same_kind_for_another_reason_is_another_cause(
    change: dict[str, Any], desk: Desk
) -> None:
    """A 502 of the proxy after a 529 of the API is what the operator waits for."""
    for failure in (FAILURE, replace(FAILURE, **change)):
        desk.fail(failure, wait_s=0.1)

    assert [line["log_level"] for line in desk.lines] == ["warning", "warning"]


@pytest.mark.parametrize("change", [{"errno": 113}, {"request_id": "r2"}, {"root_message": "no"}])
def test_another_word_for_the_same_is_no_other_cause(change: dict[str, Any], desk: Desk) -> None:
    """Each request has an id of its own, and many messages hold one."""
    for failure in (FAILURE, replace(FAILURE, **change)):
        desk.fail(failure, wait_s=0.1)

    assert [line["log_level"] for line in desk.lines] == ["warning", "debug"]


def test_what_may_come_to_nothing_is_told_aloud_when_it_has_not(desk: Desk) -> None:
    """Four finals of one sentence are four requests: only that which is answered is news."""
    for speculative in (True, True, False, False):
        desk.fail(FAILURE, wait_s=0.1, speculative=speculative)

    assert [line["log_level"] for line in desk.lines] == ["debug", "debug", "warning", "debug"]


def test_a_discarded_generation_is_no_turn_that_the_caller_left(desk: Desk) -> None:
    """He said one more word, and the next generation answers both."""
    desk.fail(FAILURE, wait_s=0.1, speculative=True)

    desk.cancel(speculative=True)

    assert [(line["event"], line["log_level"]) for line in desk.lines] == [
        ("claude.attempt_failed", "debug"),
        ("claude.turn_abandoned", "debug"),
    ]
    assert [(e.cancelled, e.abandoned, e.discarded) for e in desk.ended] == [(True, False, True)]


def test_a_generation_that_ends_by_itself_is_not_discarded(desk: Desk) -> None:
    """livekit speaks it, or its failure, when the caller has come to his end."""
    desk.fail(FAILURE, wait_s=None, speculative=True)
    desk.turn.end(desk.now, failure=FAILURE, speculative=True)
    desk.reporter.turn_ended()

    assert desk.lines[-1]["event"] == "claude.call_failed"
    assert desk.lines[-1]["log_level"] == "error"
    assert [ended.discarded for ended in desk.ended] == [False]


def test_a_failed_attempt_is_an_event_of_the_span(desk: Desk) -> None:
    """A trace shows where the seconds went. OpenTelemetry has no null: such fields are left out."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    desk.turn.attempts = 1
    with provider.get_tracer("test").start_as_current_span("llm_request_run"):
        desk.fail(FAILURE, wait_s=None)

    (span,) = exporter.get_finished_spans()
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        (
            "claude.attempt_failed",
            {
                "attempt": 1,
                **FAILURE_FIELDS,
                "elapsed_s": 2.5,
                **CALL,
            },
        )
    ]


def test_a_whole_answer_at_the_first_attempt_is_no_line(desk: Desk) -> None:
    """A log of healthy turns is one that nobody reads; the event is for whoever counts them."""
    desk.turn.attempts = 1
    desk.hear("Hello.")

    desk.succeed(Outcome.COMPLETE)

    assert desk.lines == []
    assert desk.ended == [TurnEnded.of(desk.turn)]


@pytest.mark.parametrize("outcome", [Outcome.COMPLETE, Outcome.STOP_SEQUENCE])
def test_answers_that_end_as_asked_are_no_line(outcome: Outcome, desk: Desk) -> None:
    """A stop sequence is the application's own wish."""
    desk.succeed(outcome)

    assert desk.lines == []


def test_an_answer_that_is_not_complete_is_a_line(desk: Desk) -> None:
    """The caller heard half a sentence, and no error tells of it."""
    desk.hear("Hello")
    desk.turn.stop_reason = "max_tokens"

    desk.succeed(Outcome.MAX_TOKENS)

    assert desk.lines == [
        {
            "event": "claude.outcome",
            "log_level": "warning",
            "outcome": "max_tokens",
            "stop_reason": "max_tokens",
            "text_chars": 5,
            **CALL,
        }
    ]


@pytest.mark.parametrize(
    ("stop_reason", "logged"),
    [("a_new_reason", "a_new_reason"), ("sk-ant-api03-abcdefgh", None), ("not a word", None)],
)
def test_a_stop_reason_that_is_new_is_a_line(
    stop_reason: str, logged: str | None, desk: Desk
) -> None:
    """The answer is taken as whole; whether it was is for somebody to find out."""
    desk.hear("Hello.")
    desk.turn.stop_reason = stop_reason

    desk.succeed(Outcome.COMPLETE)

    assert desk.lines == [
        {
            "event": "claude.outcome",
            "log_level": "warning",
            "outcome": "complete",
            **({} if logged is None else {"stop_reason": logged}),
            "text_chars": 6,
            **CALL,
        }
    ]


@pytest.mark.parametrize(("text", "silence_s"), [("Hello.", 1.25), ("", 2.5)])
def test_a_recovered_turn_is_a_line(text: str, silence_s: float, desk: Desk) -> None:
    """How long the caller waited is what a retry costs; with nothing to hear, it is all of it."""
    desk.turn.attempts, desk.turn.wasted = 3, Usage(10, 3)
    desk.turn.failed.append(AttemptRecord(2, FAILURE, 1.0, 0.1))
    if text:
        desk.hear(text)

    desk.succeed(Outcome.COMPLETE)

    assert desk.lines == [
        {
            "event": "claude.call_recovered",
            "log_level": "info",
            "attempts": 3,
            "causes": "1 connect",
            "kind": "connect",
            "origin": "local",
            "resumed": False,
            "elapsed_s": 2.5,
            "silence_s": silence_s,
            "wasted_tokens": 13,
            **CALL,
        }
    ]


def test_a_lost_turn_is_a_line_an_event_and_an_error(desk: Desk) -> None:
    """The three tell the same, each to somebody else."""
    desk.turn.attempts = 3
    desk.turn.failed.append(AttemptRecord(3, FAILURE, 1.0, None))

    error = desk.lose(FAILURE)

    assert desk.lines == [
        {
            "event": "claude.call_failed",
            "log_level": "error",
            "attempts": 3,
            **FIRST,
            **FAILURE_FIELDS,
            "elapsed_s": 2.5,
            "wasted_tokens": 0,
            **CALL,
        }
    ]
    assert desk.ended == [TurnEnded.of(desk.turn)]
    assert (type(error), failure_of(error), error.retryable) == (APIConnectionError, FAILURE, True)
    assert error.message == (
        "no answer from Claude after 3 attempts in 2.5 s: connect (local) in phase connect: "
        "ConnectionRefusedError: refused"
    )


@pytest.mark.parametrize("kind", FailureKind)
def test_the_last_line_has_the_level_of_its_kind(kind: FailureKind, desk: Desk) -> None:
    """Who is woken at night is decided in one table."""
    desk.lose(replace(FAILURE, kind=kind))

    assert [line["log_level"] for line in desk.lines] == [FACTS[kind].level]


def test_a_turn_that_broke_off_is_not_to_be_tried_again(desk: Desk) -> None:
    """livekit or a fallback would say everything a second time."""
    desk.turn.attempts = 1
    desk.turn.failed.append(AttemptRecord(1, FAILURE, 1.0, None))
    desk.hear("One two")
    desk.turn.tool_calls = 2

    error = desk.lose(FAILURE)

    assert desk.lines == [
        {
            "event": "claude.call_interrupted",
            "log_level": "error",
            "attempts": 1,
            "text_chars": 7,
            "tool_calls": 2,
            **FIRST,
            **FAILURE_FIELDS,
            "elapsed_s": 2.5,
            "wasted_tokens": 0,
            **CALL,
        }
    ]
    assert not error.retryable
    assert error.message.startswith(
        "the answer broke off after 7 characters and 2 tool calls (1 attempt, 2.5 s): connect "
    )


def test_a_caller_who_speaks_at_once_is_no_line(desk: Desk) -> None:
    """Nothing was wrong: the answer was on its way."""
    desk.turn.attempts, desk.now = 1, 100.0 + LONG_WAIT_S - 0.01

    desk.cancel()

    assert desk.lines == []
    assert desk.ended == [TurnEnded.of(desk.turn)]


def test_a_turn_that_was_left_after_failures_is_a_line(desk: Desk) -> None:
    """A caller who hangs up in an outage leaves no error, and must not leave an empty log."""
    desk.turn.attempts, desk.now = 2, 100.5
    desk.turn.failed.append(AttemptRecord(1, FAILURE, 0.1, 0.1))
    desk.turn.failed.append(AttemptRecord(2, OTHER, 0.4, 0.1))

    desk.cancel()

    assert desk.lines == [
        {
            "event": "claude.turn_abandoned",
            "log_level": "warning",
            "attempts": 2,
            "causes": "1 connect, 1 overloaded",
            "first_kind": "connect",
            "first_root_message": "refused",
            "kind": "overloaded",
            "origin": "remote",
            "root_type": "OverloadedError",
            "root_message": "busy",
            "elapsed_s": 0.5,
            "wasted_tokens": 0,
            **CALL,
        }
    ]
    assert [(turn.cancelled, turn.abandoned) for turn in desk.ended] == [(True, True)]


def test_a_turn_that_was_left_in_a_long_silence_is_a_line(desk: Desk) -> None:
    """Nothing has failed yet, but the caller gave up: a hang of a minute looked like nothing."""
    desk.turn.attempts, desk.now = 1, 100.0 + LONG_WAIT_S

    desk.cancel()

    assert desk.lines == [
        {
            "event": "claude.turn_abandoned",
            "log_level": "warning",
            "attempts": 1,
            "elapsed_s": LONG_WAIT_S,
            "wasted_tokens": 0,
            **CALL,
        }
    ]


def test_a_barge_in_is_no_line(desk: Desk) -> None:
    """A caller who speaks while Claude does is what an agent is made for."""
    desk.turn.failed.append(AttemptRecord(1, FAILURE, 0.1, 0.1))
    desk.hear("Hello")
    desk.now = 130.0

    desk.cancel()

    assert desk.lines == []
    assert [turn.abandoned for turn in desk.ended] == [False]
