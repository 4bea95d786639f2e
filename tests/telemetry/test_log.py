"""Every line, whole: names and fields are public API."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import structlog
from livekit.agents.cli.log import JsonFormatter
from structlog.testing import capture_logs

import resilient_claude
from resilient_claude import ResilientClaudeLLM, TurnEnded
from resilient_claude.failures.causes import cause_chain
from resilient_claude.telemetry.log import (
    LOGGER_NAME,
    make_logger,
    model_ends,
    model_unknown,
    write,
)
from resilient_claude.telemetry.record import Scalar
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
CALL = {"model": MODEL, "provider": "127.0.0.1:8443", "turn_id": "turn_0"}
TIMES = {"elapsed_s", "silence_s", "wait_s"}
CODE = {"pid", "code.file.path", "code.function.name", "code.line.number", "timestamp"}


class Worker:
    """A worker's JSON log, with the job's fields on every line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self, provider: str) -> list[dict[str, Any]]:
        """The lines, with the same times, ids and *provider* in every run; all of one turn."""
        text = self.stream.getvalue().replace(provider, CALL["provider"])
        lines = [self._plain(json.loads(line)) for line in text.splitlines()]
        ids = {line["turn_id"] for line in lines if "turn_id" in line}
        assert len(ids) <= 1
        for line in lines:
            if "turn_id" in line:
                assert re.fullmatch(r"turn_[0-9a-f]{12}", line["turn_id"])
                line["turn_id"] = CALL["turn_id"]
        return lines

    def _plain(self, line: dict[str, Any]) -> dict[str, Any]:
        for name in TIMES & line.keys():
            assert line[name] >= 0
            line[name] = 0.0
        line["message"] = re.sub(r"\b\d+\.\d+ s\b", "0.0 s", line["message"])
        line.pop("loop_lag_s", None)  # of a machine that is busy with other tests
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
    logger.setLevel(logging.DEBUG)
    yield worker
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


# --- every event, whole -------------------------------------------------------------------------


def refuse_the_event(event: object) -> None:
    """A handler of an application that has a bug."""
    raise TypeError(f"cannot take {event}")


REFUSED_AT = f"at test_log.py:{refuse_the_event.__code__.co_firstlineno + 2} in refuse_the_event"

Line: TypeAlias = dict[str, Any]


def line(event: str, message: str, level: str, **fields: Any) -> Line:
    """A line with what every one of them has."""
    told = {"message": message, "level": level, "name": LOGGER_NAME, "job_id": "AJ_1"}
    return {**told, "event": event, **fields}


@dataclass(frozen=True)
class Told:
    """A turn and all that is told of it.

    Attributes:
        steps: what Claude does; after them, it overloads.
        lines: the lines of the log.
        arguments: more of the adapter's.
        handler: of the event `claude_turn_ended`.
        left: whether the caller hangs up when the first attempt has failed.
    """

    steps: Sequence[Step]
    lines: Sequence[Line]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    handler: Callable[[object], None] = lambda event: None
    left: bool = False


OVERLOAD = HttpError(529, message="Overloaded", request_id="req_test")
OVERLOADED: Line = {
    "kind": "overloaded",
    "origin": "remote",
    "phase": "response",
    "root_type": "OverloadedError",
    "root_message": "Overloaded",
    "status": 529,
    "error_type": "overloaded_error",
    "request_id": "req_test",
}
OVERLOADED_FIRST: dict[str, Any] = {"first_kind": "overloaded", "first_root_message": "Overloaded"}
OVERLOADED_WORDS = "overloaded (remote), HTTP 529, OverloadedError: Overloaded"
DENIED: Line = {
    "kind": "auth",
    "origin": "caller",
    "phase": "response",
    "root_type": "AuthenticationError",
    "root_message": "No.",
    "status": 401,
    "error_type": "authentication_error",
    "request_id": "req_no",
}
DENIED_WORDS = "auth (caller), HTTP 401, AuthenticationError: No."
BROKEN = Break("reset", at="text", answer=Answer("One two three four.", piece_s=0.03))
RESET: Line = {
    "kind": "reset",
    "origin": "remote",
    "phase": "streaming",
    "root_type": "ConnectionResetError",
    "root_message": "[Errno 104] Connection reset by peer",
    "errno": 104,
    "status": 200,
    "request_id": "req_000000000000000000000001",
}
RESET_FIRST: dict[str, Any] = {
    "first_kind": "reset",
    "first_root_message": "[Errno 104] Connection reset by peer",
}
RESET_WORDS = "reset (remote), ConnectionResetError: [Errno 104] Connection reset by peer"
EMPTY: Line = {
    "kind": "empty",
    "origin": "remote",
    "phase": "first_token",
    "root_type": "Fault",
    "root_message": "the answer has neither text nor tool calls",
    "status": 200,
    "request_id": "req_000000000000000000000001",
}
EMPTY_WORDS = "empty (remote), Fault: the answer has neither text nor tool calls"


def failed(number: int, level: str, words: str, *, last: bool = False, **fields: Any) -> Line:
    """The line of a failed attempt."""
    follows = "none follows" if last else "the next in 0.0 s"
    return line(
        "claude.attempt_failed",
        f"attempt {number} failed: {words}; {follows}",
        level,
        attempt=number,
        **fields,
        elapsed_s=0.0,
        **({} if last else {"wait_s": 0.0}),
        **CALL,
    )


TOLD = {
    # A log of healthy turns is one that nobody reads.
    "a healthy turn": Told([Answer("Hi.")], []),
    # One line for what failed, one for what became of it.
    "a recovered turn": Told(
        [OVERLOAD, Answer("Hi.")],
        [
            failed(1, "WARNING", OVERLOADED_WORDS, **OVERLOADED),
            line(
                "claude.call_recovered",
                "recovered after 2 attempts (1 overloaded), 0.0 s of silence",
                "INFO",
                attempts=2,
                causes="1 overloaded",
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
            failed(1, "WARNING", OVERLOADED_WORDS, last=True, **OVERLOADED),
            line(
                "claude.call_failed",
                f"no answer after 1 attempt in 0.0 s (1 overloaded): {OVERLOADED_WORDS}",
                "ERROR",
                attempts=1,
                causes="1 overloaded",
                **OVERLOADED_FIRST,
                **OVERLOADED,
                elapsed_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
        {"retry": shrunk_policy(max_attempts=1)},
    ),
    # The first of a kind is told aloud, each repetition only to who looks for it, and a new cause
    # aloud again; the canonical line counts them all, and knows what it began with.
    "an outage that changes": Told(
        [OVERLOAD, OVERLOAD, HttpError(401, message="No.", request_id="req_no")],
        [
            failed(1, "WARNING", OVERLOADED_WORDS, **OVERLOADED),
            failed(2, "DEBUG", OVERLOADED_WORDS, **OVERLOADED),
            failed(3, "WARNING", DENIED_WORDS, last=True, **DENIED),
            line(
                "claude.call_failed",
                f"no answer after 3 attempts in 0.0 s (2 overloaded, 1 auth): {DENIED_WORDS}",
                "ERROR",
                attempts=3,
                causes="2 overloaded, 1 auth",
                **OVERLOADED_FIRST,
                **DENIED,
                elapsed_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
    ),
    # How much the caller has heard decides what the agent may say next.
    "a turn that broke off": Told(
        [BROKEN],
        [
            failed(1, "WARNING", RESET_WORDS, last=True, **RESET),
            line(
                "claude.call_interrupted",
                f"the answer broke off after 8 characters: {RESET_WORDS}",
                "ERROR",
                attempts=1,
                text_chars=8,
                tool_calls=0,
                causes="1 reset",
                **RESET_FIRST,
                **RESET,
                elapsed_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
        {"retry": shrunk_policy(on_interruption="raise")},
    ),
    # The caller heard a pause in a sentence, which no error tells of.
    "a turn that was resumed": Told(
        [BROKEN, Answer("three four.")],
        [
            failed(1, "WARNING", RESET_WORDS, **RESET),
            line(
                "claude.call_recovered",
                "recovered after 2 attempts (1 reset), 0.0 s of silence",
                "INFO",
                attempts=2,
                causes="1 reset",
                kind="reset",
                origin="remote",
                resumed=True,
                elapsed_s=0.0,
                silence_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
    ),
    # A caller who hangs up in an outage: without this line nobody would ever know.
    "a turn that the caller left": Told(
        [HttpError(529, message="Overloaded", request_id="req_test", headers={"retry-after": "9"})],
        [
            failed(1, "WARNING", OVERLOADED_WORDS, **OVERLOADED, retry_after_s=9.0),
            line(
                "claude.turn_abandoned",
                "left without a word after 0.0 s and 1 attempt (1 overloaded)",
                "WARNING",
                attempts=1,
                causes="1 overloaded",
                **OVERLOADED_FIRST,
                kind="overloaded",
                origin="remote",
                root_type="OverloadedError",
                root_message="Overloaded",
                elapsed_s=0.0,
                wasted_tokens=0,
                **CALL,
            ),
        ],
        left=True,
    ),
    # An answer, so no error; but the operator learns that it was cut.
    "an answer cut by max_tokens": Told(
        [Answer("One two", stop_reason="max_tokens")],
        [
            line(
                "claude.outcome",
                "the answer ended as max_tokens (stop reason max_tokens) after 7 characters",
                "WARNING",
                outcome="max_tokens",
                stop_reason="max_tokens",
                text_chars=7,
                **CALL,
            )
        ],
    ),
    # Claude has nothing to say, and says so twice: no error, but the operator hears of it.
    "an answer of nothing": Told(
        [Answer(""), Answer("")],
        [
            failed(1, "WARNING", EMPTY_WORDS, **EMPTY),
            line(
                "claude.outcome",
                "the answer ended as empty (stop reason end_turn) after 0 characters",
                "WARNING",
                outcome="empty",
                stop_reason="end_turn",
                text_chars=0,
                **CALL,
            ),
            line(
                "claude.call_recovered",
                "recovered after 2 attempts (1 empty), 0.0 s of silence",
                "INFO",
                attempts=2,
                causes="1 empty",
                kind="empty",
                origin="remote",
                resumed=False,
                elapsed_s=0.0,
                silence_s=0.0,
                wasted_tokens=13,
                **CALL,
            ),
        ],
    ),
    # The application's bug, told with its place and without what it quotes; the turn goes on.
    "a handler that raises": Told(
        [Answer("Hi.")],
        [
            line(
                "claude.handler_failed",
                "a handler of claude_turn_ended failed: TypeError: " + REFUSED_AT,
                "ERROR",
                handled="claude_turn_ended",
                root_type="TypeError",
                root_message=REFUSED_AT,
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
                "temperature not sent: model claude-opus-4-7 rejects it",
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
    """Alerts and dashboards are built on names, fields and levels; people read the sentence."""
    told = TOLD[name]
    with SimulatedClaude(*told.steps, default=OVERLOAD) as claude:
        adapter = make_llm(claude, **told.arguments)
        adapter.on("claude_turn_ended", told.handler)
        stream = adapter.chat(chat_ctx=conversation())
        if told.left:
            trouble = asyncio.Event()
            adapter.on("error", lambda error: trouble.set())
            await trouble.wait()
            await stream.aclose()
        await read_stream(stream)
        await adapter.aclose()

    assert worker.lines(adapter.provider) == told.lines


async def test_what_is_told_of_a_model_that_claude_has_not(worker: Worker) -> None:
    """Once, when the adapter is made: towards Anthropic's own host, where every turn would fail."""
    async with ResilientClaudeLLM(api_key=KEY, model="claude-sonet-4-6"):
        pass

    assert worker.lines("api.anthropic.com") == [
        line(
            "claude.model_unknown",
            "there is no model claude-sonet-4-6; did you mean claude-sonnet-4-6?",
            "WARNING",
            model="claude-sonet-4-6",
            suggestion="claude-sonnet-4-6",
        )
    ]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"lifecycle": "deprecated", "retires_at": "2026-11-30"},
            "model claude-x is to retire on 2026-11-30: move to another one",
        ),
        ({"lifecycle": "deprecated"}, "model claude-x is to retire: move to another one"),
        (
            {"lifecycle": "retired", "retires_at": "2026-06-30"},
            "model claude-x is retired, requests for it fail: move to another one",
        ),
    ],
)
def test_what_is_told_of_a_model_that_ends(
    worker: Worker, facts: dict[str, str], message: str
) -> None:
    """When an adapter is warmed: it is the last day to move, or one of the last."""
    known: dict[str, str | None] = {"lifecycle": None, "retires_at": None, **facts}

    model_ends(make_logger(), "claude-x", **known)

    assert worker.lines("api.anthropic.com") == [
        line("claude.model_retires", message, "WARNING", model="claude-x", **facts)
    ]


def test_what_is_told_of_a_model_of_which_nothing_is_near(worker: Worker) -> None:
    """Its id is written rightly, and the API has not got it."""
    model_unknown(make_logger(), model="claude-opus-4", suggestion=None)

    assert worker.lines("api.anthropic.com") == [
        line(
            "claude.model_unknown",
            "there is no model claude-opus-4",
            "WARNING",
            model="claude-opus-4",
        )
    ]


async def test_what_is_told_of_a_cache_that_missed(make_llm: MakeLLM, lines: Lines) -> None:
    """The same reason again is written at debug level."""
    answer = Answer("Hi.", input_tokens=5, cache_creation_tokens=3_000)
    with SimulatedClaude(default=answer) as claude:
        adapter = make_llm(claude, caching="ephemeral")
        context = conversation()
        for _ in range(3):
            await read_stream(adapter.chat(chat_ctx=context))
        await adapter.aclose()

    told, again = lines.named("claude.cache_missed")
    age_s = told.pop("age_s")
    assert told.pop("turn_id").startswith("turn_")
    assert told == {
        "reason": "nothing_changed",
        "expected_tokens": 3_000,
        "read_tokens": 0,
        "model": MODEL,
        "provider": adapter.provider,
    }
    assert lines.sentences[0] == (
        "the prompt cache missed (nothing_changed): 0 tokens were read of 3000 that the turn "
        f"before left there {age_s} s ago"
    )
    assert again["reason"] == "nothing_changed"
    assert lines.levels == ["WARNING", "DEBUG"]


def test_every_event_of_the_package_is_told_above() -> None:
    """A new event needs a turn that writes it, and its whole line."""
    written = {line["event"] for told in TOLD.values() for line in told.lines}

    written |= {"claude.model_unknown", "claude.model_retires", "claude.cache_missed"}
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
    assert len({entry["turn_id"] for entry in captured}) == 1
    assert not any(None in entry.values() for entry in captured)


async def test_two_turns_have_two_ids(make_llm: MakeLLM, lines: Lines) -> None:
    """In a worker with many calls, lines of several turns stand between each other."""
    with SimulatedClaude(HttpError(529), Answer("Hi."), HttpError(529), Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        ended: list[TurnEnded] = []
        adapter.on("claude_turn_ended", ended.append)
        for _ in range(2):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    ids = [fields["turn_id"] for _, fields in lines.events]
    first, second = (turn.turn_id for turn in ended)
    assert ids == [first, first, second, second]
    assert first != second


def test_a_stdlib_logger_is_written_through(caplog: pytest.LogCaptureFixture) -> None:
    """`logging.getLogger("mine")` is what most people have at hand."""
    log = make_logger(logging.getLogger("mine"))

    facts: dict[str, Scalar] = {"outcome": "max_tokens", "stop_reason": "max_tokens"}
    facts["text_chars"] = 7
    write(log, "claude.outcome", {**facts, "model": None, "not of this event": 1})

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("mine", "WARNING")
    assert record.getMessage() == (
        "the answer ended as max_tokens (stop reason max_tokens) after 7 characters"
    )
    assert record.filename == "log.py"  # not structlog's
    fields = vars(record).keys() - vars(logging.makeLogRecord({})).keys() - {"message"}
    assert {name: vars(record)[name] for name in fields} == {"event": "claude.outcome", **facts}


PLAIN: dict[str, tuple[dict[str, Scalar], str]] = {
    # What is not known is not made up.
    "claude.turn_abandoned": (
        {"attempts": 2, "elapsed_s": 31.25},
        "left without a word after 31.25 s and 2 attempts (none of them failed)",
    ),
    # A status that failed is told; one that did not is none of the reader's business.
    "claude.call_interrupted": (
        {
            "text_chars": 12,
            "kind": "stall",
            "origin": "unknown",
            "root_type": "ClockExpired",
            "root_message": "stall_s expired after 4 s",
            "status": 200,
        },
        "the answer broke off after 12 characters: stall (unknown), ClockExpired: stall_s expired "
        "after 4 s",
    ),
}


@pytest.mark.parametrize("event", PLAIN)
def test_a_sentence_tells_what_is_known(event: str, caplog: pytest.LogCaptureFixture) -> None:
    """`logging.basicConfig` shows nothing else."""
    facts, sentence = PLAIN[event]

    write(make_logger(), event, facts)

    assert caplog.messages == [sentence]


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
