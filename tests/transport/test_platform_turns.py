"""Turns with each of the SDK's clients, at endpoints that keep the rules of the platform."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import pytest
from livekit.agents import APIError, function_tool, llm

from resilient_claude import ResilientClaudeLLM, Timeouts, failure_of
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    Raw,
    SimulatedClaude,
    SseError,
    ToolUse,
)
from resilient_claude.testing.rules.endpoints import ENDPOINTS, PlatformName
from tests.support.adapters import shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import Heard, conversation, read_stream
from tests.support.platform_clients import CLIENTS

MODEL = "claude-sonnet-4-6"
IN_URL: tuple[PlatformName, ...] = ("bedrock", "vertex")
AWS_IDS: tuple[PlatformName, ...] = ("bedrock",)
BOOKING = Answer("One moment, please.", tools=[ToolUse("book", {"guests": 4}, id="toolu_1")])
EVERY = pytest.mark.parametrize("platform", ENDPOINTS)


@function_tool
async def book(guests: int) -> str:
    """Book a table."""
    raise NotImplementedError


@asynccontextmanager
async def adapter_at(
    claude: SimulatedClaude, platform: PlatformName, **options: Any
) -> AsyncIterator[ResilientClaudeLLM]:
    """An adapter with the client of *platform*; at the end both are closed."""
    client = CLIENTS[platform](claude.base_url)
    adapter = ResilientClaudeLLM(
        **{"model": MODEL, "client": client, "retry": shrunk_policy(max_attempts=3), **options}
    )
    try:
        yield adapter
    finally:
        await adapter.aclose()
        await client.close()


async def heard_at(claude: SimulatedClaude, platform: PlatformName, **options: Any) -> Heard:
    """One turn with a tool."""
    async with adapter_at(claude, platform, **options) as adapter:
        return await read_stream(adapter.chat(chat_ctx=conversation(), tools=[book]))


@EVERY
async def test_a_turn_with_a_tool_is_whole(platform: PlatformName) -> None:
    """From the platform's own path, with its own credentials and nothing that it refuses."""
    with SimulatedClaude(BOOKING, platform=platform) as claude:
        heard = await heard_at(claude, platform)
        (request,) = claude.requests

    assert (heard.text, heard.error) == ("One moment, please.", None)
    assert [(call.name, call.arguments) for call in heard.calls] == [("book", '{"guests": 4}')]
    assert heard.usage is not None
    assert ("model" in request.body) == (platform not in IN_URL)


@EVERY
@pytest.mark.parametrize("options", [{"temperature": 0.2}, {"top_p": 0.5}, {"top_k": 5}], ids=str)
async def test_sampling_reaches_a_model_that_takes_it(
    platform: PlatformName, options: dict[str, Any]
) -> None:
    """With SDK 2 it was a 400 in every turn on Bedrock and on Vertex."""
    with SimulatedClaude(platform=platform) as claude:
        heard = await heard_at(claude, platform, **options)
        (request,) = claude.requests

    assert heard.error is None
    assert options.items() <= request.body.items()


@EVERY
async def test_marks_for_the_cache_are_taken(platform: PlatformName) -> None:
    """At blocks, which every platform knows."""
    mark = {"cache_control": {"type": "ephemeral"}}
    with SimulatedClaude(platform=platform) as claude:
        heard = await heard_at(claude, platform, caching="ephemeral", extra_body=mark)
        (request,) = claude.requests

    assert heard.error is None
    assert request.body["tools"][-1]["cache_control"] == {"type": "ephemeral"}
    assert ("cache_control" in request.body) == (platform != "bedrock")


@EVERY
async def test_a_beta_is_where_the_platform_looks_for_it(platform: PlatformName) -> None:
    """Bedrock reads the body; a mark in the URL, which SDK 1 makes, would be part of no path."""
    with SimulatedClaude(platform=platform) as claude:
        heard = await heard_at(claude, platform, betas=["x-2026-01-01", "y-2026-01-01"])
        (request,) = claude.requests

    assert heard.error is None
    if platform == "bedrock":
        assert request.body["anthropic_beta"] == ["x-2026-01-01", "y-2026-01-01"]
    else:
        assert request.headers["anthropic-beta"] == "x-2026-01-01,y-2026-01-01"
    if platform in IN_URL:
        assert request.query == ""


@EVERY
@pytest.mark.parametrize(
    "fault",
    [
        HttpError(529),
        HttpError(503, type="ServiceUnavailableException"),
        Break("reset", at="headers"),
        Break("end", at="message_start"),
        Break(SseError("overloaded_error"), at="block_start"),
    ],
    ids=["529", "503", "reset", "ends early", "error event"],
)
async def test_a_fault_before_words_is_not_heard(
    platform: PlatformName, fault: Any, lines: Lines
) -> None:
    """One line tells of it, and of whose side it was on."""
    with SimulatedClaude(fault, BOOKING, platform=platform) as claude:
        heard = await heard_at(claude, platform)
        first, second = claude.requests

    assert (heard.text, len(heard.calls), heard.error) == ("One moment, please.", 1, None)
    assert (first.path, first.body) == (second.path, second.body)
    (line,) = lines.named("claude.attempt_failed")
    assert line["kind"] in ("overloaded", "server", "reset", "truncated")
    if isinstance(fault, HttpError):
        assert line["origin"] == "remote"
        assert line["request_id"].startswith("req_")


@EVERY
async def test_pings_without_words_are_a_stall(platform: PlatformName, lines: Lines) -> None:
    """Bedrock passes them on in frames; the clocks see through them."""
    fault = Break("pings", at="message_start")
    with SimulatedClaude(fault, BOOKING, platform=platform) as claude:
        heard = await heard_at(
            claude, platform, timeout=0.4, retry=shrunk_policy(max_attempts=2, max_silence_s=5.0)
        )

    assert heard.text == "One moment, please."
    (line,) = lines.named("claude.attempt_failed")
    assert line["kind"] == "timeout"


@EVERY
async def test_the_number_of_requests_is_the_policy_s(platform: PlatformName) -> None:
    """The client's own retries would multiply with ours."""
    with SimulatedClaude(default=HttpError(503), platform=platform) as claude:
        heard = await heard_at(claude, platform)

        assert len(claude.requests) == 3
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.status == 503


async def test_what_aws_says_of_a_limit_is_in_the_line(lines: Lines) -> None:
    """Its type is in a header, its id in another."""
    with SimulatedClaude(HttpError(429), platform="bedrock") as claude:
        await heard_at(claude, "bedrock")

    (line,) = lines.named("claude.attempt_failed")
    assert (line["kind"], line["error_type"]) == ("rate_limited", "ThrottlingException")


@pytest.mark.parametrize("platform", ["bedrock", "bedrock_mantle", "vertex", "foundry"])
def test_what_a_platform_lacks_is_an_error_at_construction(platform: PlatformName) -> None:
    """The client tells which it is."""
    client = CLIENTS[platform]("http://127.0.0.1:1")

    with pytest.raises(ValueError, match="inference_geo must be left out for "):
        ResilientClaudeLLM(model=MODEL, client=client, inference_geo="us")


def test_a_class_derived_from_a_platform_s_is_of_that_platform() -> None:
    """Applications add their own signing, and more headers."""

    class Ours(anthropic.AsyncAnthropicBedrock):
        """With something of their own."""

    client = Ours(base_url="http://127.0.0.1:1", aws_region="eu", api_key="test")

    with pytest.raises(ValueError, match="Amazon Bedrock"):
        ResilientClaudeLLM(model=MODEL, client=client, inference_geo="us")


async def test_a_class_derived_from_the_plain_one_may_ask_anybody() -> None:
    """So it is asked as if nothing were known: no beta that only Anthropic's own API has."""

    class Ours(anthropic.AsyncAnthropic):
        """With something of their own."""

    with SimulatedClaude() as claude:
        client = Ours(base_url=claude.base_url, api_key="test")
        async with ResilientClaudeLLM(model="claude-opus-5-5", client=client) as adapter:
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await client.close()
        (request,) = claude.requests

    assert heard.error is None
    assert request.body["thinking"] == {"type": "adaptive", "display": "summarized"}


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
    "RU5ErkJggg=="
)
BY_URL = "https://shop.example/menu.png"


@EVERY
async def test_an_image_by_url_is_sent_where_urls_are_taken(platform: PlatformName) -> None:
    """Elsewhere the turn is not lost for it: it is left out, and one by value is sent."""
    context = conversation("What is this?")
    context.add_message(role="user", content=[llm.ImageContent(image=BY_URL)])
    by_value = llm.ImageContent(image=f"data:image/png;base64,{PIXEL}")
    context.add_message(role="user", content=[by_value])
    with SimulatedClaude(platform=platform) as claude:
        async with adapter_at(claude, platform) as adapter:
            heard = await read_stream(adapter.chat(chat_ctx=context))
        (request,) = claude.requests

    assert heard.error is None
    sent = json.dumps(request.body)
    assert PIXEL in sent
    assert (BY_URL in sent) == (platform not in ("bedrock", "bedrock_mantle", "vertex"))


@EVERY
async def test_a_cache_is_warmed_on_every_platform(platform: PlatformName) -> None:
    """By a request that asks for no stream, which has a path of its own on two of them."""
    with SimulatedClaude(platform=platform, cache=True) as claude:
        async with adapter_at(claude, platform, caching="ephemeral") as adapter:
            warmed = await adapter.warm_cache("Be kind. " * 2000, [book])
        (request,) = claude.requests

    assert warmed.written_tokens > 0
    assert request.path.rpartition("/")[2] in ("messages", "invoke", f"{MODEL}:rawPredict")


KIND = "Be kind. " * 2000


@EVERY
async def test_a_turn_reads_what_warming_wrote_on_every_platform(platform: PlatformName) -> None:
    """Warming that writes something else than turns read is money for nothing."""
    context = llm.ChatContext.empty()
    context.add_message(role="system", content=KIND)
    context.add_message(role="user", content="Hello?")
    with SimulatedClaude(platform=platform, cache=True) as claude:
        async with adapter_at(claude, platform, caching="ephemeral", temperature=0.2) as adapter:
            warmed = await adapter.warm_cache(KIND, [book])
            again = await adapter.warm_cache(KIND, [book])
            heard = await read_stream(adapter.chat(chat_ctx=context, tools=[book]))

    assert heard.error is None
    assert heard.usage is not None
    assert heard.usage.cache_read_tokens == warmed.written_tokens > 0
    assert (again.written_tokens, again.read_tokens) == (0, warmed.written_tokens)


@EVERY
async def test_warming_asks_for_no_answer_on_every_platform(platform: PlatformName) -> None:
    """Of the clients that rewrite a body, none may ask for a stream in the body or the path."""
    with SimulatedClaude(platform=platform, cache=True) as claude:
        async with adapter_at(claude, platform, tool_choice="required") as adapter:
            await adapter.warm_cache(KIND, [book])
        (request,) = claude.requests

    assert request.body["max_tokens"] == 0
    assert not {"stream", "tool_choice"} & request.body.keys()
    assert "stream" not in request.path


@EVERY
@pytest.mark.parametrize(
    ("fault", "kind"),
    [(HttpError(529), "overloaded"), (HttpError(401), "auth"), (Raw(b"<html>"), "malformed")],
    ids=["529", "401", "a page"],
)
async def test_warming_that_fails_is_one_request_and_says_why_on_every_platform(
    platform: PlatformName, fault: Any, kind: str
) -> None:
    """The client's own retries would be billed, and would keep a worker waiting."""
    with SimulatedClaude(default=fault, platform=platform) as claude:
        async with adapter_at(claude, platform) as adapter:
            with pytest.raises(APIError, match="warming the cache failed") as caught:
                await adapter.warm_cache(KIND, [book])

        assert len(claude.requests) == 1
    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind == kind


@EVERY
async def test_warming_that_is_never_answered_ends_on_every_platform(
    platform: PlatformName,
) -> None:
    """A client of a cloud has a time-out of ten minutes of its own."""
    clocks = Timeouts(connect_s=0.2, first_token_s=0.02)
    silent = Break("stall", at="headers")
    with SimulatedClaude(default=silent, platform=platform) as claude:
        async with adapter_at(claude, platform, timeout=clocks) as adapter:
            with pytest.raises(APIError, match="warming the cache failed: timeout"):
                await adapter.warm_cache(KIND, [book])
