"""What Claude notes between calls of tools: heard once, told of, or kept; over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from livekit.agents import llm

from resilient_claude import Outcome, ProgressNote, ResilientClaudeLLM, Timeouts, TurnEnded
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    Note,
    SimulatedClaude,
    SseError,
    Thought,
    ToolUse,
)
from tests.support.adapters import KEY, SHORT_S, MakeLLM, shrunk_policy
from tests.support.listening import Heard, conversation, read_stream

SONNET, OPUS = "claude-sonnet-5-5", "claude-opus-5-5"
WORKS = Answer(
    content=[
        Thought("They want a table. Let me find the book first."),
        "One moment.",
        Note("I look up your booking."),
        ToolUse("find", {"id": 4711}),
    ]
)
SAID = "One moment. I look up your booking."


class NotedTurn:
    """One turn: what was heard, told and noted of it."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.ended: list[TurnEnded] = []
        self.told: list[ProgressNote] = []

    @classmethod
    async def of(cls, adapter: ResilientClaudeLLM, **arguments: Any) -> NotedTurn:
        turn = cls()
        adapter.on("claude_turn_ended", turn.ended.append)
        adapter.on("claude_progress", turn.told.append)
        turn.heard = await read_stream(adapter.chat(chat_ctx=conversation(), **arguments))
        await adapter.aclose()
        return turn

    @property
    def text(self) -> str:
        return self.heard.text

    @property
    def calls(self) -> list[str]:
        return [call.name for call in self.heard.calls]

    @property
    def notes(self) -> list[str]:
        return [note.text for note in self.told]


# --- spoken -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SONNET, OPUS, "claude-fable-5-2", "claude-opus-9"])
async def test_a_note_is_heard_once_and_set_apart(model: str, make_llm: MakeLLM) -> None:
    """Claude works, and the caller hears at what; not what it thinks."""
    with SimulatedClaude(WORKS) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=model))

    assert (turn.text, turn.calls, turn.notes) == (SAID, ["find"], [])
    (ended,) = turn.ended
    assert (ended.outcome, ended.text_chars) == (Outcome.COMPLETE, len(SAID))


async def test_a_note_is_heard_while_it_is_written(make_llm: MakeLLM) -> None:
    """Nothing waits for its end, nor for the call behind it."""
    note = Answer(content=[Note("I look it up."), ToolUse("find")], piece_s=0.02)
    with SimulatedClaude(note) as claude:
        adapter = make_llm(claude, model=SONNET)
        async with adapter.chat(chat_ctx=conversation()) as stream:
            texts = [chunk.delta.content async for chunk in stream if chunk.delta]
        await adapter.aclose()

    assert [text for text in texts if text] == ["I ", "look ", "it ", "up."]


async def test_a_note_with_no_call_behind_it_is_an_answer(make_llm: MakeLLM) -> None:
    """The caller has heard it; to ask again would say it twice."""
    with SimulatedClaude(Answer(content=[Note("You are booked.")])) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET))

        assert len(claude.requests) == 1
    assert (turn.text, turn.heard.error) == ("You are booked.", None)
    assert turn.ended[0].outcome is Outcome.COMPLETE


async def test_notes_between_parallel_calls_are_heard_in_a_row(make_llm: MakeLLM) -> None:
    """The calls come at the end, together; the notes when they are written."""
    answer = Answer(
        content=[Note("First Paris."), ToolUse("find"), Note("Then Rome."), ToolUse("book")]
    )
    with SimulatedClaude(answer) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET))

    assert (turn.text, turn.calls) == ("First Paris. Then Rome.", ["find", "book"])


@pytest.mark.parametrize("progress", ["speak", "event"])
async def test_an_empty_note_is_nothing(progress: str, make_llm: MakeLLM) -> None:
    """It is no word, so the silence goes on, and a fault may be tried again."""
    empty = Answer(content=[Note(""), ToolUse("find")])
    with SimulatedClaude(Break("reset", at="tool_json", answer=empty), empty) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET, progress=progress))

        assert len(claude.requests) == 2
    assert (turn.text, turn.calls, turn.notes) == ("", ["find"], [])


# --- not spoken ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SONNET, OPUS])
async def test_a_note_is_an_event_where_that_is_asked_for(model: str, make_llm: MakeLLM) -> None:
    """An application shows it on a screen; the caller hears the text alone."""
    with SimulatedClaude(WORKS) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=model, progress="event"))

    assert (turn.text, turn.calls) == ("One moment.", ["find"])
    assert turn.notes == ["I look up your booking."]
    assert turn.told[0].turn_id == turn.ended[0].turn_id
    assert "booking" not in repr(turn.told[0])


async def test_who_reads_the_stream_finds_the_note_in_its_place(make_llm: MakeLLM) -> None:
    """Between the words before it and those behind it."""
    answer = Answer(content=["One moment.", Note("I look."), "Found."])
    with SimulatedClaude(answer) as claude:
        adapter = make_llm(claude, model=SONNET, progress="event")
        async with adapter.chat(chat_ctx=conversation()) as stream:
            deltas = [chunk.delta async for chunk in stream if chunk.delta]
        await adapter.aclose()

    (at,) = [n for n, d in enumerate(deltas) if d.extra == {"claude": {"progress": "I look."}}]
    before, behind = ("".join(d.content or "" for d in part) for part in (deltas[:at], deltas[at:]))
    assert (before, behind) == ("One moment.", " Found.")
    assert deltas[at].content is None


@pytest.mark.parametrize("model", [SONNET, OPUS])
async def test_notes_can_be_off(model: str, make_llm: MakeLLM) -> None:
    """As it was asked for: neither heard nor told."""
    with SimulatedClaude(WORKS) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=model, progress="off"))

    assert (turn.text, turn.calls, turn.notes) == ("One moment.", ["find"], [])


class Elsewhere(anthropic.AsyncAnthropic):
    """A client of another platform, which has no betas of Anthropic's own."""


@pytest.fixture
async def elsewhere() -> AsyncIterator[Any]:
    with SimulatedClaude() as claude:
        client = Elsewhere(base_url=claude.base_url, api_key=KEY, max_retries=0)
        yield claude, client
        await client.close()


async def test_elsewhere_summaries_are_told_of_and_not_spoken(
    elsewhere: Any, make_llm: MakeLLM
) -> None:
    """The notes come among what Claude thinks, which is no speech."""
    claude, client = elsewhere
    claude.script(WORKS)
    turn = await NotedTurn.of(make_llm(claude, model=OPUS, client=client))

    assert turn.text == "One moment."
    assert turn.notes == [
        "They want a table. Let me find the book first.",
        "I look up your booking.",
    ]


async def test_notes_between_tools_are_spoken_elsewhere_too(
    elsewhere: Any, make_llm: MakeLLM
) -> None:
    """That type of thinking needs no beta, and shows nothing but notes."""
    claude, client = elsewhere
    claude.script(WORKS)
    turn = await NotedTurn.of(make_llm(claude, model=SONNET, client=client))

    assert (turn.text, turn.notes) == (SAID, [])


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        (OPUS, {"type": "adaptive", "display": "summarized"}),
        ("claude-opus-5", {"type": "adaptive", "display": "summarized"}),
        ("claude-sonnet-4-6", {"type": "enabled", "budget_tokens": 1024}),
    ],
    ids=["summaries", "without notes", "a budget"],
)
async def test_what_claude_thinks_is_never_spoken(
    model: str, thinking: dict[str, Any], make_llm: MakeLLM
) -> None:
    """ "They want a table": a caller would hear himself talked about."""
    answer = Answer("Gladly.", thinking="They want a table.")
    with SimulatedClaude(answer) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=model, thinking=thinking))

    assert turn.text == "Gladly."
    assert turn.notes == (["They want a table."] if model == OPUS else [])


# --- faults -------------------------------------------------------------------------------------

NOTE = Answer(
    content=[Note("I look up your booking now."), ToolUse("find", {"id": 4711})], piece_s=0.02
)


@pytest.mark.parametrize("how", ["reset", "close", "end", "stall", SseError()])
@pytest.mark.parametrize(
    "again",
    [
        Answer(content=[Note("up your booking now."), ToolUse("find")]),
        Answer(content=[Note("I look up your booking now."), ToolUse("find")]),
        Answer(content=["I look up your booking now.", ToolUse("find")]),
    ],
    ids=["from there", "from the beginning", "as text"],
)
async def test_a_note_that_broke_off_is_gone_on_with(
    how: Any, again: Answer, make_llm: MakeLLM
) -> None:
    """What was heard of it stays heard, once; and the tool is called once."""
    timeout = Timeouts(stall_s=SHORT_S) if how == "stall" else None
    broken = Break(how, at="thinking", answer=NOTE, after_pieces=3)
    with SimulatedClaude(broken, again) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET, timeout=timeout))

        assert len(claude.requests) == 2
    assert (turn.text, turn.calls) == ("I look up your booking now.", ["find"])
    assert turn.ended[0].outcome is Outcome.COMPLETE


@pytest.mark.parametrize("at", ["after_thinking", "tool_json", "after_tool", "before_stop"])
async def test_a_call_that_broke_off_behind_a_note_is_made(at: Any, make_llm: MakeLLM) -> None:
    """Without the note it would have been tried again, unheard; so the note must cost no turn."""
    again = Answer(content=[Note("I look up your booking now."), ToolUse("find", {"id": 4711})])
    with SimulatedClaude(Break("reset", at=at, answer=NOTE), again) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET))

        assert len(claude.requests) == 2
    assert (turn.text, turn.calls) == ("I look up your booking now.", ["find"])
    assert turn.heard.calls[0].arguments == '{"id": 4711}'


async def test_a_call_that_was_begun_is_owed(make_llm: MakeLLM) -> None:
    """ "I look up your booking." and then nothing, as an answer, would be silence."""
    broken = Break("reset", at="tool_json", answer=NOTE)
    with SimulatedClaude(broken, Answer("")) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET))

    assert turn.heard.error is not None
    assert turn.ended[0].failure is not None


async def test_a_note_is_not_said_again_where_nothing_is_gone_on_with(make_llm: MakeLLM) -> None:
    """An application that has its own way to go on keeps it."""
    retry = shrunk_policy(on_interruption="raise")
    broken = Break("reset", at="tool_json", answer=NOTE)
    with SimulatedClaude(broken, NOTE) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET, retry=retry))

        assert len(claude.requests) == 1
    assert (turn.text, turn.calls) == ("I look up your booking now.", [])
    assert turn.heard.error is not None


@pytest.mark.parametrize("progress", ["event", "off"])
async def test_a_note_that_was_not_heard_forbids_no_retry(progress: str, make_llm: MakeLLM) -> None:
    """Nothing was said: the turn is asked again, and the same note is told of once."""
    broken = Break("reset", at="tool_json", answer=NOTE)
    with SimulatedClaude(broken, HttpError(529), NOTE) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET, progress=progress))

        assert len(claude.requests) == 3
    assert (turn.text, turn.calls) == ("", ["find"])
    assert turn.notes == (["I look up your booking now."] if progress == "event" else [])


async def test_a_note_that_is_told_of_does_not_end_the_silence(make_llm: MakeLLM) -> None:
    """The caller has heard nothing until the first word; livekit measures it likewise."""
    answer = Answer(content=[Note("I look."), Thought(lasts_s=0.05), "Found."])
    with SimulatedClaude(answer) as claude:
        adapter = make_llm(claude, model=OPUS, progress="event")
        measured: list[Any] = []
        adapter.on("metrics_collected", measured.append)
        turn = await NotedTurn.of(adapter)

    assert turn.text == "Found."
    assert turn.ended[0].silence_s is not None
    assert turn.ended[0].silence_s >= 0.05
    assert measured[0].ttft >= 0.05


async def test_a_turn_that_server_tools_paused_goes_on_behind_a_space(make_llm: MakeLLM) -> None:
    """ "Let me search for that.They open" is one sentence to a text-to-speech."""
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    paused = _ready("Let me search for that.", search, stop_reason="pause_turn")
    with SimulatedClaude(paused, Answer("They open at five.")) as claude:
        turn = await NotedTurn.of(make_llm(claude))

    assert turn.text == "Let me search for that. They open at five."


def _ready(text: str, *blocks: dict[str, Any], stop_reason: str) -> Answer:
    """An answer of *text* and whole *blocks*."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {"id": "msg_1"}}]
    for index, block in enumerate(({"type": "text", "text": text}, *blocks)):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    return Answer(
        events=[
            *events,
            {"type": "message_delta", "delta": {"stop_reason": stop_reason}},
            {"type": "message_stop"},
        ]
    )


# --- what is kept for the next request ----------------------------------------------------------


def record_of(turn: NotedTurn) -> Any:
    call: llm.FunctionToolCall = turn.heard.calls[0]
    return (call.extra or {}).get("claude")


async def test_a_note_that_was_spoken_is_kept_in_its_place(make_llm: MakeLLM) -> None:
    """livekit keeps its words; with the call goes what tells that they are a note's."""
    with SimulatedClaude(WORKS) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=SONNET))

    record = record_of(turn)
    assert [(b["type"], b.get("text", b.get("thinking"))) for b in record["content"]] == [
        ("text", "One moment."),
        ("thinking", "I look up your booking."),
        ("tool_use", None),
    ]
    assert record.keys() == {"model", "content", "said", "prefix"}


async def test_thinking_that_comes_first_is_kept_as_ever(make_llm: MakeLLM) -> None:
    """Stored histories are read by other releases."""
    answer = Answer(content=[Thought("Hm."), "One moment.", ToolUse("find")])
    with SimulatedClaude(answer) as claude:
        turn = await NotedTurn.of(make_llm(claude, model=OPUS))

    assert record_of(turn).keys() == {"model", "thinking", "prefix"}
