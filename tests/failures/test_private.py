"""What of a request is private: secrets and speech, and nothing of its structure."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

import pytest

from resilient_claude.failures.private import private_texts, texts_in


def test_the_speech_in_a_request_is_found_wherever_it_is() -> None:
    """Text, tool arguments and results; not the megabytes of an image."""
    messages = [
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "spoken"}]},
        {"role": "user", "content": ({"type": "image", "source": {"data": "iVBORw0KGgo="}},)},
        {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https"}}]},
        {"role": "assistant", "content": [{"thinking": "hm", "signature": "c2ln"}]},
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool_use",
                    "id": "toolu_1",
                    "name": "book",
                    "input": {"guests": 4, "name": "Ada", "card": 4929123456789012, "odd": [["x"]]},
                }
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "booked"}],
                },
                {"type": "document", "source": {"type": "text", "data": "a contract"}},
            ],
        },
    ]

    assert sorted(texts_in(messages)) == sorted(
        ["first", "spoken", "https", "hm", "Ada", "4929123456789012", "x", "booked", "a contract"]
    )


def test_the_latest_is_looked_at_first() -> None:
    """There is not always time for all, and what an error quotes was mostly sent last."""
    messages = [{"role": "user", "content": text} for text in ("one", "two", "three")]

    assert [*texts_in(messages)] == ["three", "two", "one"]


def test_nested_as_deep_as_a_model_likes() -> None:
    """Arguments nested 1,000 deep are no RecursionError."""
    value: Any = "deep"
    for _ in range(2 * sys.getrecursionlimit()):
        value = [value]

    assert [*texts_in([{"role": "assistant", "content": [{"input": value}]}])] == ["deep"]


def test_only_as_much_is_walked_as_is_asked_for() -> None:
    """A tool's input may have 130,000 strings."""
    walked = 0

    class Counted(dict[str, str]):
        def values(self) -> Any:
            nonlocal walked
            for value in super().values():
                walked += 1
                yield value

    many = Counted({str(i): "x" for i in range(1_000)})
    texts = texts_in([{"role": "assistant", "content": [{"input": many}]}])

    assert len([*islice(texts, 10)]) == walked == 10


def test_the_secrets_of_a_request() -> None:
    """Headers, parameters, tokens for other servers; not what only chooses a version."""
    body = {
        "messages": [{"role": "user", "content": "spoken"}],
        "system": [{"type": "text", "text": "You are a receptionist."}],
        "model": "claude",
        "max_tokens": 7,
        "metadata": {"user_id": "caller-7"},
        "mcp_servers": [
            {
                "name": "calendar",
                "url": "https://user:word@mcp.example/s/0123456789abcdef/sse?key=in-the-url",
                "authorization_token": "mcp-token",
                "headers": {"x-tenant": "in-a-header"},
            }
        ],
    }
    headers = {"X-Tenant": "tenant-7", "Authorization": "Basic abc", "anthropic-beta": "open"}

    private = private_texts(
        body, headers, {"token": "in-the-query", "n": [123456], "deep": {"a": "b"}}
    )

    assert sorted(private.secrets) == sorted(
        [
            *("tenant-7", "Basic abc", "in-the-query", "123456", "b", "caller-7"),
            *("user", "word", "in-the-url", "0123456789abcdef", "mcp-token", "in-a-header"),
        ]
    )
    assert [*private.speech] == ["spoken", "You are a receptionist."]


def test_more_is_looked_at_first() -> None:
    """What was said since the request was made is what an error most likely quotes."""
    private = private_texts({"messages": [{"content": "old"}]}, {}, {})
    private = private.plus(secrets=["key"], speech=["new"])

    assert [*private.secrets] == ["key"]
    assert [*private.speech] == ["new", "old"]


@pytest.mark.parametrize("body", [{}, {"messages": None}, {"messages": 7, "system": [None]}])
def test_a_body_that_is_none_has_nothing_private(body: dict[str, Any]) -> None:
    """`extra_kwargs` may make anything of it."""
    private = private_texts(body, {}, {})

    assert [*private.secrets, *private.speech] == []
