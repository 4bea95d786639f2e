"""The examples run: what a reader copies first must work."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import anthropic
import pytest
from livekit import api
from livekit.agents import AgentServer, AgentSession, llm, room_io
from livekit.protocol.sip import SIPTransferStatus, TransferSIPParticipantResponse

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    ServerToolUse,
    SimulatedClaude,
    ToolUse,
    found,
)
from resilient_claude.testing.voice import PlayedCall, Says, recording
from resilient_claude.voice import keep_caller_informed

from .support.attended_calls import QUESTION, as_said
from .support.scripted_llm import FAILS, ScriptedLLM, Turn

EXAMPLES = Path(__file__).parent.parent / "examples"
VOICE = (
    "change_model",
    "voice_agent",
    "voice_agent_with_fallback",
    "voice_agent_with_handover",
    "bedrock_fallback",
    "web_search",
)
IN_TEXT = ("text_agent_outage", "caching", "thinking")
NEEDED = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "ANTHROPIC_API_KEY")
OPENING = "We open at five."
HEALTHY = Answer(OPENING, first_token_s=0.6)
HANGS = Break("stall", at="request")
ASKS = Says(QUESTION.text, after_answer_s=0.5)
"""After the greeting."""
HELLO = Says("Hello?", when_silent_s=5.0, repeat=True)
PlayCall = Callable[..., PlayedCall]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(
    arguments: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Python with *arguments* in a process of its own, as a reader starts an example."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLES.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(autouse=True)
def _accounts(monkeypatch: pytest.MonkeyPatch, simulated_claude: SimulatedClaude) -> None:
    """Credentials that are good for nothing, an inference gateway that is not there, and Claude."""
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:9")
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret" * 6)
    monkeypatch.setenv("TRANSFER_TO", "tel:+15105550123")
    monkeypatch.setenv("LIVEKIT_INFERENCE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", simulated_claude.base_url)
    monkeypatch.setenv("ANTHROPIC_BEDROCK_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def heard(call: PlayedCall) -> list[str]:
    return [as_said(each.text) for each in call.heard()]


def last_word_s(call: PlayedCall) -> float:
    """When the caller had asked."""
    return call.said()[0].end_s


def test_every_example_is_tested_here() -> None:
    """A new example without a test would rot unseen."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*VOICE, *IN_TEXT}


@pytest.mark.parametrize("name", [*VOICE, *IN_TEXT])
def test_an_example_has_only_public_doors(name: str) -> None:
    """What is copied from it must not break with the next release."""
    text = (EXAMPLES / f"{name}.py").read_text()

    imported = {*re.findall(r"^from (resilient_claude[\w.]*) import", text, re.M)}
    doors = {"resilient_claude", "resilient_claude.voice", "resilient_claude.testing"}
    assert imported <= doors
    assert "import resilient_claude" not in text


# --- text_agent_outage ----------------------------------------------------------------------------


def test_the_outage_is_heard_as_a_pause_and_then_as_an_apology() -> None:
    """It shows both ends of the promise: healed in time, or said aloud."""
    done = run(["-W", "always", "examples/text_agent_outage.py"])

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


# --- caching --------------------------------------------------------------------------------------


def test_caching_saves_more_than_half_of_two_calls() -> None:
    """Every request reads what both calls share, the very first one too."""
    done = run(["-W", "always", "examples/caching.py"])

    first, *turns, last = done.stdout.splitlines()
    assert re.fullmatch(r"warmed: 2,\d{3} tokens were written for \$0\.00\d{3}", first)
    hits = re.findall(
        r"^(Mary|John): 2,\d{3} tokens of prompt, (\d+)% of them", "\n".join(turns), re.M
    )
    assert [name for name, _ in hits] == ["Mary"] * 4 + ["John"] * 4
    assert all(int(percent) > 90 for _, percent in hits)
    saved = re.fullmatch(r"in all: \$0\.01\d{3} instead of \$0\.03\d{3}, (\d+)% less", last)
    assert saved is not None
    assert int(saved[1]) > 60
    assert (done.returncode, done.stderr) == (0, "")


# --- thinking -------------------------------------------------------------------------------------


def test_what_claude_notes_is_heard_or_seen() -> None:
    """It shows both, and what an application is told of a Claude who thinks."""
    done = run(["-W", "always", "examples/thinking.py"])

    assert done.stdout.splitlines()[1:] == [
        "--- claude-sonnet-5-5, progress='speak' ---",
        "caller: A table for Friday, please.",
        "agent:  I look into the book.",
        "agent:  There is a table at seven.",
        "",
        "--- claude-sonnet-5-5, progress='event' ---",
        "caller: A table for Friday, please.",
        "screen: I look into the book.",
        "agent:  There is a table at seven.",
        "",
        "--- claude-opus-5-5, progress='speak' ---",
        "caller: A table, please.",
        "screen: thinking for 2 s",
        "agent:  On which day?",
    ]
    assert (done.returncode, done.stderr) == (0, "")


# --- the voice agents -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", VOICE)
def test_the_voice_agent_registers_its_entrypoint(name: str) -> None:
    """Without it the worker starts and then fails its first call."""
    module = load(name)

    assert isinstance(module.server, AgentServer)
    with pytest.raises(RuntimeError, match="only one rtc_session"):
        module.server.rtc_session(module.entrypoint)


def started(name: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start the agent *name* by livekit's command, with nothing in the environment but this."""
    kept = {key: value for key, value in os.environ.items() if key not in NEEDED}
    command = ["-m", "livekit.agents", "start", *options, f"examples/{name}.py"]
    return run(command, {**kept, **environment})


def test_the_voice_agent_says_what_is_missing() -> None:
    """livekit says it with a traceback, and for one name at a time."""
    done = started("voice_agent", "--dev", LIVEKIT_URL="ws://127.0.0.1:9")

    assert "Missing: LIVEKIT_API_KEY, LIVEKIT_API_SECRET, ANTHROPIC_API_KEY." in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_what_livekit_s_command_line_gives_is_not_missing() -> None:
    """`lk agent dev` knows the project, and passes it on in this way."""
    project = ["--url", "ws://127.0.0.1:9", "--api-key", "key", "--api-secret=secret"]
    done = started("voice_agent", *project)

    assert "Missing: ANTHROPIC_API_KEY." in done.stderr


def test_the_voice_agent_reads_a_file_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With python-dotenv, if that is installed: it is none of our dependencies."""
    dotenv = ModuleType("dotenv")
    settings = {"ANTHROPIC_API_KEY": "key from the file"}
    dotenv.load_dotenv = lambda path: os.environ.update(settings)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dotenv", dotenv)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")

    load("voice_agent")

    assert os.environ["ANTHROPIC_API_KEY"] == "key from the file"


@pytest.mark.parametrize("name", VOICE)
async def test_the_voice_agent_is_put_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arguments of livekit's classes change between the releases that are supported."""
    module = load(name)
    sessions: list[AgentSession[None]] = []
    options: list[Any] = []
    cares: list[Any] = []
    closes: list[Any] = []

    async def start(session: AgentSession[None], **arguments: Any) -> None:
        inspect.signature(begun).bind(session, **arguments)
        sessions.append(session)
        options.append(arguments["room_options"])

    def keep(session: AgentSession[None], **arguments: Any) -> Any:
        cares.append(keep_caller_informed(session, **arguments))
        return cares[0]

    begun = AgentSession.start
    monkeypatch.setattr(AgentSession, "start", start)
    monkeypatch.setattr(module, "keep_caller_informed", keep)
    ctx = SimpleNamespace(room=SimpleNamespace(name="room"), add_shutdown_callback=closes.append)
    await module.entrypoint(ctx)

    assert isinstance(sessions[0].llm, ResilientClaudeLLM | llm.FallbackAdapter)
    stt, tts = sessions[0].stt, sessions[0].tts
    assert stt is not None
    assert tts is not None
    assert (stt.model, tts.model) == ("deepgram/nova-3", "cartesia/sonic-3")
    assert isinstance(options[0], room_io.RoomOptions)
    assert options[0].delete_room_on_close  # or the caller stays, in silence
    for aclose in closes:
        await aclose()
    await cares[0].aclose()


# --- voice_agent ----------------------------------------------------------------------------------


def played(module: ModuleType, play_call: PlayCall, *caller: Says, **arguments: Any) -> PlayedCall:
    """A call with the agent of *module*, which is `voice_agent` or has its parts."""
    options = {"agent": module.Receptionist, "prepare": module.attend, **arguments}
    return play_call(options.pop("model", None) or module.make_llm, [*caller], **options)


def test_the_voice_agent_greets_and_answers(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """By way of its tool, and without a word of trouble."""
    simulated_claude.script(
        Answer(tools=[ToolUse("opening_hours", {"day": "Friday"})], first_token_s=0.6), HEALTHY
    )
    module = load("voice_agent")
    call = played(module, play_call, ASKS)

    assert heard(call) == [module.GREETING, OPENING]
    assert "On Friday, from 17:00 to 23:00." in str(simulated_claude.requests[-1].body)


@pytest.mark.parametrize("name", VOICE)
def test_the_greeting_is_heard_when_claude_is_down(
    name: str, simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """What Claude has to invent is not said when it is away, and is late when it is not."""
    simulated_claude.outage(HttpError(529))
    module = load(name)
    call = play_call(
        ScriptedLLM(FAILS), [Says("Hm.", at_s=30.0)], agent=module.Receptionist, lasts_s=8.0
    )

    assert heard(call) == [module.GREETING]
    assert call.heard()[0].start_s < 1.0


def test_the_voice_agent_asks_again_when_a_request_hangs(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Its clocks leave time for a second request, long before the apology."""
    simulated_claude.script(HANGS, HEALTHY)
    module = load("voice_agent")
    call = played(module, play_call, ASKS)

    assert heard(call) == [module.GREETING, "One moment.", OPENING]
    assert call.heard()[-1].start_s - last_word_s(call) < 6.0


@pytest.mark.parametrize(
    "fault", [HttpError(401), HttpError(529), HANGS], ids=["401", "529", "hangs"]
)
def test_the_voice_agent_apologises_while_somebody_still_listens(
    fault: Any, simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Whether a turn fails before it is committed, after 11 s, or never."""
    simulated_claude.outage(fault)
    call = played(load("voice_agent"), play_call, ASKS)

    assert heard(call)[-1].startswith("I'm sorry")
    assert max(each.lasted_s for each in call.silences() if each.ended) < 8.0
    assert call.heard()[-1].start_s - last_word_s(call) < 13.0


@pytest.mark.parametrize("fault", [HttpError(529), HANGS], ids=["529", "hangs"])
def test_the_cause_of_an_apology_is_in_the_log(
    fault: Any, simulated_claude: SimulatedClaude, play_call: PlayCall, lines: Any
) -> None:
    """Were the budget of a turn above that of the caller, it would be closed without a cause."""
    simulated_claude.outage(fault)
    played(load("voice_agent"), play_call, ASKS)

    (apology,) = lines.named("voice.apology")
    assert apology["cause"] in ("overloaded", "timeout")


def test_the_voice_agent_hangs_up_politely_with_the_fourth_lost_turn(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """With a revoked key it would apologise for ever."""
    simulated_claude.outage(HttpError(401))
    call = played(load("voice_agent"), play_call, ASKS, HELLO, lasts_s=120.0)

    assert len([each for each in heard(call) if each.startswith("I'm sorry, I can't think")]) == 3
    assert heard(call)[-1].endswith("Goodbye.")
    assert call.closed_at_s is not None


# --- web_search -----------------------------------------------------------------------------------

TRAIN = ("https://trains.example/lyon", "Trains to Lyon")
LOOKS = "I'll look that up."
LAST_TRAIN = "The last one leaves at eleven."


def searching(lasts_s: float, **result: Any) -> Answer:
    """An answer with a search in it that takes its time."""
    given = result or {"result": found(TRAIN)}
    search = ServerToolUse("web_search", {"query": "trains"}, lasts_s=lasts_s, **given)
    return Answer(content=[LOOKS, search, LAST_TRAIN], first_token_s=0.6)


def test_the_web_is_searched_in_the_middle_of_an_answer(
    simulated_claude: SimulatedClaude, play_call: PlayCall, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller hears both halves, once each, and the log has the page that they rely on."""
    caplog.set_level("INFO", "blue-door")
    simulated_claude.script(searching(2.0))
    module = load("web_search")
    call = played(module, play_call, ASKS)

    assert " ".join(heard(call)) == f"{module.GREETING} {LOOKS} {LAST_TRAIN}"
    assert [record.getMessage() for record in caplog.records if record.name == "blue-door"] == [
        f"web_search: {TRAIN[0]}"
    ]
    (request,) = simulated_claude.requests
    assert request.body is not None
    assert [tool["name"] for tool in request.body["tools"]] == ["opening_hours", "web_search"]


def test_a_search_that_takes_long_is_waited_for(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Longer than the clock of a text: the API shows that it works, and nothing is asked again."""
    simulated_claude.script(searching(7.0))
    module = load("web_search")
    call = played(module, play_call, ASKS)

    assert heard(call) == [module.GREETING, LOOKS, LAST_TRAIN]
    assert len(simulated_claude.requests) == 1


def test_a_search_that_fails_does_not_end_the_answer(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Claude goes on with what it knows."""
    simulated_claude.script(searching(0.5, error="unavailable"))
    module = load("web_search")
    call = played(module, play_call, ASKS)

    assert " ".join(heard(call)) == f"{module.GREETING} {LOOKS} {LAST_TRAIN}"


# --- change_model ---------------------------------------------------------------------------------


def test_the_model_changes_in_mid_call_and_back(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """The stronger one answers the very turn that asked for it, and every request is accepted."""
    simulated_claude.script(
        Answer("We do.", first_token_s=0.6),
        Answer(tools=[ToolUse("weigh_it_up", {"matter": "the bill"})], first_token_s=0.6),
        Answer("We owe you ten euros.", first_token_s=0.6),
        Answer(tools=[ToolUse("settled", {})], first_token_s=0.6),
        Answer("Goodbye.", first_token_s=0.6),
    )
    module = load("change_model")
    caller = [
        ASKS,
        Says("My bill is wrong.", after_answer_s=0.5),
        Says("Fine.", after_answer_s=0.5),
    ]
    call = played(module, play_call, *caller)

    assert heard(call) == [module.GREETING, "We do.", "We owe you ten euros.", "Goodbye."]
    models = [request.body["model"] for request in simulated_claude.requests]
    assert models == [
        *("claude-haiku-5-5", "claude-haiku-5-5", "claude-sonnet-5-5"),
        *("claude-sonnet-5-5", "claude-haiku-5-5"),
    ]
    thinking = [request.body["thinking"]["type"] for request in simulated_claude.requests]
    assert thinking[1:3] == ["disabled", "between_tools"]


# --- voice_agent_with_fallback --------------------------------------------------------------------

OTHER = "From five in the afternoon."


def fallback(
    module: ModuleType, play_call: PlayCall, *others: Turn, caller: tuple[Says, ...] = (ASKS,)
) -> PlayedCall:
    """A call with the agent whose second vendor does *others*."""

    @asynccontextmanager
    async def both() -> Any:
        async with ResilientClaudeLLM() as claude:
            adapter = module.make_llm(claude, ScriptedLLM(*others))
            yield adapter
            await adapter.aclose()

    options = {"session_options": {"conn_options": module.CONN_OPTIONS}}
    return played(module, play_call, *caller, model=both, **options)


def test_a_dropped_packet_does_not_send_a_turn_to_the_other_vendor(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """FallbackAdapter's options reach our policy: `max_retry_per_llm=1` must mean two requests."""
    simulated_claude.script(HttpError(529), HEALTHY)
    module = load("voice_agent_with_fallback")
    call = fallback(module, play_call, Turn(OTHER))

    assert heard(call) == [module.GREETING, OPENING]
    assert len(simulated_claude.requests) == 2


@pytest.mark.parametrize(
    "fault", [HttpError(401), HttpError(529), HANGS], ids=["401", "529", "hangs"]
)
def test_the_other_vendor_answers_in_time(
    fault: Any, simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """And in the same voice: nothing tells the caller who it was."""
    simulated_claude.outage(fault)
    call = fallback(load("voice_agent_with_fallback"), play_call, Turn(OTHER))

    assert heard(call)[-1] == OTHER
    assert call.heard()[-1].start_s - last_word_s(call) < 8.5
    assert max(each.lasted_s for each in call.silences() if each.ended) < 5.0


def test_the_apology_comes_once_when_both_vendors_have_failed(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """One round, and no rounds of the session's."""
    simulated_claude.outage(HttpError(401))
    module = load("voice_agent_with_fallback")
    call = fallback(module, play_call, FAILS)

    _, sorry = heard(call)
    assert sorry.startswith("I'm sorry")
    assert call.heard()[-1].start_s - last_word_s(call) < 3.0


# --- bedrock_fallback -----------------------------------------------------------------------------


def on_bedrock(play_call: PlayCall, bedrock: SimulatedClaude) -> list[str]:
    """What is heard of an agent that asks *bedrock* first."""
    module = load("bedrock_fallback")

    @asynccontextmanager
    async def both() -> Any:
        client = anthropic.AsyncAnthropicBedrock(base_url=bedrock.base_url, aws_region="eu-west-1")
        async with (
            ResilientClaudeLLM(model=module.ON_BEDROCK, client=client, temperature=0.3) as first,
            ResilientClaudeLLM(model=module.AT_ANTHROPIC, temperature=0.3) as second,
        ):
            adapter = module.make_llm(first, second)
            yield adapter
            await adapter.aclose()
        await client.close()

    options = {"session_options": {"conn_options": module.CONN_OPTIONS}}
    return heard(played(module, play_call, ASKS, model=both, **options))


def test_bedrock_answers_with_what_the_agent_asks_of_it(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """The temperature under a version that has it, and nothing that Bedrock rejects."""
    with SimulatedClaude(HEALTHY, platform="bedrock") as bedrock:
        said = on_bedrock(play_call, bedrock)

        assert said[-1] == OPENING
        assert bedrock.requests[0].body["temperature"] == 0.3
    assert simulated_claude.requests == []


@pytest.mark.parametrize(
    "fault", [HttpError(403), HttpError(503), HANGS], ids=["403", "503", "hangs"]
)
def test_anthropic_answers_when_bedrock_does_not(
    fault: Any, simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Expired credentials, an outage of the region, a connection that hangs."""
    simulated_claude.script(HEALTHY)
    with SimulatedClaude(default=fault, platform="bedrock") as bedrock:
        said = on_bedrock(play_call, bedrock)

    assert said[-1] == OPENING
    (request,) = simulated_claude.requests
    assert (request.body["model"], request.body["temperature"]) == ("claude-haiku-4-5", 0.3)


# --- voice_agent_with_handover --------------------------------------------------------------------


@contextmanager
def recordings(module: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The four recordings that the example names, with words in them."""
    texts = {
        "sorry": "Recorded sorry.",
        "moment": "Recorded moment.",
        "still": "Recorded still.",
        "colleague": "Recorded colleague.",
    }
    for name, text in texts.items():
        frames = recording(text)
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(frames[0].sample_rate)
            file.writeframes(b"".join(frame.data.tobytes() for frame in frames))
    monkeypatch.setattr(module, "RECORDINGS", folder)
    yield


def handed_over(
    module: ModuleType, play_call: PlayCall, transfer: Callable[[], Any], **arguments: Any
) -> PlayedCall:
    """A call in which Claude stays away until the caller is handed over by *transfer*."""

    def attend(session: AgentSession[None]) -> Any:
        return module.attend(session, transfer)

    options = {"prepare": attend, "lasts_s": 90.0, "model": ResilientClaudeLLM, **arguments}
    return played(module, play_call, ASKS, HELLO, **options)


def test_the_caller_is_handed_over_with_the_third_lost_turn(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """He is told so first, to the end, and the session is over afterwards."""
    simulated_claude.outage(HttpError(401))
    module = load("voice_agent_with_handover")
    transferred: list[str] = []

    async def transfer() -> None:
        transferred.append("tel:+15105550123")

    call = handed_over(module, play_call, transfer)

    sorry = "I'm sorry, I didn't get that. Could you say it again?"
    colleague = "I'll put you through to a colleague."
    assert heard(call) == [module.GREETING, sorry, sorry, colleague]
    assert call.heard()[-1].whole
    assert transferred == ["tel:+15105550123"]
    assert call.closed_at_s is not None


def test_the_caller_hears_recordings_when_the_voice_is_down_as_well(
    simulated_claude: SimulatedClaude,
    play_call: PlayCall,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The day on which Claude and the text-to-speech are behind the same dead line."""
    simulated_claude.outage(HANGS)
    module = load("voice_agent_with_handover")
    transferred: list[str] = []

    async def transfer() -> None:
        transferred.append("done")

    with recordings(module, tmp_path, monkeypatch):
        call = handed_over(module, play_call, transfer, tts_down=[(3.5, 1000.0)], lasts_s=120.0)

    said = heard(call)
    assert said[:4] == [module.GREETING, "Recorded moment.", "Recorded still.", "Recorded sorry."]
    assert said[-1] == "Recorded colleague."
    assert transferred == ["done"]


def test_a_transfer_that_fails_ends_with_a_closing_sentence(
    simulated_claude: SimulatedClaude, play_call: PlayCall
) -> None:
    """Nobody takes the call: the caller must not be left in the line."""
    simulated_claude.outage(HttpError(401))
    module = load("voice_agent_with_handover")

    async def transfer() -> None:
        raise RuntimeError("nobody there")

    call = handed_over(module, play_call, transfer)

    assert heard(call)[-1].endswith("Goodbye.")
    assert call.closed_at_s is not None


class Sip(BaseHTTPRequestHandler):
    """LiveKit's server, as far as it transfers calls."""

    requests: list[api.TransferSIPParticipantRequest]
    status: Any

    def do_POST(self) -> None:
        """Answer with the status."""
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/twirp/livekit.SIP/TransferSIPParticipant"
        self.requests.append(api.TransferSIPParticipantRequest.FromString(body))
        answer = TransferSIPParticipantResponse(status=self.status).SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: Any) -> None:
        """Be quiet."""


@contextmanager
def sip(status: Any) -> Iterator[tuple[str, list[Any]]]:
    """A LiveKit on loopback whose transfers end with *status*: its URL, and what it was asked."""
    requests: list[Any] = []
    handler = type("Handler", (Sip,), {"requests": requests, "status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=partial(server.serve_forever, 0.01))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


def test_an_agent_that_cannot_transfer_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was found out by the first caller who should have been handed over."""
    monkeypatch.delenv("TRANSFER_TO")

    with pytest.raises(SystemExit, match="Missing: TRANSFER_TO"):
        load("voice_agent_with_handover")


async def test_the_transfer_asks_livekit_for_what_it_says() -> None:
    """Over the wire, with livekit's own client."""
    module = load("voice_agent_with_handover")
    with sip(SIPTransferStatus.STS_TRANSFER_SUCCESSFUL) as (url, requests):
        async with api.LiveKitAPI(url, "key", "secret" * 6) as lk:
            await module.refer(lk, "room", "caller", "tel:+15105550123")

    (request,) = requests
    asked = (request.room_name, request.participant_identity, request.transfer_to)
    assert asked == ("room", "caller", "tel:+15105550123")


async def test_a_transfer_that_nobody_takes_is_an_error() -> None:
    """livekit's client raises nothing for it."""
    module = load("voice_agent_with_handover")
    with sip(SIPTransferStatus.STS_TRANSFER_FAILED) as (url, _):
        async with api.LiveKitAPI(url, "key", "secret" * 6) as lk:
            with pytest.raises(RuntimeError, match="the transfer failed"):
                await module.refer(lk, "room", "caller", "tel:+15105550123")
