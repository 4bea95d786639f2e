"""The first turn of a cloud's client finds everything ready: libraries, credentials, connection."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
from livekit.agents import APIError

from resilient_claude import Failure, FailureKind, ResilientClaudeLLM, failure_of
from resilient_claude.testing import SimulatedClaude
from resilient_claude.testing.rules.endpoints import ENDPOINTS, PlatformName
from tests.support.google_stand_in import google_auth
from tests.support.listening import conversation, read_stream
from tests.support.platform_clients import CLIENTS

ROOT = Path(__file__).parents[2]
NO_MODELS = {"bedrock", "bedrock_mantle", "foundry", "vertex"}

# --- in a process of its own ----------------------------------------------------------------------

AWS_CONFIG = """[default]
credential_process = cat {}
"""
AWS_CREDENTIALS = {"Version": 1, "AccessKeyId": "AKIATEST", "SecretAccessKey": "test"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which AWS's library runs a program for credentials, and Google's is a stand-in."""
    config = tmp_path / "config"
    config.write_text(AWS_CONFIG.format(tmp_path / "credentials.json"))
    (tmp_path / "credentials.json").write_text(json.dumps(AWS_CREDENTIALS))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{google_auth(tmp_path)}",
    }


def first_turn(name: str, mode: str, environment: dict[str, str]) -> dict[str, Any]:
    """What the event loop's thread did in a process that has only imported the packages."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.transport.first_turn", name, mode],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (told["text"], told["error"]) == ("Hello.", None)
    return told


@pytest.mark.parametrize("name", ["bedrock", "vertex"])
def test_the_first_turn_after_warming_loads_nothing(name: str, environment: dict[str, str]) -> None:
    """Cold, boto3 alone stops the audio of every call in the process for a quarter of a second."""
    told = first_turn(name, "prewarmed", environment)

    assert told["turn"] == []
    assert told["connections"] == 1
    slow = re.compile(r"import (boto|google|urllib3|dateutil)|subprocess.Popen|credentials")
    assert [each for each in told["warming"] if slow.match(each)] == []


def test_a_cold_first_turn_loads_what_warming_would_have(environment: dict[str, str]) -> None:
    """So the watch of the test above sees it."""
    told = first_turn("bedrock, with a token", "cold", environment)

    assert any(each.startswith("import botocore") for each in told["turn"])
    assert any("bedrock-runtime" in each for each in told["turn"] if each.startswith("open"))


# --- on a socket ----------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ENDPOINTS)
async def test_the_first_turn_uses_the_connection_that_warming_opened(
    platform: PlatformName,
) -> None:
    """Where there is no list of models, a request without credentials opens it all the same."""
    with SimulatedClaude(platform=platform) as claude:
        client = CLIENTS[platform](claude.base_url)
        adapter = ResilientClaudeLLM(client=client)
        await adapter.warm()
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await client.close()

        (asked,) = claude.other_requests
        assert (heard.error, claude.connections, len(claude.requests)) == (None, 1, 1)
    if platform in NO_MODELS:
        assert asked.method == "HEAD"
        assert not {"authorization", "x-api-key", "api-key"} & asked.headers.keys()
    else:
        assert asked.path.endswith("/v1/models/claude-sonnet-4-6")


async def failed_warming(client: Any) -> Failure:
    """Why the first request of *client* cannot be made ready, as the application is told."""
    adapter = ResilientClaudeLLM(client=client)
    with pytest.raises(APIError) as caught:
        await adapter.warm()
    await adapter.aclose()
    await client.close()
    failure = failure_of(caught.value)
    assert failure is not None
    assert f"warming failed: {failure.kind}" in str(caught.value)
    return failure


async def test_a_port_that_nobody_listens_on_is_known_before_the_first_turn() -> None:
    """Also where nothing can be asked for."""
    with SimulatedClaude(platform="bedrock") as claude:
        claude.refuse()
        failure = await failed_warming(CLIENTS["bedrock"](claude.base_url))

    assert failure.kind is FailureKind.CONNECT


async def test_credentials_that_are_missing_are_known_before_the_first_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are the account's business, and named so."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with SimulatedClaude(platform="bedrock") as claude:
        client = anthropic.AsyncAnthropicBedrock(base_url=claude.base_url, aws_region="nowhere")
        failure = await failed_warming(client)

    assert failure.kind is FailureKind.AUTH
    assert "credentials" in failure.root_message.lower()


@contextmanager
def foundry(provider: Any) -> Iterator[tuple[SimulatedClaude, Any]]:
    with SimulatedClaude(platform="foundry") as claude:
        yield (
            claude,
            anthropic.AsyncAnthropicFoundry(
                base_url=claude.base_url, azure_ad_token_provider=provider
            ),
        )


async def test_a_function_that_makes_a_token_makes_the_first_one_in_a_thread() -> None:
    """The SDK calls it on the event loop, where azure.identity would ask a server."""
    threads: list[bool] = []
    loop_thread = threading.get_ident()

    def provider() -> str:
        threads.append(threading.get_ident() == loop_thread)
        return "token"

    with foundry(provider) as (_, client):
        adapter = ResilientClaudeLLM(client=client)
        await adapter.warm()
        await adapter.aclose()
        await client.close()

    assert threads[0] is False


@pytest.mark.parametrize("awaited", ["a coroutine function", "a function that returns one"])
async def test_a_coroutine_that_makes_a_token_runs_on_the_event_loop(awaited: str) -> None:
    """What it waits with belongs to this loop."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def provider() -> str:
        loops.append(asyncio.get_running_loop())
        return "token"

    given = provider if awaited == "a coroutine function" else lambda: provider()
    with foundry(given) as (_, client):
        adapter = ResilientClaudeLLM(client=client)
        await adapter.warm()
        await adapter.aclose()
        await client.close()

    assert {*loops} == {asyncio.get_running_loop()}


async def test_a_function_that_gives_no_token_fails_the_warming_by_name() -> None:
    """Once in the thread, which says nothing, and once where the SDK calls it, which does."""

    def provider() -> str:
        raise LookupError("vault")

    with foundry(provider) as (_, client):
        failure = await failed_warming(client)

    assert (failure.kind, failure.root_type) == (FailureKind.AUTH, "LookupError")
