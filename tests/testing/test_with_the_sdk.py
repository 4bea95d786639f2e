"""The real SDK against the simulated Claude."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest

from resilient_claude.testing import (
    Answer,
    Break,
    Garbage,
    HttpError,
    SimulatedClaude,
    SseError,
    ToolUse,
)
from tests.testing.raw_client import eventually

MODEL = "claude-sonnet-5-5"
MESSAGES: Any = [{"role": "user", "content": "Hello."}]
TOOLS: Any = [{"name": "find", "input_schema": {"type": "object"}}]
Connect = Callable[[SimulatedClaude], anthropic.Anthropic]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """SDK clients without retries, closed after the test."""
    clients = []

    def make(claude: SimulatedClaude) -> anthropic.Anthropic:
        options: dict[str, Any] = {}
        if claude.base_url.startswith("https"):
            context = ssl.create_default_context(cafile=claude.ca_file)
            options["http_client"] = anthropic.DefaultHttpxClient(verify=context)
        client = anthropic.Anthropic(
            base_url=claude.base_url, api_key="key", max_retries=0, **options
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def stream(client: anthropic.Anthropic, **changes: Any) -> list[Any]:
    """The events of a streamed request."""
    arguments: dict[str, Any] = {"model": MODEL, "max_tokens": 100, "messages": MESSAGES}
    with client.messages.create(**{**arguments, **changes}, stream=True) as events:
        return list(events)


def causes(exc: BaseException | None) -> list[type[BaseException]]:
    """The types of an exception and of everything behind it."""
    found = []
    while exc is not None:
        found.append(type(exc))
        exc = exc.__cause__ or exc.__context__
    return found


@pytest.mark.parametrize("tls", [False, True])
def test_the_sdk_reads_a_whole_answer(connect: Connect, tls: bool) -> None:
    """Its accumulator is the strictest reader of a stream there is."""
    answer = Answer(
        "It is sunny.",
        thinking="Let me look.",
        tools=[ToolUse("find", {"city": "Paris", "n": 4711}), ToolUse("find")],
        output_tokens=42,
        cache_read_tokens=5,
    )
    with (
        SimulatedClaude(answer, tls=tls) as claude,
        connect(claude).messages.stream(
            model=MODEL, max_tokens=100, messages=MESSAGES, tools=TOOLS
        ) as events,
    ):
        message = events.get_final_message()

    thinking, text, *tools = message.content
    assert (thinking.type, thinking.thinking) == ("thinking", "Let me look.")  # type: ignore[union-attr]
    assert thinking.signature  # type: ignore[union-attr]
    assert (text.type, text.text) == ("text", "It is sunny.")  # type: ignore[union-attr]
    assert [tool.input for tool in tools] == [{"city": "Paris", "n": 4711}, {}]  # type: ignore[union-attr]
    assert (message.stop_reason, message.model) == ("tool_use", MODEL)
    assert (message.usage.output_tokens, message.usage.cache_read_input_tokens) == (42, 5)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_sdk_reads_every_line_end_in_single_bytes(connect: Connect, line_end: Any) -> None:
    """They are correct events, so a correct reader reads them."""
    answer = Answer("Größe ✓ ok.", line_end=line_end, drip_bytes=1)
    with SimulatedClaude(answer) as claude:
        events = stream(connect(claude))

    deltas = [event.delta.text for event in events if event.type == "content_block_delta"]
    assert "".join(deltas) == "Größe ✓ ok."


def test_the_sdk_reads_a_message_without_streaming(connect: Connect) -> None:
    """For requests such as the one that warms a cache."""
    with SimulatedClaude(Answer("Hi.", tools=[ToolUse("find", {"n": 1})])) as claude:
        message = connect(claude).messages.create(
            model=MODEL, max_tokens=100, messages=MESSAGES, tools=TOOLS
        )

    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.stop_reason == "tool_use"


def test_warming_the_cache_has_usage_and_no_content(connect: Connect) -> None:
    """The documented answer; whoever speaks it would speak what nobody asked for."""
    answer = Answer("Hi.", cache_creation_tokens=5_120, tools=[ToolUse("find")])
    with SimulatedClaude(answer) as claude:
        message = connect(claude).messages.create(model=MODEL, max_tokens=0, messages=MESSAGES)

    assert (message.content, message.stop_reason) == ([], "max_tokens")
    usage = message.usage
    assert (usage.output_tokens, usage.cache_creation_input_tokens) == (0, 5_120)


def test_a_message_of_nothing_but_a_tool_call_has_no_text_block(connect: Connect) -> None:
    """An empty text block would be refused when it is sent back."""
    with SimulatedClaude(Answer(tools=[ToolUse("find")])) as claude:
        message = connect(claude).messages.create(
            model=MODEL, max_tokens=100, messages=MESSAGES, tools=TOOLS
        )

    assert [block.type for block in message.content] == ["tool_use"]


def test_listing_models_works_so_that_prewarming_does(connect: Connect) -> None:
    """The livekit plugin prewarms with it."""
    with SimulatedClaude() as claude:
        client = connect(claude)
        names = [model.id for model in client.models.list()]

        assert MODEL in names
        assert client.models.retrieve("claude-opus-5-5").id == "claude-opus-5-5"
        assert [each.path for each in claude.other_requests] == [
            "/v1/models",
            "/v1/models/claude-opus-5-5",
        ]


@pytest.mark.parametrize(
    ("status", "exception"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),  # the subclass differs between the SDKs
    ],
)
def test_http_errors_are_the_sdks_typed_errors(
    connect: Connect, status: int, exception: type[anthropic.APIStatusError]
) -> None:
    """The body, the id and the headers survive."""
    step = HttpError(status, headers={"retry-after": "7"}, request_id="req_1")
    with SimulatedClaude(step) as claude, pytest.raises(exception) as caught:
        stream(connect(claude))

    assert caught.value.status_code == status
    assert caught.value.request_id == "req_1"
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.body == {
        "type": "error",
        "error": {"type": step.error_type, "message": step.message},
        "request_id": "req_1",
    }


def test_an_sse_error_is_a_status_error_under_200(connect: Connect) -> None:
    """Only `.type` tells what it was."""
    with (
        SimulatedClaude(Break(SseError(), at="text")) as claude,
        pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught,
    ):
        stream(connect(claude))

    assert caught.value.status_code == 200
    assert getattr(caught.value, "type", None) == "overloaded_error"


def test_reset_reaches_the_sdk_as_econnreset(connect: Connect) -> None:
    """A raw exception of the transport, with the operating system's error behind it."""
    with (
        SimulatedClaude(Break("reset", at="text")) as claude,
        pytest.raises(Exception, match="reset by peer") as caught,
    ):
        stream(connect(claude))

    assert ConnectionResetError in causes(caught.value)


def test_end_is_a_normal_end_to_the_sdk(connect: Connect) -> None:
    """Which is why an adapter must look for message_stop itself."""
    with SimulatedClaude(Break("end", at="text")) as claude:
        events = stream(connect(claude))

    assert [event.type for event in events][-1] == "content_block_delta"


def test_garbage_in_an_event_is_a_json_error(connect: Connect) -> None:
    """Not every proxy's error is an error of the transport."""
    step = Break(Garbage(b"event: content_block_delta\ndata: {\n\n"), at="text")
    with SimulatedClaude(step) as claude, pytest.raises(ValueError, match="Expecting"):
        stream(connect(claude))


def test_refuse_reaches_the_sdk_as_econnrefused(connect: Connect) -> None:
    """And the next request works when the server is back."""
    with SimulatedClaude() as claude:
        client = connect(claude)
        claude.refuse()
        with pytest.raises(anthropic.APIConnectionError) as caught:
            stream(client)
        assert ConnectionRefusedError in causes(caught.value)

        claude.listen()
        assert stream(client)[-1].type == "message_stop"


def test_the_sdk_reuses_a_connection_and_survives_its_loss(connect: Connect) -> None:
    """Keep-alive works, and a closed idle connection is noticed before it is used."""
    with SimulatedClaude() as claude:
        client = connect(claude)
        stream(client)
        stream(client)
        assert claude.connections == 1
        claude.drop_idle()
        assert eventually(lambda: claude.open_connections == 0)

        stream(client)
        assert [request.connection for request in claude.requests] == [1, 1, 2]


def test_a_dark_connection_times_out(connect: Connect) -> None:
    """The pool does not know that it is dead."""
    with SimulatedClaude() as claude:
        client = connect(claude)
        stream(client)
        claude.go_dark()
        with pytest.raises(anthropic.APITimeoutError):
            stream(client, timeout=0.05)

        assert stream(client)[-1].type == "message_stop"
        assert claude.connections == 2


def test_the_wrong_host_is_a_certificate_error(connect: Connect) -> None:
    """A client without our CA, as under TLS inspection."""
    with SimulatedClaude(tls=True) as claude:
        client = anthropic.Anthropic(base_url=claude.base_url, api_key="key", max_retries=0)
        with client, pytest.raises(anthropic.APIConnectionError) as caught:
            stream(client)

    assert ssl.SSLCertVerificationError in causes(caught.value)


def test_the_sdks_own_requests_are_valid(connect: Connect) -> None:
    """Both credentials and both versions of the API that the supported SDKs send."""
    with SimulatedClaude() as claude:
        client = connect(claude)
        stream(
            client,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            tools=TOOLS,
            tool_choice={"type": "auto"},
            metadata={"user_id": "u"},
            messages=[
                *MESSAGES,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "One moment."},
                        {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Paris"}
                    ],
                },
            ],
        )

        assert claude.requests[0].headers["anthropic-version"] in ("2023-06-01", "2026-10-21")


def test_localhost_resolves_to_the_servers_address() -> None:
    """Else TLS clients would first try an address that nobody listens on."""
    addresses = socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)

    assert "127.0.0.1" in [address[4][0] for address in addresses]
