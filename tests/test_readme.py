"""What the README says is run here: its snippets, its log line, its tables."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, APIError, llm
from livekit.agents.types import NOT_GIVEN, APIConnectOptions
from livekit.agents.voice.agent_session import SessionConnectOptions

from resilient_claude import (
    ResilientClaudeLLM,
    RetryPolicy,
    Timeouts,
)
from resilient_claude.telemetry.log import EVENTS
from resilient_claude.testing import Answer, HttpError, SimulatedClaude
from tests.support.adapters import KEY

from .benchmarks import conversation as desk

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def snippet(marker: str) -> str:
    """The one python block that holds *marker*."""
    (found,) = [code for code in SNIPPETS if marker in code]
    return str(found)


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), namespace)
    return namespace


def test_every_snippet_is_run_by_a_test_here() -> None:
    """A new snippet needs a new test."""
    assert len(SNIPPETS) == 4


async def test_the_agent_greets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that a reader copies."""
    entrypoint = run(snippet("async def entrypoint"))["entrypoint"]
    sessions: list[AgentSession[None]] = []
    start = AgentSession.start

    async def started(session: AgentSession[None], *arguments: Any, **keywords: Any) -> Any:
        sessions.append(session)
        return await start(session, *arguments, **keywords)

    monkeypatch.setattr(AgentSession, "start", started)
    with SimulatedClaude(HttpError(529), Answer("Good evening!")) as claude:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.base_url)
        await entrypoint(SimpleNamespace(room=NOT_GIVEN, add_shutdown_callback=callable))
        (session,) = sessions
        assert session.history.items[-1].text_content == "Good evening!"  # type: ignore[union-attr]
        await session.aclose()
        assert isinstance(session.llm, ResilientClaudeLLM)
        await session.llm.aclose()


async def test_the_schemas_of_an_agent_s_tools_are_built_before_its_first_turn() -> None:
    """Whoever copies it wants just that."""
    agent = Agent(instructions="x", tools=[*desk.tools(3)])
    with SimulatedClaude(Answer("Hello.")) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        session = await run(snippet("async def begin"))["begin"](adapter, agent)
        await asyncio.gather(*adapter._warming)
        built = adapter._schemas.builds

        await session.run(user_input="Hello?")
        await session.aclose()
        await adapter.aclose()

    assert (built, adapter._schemas.builds) == (3, 3)


APOLOGY = "Sorry, I lost my train of thought. Could you say that again?"


async def spoken_in_a_lost_turn(brain: llm.LLM[Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the README's apology says while *brain* loses a turn."""
    spoken: list[str] = []
    once = SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0))
    session: AgentSession[None] = AgentSession(llm=brain, conn_options=once)
    monkeypatch.setattr(session, "say", spoken.append)
    run(snippet("def apologise"))["apologise"](session)
    await session.start(Agent(instructions="x"))
    with pytest.raises(APIError):
        await session.run(user_input="Hello?")
    await session.aclose()
    return spoken


async def test_the_apology_is_made_when_a_turn_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never silent: the caller hears that something went wrong."""
    with SimulatedClaude(HttpError(400)) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)

        spoken = await spoken_in_a_lost_turn(adapter, monkeypatch)
        await adapter.aclose()

    assert spoken == [APOLOGY]


async def test_the_apology_is_made_when_every_provider_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Behind `FallbackAdapter` the last error is livekit's own, and the caller waits as well."""
    with SimulatedClaude(default=HttpError(400)) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        both = llm.FallbackAdapter([adapter], attempt_timeout=1.0)

        spoken = await spoken_in_a_lost_turn(both, monkeypatch)
        await both.aclose()
        await adapter.aclose()

    assert spoken == [APOLOGY]


def test_the_pytest_example_passes(tmp_path: Path) -> None:
    """With the plugin found through its entry point, as a user has it."""
    (tmp_path / "test_agent.py").write_text(snippet("simulated_claude: SimulatedClaude"))

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "1 passed" in result.stdout, result.stdout + result.stderr


# --- what the README says of the log ------------------------------------------------------------


def emitted() -> dict[str, list[str]]:
    """The fields of every event, as the code emits them."""
    return {name: [*event.fields] for name, event in EVENTS.items()}


def documented() -> dict[str, list[str]]:
    """The fields of every event, as the README's table lists them."""
    groups = {
        "the failure's": re.search(r"The failure's fields: (.*?)\. The call's", README, re.DOTALL),
        "the call's": re.search(r"The call's: (.*?)\. `origin`", README, re.DOTALL),
    }
    expansions = {
        name: " ".join(f"`{f}`" for f in re.findall(r"`(\w+)`", found.group(1)))
        for name, found in groups.items()
        if found is not None
    }
    table: dict[str, list[str]] = {}
    for event, names in re.findall(r"^\| `(claude\.\w+)` \|.*?\|.*?\| (.*?) \|$", README, re.M):
        for name, expansion in expansions.items():
            names = names.replace(name, expansion)
        table[event] = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", names))
    return table


def test_the_field_table_is_what_is_emitted() -> None:
    """Dashboards are built from this table."""
    assert documented() == emitted()


def test_the_log_line_has_the_fields_of_a_real_one() -> None:
    """An example that no version ever printed would be worse than none."""
    (text,) = re.findall(r"<!-- log line -->\n```json\n(.*?)\n```", README, re.DOTALL)

    assert list(json.loads(text)) == [
        "message",
        "level",
        "name",
        *emitted()["claude.attempt_failed"],
    ]


# --- what the README says of the arguments ------------------------------------------------------


def first_column(header: str) -> list[str]:
    """The names in the first column of the table whose header begins with *header*."""
    _, _, rest = README.partition(f"| {header} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]


def test_every_argument_is_documented() -> None:
    """And nothing that is none."""
    arguments = inspect.signature(ResilientClaudeLLM).parameters

    assert set(first_column("argument")) == {n for n in arguments if not n.startswith("_")}


@pytest.mark.parametrize("cls", [RetryPolicy, Timeouts])
def test_every_field_is_documented(cls: type[RetryPolicy] | type[Timeouts]) -> None:
    """The README and the code name the same fields."""
    assert set(first_column(f"`{cls.__name__}`")) == {field.name for field in fields(cls)}


def test_the_documented_defaults_are_the_real_ones() -> None:
    """A number in a table is believed."""
    for defaults in (RetryPolicy(), Timeouts()):
        for field in fields(defaults):
            value = getattr(defaults, field.name)
            if isinstance(value, (int, float)):
                (row,) = [r for r in README.splitlines() if re.match(rf"\| .*`{field.name}`", r)]
                column = row.split("|")[1:3]
                position = re.findall(r"`(\w+)`", column[0]).index(field.name)
                assert float(re.findall(r"[\d.]+", column[1])[position]) == value, field.name
