"""What is told of a turn: to the log, to the span, to the application. Whole values compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from livekit.agents import APIConnectionError, llm
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
    TurnEnded,
    failure_of,
)
from resilient_claude.response.translator import Translator
from resilient_claude.telemetry.log import make_logger
from resilient_claude.telemetry.record import AttemptRecord, TurnRecord
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
    "status": None,
    "error_type": None,
    "request_id": None,
    "retry_after_s": None,
    "loop_lag_s": None,
}
CALL = {"model": "claude-sonnet-4-6", "provider": "127.0.0.1:8443"}


class Desk:
    """Reports on a turn that began at 100.0 s, at 102.5 s; what is reported is kept.

    Attributes:
        turn: the record.
        reporter: what is tested.
        lines: log lines, as structlog has them.
        ended: the events `claude_turn_ended`.
    """

    def __init__(self, lines: list[Any]) -> None:
        self.turn = TurnRecord(model="claude-sonnet-4-6", provider="127.0.0.1:8443", started=100.0)
        self.lines = lines
        self.ended: list[TurnEnded] = []
        self.reporter = Reporter(
            self.turn,
            logger=make_logger(structlog.get_logger()),
            emit=self._emit,
            now=lambda: 102.5,
        )

    def _emit(self, event: str, ended: TurnEnded) -> None:
        assert event == "claude_turn_ended"
        self.ended.append(ended)

    def hear(self, text: str) -> None:
        """*text* is handed on at 101.25 s."""
        self.turn.handed_on(llm.ChatChunk(id="m", delta=llm.ChoiceDelta(content=text)), 101.25)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with capture_logs() as lines:
        yield Desk(lines)


def test_a_failed_attempt_is_a_line(desk: Desk) -> None:
    """The one place that says what broke while the turn goes on."""
    desk.turn.attempts = 2

    desk.reporter.attempt_failed(FAILURE, Translator(), wait_s=0.12345)

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


def test_a_failed_attempt_is_an_event_of_the_span(desk: Desk) -> None:
    """A trace shows where the seconds went. OpenTelemetry has no null: such fields are left out."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    desk.turn.attempts = 1
    with provider.get_tracer("test").start_as_current_span("llm_request_run"):
        desk.reporter.attempt_failed(FAILURE, Translator(), wait_s=None)

    (span,) = exporter.get_finished_spans()
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        (
            "claude.attempt_failed",
            {
                "attempt": 1,
                **{name: value for name, value in FAILURE_FIELDS.items() if value is not None},
                "elapsed_s": 2.5,
                **CALL,
            },
        )
    ]


def test_a_whole_answer_at_the_first_attempt_is_no_line(desk: Desk) -> None:
    """A log of healthy turns is one that nobody reads; the event is for whoever counts them."""
    desk.turn.attempts = 1
    desk.hear("Hello.")

    desk.reporter.succeeded(Outcome.COMPLETE)

    assert desk.lines == []
    assert desk.ended == [TurnEnded.of(desk.turn)]


@pytest.mark.parametrize("outcome", [Outcome.COMPLETE, Outcome.STOP_SEQUENCE])
def test_answers_that_end_as_asked_are_no_line(outcome: Outcome, desk: Desk) -> None:
    """A stop sequence is the application's own wish."""
    desk.reporter.succeeded(outcome)

    assert desk.lines == []


def test_an_answer_that_is_not_complete_is_a_line(desk: Desk) -> None:
    """The caller heard half a sentence, and no error tells of it."""
    desk.hear("Hello")
    desk.turn.stop_reason = "max_tokens"

    desk.reporter.succeeded(Outcome.MAX_TOKENS)

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

    desk.reporter.succeeded(Outcome.COMPLETE)

    assert desk.lines == [
        {
            "event": "claude.outcome",
            "log_level": "warning",
            "outcome": "complete",
            "stop_reason": logged,
            "text_chars": 6,
            **CALL,
        }
    ]


@pytest.mark.parametrize(("text", "silence_s"), [("Hello.", 1.25), ("", 2.5)])
def test_a_recovered_turn_is_a_line(text: str, silence_s: float, desk: Desk) -> None:
    """How long the caller waited is what a retry costs; with nothing to hear, it is all of it."""
    desk.turn.attempts, desk.turn.wasted_tokens = 3, 13
    desk.turn.failed.append(AttemptRecord(2, FAILURE, 1.0, 0.1))
    if text:
        desk.hear(text)

    desk.reporter.succeeded(Outcome.COMPLETE)

    assert desk.lines == [
        {
            "event": "claude.call_recovered",
            "log_level": "info",
            "attempts": 3,
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

    error = desk.reporter.failed(FAILURE)

    assert desk.lines == [
        {
            "event": "claude.call_failed",
            "log_level": "error",
            "attempts": 3,
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


def test_a_turn_that_broke_off_is_not_to_be_tried_again(desk: Desk) -> None:
    """livekit or a fallback would say everything a second time."""
    desk.turn.attempts = 1
    desk.hear("One two")
    desk.turn.tool_calls = 2

    error = desk.reporter.failed(FAILURE)

    assert desk.lines == [
        {
            "event": "claude.call_interrupted",
            "log_level": "error",
            "attempts": 1,
            "text_chars": 7,
            "tool_calls": 2,
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


def test_a_cancelled_turn_is_told_once(desk: Desk) -> None:
    """livekit closes a stream twice; whoever counts turns must not count this one twice."""
    desk.reporter.cancelled()
    desk.reporter.cancelled()

    assert desk.lines == []
    assert desk.ended == [TurnEnded.of(desk.turn)]


def test_closing_after_the_end_tells_nothing_more(desk: Desk) -> None:
    """Every stream is closed at last, also one that was heard to its end."""
    desk.reporter.succeeded(Outcome.COMPLETE)

    desk.reporter.cancelled()

    assert [ended.cancelled for ended in desk.ended] == [False]
