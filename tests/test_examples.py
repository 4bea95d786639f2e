"""The examples run: what a reader copies first must work."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from livekit.agents import Agent, AgentServer, AgentSession, APIError, llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, HttpError, SimulatedClaude

EXAMPLES = Path(__file__).parent.parent / "examples"
VOICE = ("voice_agent", "voice_agent_with_fallback")


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def _accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that are good for nothing, and an inference gateway that is not there."""
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret" * 6)
    monkeypatch.setenv("LIVEKIT_INFERENCE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")


def test_every_example_is_tested_here() -> None:
    """A new example without a test would rot unseen."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*VOICE, "text_agent_outage"}


# --- text_agent_outage ----------------------------------------------------------------------------


def test_the_outage_is_heard_as_a_pause_and_then_as_an_apology() -> None:
    """It shows both ends of the promise: healed in time, or said aloud."""
    done = subprocess.run(
        [sys.executable, "-W", "always", str(EXAMPLES / "text_agent_outage.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    spoken = [line for line in done.stdout.splitlines() if line.startswith(("agent", "caller"))]
    assert spoken == [
        "caller: Hello?",
        "agent:  Hello! How can I help you?",
        "caller: Are you open tonight?",
        "agent:  We are open until eleven.",
        "caller: Can I book a table?",
        "agent:  Sorry, I cannot think right now. Please ask me again in a moment.",
        "caller: And now?",
        "agent:  Gladly. For how many people?",
    ]
    ends = re.findall(r"claude\.call_\w+ attempts=\d+ kind=\w+ origin=\w+", done.stdout)
    assert [re.sub(r"\d+", "N", end) for end in ends] == [
        "claude.call_recovered attempts=N kind=connect origin=local",
        "claude.call_failed attempts=N kind=connect origin=local",
    ]
    assert "root_type=ConnectionRefusedError root_message=[Errno" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


# --- the voice agents -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", VOICE)
def test_the_voice_agent_registers_its_entrypoint(name: str) -> None:
    """Without it the worker starts and then fails its first call."""
    module = load(name)

    assert isinstance(module.server, AgentServer)
    with pytest.raises(RuntimeError, match="only one rtc_session"):
        module.server.rtc_session(module.entrypoint)


@pytest.mark.usefixtures("_accounts")
async def test_the_voice_agent_puts_claude_between_ears_and_voice(
    simulated_claude: SimulatedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arguments of AgentSession change between the releases that are supported."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", simulated_claude.base_url)
    module = load("voice_agent")
    async with module.make_llm() as claude:
        session = module.make_session(claude)

        assert session.llm is claude
        assert [tool.info.name for tool in module.Receptionist().tools] == ["opening_hours"]
        assert (session.stt.model, session.tts.model) == ("deepgram/nova-3", "cartesia/sonic-3")


async def failed_then_healthy_turn(
    module: ModuleType, brain: llm.LLM[Any], claude: SimulatedClaude
) -> list[str]:
    """What the caller hears of a turn that fails for good, and of the next one."""
    session = AgentSession[None](llm=brain, vad=None, turn_handling={"turn_detection": None})
    module.apologise_for_failed_turns(session)
    heard: list[str] = []

    @session.on("conversation_item_added")
    def on_item(event: Any) -> None:
        if event.item.type == "message" and event.item.role == "assistant":
            heard.append(event.item.text_content)

    async with session:
        await session.start(Agent(instructions="Be brief."))
        await session.run(user_input="Hello?")
        claude.script(Answer("Here I am."))
        await session.run(user_input="Are you there?")
    return heard


@pytest.mark.parametrize("name", VOICE)
async def test_the_voice_agent_apologises_once_for_a_turn_that_failed(
    name: str, simulated_claude: SimulatedClaude
) -> None:
    """livekit says nothing by itself, and a recoverable error is no reason to apologise."""
    simulated_claude.script(HttpError(529), HttpError(400))
    module = load(name)

    async with ResilientClaudeLLM(api_key="k", base_url=simulated_claude.base_url) as claude:
        heard = await failed_then_healthy_turn(module, claude, simulated_claude)

    assert heard == [module.APOLOGY, "Here I am."]


async def test_the_voice_agent_hangs_up_when_no_further_turn_can_succeed(
    simulated_claude: SimulatedClaude,
) -> None:
    """With a revoked key it would apologise for ever: an apology starts livekit's count anew."""
    simulated_claude.script(HttpError(401))
    module = load("voice_agent")
    closed = asyncio.Event()
    async with ResilientClaudeLLM(api_key="k", base_url=simulated_claude.base_url) as claude:
        session = AgentSession[None](llm=claude, vad=None, turn_handling={"turn_detection": None})
        module.apologise_for_failed_turns(session)
        session.on("close", lambda event: closed.set())
        await session.start(Agent(instructions="Be brief."))
        with suppress(APIError):
            await session.run(user_input="Hello?")

        async with asyncio.timeout(10):
            await closed.wait()


@pytest.mark.usefixtures("_accounts")
async def test_the_fallback_gets_two_attempts_from_claude_before_the_other_provider(
    simulated_claude: SimulatedClaude,
) -> None:
    """FallbackAdapter's options reach our policy: `max_retry_per_llm=1` must mean two requests."""
    simulated_claude.script(HttpError(529), Answer("Here I am."))
    module = load("voice_agent_with_fallback")

    async with ResilientClaudeLLM(base_url=simulated_claude.base_url) as claude:
        brain = module.make_llm(claude)
        async with brain.chat(chat_ctx=llm.ChatContext.empty()) as stream:
            text = "".join([c.delta.content or "" async for c in stream if c.delta])

    assert text == "Here I am."
    assert len(simulated_claude.requests) == 2


@pytest.mark.usefixtures("_accounts")
async def test_the_agent_with_fallback_is_put_together(simulated_claude: SimulatedClaude) -> None:
    """The arguments of FallbackAdapter and AgentSession change between releases, too."""
    module = load("voice_agent_with_fallback")
    async with ResilientClaudeLLM(base_url=simulated_claude.base_url) as claude:
        brain = module.make_llm(claude)

        assert module.make_session(brain).llm is brain
        assert isinstance(brain, llm.FallbackAdapter)
