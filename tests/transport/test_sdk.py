"""Past the SDK: every request is the one that it would have sent, and fails as one through it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import pytest
from livekit.agents import function_tool

from resilient_claude import failure_of
from resilient_claude.testing import Answer, Break, HttpError, Raw, SimulatedClaude, Step
from resilient_claude.transport.envelope import MOST_ENVELOPES
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.listening import conversation, read_stream


@function_tool
async def look_up(name: str) -> str:
    """Look a caller up."""
    return name


ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"tools": [look_up]},
    {"extra_kwargs": {"betas": ["one-2026-01-01"], "extra_headers": {"x-mine": "1"}}},
    {"extra_kwargs": {"extra_query": {"a": ["1", "2"], "b": "ü"}, "temperature": 0.5}},
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
async def test_every_request_is_the_one_that_the_sdk_would_send(
    make_llm: MakeLLM, arguments: dict[str, Any]
) -> None:
    """The SDK says once what is around a body and sends none; the server must not notice."""
    with SimulatedClaude(default=Answer("Hi."), strict=False) as claude:
        sdk = anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url)
        for adapter in (make_llm(claude, client=sdk), make_llm(claude)):
            for said in ("Hello?", "Hello?", "Who is there?"):
                await read_stream(adapter.chat(chat_ctx=conversation(said), **arguments))
            await adapter.aclose()
        await sdk.close()
        by_the_sdk, ours = claude.requests[:3], claude.requests[3:]

    for theirs, request in zip(by_the_sdk, ours, strict=True):
        assert request == replace(theirs, connection=2, at_s=request.at_s)
        assert list(request.headers) == list(theirs.headers)


async def test_a_rotated_key_is_sent_with_the_next_request(make_llm: MakeLLM) -> None:
    """What is known of an earlier request must not outlive its key."""
    keys = ["key-one", "key-one", "key-two"]
    with SimulatedClaude(default=Answer("Hi.")) as claude:
        adapter = make_llm(claude, api_key=iter(keys).__next__)
        for _ in keys:
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        sent = [value for request in claude.requests for value in request.headers.values()]

    assert [any(key in value for value in sent) for key in keys] == [True] * 3
    assert sum("key-two" in value for value in sent) == 1


FAILURES: list[Step] = [
    HttpError(529, headers={"retry-after": "7"}),
    HttpError(400, message="messages: no"),
    HttpError(401),
    HttpError(502, body="<html>", headers={"content-type": "text/html"}),
    HttpError(307, headers={"location": "/elsewhere"}),
    Raw("<html>login</html>"),
    Raw("", content_type="text/event-stream"),
    Break("reset", at="request"),
    Break("reset", at="headers"),
    Break("close", at="text", after_pieces=1),
]


@pytest.mark.parametrize("step", FAILURES, ids=str)
async def test_a_request_past_the_sdk_fails_as_one_through_it(
    make_llm: MakeLLM, step: Step
) -> None:
    """Whoever sends it: the same failure by name, and livekit's same error."""
    failures = []
    with SimulatedClaude(step, step, strict=False) as claude:
        http = httpx2.AsyncClient(follow_redirects=False)
        sdk = anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url, http_client=http)
        for arguments in ({"client": sdk}, {}):
            once = shrunk_policy(max_attempts=1, on_interruption="raise")
            adapter = make_llm(claude, retry=once, **arguments)
            heard = await read_stream(adapter.chat(chat_ctx=conversation()))
            await adapter.aclose()
            failure = failure_of(heard.error)
            assert failure is not None
            named = failure.kind, failure.origin, failure.status, failure.error_type
            failures.append((type(heard.error), named, failure.retry_after_s, failure.retryable))
        await sdk.close()

    assert failures[0] == failures[1]


COOKIE = {"set-cookie": "lb=node-1; Max-Age=1000"}


async def test_no_cookie_ties_a_request_to_what_failed(make_llm: MakeLLM) -> None:
    """A load balancer would lead every attempt to the node that is overloaded."""
    steps: list[Step] = [HttpError(529, headers=COOKIE), Answer("Hi."), Answer("Hi.")]
    with SimulatedClaude(*steps, strict=False) as claude:
        adapter = make_llm(claude)
        for extra in ({}, {"betas": ["one-2026-01-01"]}):  # which the SDK has not seen before
            await read_stream(adapter.chat(chat_ctx=conversation(), extra_kwargs=extra))
        await adapter.aclose()

        assert ["cookie" in request.headers for request in claude.requests] == [False] * 3


async def test_no_line_tells_of_a_request_that_was_not_sent(
    make_llm: MakeLLM, caplog: pytest.LogCaptureFixture
) -> None:
    """httpx2 tells of every response; nobody must read of a success that there was not."""
    with caplog.at_level(logging.INFO), SimulatedClaude(Break("reset", at="request")) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=1))
        await adapter.warm()
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    told = [record.getMessage() for record in caplog.records if "HTTP Request" in record.msg]
    assert [line.split()[2] for line in told] == ["GET"]


async def test_a_client_that_is_pointed_elsewhere_sends_there(make_llm: MakeLLM) -> None:
    """What is known of an address must not outlive it, and the lines must name the new one."""
    with SimulatedClaude(Answer("One.")) as one, SimulatedClaude(Answer("Two.")) as two:
        adapter = make_llm(one)
        heard = [await read_stream(adapter.chat(chat_ctx=conversation()))]
        adapter.client.base_url = two.base_url
        heard.append(await read_stream(adapter.chat(chat_ctx=conversation())))
        await adapter.aclose()

    assert [each.text for each in heard] == ["One.", "Two."]
    assert adapter.provider == two.base_url.removeprefix("http://")


async def test_the_envelopes_of_rotating_headers_are_not_kept_for_ever(make_llm: MakeLLM) -> None:
    """An id of the caller's in every request would otherwise fill the memory of a worker."""
    turns = MOST_ENVELOPES + 3
    with SimulatedClaude(default=Answer("Hi."), strict=False) as claude:
        adapter = make_llm(claude)
        for number in range(turns):
            extra = {"extra_headers": {"x-turn": str(number)}}
            await read_stream(adapter.chat(chat_ctx=conversation(), extra_kwargs=extra))
        transport = adapter._target.transport
        await adapter.aclose()
        sent = [request.headers["x-turn"] for request in claude.requests]

    assert sent == [str(number) for number in range(turns)]
    assert transport is not None
    assert len(transport.envelopes._by_client[adapter.client]) <= MOST_ENVELOPES


async def test_a_long_conversation_is_no_warning(make_llm: MakeLLM) -> None:
    """An image is soon 1 MiB, above which aiohttp warns of plain bytes."""
    with SimulatedClaude(Answer("Hi."), strict=False) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=conversation("word " * 300_000)))
        await adapter.aclose()

    assert (heard.text, heard.error) == ("Hi.", None)


async def test_two_first_turns_with_two_keys_keep_them_apart(make_llm: MakeLLM) -> None:
    """During a rotation, a key that is about to be revoked must not stay for good."""
    order = iter(["old", "good"])

    async def key() -> str:
        return next(order, "good")

    with SimulatedClaude(default=Answer("Hi.")) as claude:
        adapter = make_llm(claude, api_key=key)
        turns = [adapter.chat(chat_ctx=conversation()) for _ in range(2)]
        await asyncio.gather(*map(read_stream, turns))
        for _ in range(3):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        headers = [request.headers for request in claude.requests]

    sent = [
        each.get("x-api-key") or each["authorization"].removeprefix("Bearer ") for each in headers
    ]
    assert sorted(sent[:2]) == ["good", "old"]
    assert sent[2:] == ["good"] * 3


async def test_a_prewarmed_first_request_is_like_any_other(
    make_llm: MakeLLM,
) -> None:
    """What is rehearsed must be what is played; and no question is sent while it is rehearsed."""
    sent = []
    for prewarmed in (False, True):
        with SimulatedClaude(default=Answer("Hi.")) as claude:
            adapter = make_llm(claude)
            if prewarmed:
                await adapter.warm()
                assert claude.requests == []
            await read_stream(adapter.chat(chat_ctx=conversation()))
            await adapter.aclose()
            (request,) = claude.requests
            sent.append([(n, v) for n, v in request.headers.items() if n != "host"])

    assert sent[0] == sent[1]
