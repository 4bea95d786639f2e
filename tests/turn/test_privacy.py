"""What must not get out of a turn, and what must: over real sockets, everything that is printed."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest
from livekit.agents import __version__ as livekit_version

from resilient_claude import ResilientClaudeLLM, failure_of
from resilient_claude.request.extra import Extra
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude
from resilient_claude.transport.connector import HANDSHAKE_ENDED
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

SECRET = "".join(("hunter", "-22-", "vault"))  # not in one piece in any line of source code
RUSSIAN = "Мой пин-код 4921"
# livekit 1.6.10 traces the chat context, so that its own frames hold what was said.
NOT_OURS_TO_CLEAR = ("tests.", "livekit.") if livekit_version == "1.6.10" else ("tests.",)


async def everything_of(
    adapter: ResilientClaudeLLM,
    lines: Lines,
    caplog: pytest.LogCaptureFixture,
    said: str = "Hello?",
    **arguments: Any,
) -> tuple[str, BaseException]:
    """Whatever a turn that fails prints anywhere, and its error."""
    told: list[object] = []
    adapter.on("error", told.append)
    adapter.on("claude_turn_ended", told.append)
    heard = await read_stream(adapter.chat(chat_ctx=conversation(said), **arguments))
    await adapter.aclose()
    assert heard.error is not None
    texts = [caplog.text, repr(lines.events), *map(repr, told)]
    left: list[BaseException | None] = [heard.error]
    seen: list[BaseException] = []
    while left:
        error = left.pop()
        if error is None or error in seen:
            continue
        seen.append(error)
        left += [error.__cause__, error.__context__]
        texts += [str(error), repr(error), *traceback.format_exception(error)]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if not str(frame.f_globals.get("__name__")).startswith(NOT_OURS_TO_CLEAR):
                texts += map(repr, frame.f_locals.values())
    return "\n".join(texts), heard.error


ECHOES = [
    f"no tenant {SECRET}",
    f"GET /v1/messages?tenant={SECRET}",
    f"headers: {{'Authorization': 'Basic {SECRET}', 'x-tenant': '{SECRET}'}}",
    f"cannot reach https://u:{SECRET}@mcp.example",
]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"extra_headers": {"x-tenant": SECRET}},
        {"extra_query": {"tenant": SECRET}},
        {"extra_body": {"mcp_servers": [{"name": "m", "authorization_token": SECRET}]}},
    ],
    ids=lambda arguments: str(*arguments),
)
async def test_no_secret_of_a_request_comes_back(
    make_llm: MakeLLM,
    lines: Lines,
    caplog: pytest.LogCaptureFixture,
    arguments: dict[str, Any],
    echo: str,
) -> None:
    """A gateway may write anything of a request into its error."""
    with SimulatedClaude(default=HttpError(400, message=echo), strict=False) as claude:
        printed, error = await everything_of(
            make_llm(claude), lines, caplog, extra_kwargs=arguments
        )

    failure = failure_of(error)
    assert failure is not None
    assert failure.kind == "rejected"
    assert SECRET not in printed
    assert "[redacted]" in printed


SIGNED_URL = f"https://pictures.example/a.png?signature={SECRET}"
SERVER = {"type": "url", "name": "m", "url": "https://m.example", "authorization_token": SECRET}
UNKNOWN_BETA = HttpError(400, message="Unexpected value(s) `b-1` for the `anthropic-beta` header")


async def test_a_picture_s_url_does_not_come_back(
    make_llm: MakeLLM, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    """Who has it may look at the picture."""
    said = {"role": "user", "content": [{"type": "text", "text": "Look:"}]}
    said["content"].append({"type": "image", "source": {"type": "url", "url": SIGNED_URL}})  # type: ignore[attr-defined]
    error = HttpError(400, message=f"messages.0: cannot download {SIGNED_URL}")
    with SimulatedClaude(default=error, strict=False) as claude:
        printed, _ = await everything_of(
            make_llm(claude), lines, caplog, extra_kwargs={"messages": [said]}
        )

    assert SECRET not in printed
    assert "messages.0: cannot download" in printed


async def test_what_was_taken_out_of_a_request_stays_private(
    make_llm: MakeLLM, lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    """The rejection of the mended request may speak of the one before."""
    steps = (UNKNOWN_BETA, HttpError(400, message=f"no server with the token {SECRET}"))
    with SimulatedClaude(*steps, strict=False) as claude:
        adapter = make_llm(claude, mcp_servers=[SERVER], betas=["mcp-client-2025-11-20"])
        printed, _ = await everything_of(adapter, lines, caplog)

        assert ["mcp_servers" in request.body for request in claude.requests] == [True, False]
    assert SECRET not in printed
    assert "no server with the token [redacted]" in printed


async def test_what_chat_raises_shows_no_argument_of_the_constructor(make_llm: MakeLLM) -> None:
    """Tools that capture local variables, as structlog's tracebacks do, show our frames."""
    secrets: dict[str, Any] = {
        "extra_headers": {"x-tenant": SECRET},
        "extra_body": {"tenant": SECRET},
        "mcp_servers": [SERVER],
        "user": SECRET,
    }
    with SimulatedClaude() as claude:
        adapter = make_llm(claude, **secrets)
        shown = []
        for wrong in ({"stop_sequences": {object()}}, {"messages": {1, object()}}):
            with pytest.raises(TypeError) as raised:
                adapter.chat(chat_ctx=conversation(), extra_kwargs=wrong)
            shown += [repr(f.f_locals) for f, _ in traceback.walk_tb(raised.tb)][1:]
        del secrets["user"]
        of_turn = Extra.of({**secrets, "metadata": {"user_id": SECRET}})
        shown += [repr(adapter._requests._fixed), repr(of_turn)]
        await adapter.aclose()

    assert SECRET not in "".join(shown)


CLIENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "a header": lambda: {"default_headers": {"x-tenant": SECRET}},
    "a parameter": lambda: {"default_query": {"tenant": SECRET}},
    "a header below": lambda: {"http_client": httpx2.AsyncClient(headers={"x-tenant": SECRET})},
    "a parameter below": lambda: {"http_client": httpx2.AsyncClient(params={"tenant": SECRET})},
    "a cookie below": lambda: {"http_client": httpx2.AsyncClient(cookies={"tenant": SECRET})},
    "a password below": lambda: {"http_client": httpx2.AsyncClient(auth=("u", SECRET))},
    "the environment": dict,
}


@pytest.mark.parametrize("where", CLIENTS)
async def test_no_secret_of_a_client_comes_back(
    make_llm: MakeLLM,
    lines: Lines,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """It goes with all of its requests, and a gateway may write any of it into its error."""
    if where == "the environment":
        monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"x-tenant: {SECRET}")
    step = HttpError(401, message=f"no tenant {SECRET}")
    with SimulatedClaude(default=step, strict=False) as claude:
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url, **CLIENTS[where]())
        printed, _ = await everything_of(make_llm(claude, client=client), lines, caplog)
        await client.close()

    assert SECRET not in printed
    assert "no tenant [redacted]" in printed


@pytest.mark.parametrize(
    "quoted",
    [RUSSIAN, json.dumps(RUSSIAN), json.dumps(json.dumps(RUSSIAN)), repr(RUSSIAN.encode())],
)
async def test_a_russian_caller_s_pin_is_private(
    make_llm: MakeLLM, lines: Lines, caplog: pytest.LogCaptureFixture, quoted: str
) -> None:
    """However often an error escapes what it quotes."""
    step = HttpError(400, message=f"messages.0.content: cannot read {quoted}")
    with SimulatedClaude(default=step) as claude:
        printed, error = await everything_of(make_llm(claude), lines, caplog, RUSSIAN)

    assert "4921" not in printed
    assert "041f" not in printed
    assert "messages.0.content: cannot read" in str(error)


class OwnWords(Exception):
    """Shows what it likes and lets nobody change it."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)

    def __str__(self) -> str:
        return SECRET

    __repr__ = __str__


def noted() -> Exception:
    error = RuntimeError("x")
    error.add_note(SECRET)
    return error


def with_context() -> Exception:
    error = RuntimeError("x")
    error.__context__ = ValueError(SECRET)
    return error


def with_cause() -> Exception:
    error = RuntimeError("x")
    error.__cause__ = ConnectionError(SECRET)
    return error


RAISED: list[Callable[[], BaseException]] = [
    lambda: ValueError(SECRET),
    lambda: ConnectionError(SECRET),
    lambda: FileNotFoundError(2, "no such file", SECRET),
    lambda: ExceptionGroup("x", [ValueError(SECRET)]),
    lambda: BaseExceptionGroup(SECRET, [KeyboardInterrupt()]),
    lambda: UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
    lambda: anthropic.AnthropicError(SECRET),
    OwnWords,
    noted,
    with_context,
    with_cause,
]


@pytest.mark.parametrize("make", RAISED)
@pytest.mark.parametrize("of_client", [False, True], ids=["api_key", "token-provider"])
async def test_what_a_function_of_the_application_raises_is_told_by_its_class(
    make_llm: MakeLLM,
    lines: Lines,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[], BaseException],
    of_client: bool,
) -> None:
    """Its message may be the key, or the vault's whole answer."""
    if of_client and not isinstance(make(), Exception):
        make = RAISED[0]  # the SDK hands such signals on

    def key() -> str:
        token = SECRET  # noqa: F841 - a tool that captures local variables finds it
        raise make()

    policy = shrunk_policy(max_attempts=2)
    with SimulatedClaude() as claude:
        if of_client:
            client = anthropic.AsyncAnthropicFoundry(
                azure_ad_token_provider=key, base_url=claude.base_url
            )
            adapter = make_llm(claude, client=client, retry=policy)
        else:
            adapter = make_llm(claude, api_key=key, retry=policy)
        printed, error = await everything_of(adapter, lines, caplog)

    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin, failure.retryable) == ("auth", "caller", True)
    assert failure.root_type == type(make()).__name__
    assert SECRET not in printed


async def test_an_error_event_in_other_clothes_is_named(make_llm: MakeLLM, lines: Lines) -> None:
    """`error` may be a string."""
    start = {"type": "message_start", "message": {"id": "msg_1", "usage": {}}}
    clothed = Answer(events=[start, {"type": "error", "error": "prompt is too long"}])
    with SimulatedClaude(default=clothed) as claude:
        heard = await read_stream(make_llm(claude).chat(chat_ctx=conversation()))
        asked = len(claude.requests)

    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, failure.root_message, asked) == ("rejected", "prompt is too long", 1)


@pytest.mark.parametrize(
    ("step", "kind", "asked"),
    [
        (HttpError(400, message="Your credit balance is too low to access it."), "billing", 1),
        (HttpError(400, body={"detail": "no such model"}), "rejected", 1),
        (HttpError(400, type="overloaded_error", message="Overloaded"), "overloaded", 2),
    ],
)
async def test_an_error_is_named_by_what_it_says(
    make_llm: MakeLLM, step: HttpError, kind: str, asked: int
) -> None:
    """What cannot get better is asked once."""
    with SimulatedClaude(default=step) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=2))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        requests = len(claude.requests)

    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, requests) == (kind, asked)


async def test_ids_that_are_none_go_nowhere(make_llm: MakeLLM, lines: Lines) -> None:
    """A line of a log that holds line ends and megabytes is an attack on its reader."""
    odd = "x\n\x1b[31m" * 1_000
    events: list[Any] = [
        {"type": "message_start", "message": {"id": odd, "usage": {"service_tier": odd}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": odd}, "usage": {}},
        {"type": "message_stop"},
    ]
    told: list[object] = []
    with SimulatedClaude(Answer(events=events)) as claude:
        adapter = make_llm(claude)
        adapter.on("claude_turn_ended", told.append)
        chunks = [chunk async for chunk in adapter.chat(chat_ctx=conversation())]
        await adapter.aclose()

    assert "x\n" not in f"{chunks}{told}{lines.events}".encode().decode("unicode-escape")
    assert len(f"{chunks}{told}{lines.events}") < 5_000


async def test_a_fin_in_the_handshake_says_so(make_llm: MakeLLM) -> None:
    """It has neither a number nor a message of its own."""
    with SimulatedClaude(default=Break("close", at="accept"), tls=True) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.root_message == HANDSHAKE_ENDED
