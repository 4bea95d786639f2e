"""Every line, whole: names and fields are public API."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from livekit.agents.cli.log import JsonFormatter
from structlog.testing import capture_logs

from resilient_claude.log import LOGGER_NAME, make_logger
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    SimulatedClaude,
    SseError,
    Step,
)

from .conftest import KEY, MakeLLM, conversation, read_stream, shrunk_policy

SECRET_PROMPT = "my card number is 4711 0815 1234"
SECRET_REPLY = "Your card 4711 0815 1234 is fine, dear caller."
CALL = {"model": "claude-sonnet-4-6"}
CODE = {"pid", "code.file.path", "code.function.name", "code.line.number", "timestamp", "name"}


class Worker:
    """A worker's JSON log, with the job's fields on every line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        """The lines without what differs from run to run."""
        return [self._plain(json.loads(line)) for line in self.stream.getvalue().splitlines()]

    def _plain(self, line: dict[str, Any]) -> dict[str, Any]:
        for name in ("elapsed_s", "silence_s", "wait_s"):
            if line.get(name) is not None:
                assert line[name] >= 0
                line[name] = 0.0
        line.pop("provider", None)
        return {name: value for name, value in line.items() if name not in CODE}


@pytest.fixture
def worker() -> Iterator[Worker]:
    """livekit's own formatter and a filter that adds the job, as a worker sets them up."""
    worker = Worker()
    handler = logging.StreamHandler(worker.stream)
    handler.setFormatter(JsonFormatter("%(message)s"))

    def add_job(record: logging.LogRecord) -> bool:
        record.job_id = "AJ_1"
        return True

    handler.addFilter(add_job)
    logger = logging.getLogger(LOGGER_NAME)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield worker
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


OVERLOADED = {
    "kind": "overloaded",
    "origin": "remote",
    "phase": "response",
    "root_type": "OverloadedError",
    "root_message": "Overloaded",
    "errno": None,
    "status": 529,
    "error_type": "overloaded_error",
    "request_id": "req_test",
    "retry_after_s": None,
}


def line(message: str, level: str, **fields: Any) -> dict[str, Any]:
    return {"message": message, "level": level, "job_id": "AJ_1", **fields, **CALL}


async def test_a_recovered_turn(make_llm: MakeLLM, worker: Worker) -> None:
    """One line for the failed attempt, one for the turn, and the job's fields on both."""
    overloaded = HttpError(529, message="Overloaded", request_id="req_test")
    with SimulatedClaude(overloaded, Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert worker.lines() == [
        line(
            "claude.attempt_failed",
            "WARNING",
            attempt=1,
            **OVERLOADED,
            elapsed_s=0.0,
            wait_s=0.0,
        ),
        line(
            "claude.call_recovered",
            "INFO",
            attempts=2,
            kind="overloaded",
            origin="remote",
            resumed=False,
            elapsed_s=0.0,
            silence_s=0.0,
            wasted_tokens=0,
        ),
    ]


async def test_a_failed_turn(make_llm: MakeLLM, worker: Worker) -> None:
    """The canonical line tells all; no need to put the attempts' lines together."""
    overloaded = HttpError(529, message="Overloaded", request_id="req_test")
    with SimulatedClaude(default=overloaded) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert worker.lines() == [
        line(
            "claude.attempt_failed",
            "WARNING",
            attempt=1,
            **OVERLOADED,
            elapsed_s=0.0,
            wait_s=None,
        ),
        line(
            "claude.call_failed", "ERROR", attempts=1, **OVERLOADED, elapsed_s=0.0, wasted_tokens=0
        ),
    ]


async def test_an_answer_cut_by_max_tokens(make_llm: MakeLLM, worker: Worker) -> None:
    """An answer, so no error; but the operator learns that it was cut."""
    with SimulatedClaude(Answer("One two", stop_reason="max_tokens")) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert worker.lines() == [
        line(
            "claude.outcome",
            "WARNING",
            outcome="max_tokens",
            stop_reason="max_tokens",
            text_chars=7,
        )
    ]


FAULTS: list[Step] = [
    HttpError(400, message=f"messages.0: bad text '{SECRET_PROMPT}'"),
    HttpError(401, message=f"invalid x-api-key: {KEY}"),
    Break(SseError("api_error", f"echo: {SECRET_PROMPT}"), at="message_start"),
    Break("reset", at="text", answer=Answer(SECRET_REPLY, piece_s=0.02), after_pieces=4),
    Break(SseError("api_error", SECRET_REPLY), at="text", answer=Answer(SECRET_REPLY)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=range(len(FAULTS)))
async def test_no_secret_and_no_speech(
    fault: Step, make_llm: MakeLLM, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a line nor in the exception, its chain, or the traceback of it."""
    with SimulatedClaude(default=fault) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=2))
        heard = await read_stream(adapter.chat(chat_ctx=conversation(SECRET_PROMPT)))
        await adapter.aclose()

    assert heard.error is not None
    formatter = logging.Formatter()
    traceback = formatter.formatException((type(heard.error), heard.error, None))
    everything = worker.stream.getvalue() + traceback + repr(heard.error) + caplog.text
    for secret in (KEY, "4711 0815", "card number"):
        assert secret not in everything


async def test_any_structlog_logger(make_llm: MakeLLM) -> None:
    """An application that has its own structlog set-up keeps it."""
    with SimulatedClaude(HttpError(529), Answer("Hi.")) as claude, capture_logs() as captured:
        adapter = make_llm(claude, logger=structlog.get_logger().bind(tenant="acme"))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert [(entry["event"], entry["tenant"]) for entry in captured] == [
        ("claude.attempt_failed", "acme"),
        ("claude.call_recovered", "acme"),
    ]


def test_a_stdlib_logger_is_written_through(caplog: pytest.LogCaptureFixture) -> None:
    """`logging.getLogger("mine")` is what most people have at hand."""
    log = make_logger(logging.getLogger("mine"))

    log.warning("claude.outcome", outcome="max_tokens")

    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("mine", "claude.outcome")
    assert record.filename == "test_log.py"
    assert vars(record)["outcome"] == "max_tokens"
