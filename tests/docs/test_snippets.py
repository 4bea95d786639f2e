"""Every snippet of the README and of docs/ is run, as a reader would run it."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, APIError, ErrorEvent, llm
from livekit.agents.types import NOT_GIVEN

from resilient_claude import (
    FailureKind,
    ResilientClaudeLLM,
    RetryPolicy,
    Timeouts,
    TurnEnded,
    failure_of,
)
from resilient_claude.testing import Answer, HttpError, SimulatedClaude
from resilient_claude.testing.voice import Says, VoiceCall
from resilient_claude.voice import keep_caller_informed

from ..benchmarks import conversation as desk
from ..support.adapters import KEY, shrunk_policy
from ..support.attended_calls import as_said
from ..support.google_stand_in import google_auth
from ..support.listening import conversation, read_stream
from ..support.scripted_llm import ScriptedLLM, Turn
from .pages import README, blocks, page, pages

_RUN_HERE: set[str] = set()


def snippet(text: str, marker: str) -> str:
    """The one python block of the page *text* that holds *marker*; a test here runs it."""
    (found,) = [code for code in blocks(text, "python") if marker in code]
    _RUN_HERE.add(found)
    return found


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(code, "snippet", "exec"), namespace)
    return namespace


GREETING = snippet(README, "async def entrypoint")
APOLOGISING = snippet(page("failures"), "def attend(")
IMPATIENT = snippet(page("parameters"), "def make_llm")
PREWARMING = snippet(page("parameters"), "async def begin")
COUNTING = snippet(page("watching"), "def count")
TESTING = snippet(page("testing"), "test_my_agent_survives_an_overload(")
LOSING = snippet(page("testing"), "test_my_agent_loses")
WORKING = snippet(page("testing"), "def works")
OUTAGE = snippet(page("testing"), "def overloaded")
CALLING = snippet(page("testing-voice"), "test_my_caller_is_answered")
ATTENDING = snippet(page("voice"), 'hold_after_s="auto"')
ACCOMPANYING = snippet(page("voice"), "class Librarian")
COUNTING_APOLOGIES = snippet(page("voice"), "def attend(")
PRICING = snippet(page("costs"), "Prices(")
WARMING = snippet(page("costs"), "async def before_the_first_call")
CACHED = snippet(page("testing"), "test_my_agents_second_turn_is_cached")
LOOKING = snippet(page("server-tools"), "def make_agent")
BREAKING = snippet(page("testing"), "def broken_line")
ON_A_CLOUD = snippet(page("testing"), "test_my_agent_survives_an_overload_of_bedrock")
REJECTING = snippet(page("testing"), "def old_gateway")
CLIENTS = {
    "bedrock": snippet(page("clients"), "def on_bedrock()"),
    "bedrock_mantle": snippet(page("clients"), "def on_bedrock_messages()"),
    "aws": snippet(page("clients"), "def on_aws()"),
    "vertex": snippet(page("clients"), "def on_vertex()"),
    "google_cloud": snippet(page("clients"), "def on_google_cloud()"),
    "foundry": snippet(page("clients"), "def on_foundry()"),
}
SHOWING = snippet(page("images"), "def show")


def test_every_snippet_is_run_by_a_test_here() -> None:
    """A new snippet needs a new test."""
    assert {code for text in pages().values() for code in blocks(text, "python")} == _RUN_HERE


async def test_the_agent_greets_and_keeps_its_caller_informed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first thing that a reader copies: heard without Claude, and when Claude is down."""
    entrypoint = run(GREETING)["entrypoint"]
    sessions: list[AgentSession[None]] = []
    start = AgentSession.start

    async def started(session: AgentSession[None], *arguments: Any, **keywords: Any) -> Any:
        sessions.append(session)
        return await start(session, *arguments, **keywords)

    monkeypatch.setattr(AgentSession, "start", started)
    with SimulatedClaude(HttpError(401), Answer("Good evening!")) as claude:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.base_url)
        await entrypoint(SimpleNamespace(room=NOT_GIVEN, add_shutdown_callback=callable))
        (session,) = sessions
        for _ in range(2):
            await session.run(user_input="Hello?")
        said = [i for i in session.history.items if i.type == "message" and i.role == "assistant"]
        await session.aclose()
        assert isinstance(session.llm, ResilientClaudeLLM)
        await session.llm.aclose()

    assert [item.text_content for item in said] == [
        "Hello, this is the Blue Door. How can I help you?",
        "I'm sorry, I can't think straight right now. Could you say that again?",
        "Good evening!",
    ]


async def test_a_document_is_shown_to_claude() -> None:
    """livekit has no content for it; a strict Claude takes what is sent."""
    context = llm.ChatContext.empty()
    run(SHOWING)["show"](context, b"%PDF-1.7")
    with SimulatedClaude(Answer("Ten euros.")) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        heard = await read_stream(adapter.chat(chat_ctx=context))
        await adapter.aclose()

        content = claude.requests[0].body["messages"][0]["content"]
    assert heard.text == "Ten euros."
    assert [block["type"] for block in content] == ["document", "text"]
    assert content[0]["source"]["data"] == base64.b64encode(b"%PDF-1.7").decode()


async def test_the_schemas_of_an_agent_s_tools_are_built_before_its_first_turn() -> None:
    """Whoever copies it wants just that."""
    agent = Agent(instructions="x", tools=[*desk.tools(3)])
    with SimulatedClaude(Answer("Hello.")) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        session = await run(PREWARMING)["begin"](adapter, agent)
        await asyncio.gather(*adapter._warming)
        built = adapter._schemas.builds

        await session.run(user_input="Hello?")
        await session.aclose()
        await adapter.aclose()

    assert (built, adapter._schemas.builds) == (3, 3)


async def test_what_fails_while_warming_is_raised_to_who_awaits_it() -> None:
    """As docs/parameters.md promises to a worker that must know before it takes a call."""
    adapter = ResilientClaudeLLM(api_key=KEY, base_url="http://127.0.0.1:9")

    with pytest.raises(APIError) as caught:
        await adapter.warm()
    await adapter.aclose()

    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind is FailureKind.CONNECT


APOLOGY = "Sorry, I lost my train of thought. Could you say that again?"
CALLER = [Says("When do you open?")]


def apologised(brain: Any, **arguments: Any) -> list[str]:
    """What a caller hears whose session has the lines of docs/failures.md."""
    attend = run(APOLOGISING)["attend"]
    call = VoiceCall(brain, CALLER, prepare=attend, lasts_s=20.0, **arguments).play()
    return [as_said(each.text) for each in call.heard()]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (HttpError(401), [APOLOGY]),
        (HttpError(400), [APOLOGY]),
        (HttpError(429, headers={"retry-after": "60"}), [APOLOGY]),
        (HttpError(529), ["One moment.", APOLOGY]),
    ],
    ids=["401", "400", "429", "529"],
)
def test_the_apology_is_heard_when_a_turn_is_lost(step: HttpError, said: list[str]) -> None:
    """In a call: a session in text mode plays what no caller would hear."""
    with SimulatedClaude(default=step) as claude:

        def adapter() -> llm.LLM[Any]:
            return ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)

        heard = apologised(adapter)

    assert [each for each in heard if each in said] == said
    assert heard[-1] == APOLOGY


def test_the_apology_is_heard_when_every_provider_is_lost() -> None:
    """Behind `FallbackAdapter` the last error is livekit's own, and comes before the commit too."""
    with SimulatedClaude(default=HttpError(400)) as claude:

        @asynccontextmanager
        async def both() -> AsyncIterator[llm.LLM[Any]]:
            async with ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url) as adapter:
                fallback = llm.FallbackAdapter([adapter], attempt_timeout=1.0)
                yield fallback
                await fallback.aclose()

        assert apologised(both)[-1] == APOLOGY


def apologising_from_the_error_event(session: AgentSession[None]) -> None:
    """What docs/failures.md says is no replacement."""

    @session.on("error")
    def on_error(event: ErrorEvent) -> None:
        if isinstance(event.error, llm.LLMError) and not event.error.recoverable:
            session.say(APOLOGY)


def test_an_apology_from_the_error_event_is_not_heard() -> None:
    """Should this fail with a newer livekit, the page says too much."""
    with SimulatedClaude(default=HttpError(401)) as claude:
        adapter = partial(ResilientClaudeLLM, api_key=KEY, base_url=claude.base_url)

        call = VoiceCall(adapter, CALLER, prepare=apologising_from_the_error_event).play()

    assert call.heard() == []


def test_a_sentence_in_four_pieces_closes_a_session() -> None:
    """livekit counts generations, and each piece makes one."""
    pieces = Says("When do you open on Sunday please?", finals=4)
    with SimulatedClaude(default=HttpError(401)) as claude:
        adapter = partial(ResilientClaudeLLM, api_key=KEY, base_url=claude.base_url)

        call = VoiceCall(adapter, [pieces]).play()

    assert call.closed_at_s is not None
    assert call.closed_at_s - call.said()[0].end_s < 1.0


def test_the_pytest_examples_pass(tmp_path: Path) -> None:
    """With the page's settings, and the plugin found through its entry point, as a user has it."""
    (tmp_path / "test_saved.py").write_text(TESTING)
    (tmp_path / "test_lost.py").write_text(LOSING)
    (tmp_path / "test_calls.py").write_text(CALLING)
    (tmp_path / "test_cached.py").write_text(CACHED)
    (tmp_path / "test_bedrock.py").write_text(ON_A_CLOUD)
    (settings,) = blocks(page("testing"), "toml")
    (tmp_path / "pyproject.toml").write_text(settings)

    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "7 passed" in result.stdout, result.stdout + result.stderr
    assert "warning" not in result.stdout


async def test_the_impatient_adapter_is_as_impatient_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The two classes are importable from where the page takes them."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)

    adapter = run(IMPATIENT)["make_llm"]()

    assert adapter.retry == RetryPolicy(max_silence_s=12)
    assert adapter.timeouts == Timeouts(first_token_s=4)
    await adapter.aclose()


async def test_the_turns_are_counted_by_how_they_ended() -> None:
    """A dashboard that misses the turns that failed would show that all is well."""
    namespace = run(COUNTING)
    with SimulatedClaude(Answer("Hello."), HttpError(400)) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        namespace["count"](adapter)

        for _ in range(2):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert namespace["turns"] == {"complete": 1, "failed: rejected (caller)": 1}


async def test_prices_of_ones_own_are_those_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway's, for its own name of a model."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    costs: list[float | None] = []
    with SimulatedClaude(Answer("Hi.", input_tokens=1_000, output_tokens=100)) as claude:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.base_url)
        adapter = run(PRICING)["make_llm"]()
        adapter.on("claude_turn_ended", lambda turn: costs.append(turn.cost_usd))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert costs == [pytest.approx((1_000 * 0.12 + 100 * 0.6) / 1e6)]


async def test_the_first_call_reads_what_was_written_before_it() -> None:
    """By an agent as livekit has it, whose first turn is a session's."""
    agent = Agent(instructions="Be brief and kind. " * 300, tools=[*desk.tools(3)])
    turns: list[TurnEnded] = []
    with SimulatedClaude(cache=True) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url, caching="ephemeral")
        adapter.on("claude_turn_ended", turns.append)
        warmed = await run(WARMING)["before_the_first_call"](adapter, agent)
        session: AgentSession[None] = AgentSession(llm=adapter, vad=None)
        async with adapter, session:
            await session.start(agent)
            await session.run(user_input="Hello?")

    assert warmed.written_tokens > 1_000
    assert turns[0].usage.cache_read_tokens == warmed.written_tokens


async def test_the_broken_line_breaks_where_the_page_says() -> None:
    """Whoever copies it counts words."""
    with run(BREAKING)["broken_line"]() as claude:
        raising = RetryPolicy(on_interruption="raise")
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url, retry=raising)

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert heard.text == "We open at "
    assert isinstance(heard.error, APIError)


@pytest.mark.parametrize(
    ("model", "said"),
    [("claude-haiku-5-5", "text"), ("claude-sonnet-5-5", "a note"), ("claude-opus-5", "text")],
)
async def test_the_simulated_claude_works_as_the_page_says(model: str, said: str) -> None:
    """What it thinks is not heard; what it notes is, whatever block it comes in."""
    with run(WORKING)["works"]() as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url, model=model)

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert (heard.text, [call.name for call in heard.calls]) == (
        "I look into the book.",
        ["look_up"],
    )
    assert ("content" in (heard.calls[0].extra or {}).get("claude", {})) == (said == "a note")


async def test_the_outage_lasts_until_it_is_healed() -> None:
    """However often the adapter asks."""
    with run(OUTAGE)["overloaded"]() as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url, retry=shrunk_policy())

        turn = asyncio.create_task(read_stream(adapter.chat(chat_ctx=conversation())))
        await asyncio.to_thread(claude.wait_for_requests, 3)
        claude.heal()
        heard = await turn
        await adapter.aclose()

    assert heard.text == "Hello."


async def test_the_broken_line_is_gone_on_with_as_the_page_says() -> None:
    """By default the caller hears the whole sentence, once."""
    with run(BREAKING)["broken_line"]() as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)

        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, heard.error) == ("We open at five.", None)
        assert len(claude.requests) == 2


@pytest.mark.parametrize("text", [README, page("migrating")], ids=["README", "migrating"])
async def test_the_lines_of_the_swap_run(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added must work as it stands, and there must be no more than three lines of it."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    (swap,) = blocks(text, "diff")
    after = [line[1:] for line in swap.splitlines() if not line.startswith("-")]
    added = [line for line in swap.splitlines() if line.startswith("+")]
    ctx = SimpleNamespace(add_shutdown_callback=callable)
    namespace: dict[str, Any] = {"AgentSession": AgentSession, "ctx": ctx}

    exec(compile("\n".join(after), "swap", "exec"), namespace)

    session = namespace["session"]
    assert isinstance(session.llm, ResilientClaudeLLM)
    assert len(added) <= 3
    await session.llm.aclose()


async def test_a_caller_is_kept_informed_and_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four lost turns: three apologies, and the colleague."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    entrypoint = run(ATTENDING)["entrypoint"]
    sessions: list[AgentSession[None]] = []
    start = AgentSession.start

    async def started(session: AgentSession[None], *arguments: Any, **keywords: Any) -> Any:
        sessions.append(session)
        return await start(session, *arguments, **keywords)

    monkeypatch.setattr(AgentSession, "start", started)
    with SimulatedClaude() as claude:
        claude.outage(HttpError(401))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.base_url)
        await entrypoint(SimpleNamespace(room=NOT_GIVEN, add_shutdown_callback=callable))
        (session,) = sessions
        closed = asyncio.Event()
        session.on("close", lambda _: closed.set())
        for _ in range(3):
            await session.run(user_input="When do you open?")
        session.generate_reply(user_input="Hello?")
        await closed.wait()
        assert isinstance(session.llm, ResilientClaudeLLM)
        await session.llm.aclose()

    said = [i for i in session.history.items if i.type == "message" and i.role == "assistant"]
    assert len(said) == 4
    assert said[-1].text_content == "I'll put you through to a colleague."


async def test_lines_over_a_part_of_a_node() -> None:
    """The librarian is slow, and says so."""
    librarian = run(ACCOMPANYING)["Librarian"]
    session: AgentSession[None] = AgentSession(
        llm=ScriptedLLM(Turn("In the cellar.", first_s=0.4)), vad=None
    )
    lines: list[str] = []
    care = keep_caller_informed(session, hold_after_s=0.1)
    care.on("hold_line", lambda line: lines.append(line.text))
    async with session:
        await session.start(librarian(care))
        await session.run(user_input="Where are the maps?")

    assert lines == ["One moment."]
    last = session.history.items[-1]
    assert last.text_content == "In the cellar."  # type: ignore[union-attr]


async def test_the_agent_with_server_tools_is_sent_as_it_stands() -> None:
    """To a simulated Claude that refuses what the documentation rejects."""
    agent = run(LOOKING)["make_agent"]()
    with SimulatedClaude(Answer("Hello.")) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        session: AgentSession[None] = AgentSession(llm=adapter, vad=None)
        async with adapter, session:
            await session.start(agent)
            await session.run(user_input="When does the last train leave?")
        (request,) = claude.requests

    assert request.body is not None
    assert [tool["type"] for tool in request.body["tools"]] == [
        "web_search_20260318",
        "mcp_toolset",
    ]
    assert session.history.items[-1].text_content == "Hello."  # type: ignore[union-attr]


async def test_apologies_are_counted_by_their_cause() -> None:
    """By the failure's kind, as everywhere."""
    apologies: list[str] = []
    with SimulatedClaude(HttpError(401)) as claude:
        adapter = ResilientClaudeLLM(api_key=KEY, base_url=claude.base_url)
        session: AgentSession[None] = AgentSession(llm=adapter, vad=None)
        run(COUNTING_APOLOGIES)["attend"](session, apologies)
        async with adapter, session:
            await session.start(Agent(instructions="x"))
            await session.run(user_input="When do you open?")

    assert apologies == [FailureKind.AUTH]


async def test_a_gateway_that_takes_less_is_answered_with_less() -> None:
    """An agent in front of one does not lose its calls."""
    with run(REJECTING)["old_gateway"]() as claude:
        adapter = ResilientClaudeLLM(
            api_key=KEY,
            base_url=claude.base_url,
            model="claude-opus-4-6",
            effort="low",
            betas=["no-such-2026-01-01"],
        )
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 3

    assert (heard.text, heard.error) == ("Hello.", None)


@pytest.mark.parametrize("platform", CLIENTS)
async def test_the_client_of_a_cloud_is_made_as_the_page_says(
    platform: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With nothing but what the environment of such a machine has."""
    monkeypatch.syspath_prepend(google_auth(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("ANTHROPIC_FOUNDRY_API_KEY", KEY)
    address = "ANTHROPIC_FOUNDRY_BASE_URL"
    code = CLIENTS[platform]
    if platform == "foundry":  # either a resource or an address
        code = code.replace('resource="my-resource"', "")
    else:
        address = f"ANTHROPIC_{platform.upper()}_BASE_URL"
    with SimulatedClaude(platform=platform) as claude:
        monkeypatch.setenv(address, claude.base_url)
        namespace = run(code)
        (make,) = [each for name, each in namespace.items() if name.startswith("on_")]
        adapter = make()

        await adapter.warm()
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        await adapter.client.close()

    assert (heard.text, heard.error) == ("Hello.", None)
