"""Every line, whole: names and fields are public API."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from livekit.agents.cli.log import JsonFormatter
from structlog.testing import capture_logs

import resilient_claude
from resilient_claude.failures.causes import cause_chain
from resilient_claude.telemetry.log import LOGGER_NAME, make_logger
from resilient_claude.testing import (
    Answer,
    Break,
    Garbage,
    HttpError,
    SimulatedClaude,
    SseError,
    Step,
    ToolUse,
)
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

SECRET_PROMPT = "my card number is 4711 0815 1234"
SECRET_REPLY = "Your card 4711 0815 1234 is fine, dear caller."
MODEL = "claude-sonnet-4-6"
CALL = {"model": MODEL, "provider": "127.0.0.1:8443"}
TIMES = {"elapsed_s", "silence_s", "wait_s"}
CODE = {"pid", "code.file.path", "code.function.name", "code.line.number", "timestamp"}


class Worker:
    """A worker's JSON log, with the job's fields on every line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self, provider: str) -> list[dict[str, Any]]:
        """The lines, with the same times and the same *provider* in every run."""
        text = self.stream.getvalue().replace(provider, CALL["provider"])
        return [self._plain(json.loads(line)) for line in text.splitlines()]

    def _plain(self, line: dict[str, Any]) -> dict[str, Any]:
        for name in TIMES & line.keys():
            if line[name] is not None:
                assert line[name] >= 0
                line[name] = 0.0
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


# --- every event, whole -------------------------------------------------------------------------


def refuse_the_event(event: object) -> None:
    """A handler of an application that has a bug."""
    raise TypeError(f"cannot take {event}")


def line(message: str, level: str, **fields: Any) -> dict[str, Any]:
    """A line with what every one of them has."""
    return {"message": message, "level": level, "name": LOGGER_NAME, "job_id": "AJ_1", **fields}


@dataclass(frozen=True)
class Told:
    """A turn and all that is told of it.

    Attributes:
        steps: what Claude does; after them, it overloads.
        lines: the lines of the log.
        arguments: more of the adapter's.
        handler: of the event `claude_turn_ended`.
    """

    steps: Sequence[Step]
    lines: Sequence[dict[str, Any]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    handler: Callable[[object], None] = lambda event: None


OVERLOAD = HttpError(529, message="Overloaded", request_id="req_test")
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
    "loop_lag_s": None,
}
BROKEN = Break("reset", at="text", answer=Answer("One two three four.", piece_s=0.03))
RESET = {
    "kind": "reset",
    "origin": "remote",
    "phase": "streaming",
    "root_type": "ConnectionResetError",
    "root_message": "[Errno 104] Connection reset by peer",
    "errno": 104,
    "status": 200,
    "error_type": None,
    "request_id": "req_000000000000000000000001",
    "retry_after_s": None,
    "loop_lag_s": None,
}

TOLD = {
    # A log of healthy turns is one that nobody reads.
    "a healthy turn": Told([Answer("Hi.")], []),
    # One line for what failed, one for what became of it.
    "a recovered turn": Told(
        [OVERLOAD, Answer("Hi.")],
        [
            line(
                "claude.attempt_failed",
                "WARNING",
                attempt=1,
                **OVERLOADED,
                elapsed_s=0.0,
                wait_s=0.0,
                **CALL,
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
                **CALL,
            ),
        ],
    ),
    # The canonical line tells all; no need to put the attempts' lines together.
    "a lost turn": Told(
        [],
        [
            line(
                "claude.attempt_failed",
                "WARNING",
                attempt=1,
                **OVERLOADED,
                elapsed_s=0.0,
                wait_s=None,
                **CALL,
            ),
            line(
                "claude.call_failed",
                "ERROR",
                attempts=1,
                **OVERLOADED,
                elapsed_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
        {"retry": shrunk_policy(max_attempts=1)},
    ),
    # How much the caller has heard decides what the agent may say next.
    "a turn that broke off": Told(
        [BROKEN],
        [
            line(
                "claude.attempt_failed",
                "WARNING",
                attempt=1,
                **RESET,
                elapsed_s=0.0,
                wait_s=None,
                **CALL,
            ),
            line(
                "claude.call_interrupted",
                "ERROR",
                attempts=1,
                text_chars=8,
                tool_calls=0,
                **RESET,
                elapsed_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
    ),
    # The caller heard a pause in a sentence, which no error tells of.
    "a turn that was resumed": Told(
        [BROKEN, Answer("three four.")],
        [
            line(
                "claude.attempt_failed",
                "WARNING",
                attempt=1,
                **RESET,
                elapsed_s=0.0,
                wait_s=0.0,
                **CALL,
            ),
            line(
                "claude.call_recovered",
                "INFO",
                attempts=2,
                kind="reset",
                origin="remote",
                resumed=True,
                elapsed_s=0.0,
                silence_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
        {"retry": shrunk_policy(on_interruption="resume")},
    ),
    # An answer, so no error; but the operator learns that it was cut.
    "an answer cut by max_tokens": Told(
        [Answer("One two", stop_reason="max_tokens")],
        [
            line(
                "claude.outcome",
                "WARNING",
                outcome="max_tokens",
                stop_reason="max_tokens",
                text_chars=7,
                **CALL,
            )
        ],
    ),
    # The application's bug, told with its place and without what it quotes; the turn goes on.
    "a handler that raises": Told(
        [Answer("Hi.")],
        [
            line(
                "claude.handler_failed",
                "ERROR",
                handled="claude_turn_ended",
                root_type="TypeError",
                root_message=f"at test_log.py:{refuse_the_event.__code__.co_firstlineno + 2} "
                "in refuse_the_event",
            )
        ],
        handler=refuse_the_event,
    ),
    # The call goes on without it, but not as its author believes.
    "an argument that the model rejects": Told(
        [Answer("Hi.")],
        [
            line(
                "claude.request_adjusted",
                "WARNING",
                argument="temperature",
                reason="not sent: model claude-opus-4-7 rejects it",
                model="claude-opus-4-7",
            )
        ],
        {"model": "claude-opus-4-7", "temperature": 0.3},
    ),
}


@pytest.mark.parametrize("name", TOLD)
async def test_what_is_told_of_a_turn(name: str, make_llm: MakeLLM, worker: Worker) -> None:
    """Alerts and dashboards are built on names and fields, and on a line's level."""
    told = TOLD[name]
    with SimulatedClaude(*told.steps, default=OVERLOAD) as claude:
        adapter = make_llm(claude, **told.arguments)
        adapter.on("claude_turn_ended", told.handler)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert worker.lines(adapter.provider) == told.lines


def test_every_event_of_the_package_is_told_above() -> None:
    """A new event needs a turn that writes it, and its whole line."""
    written = {line["message"] for told in TOLD.values() for line in told.lines}

    assert written == events_of_the_package()


def events_of_the_package() -> set[str]:
    """Every string in the package that can be the name of an event."""
    sources = Path(resilient_claude.__file__).parent.rglob("*.py")
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return {v for v in values if isinstance(v, str) and re.fullmatch(r"claude\.[a-z_]+", v)}


# --- what no line may hold ----------------------------------------------------------------------

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


# --- loggers ------------------------------------------------------------------------------------


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


SECRET = "the caller lives in Elm Street 13"
ECHO = SseError("api_error", f"echo: {SECRET}")
UNHEARD: dict[str, Step] = {
    "thinking": Break(ECHO, at="after_thinking", answer=Answer("x", thinking=SECRET)),
    "a tool call": Break(
        ECHO, at="after_tool", answer=Answer(tools=[ToolUse("book", {"note": SECRET})])
    ),
    "text that came with it": Break(ECHO, at="after_text", answer=Answer(SECRET, drip_bytes=10**6)),
}


@pytest.mark.parametrize("name", UNHEARD)
async def test_what_claude_sent_and_nobody_heard_is_not_told(
    name: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """A gateway may echo it, and what the caller will never hear is private all the same."""
    with SimulatedClaude(default=UNHEARD[name]) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert SECRET not in f"{lines.events} {heard.error!r}"


async def test_no_key_in_the_repr_of_any_cause(make_llm: MakeLLM) -> None:
    """Reporters serialise the causes; aiohttp's keep the request with its headers."""
    garbage = Break(Garbage(b"no HTTP\r\n\r\n"), at="request")
    with SimulatedClaude(Answer("Hi."), garbage) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.error is not None
    assert KEY not in "".join(repr(error) for error in cause_chain(heard.error))
