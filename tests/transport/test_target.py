"""Whom a turn asks: the key, the address and the client, as given and at the moment of asking."""

from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anthropic
import httpx2
import pytest

from resilient_claude import ResilientClaudeLLM, failure_of
from resilient_claude.testing import (
    Break,
    HttpError,
    Raw,
    SimulatedClaude,
)
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import GREETING, conversation, fails_always, read_stream


async def test_a_callable_key_is_asked_before_every_attempt(make_llm: MakeLLM) -> None:
    """A key that was rotated during an outage is found by the next attempt."""
    keys = iter(["sk-ant-one", "sk-ant-two"])
    with SimulatedClaude(HttpError(529), GREETING) as claude:
        adapter = make_llm(claude, api_key=lambda: next(keys))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        sent = [
            request.headers.get("x-api-key") or request.headers["authorization"].split()[-1]
            for request in claude.requests
        ]
    assert sent == ["sk-ant-one", "sk-ant-two"]


async def test_an_awaitable_key_is_awaited(make_llm: MakeLLM) -> None:
    """Secret managers are asked over the network."""

    async def key() -> str:
        return KEY

    with SimulatedClaude(GREETING) as claude:
        adapter = make_llm(claude, api_key=key)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == "Hello, this is Claude."


async def test_a_key_function_that_fails_is_the_caller_s_side(make_llm: MakeLLM) -> None:
    """Not a bug of the adapter, and not the network's fault."""

    def key() -> str:
        raise PermissionError("vault sealed")

    with SimulatedClaude() as claude:
        error, root = await fails_always(
            make_llm(claude, api_key=key, retry=shrunk_policy(max_attempts=2))
        )

    assert isinstance(root, PermissionError)
    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("auth", "caller")


async def test_a_client_of_the_application_stays_open(make_llm: MakeLLM) -> None:
    """It may serve other things; and with it, no API key is needed here."""
    with SimulatedClaude(HttpError(529), Break("reset", at="headers"), GREETING) as claude:
        client = anthropic.AsyncAnthropic(api_key=KEY, base_url=claude.base_url, max_retries=5)
        adapter = make_llm(claude, client=client)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert heard.text == "Hello, this is Claude."
        assert len(claude.requests) == 3
        assert not client.is_closed()
        await client.close()


async def test_a_key_function_whose_task_was_cancelled_is_no_barge_in(make_llm: MakeLLM) -> None:
    """A refresh that others share may be cancelled; the turn must not end in silence."""

    async def key() -> str:
        raise asyncio.CancelledError

    with SimulatedClaude() as claude:
        error, _ = await fails_always(
            make_llm(claude, api_key=key, retry=shrunk_policy(max_attempts=2))
        )

    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.origin) == ("auth", "caller")


async def test_a_key_function_that_catches_the_barge_in_keeps_nobody(make_llm: MakeLLM) -> None:
    """The turn went on for as long as its budget lasted, and `aclose()` waited for it."""
    asked = asyncio.Event()

    async def stubborn() -> str:
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return KEY

    with SimulatedClaude() as claude:
        adapter = make_llm(claude, api_key=stubborn)
        stream = adapter.chat(chat_ctx=conversation())
        await asked.wait()
        await stream.aclose()
        await adapter.aclose()

        assert claude.requests == []


async def test_a_barge_in_while_the_key_is_awaited_is_a_barge_in(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Whoever hung up must not be told that the vault failed."""
    asked = asyncio.Event()

    async def key() -> str:
        asked.set()
        await asyncio.Event().wait()
        return KEY

    with SimulatedClaude() as claude:
        adapter = make_llm(claude, api_key=key)
        stream = adapter.chat(chat_ctx=conversation())
        await asked.wait()

        await stream.aclose()
        await adapter.aclose()

    assert lines.events == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"api_key": "sk-ant-other"}, "api_key"),
        ({"base_url": "https://gateway.example"}, "base_url"),
        ({"api_key": 7, "base_url": "nonsense"}, "api_key and base_url"),
    ],
)
async def test_a_key_or_an_address_beside_a_client_is_one_warning(
    lines: Lines, arguments: dict[str, Any], named: str
) -> None:
    """The plugin demands a key there; which of the two counts must not be a guess."""
    client = anthropic.AsyncAnthropic(api_key=KEY, base_url="http://claude.example")

    adapter = ResilientClaudeLLM(client=client, **arguments)

    assert (adapter.client, adapter.provider) == (client, "claude.example")
    assert lines.events == [
        (
            "claude.request_adjusted",
            {
                "argument": named,
                "reason": "not used: those of client= are",
                "model": "claude-sonnet-4-6",
            },
        )
    ]
    await client.close()


def clients_of_others() -> dict[str, Any]:
    """What people have at hand when they are to give a client."""
    return {
        "anthropic.Anthropic": anthropic.Anthropic(api_key="k"),
        "httpx2.AsyncClient": httpx2.AsyncClient(),
        "builtins.str": "x",
        "builtins.type": anthropic.AsyncAnthropic,
        "tests.OpenAI": OpenAI(),
    }


class OpenAI:
    """As another vendor's client looks: it was accepted, and failed with the first caller."""

    api_key = "k"
    base_url = "https://api.openai.example"

    async def post(self, *arguments: Any, **named: Any) -> None: ...


@pytest.mark.parametrize("kind", clients_of_others())
def test_a_client_of_somebody_else_is_refused(kind: str) -> None:
    """At construction; the first caller would hear of it otherwise."""
    client = clients_of_others()[kind]

    with pytest.raises(TypeError, match=f"client must be an async anthropic .*{kind}") as caught:
        ResilientClaudeLLM(client=client)

    assert ("make an AsyncAnthropic" in str(caught.value)) is (kind == "anthropic.Anthropic")


@pytest.mark.parametrize(
    ("model", "base_url", "meant"),
    [
        ("claude-sonet-4-6", None, "claude-sonnet-4-6"),
        ("anthropic/claude-opus-4-6", None, "claude-opus-4-6"),
        ("claude-sonnet-4-6", None, None),
        ("anthropic/claude-opus-4-6", "https://gateway.example", None),
    ],
)
async def test_an_unknown_model_is_one_warning_at_anthropic_alone(
    lines: Lines, model: str, base_url: str | None, meant: str | None
) -> None:
    """Every turn would be a 404; a gateway has names of its own."""
    adapter = ResilientClaudeLLM(model=model, api_key=KEY, base_url=base_url)

    fields = {"model": model, "suggestion": meant}
    assert lines.events == ([("claude.model_unknown", fields)] if meant else [])
    await adapter.aclose()


@pytest.mark.parametrize(
    ("kind", "model", "base_url", "meant"),
    [
        ("", "claude-haiku-4-5", None, "anthropic.claude-haiku-4-5"),
        ("Mantle", "claude-haiku-4-5", None, "anthropic.claude-haiku-4-5"),
        ("", "anthropic.claude-haiku-4-5-20251001-v1:0", None, None),
        ("", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", None, None),
        ("Mantle", "anthropic.claude-haiku-4-5", None, None),
        ("", "arn:aws:bedrock:eu:1:inference-profile/eu.anthropic.claude-opus-4-6-v1", None, None),
        ("", "claude-haiku-4-5", "https://gateway.example", None),
    ],
)
async def test_anthropic_s_own_id_is_one_warning_on_bedrock(
    lines: Lines, kind: str, model: str, base_url: str | None, meant: str | None
) -> None:
    """Who moves there changes the client, and every turn would be a 400."""
    make = getattr(anthropic, f"AsyncAnthropicBedrock{kind}")
    client = make(aws_region="eu-central-1", base_url=base_url)
    adapter = ResilientClaudeLLM(model=model, client=client)

    fields = {"model": model, "suggestion": meant}
    assert lines.events == ([("claude.model_unknown", fields)] if meant else [])
    await adapter.aclose()
    await client.close()


@pytest.mark.parametrize(
    ("model", "base_url", "is_told"),
    [
        ("claude-3-5-sonnet-20241022", None, True),
        ("claude-opus-4-20250514", None, True),
        ("claude-3-5-sonnet-20241022", "https://gateway.example", False),
        ("claude-opus-4-6", None, False),
        ("claude-haiku-9", None, False),
    ],
)
async def test_a_model_of_former_days_is_one_line_at_anthropic_alone(
    lines: Lines, model: str, base_url: str | None, is_told: bool
) -> None:
    """Its id is written rightly, it stands in many an example, and every turn would be a 404."""
    adapter = ResilientClaudeLLM(model=model, api_key=KEY, base_url=base_url)

    fields = {"model": model, "lifecycle": "retired"}
    assert lines.events == ([("claude.model_retires", fields)] if is_told else [])
    await adapter.aclose()


@pytest.mark.parametrize(
    ("kind", "is_told"), [("", False), ("Mantle", False), ("Vertex", False), ("Foundry", True)]
)
async def test_partners_retire_models_on_days_of_their_own(
    lines: Lines, kind: str, is_told: bool
) -> None:
    """A line that says so of a model that lives on teaches people to read over lines."""
    makers: dict[str, Callable[[], Any]] = {
        "": lambda: anthropic.AsyncAnthropicBedrock(aws_region="eu-central-1"),
        "Mantle": lambda: anthropic.AsyncAnthropicBedrockMantle(aws_region="eu-central-1"),
        "Vertex": lambda: anthropic.AsyncAnthropicVertex(region="global", project_id="desk"),
        "Foundry": lambda: anthropic.AsyncAnthropicFoundry(resource="desk", api_key=KEY),
    }
    client = makers[kind]()
    adapter = ResilientClaudeLLM(
        model="anthropic.claude-mythos-preview", client=client, model_like="claude-mythos-preview"
    )

    told = [event for event, _ in lines.events]
    assert told == (["claude.model_retires"] if is_told else [])
    await adapter.aclose()
    await client.close()


def test_a_missing_key_says_where_to_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most common first mistake."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    with pytest.raises(ValueError, match="pass api_key= or set ANTHROPIC_API_KEY"):
        ResilientClaudeLLM()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:8080", "ANTHROPIC_BASE_URL must begin with http"),
        ("https://h/v1", "ANTHROPIC_BASE_URL must not end in /v1"),
    ],
)
def test_a_bad_address_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    """The first caller would find out, turn by turn, and no line would name the variable."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)

    with pytest.raises(ValueError, match=message):
        ResilientClaudeLLM(api_key=KEY)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"api_key": ""}, ValueError, "api_key is empty: pass api_key= or set ANTHROPIC_API_KEY"),
        ({"api_key": "sk-ant-secret\n"}, ValueError, r"U\+000A at position 13 of 14"),
        ({"api_key": 7}, TypeError, "api_key must be a str, got int"),
        ({"api_key": "'sk-ant-secret'"}, ValueError, "api_key is in quotes, which no key has"),
        ({"api_key": '"'}, ValueError, "api_key is in quotes"),
        ({"base_url": "https://"}, ValueError, "base_url must name a host, got 'https://'"),
        ({"base_url": "nonsense"}, ValueError, "base_url must begin with http"),
        ({"base_url": "http://h:99999"}, ValueError, "base_url is not a URL"),
        ({"base_url": 7}, ValueError, "base_url must begin with http"),
        ({"base_url": "https://h/v1"}, ValueError, "base_url must not end in /v1"),
        ({"base_url": "https://h/v1/"}, ValueError, "base_url must not end in /v1"),
        ({"base_url": "https://h/v1/messages"}, ValueError, "must not end in /v1/messages"),
        ({"base_url": "https://h/?beta=true"}, ValueError, "must not have a query"),
        ({"base_url": "https://h?"}, ValueError, "must not have a query"),
        ({"base_url": "https://h/#x"}, ValueError, "must not have a query or a fragment"),
        ({"base_url": "https://h/ x"}, ValueError, "must not hold white space"),
        ({"base_url": "https://:80/"}, ValueError, "base_url "),
        ({"base_url": "https://u:secret@h/v1"}, ValueError, r"got 'https://\*\*\*@h/v1'"),
        ({"base_url": "https://u:secret@h:99999"}, ValueError, "percent-encode its password"),
        ({"base_url": "https://u:se/secret@h/v1"}, ValueError, "base_url"),
        ({"base_url": "https://u:secret://x@h/v1"}, ValueError, "base_url"),
        ({"base_url": "u:secret@h"}, ValueError, "base_url must begin with http"),
    ],
)
def test_a_bad_argument_says_what_was_wrong(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """At construction, and without the key in it: in the first call, somebody is on the phone."""
    with pytest.raises(error, match=message) as raised:
        ResilientClaudeLLM(**{"api_key": KEY, **arguments})

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_address_in_the_environment_is_none(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Deployments set variables that they have no value for."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", value)

    assert ResilientClaudeLLM(api_key=KEY).provider == "api.anthropic.com"


async def test_credentials_in_the_address_are_sent_as_basic_and_shown_nowhere(
    lines: Lines,
) -> None:
    """A gateway wants them, and nobody else may see them."""
    with SimulatedClaude(HttpError(401, message="no open sesame, dTpvcGVuIHNlc2FtZQ==")) as claude:
        url = claude.base_url.replace("//", "//u:open%20sesame@")
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=url)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        shown = [
            adapter.provider,
            repr(adapter),
            repr(adapter.client),
            str(adapter.client.base_url),
        ]
        await adapter.aclose()

    basic = base64.b64encode(b"u:open sesame").decode()
    assert [request.headers["authorization"] for request in claude.requests] == [f"Basic {basic}"]
    assert heard.error is not None
    shown += [str(lines.events), *traceback.format_exception(heard.error)]
    for secret in ("open sesame", "open%20sesame", basic):
        assert secret not in "".join(shown)


async def test_a_redirect_is_refused_naming_where_it_leads(lines: Lines) -> None:
    """A base URL with http for https, or of a moved gateway: one line says which to use."""
    location = {"location": "https://u:secret@moved.example/v1/messages", "server": "nginx"}
    redirect = Raw(b"", 307, headers={**location, "via": "1.1 gateway"})
    with SimulatedClaude(redirect) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    assert "moved.example" in str(heard.error)
    (line,) = lines.named("claude.attempt_failed")
    named = line["location"], line["server"], line["via"], line["status"]
    assert named == ("moved.example", "nginx", "1.1 gateway", 307)
    assert "secret" not in f"{line}{heard.error}"
