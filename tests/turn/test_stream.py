"""Turns in several parts, and what is told about them at their end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from livekit.agents import APIError, APITimeoutError, llm, tokenize

from resilient_claude import Outcome, StopDetails, Timeouts, TurnEnded, failure_of
from resilient_claude.telemetry import record
from resilient_claude.testing import (
    Answer,
    Break,
    HttpError,
    SimulatedClaude,
    SseError,
    ToolUse,
)
from resilient_claude.testing.script import wire
from resilient_claude.turn.part import MAX_PAUSES
from tests.support.adapters import SHORT_S, MakeLLM, shrunk_policy
from tests.support.builders import chat
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}


def paused(text: str, *, container: str | None = None) -> Answer:
    """An answer that stops after *text* and a search, because the search takes long."""
    start = {"id": "msg_1", "model": "m", "role": "assistant", "type": "message", "content": []}
    start["usage"] = {"input_tokens": 10, "output_tokens": 1}  # type: ignore[assignment]
    blocks: list[dict[str, Any]] = []
    index = 0
    if text:
        blocks += [
            block_start(0, {"type": "text", "text": ""}),
            block_delta(0, {"type": "text_delta", "text": text}),
            {"type": "content_block_stop", "index": 0},
        ]
        index = 1
    blocks += [
        block_start(index, SEARCH),
        block_delta(index, {"type": "input_json_delta", "partial_json": '{"query": "menu"}'}),
        {"type": "content_block_stop", "index": index},
    ]
    delta: dict[str, Any] = {"stop_reason": "pause_turn", "stop_sequence": None}
    if container:
        delta["container"] = {"id": container, "expires_at": "2026-12-01T00:00:00Z"}
    return Answer(
        events=[
            {"type": "message_start", "message": start},
            *blocks,
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}},
            {"type": "message_stop"},
        ]
    )


def block_start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


async def turn(adapter: llm.LLM[Any], **arguments: Any) -> tuple[Any, TurnEnded]:
    """What was heard of one turn, and what was told at its end."""
    ended: list[TurnEnded] = []
    adapter.on("claude_turn_ended", ended.append)
    heard = await read_stream(adapter.chat(chat_ctx=conversation(), **arguments))
    await adapter.aclose()
    (one,) = ended
    return heard, one


# --- pause_turn ---------------------------------------------------------------------------------


async def test_a_paused_turn_is_continued(make_llm: MakeLLM) -> None:
    """Otherwise the caller hears "let me look that up", and then nothing."""
    with SimulatedClaude(paused("Let me look. "), Answer("It is risotto.")) as claude:
        heard, ended = await turn(make_llm(claude))
        first, second = claude.requests

    assert (heard.text, heard.error) == ("Let me look. It is risotto.", None)
    assert second.body is not None
    assert first.body is not None
    assert second.body["messages"] == [
        *first.body["messages"],
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look. "},
                {**SEARCH, "input": {"query": "menu"}},
            ],
        },
    ]
    assert (ended.outcome, ended.attempts) == (Outcome.COMPLETE, 2)


async def test_the_container_of_server_tools_goes_along(make_llm: MakeLLM) -> None:
    """Work done in it is there, and nowhere else."""
    with SimulatedClaude(paused("", container="cont_1"), Answer("Done.")) as claude:
        await turn(make_llm(claude))

        assert claude.requests[1].body is not None
        assert claude.requests[1].body["container"] == "cont_1"


async def test_a_fault_after_a_pause_repeats_nothing(make_llm: MakeLLM) -> None:
    """The continuation is a request of its own: it may be tried again until it is heard."""
    with SimulatedClaude(
        paused("Let me look. "), HttpError(529), Break("reset", at="request"), Answer("Risotto.")
    ) as claude:
        heard, _ = await turn(make_llm(claude))

        assert (heard.text, heard.error) == ("Let me look. Risotto.", None)
        assert len(claude.requests) == 4


async def test_pauses_are_bounded_and_end_in_an_error(make_llm: MakeLLM) -> None:
    """Server tools that never finish must not keep a caller for ever."""
    with SimulatedClaude(default=paused("")) as claude:
        heard, ended = await turn(make_llm(claude))

        assert len(claude.requests) == MAX_PAUSES + 1
    assert isinstance(heard.error, APIError)
    assert ended.failure is not None
    assert ended.failure.kind == "truncated"


# --- resume -------------------------------------------------------------------------------------


def resuming(**changes: Any) -> dict[str, Any]:
    """To resume is the default."""
    return {"retry": shrunk_policy(**changes)}


def raising(**changes: Any) -> dict[str, Any]:
    return {"retry": shrunk_policy(on_interruption="raise", **changes)}


BROKEN = Answer("One two three four.", piece_s=0.03)


@pytest.mark.parametrize("how", ["reset", "close", "end", "stall", SseError()])
@pytest.mark.parametrize("continuation", ["three four.", "two three four.", "One two three four."])
async def test_an_answer_that_broke_off_is_resumed_once(
    how: Any, continuation: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """Everything already spoken stays spoken, once, however Claude takes it up again."""
    timeout = Timeouts(stall_s=SHORT_S) if how == "stall" else None
    with SimulatedClaude(Break(how, at="text", answer=BROKEN), Answer(continuation)) as claude:
        heard, ended = await turn(make_llm(claude, timeout=timeout, **resuming()))

        assert (heard.text, heard.error) == ("One two three four.", None)
        assert len(claude.requests) == 2
    assert (ended.outcome, ended.attempts) == (Outcome.COMPLETE, 2)
    (line,) = lines.named("claude.call_recovered")
    assert line["resumed"] is True


async def test_an_answer_that_broke_off_is_an_error_where_that_is_asked_for(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """An application that has its own way to go on keeps it."""
    with SimulatedClaude(Break("reset", at="text", answer=BROKEN), Answer("x")) as claude:
        heard, ended = await turn(make_llm(claude, **raising()))

        assert len(claude.requests) == 1
    assert (heard.text, ended.outcome) == ("One two ", None)
    assert isinstance(heard.error, APIError)
    assert [name for name, _ in lines.events] == [
        "claude.attempt_failed",
        "claude.call_interrupted",
    ]


async def test_what_was_said_is_quoted_to_models_without_prefill(make_llm: MakeLLM) -> None:
    """From 4.6 on, an assistant turn at the end is rejected."""
    with SimulatedClaude(Break("reset", at="text", answer=BROKEN), Answer("three.")) as claude:
        await turn(make_llm(claude, **resuming(resume_instruction="Weiter nach: {said}")))
        _, second = claude.requests

    assert second.body is not None
    assert second.body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hello?"},
                {"type": "text", "text": "Weiter nach: One two "},
            ],
        }
    ]


async def test_models_with_prefill_go_on_from_it(make_llm: MakeLLM) -> None:
    """The exact continuation, with nothing to explain."""
    with SimulatedClaude(Break("reset", at="text", answer=BROKEN), Answer(" three.")) as claude:
        heard, _ = await turn(make_llm(claude, model="claude-sonnet-4-5", **resuming()))
        _, second = claude.requests

    assert heard.text == "One two three."
    assert second.body is not None
    assert second.body["messages"][-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "One two"}],
    }


async def test_a_second_break_ends_the_turn(make_llm: MakeLLM, lines: Lines) -> None:
    """At most one new request: a third voice in one sentence would confuse anyone."""
    broken = Break("reset", at="text", answer=BROKEN)
    again = Break("reset", at="text", answer=Answer("three four five.", piece_s=0.03))
    with SimulatedClaude(broken, again, Answer("x")) as claude:
        heard, ended = await turn(make_llm(claude, **resuming()))

        assert len(claude.requests) == 2
    assert heard.text == "One two three four "
    assert isinstance(heard.error, APIError)
    assert not heard.error.retryable
    assert (ended.text_chars, ended.outcome) == (19, None)
    (line,) = lines.named("claude.call_interrupted")
    assert line["text_chars"] == 19


async def test_a_failed_resume_is_not_tried_again(make_llm: MakeLLM) -> None:
    """One new request per turn, whatever becomes of it."""
    with SimulatedClaude(
        Break("reset", at="text", answer=BROKEN), HttpError(529), Answer("x")
    ) as claude:
        heard, _ = await turn(make_llm(claude, **resuming()))

        assert len(claude.requests) == 2
    assert heard.text == "One two "
    assert heard.error is not None


async def test_nothing_is_resumed_once_a_tool_call_began(make_llm: MakeLLM) -> None:
    """Claude had decided to act; only the whole turn could tell what."""
    answer = Answer("Booking. ", tools=[ToolUse("book", {"id": 4711})], piece_s=0.02)
    with SimulatedClaude(Break("reset", at="tool_json", answer=answer), Answer("x")) as claude:
        heard, _ = await turn(make_llm(claude, **resuming()))

        assert len(claude.requests) == 1
    assert (heard.text, heard.calls) == ("Booking. ", [])
    assert heard.error is not None


async def test_a_continuation_may_be_empty(make_llm: MakeLLM) -> None:
    """The answer was whole already; only its end was lost."""
    with SimulatedClaude(
        Break("end", at="before_stop", answer=Answer("All said.")), Answer("")
    ) as claude:
        heard, _ = await turn(make_llm(claude, **resuming()))

    assert (heard.text, heard.error) == ("All said.", None)


# --- thinking -----------------------------------------------------------------------------------


async def test_leaked_thinking_is_filtered_when_asked_for(make_llm: MakeLLM) -> None:
    """Off unless asked for: an agent may talk about such tags."""
    pieces = ("<thin", "king>They want a table.", "</think", "ing>", "Sure", "!")
    with SimulatedClaude(default=Answer(pieces=pieces)) as claude:
        filtered, _ = await turn(make_llm(claude, filter_thinking=True))
        unfiltered, _ = await turn(make_llm(claude))

    assert filtered.text == "Sure!"
    assert unfiltered.text == "".join(pieces)


async def test_signed_thinking_goes_with_the_tool_call(make_llm: MakeLLM) -> None:
    """The API wants it back with the tool's result; livekit keeps it with the call."""
    answer = Answer(thinking="Hm.", tools=[ToolUse("book", {})])
    with SimulatedClaude(answer) as claude:
        heard, _ = await turn(make_llm(claude))

    (call,) = heard.calls
    assert call.extra["claude"]["model"] == "claude-sonnet-4-6"
    (block,) = call.extra["claude"]["thinking"]
    assert (block["type"], block["thinking"]) == ("thinking", "Hm.")
    assert block["signature"]


async def test_thinking_is_signed_by_the_model_that_was_asked(make_llm: MakeLLM) -> None:
    """A call may name a model of its own: under the adapter's, the next turn would drop it."""
    answer = Answer(thinking="Hm.", tools=[ToolUse("book", {})])
    with SimulatedClaude(answer) as claude:
        heard, _ = await turn(make_llm(claude), extra_kwargs={"model": "claude-opus-4-5"})

    (call,) = heard.calls
    assert call.extra["claude"]["model"] == "claude-opus-4-5"


# --- counts and outcomes ------------------------------------------------------------------------


async def test_tokens_of_failed_attempts_are_reported_apart(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """An operator pays for them, and they are not the answer's."""
    wasted = Answer("x", input_tokens=100)
    with SimulatedClaude(
        Break("reset", at="block_start", answer=wasted), Answer("Hi.", input_tokens=10)
    ) as claude:
        heard, ended = await turn(make_llm(claude))

    assert heard.usage.prompt_tokens == 10
    assert ended.wasted_tokens >= 100
    (line,) = lines.named("claude.call_recovered")
    assert line["wasted_tokens"] == ended.wasted_tokens


async def test_a_lost_turn_reports_the_tokens_that_it_burnt(make_llm: MakeLLM) -> None:
    """Whoever counts tokens must find them on the bill."""
    wasted = Break("reset", at="block_start", answer=Answer("x", input_tokens=100))
    with SimulatedClaude(default=wasted) as claude:
        heard, ended = await turn(make_llm(claude, retry=shrunk_policy(max_attempts=2)))

    assert heard.error is not None
    assert (heard.usage.prompt_tokens, heard.usage.total_tokens) == (200, ended.wasted_tokens)


async def test_a_lost_turn_that_cost_nothing_has_no_usage(make_llm: MakeLLM) -> None:
    """A chunk of zeroes would count as an answer in livekit's metrics."""
    with SimulatedClaude(HttpError(400)) as claude:
        heard, _ = await turn(make_llm(claude))

    assert heard.usage is None


async def test_usage_of_all_parts_is_added(make_llm: MakeLLM) -> None:
    """Every part was billed, and every part was heard."""
    with SimulatedClaude(paused("Look. "), Answer("Yes.", input_tokens=7, output_tokens=3)) as c:
        heard, _ = await turn(make_llm(c))

    assert (heard.usage.prompt_tokens, heard.usage.completion_tokens) == (17, 23)


async def test_usage_is_reported_when_cancelled(make_llm: MakeLLM) -> None:
    """A barge-in is billed for what came before it; the plugin reports nothing."""
    metrics: list[Any] = []
    ended: list[TurnEnded] = []
    slow = Answer("One two three four.", piece_s=0.05, input_tokens=11)
    with SimulatedClaude(slow) as claude:
        adapter = make_llm(claude)
        adapter.on("metrics_collected", metrics.append)
        adapter.on("claude_turn_ended", ended.append)
        stream = adapter.chat(chat_ctx=conversation())
        await anext(stream)
        await stream.aclose()
        await adapter.aclose()

    (one,) = metrics
    assert (one.cancelled, one.prompt_tokens) == (True, 11)
    assert (ended[0].cancelled, ended[0].usage.prompt_tokens) == (True, 11)


@pytest.mark.parametrize(
    ("stop_reason", "outcome"),
    [("end_turn", "complete"), ("max_tokens", "max_tokens"), ("refusal", "refused")],
)
async def test_the_last_chunk_tells_the_outcome(
    stop_reason: str, outcome: str, make_llm: MakeLLM
) -> None:
    """An agent can offer to go on when an answer was cut short."""
    with SimulatedClaude(Answer("Hi.", stop_reason=stop_reason)) as claude:
        adapter = make_llm(claude)
        response = await adapter.chat(chat_ctx=conversation()).collect()
        await adapter.aclose()

    assert response.extra == {"claude": {"outcome": outcome, "stop_reason": stop_reason}}


async def test_an_unknown_stop_reason_is_an_answer_and_one_line(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Claude gets new ones: the call goes on, and the operator learns of it once per turn."""
    with SimulatedClaude(HttpError(529), Answer("Hi.", stop_reason="a_new_reason")) as claude:
        heard, ended = await turn(make_llm(claude))

    assert (heard.text, heard.error, ended.outcome) == ("Hi.", None, Outcome.COMPLETE)
    (line,) = lines.named("claude.outcome")
    assert (line["outcome"], line["stop_reason"]) == ("complete", "a_new_reason")


async def test_the_end_of_a_lost_turn_is_told(make_llm: MakeLLM) -> None:
    """One event for every turn, however it ends."""
    with SimulatedClaude(HttpError(400)) as claude:
        heard, ended = await turn(make_llm(claude))

    assert ended.failure == failure_of(heard.error)
    assert (ended.outcome, ended.cancelled, ended.silence_s) == (None, False, None)


async def test_a_handler_that_raises_does_not_end_the_turn(make_llm: MakeLLM, lines: Lines) -> None:
    """livekit lets a TypeError of a handler out; a caller must not be lost to it."""

    def handler(event: object) -> None:
        raise TypeError("my card number")

    with SimulatedClaude(HttpError(529), Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        adapter.on("error", handler)
        adapter.on("claude_turn_ended", handler)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert (heard.text, heard.error) == ("Hi.", None)
    failed = lines.named("claude.handler_failed")
    assert [line["handled"] for line in failed] == ["error", "claude_turn_ended"]
    assert "card" not in str(failed)


@pytest.mark.parametrize("error", [TypeError, ValueError, asyncio.CancelledError])
@pytest.mark.parametrize("place", range(3))
async def test_each_handler_is_called_by_itself(
    place: int, error: type[BaseException], make_llm: MakeLLM, lines: Lines
) -> None:
    """One that is broken took the event from all that came after it: no apology was played."""
    seen: list[str] = []

    def broken(event: object) -> None:
        raise error("my card number")

    handlers: list[Callable[[object], object]] = [
        lambda event: seen.append("first"),
        lambda event: seen.append("second"),
    ]
    handlers.insert(place, broken)
    with SimulatedClaude(HttpError(400)) as claude:
        adapter = make_llm(claude)
        for handler in handlers:
            adapter.on("error", handler)
        heard, ended = await turn(adapter)

    assert sorted(seen) == ["first", "second"]  # an older livekit keeps handlers in a set
    assert (ended.cancelled, ended.failure) == (False, failure_of(heard.error))
    told = 0 if error is ValueError else 1  # which livekit logs itself
    assert [line["handled"] for line in lines.named("claude.handler_failed")] == ["error"] * told


@pytest.mark.parametrize(
    "error",
    [TypeError("my card number"), asyncio.CancelledError("my card number")],
)
async def test_what_a_handler_raises_is_told_by_its_class_and_place(
    error: BaseException, make_llm: MakeLLM, lines: Lines
) -> None:
    """What it says is the application's, and may quote the caller."""

    def broken(event: object) -> None:
        raise error

    with SimulatedClaude(Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        adapter.on("claude_turn_ended", broken)
        await turn(adapter)

    ((name, fields),) = lines.events
    assert (name, fields["root_type"]) == ("claude.handler_failed", type(error).__name__)
    assert "in broken" in fields["root_message"]
    assert "card" not in str(lines.sentences + lines.events)


async def test_a_handler_for_one_event_is_called_once(make_llm: MakeLLM) -> None:
    """`once` is livekit's, and it takes itself out of the list that is being gone through."""
    seen: list[object] = []
    with SimulatedClaude(HttpError(529), HttpError(529), Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        adapter.once("error", seen.append)
        adapter.on("error", lambda: seen.append("takes nothing"))
        await turn(adapter)

    assert [event for event in seen if event == "takes nothing"] == ["takes nothing"] * 2
    assert len(seen) == 3


# --- a caller who leaves --------------------------------------------------------------------------


async def test_a_turn_that_is_left_while_it_waits_for_its_next_attempt(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """An outage in which everybody hangs up must not look like a quiet evening."""
    failed = asyncio.Event()
    with SimulatedClaude(default=HttpError(529, headers={"retry-after": "9"})) as claude:
        adapter = make_llm(claude)
        ended: list[TurnEnded] = []
        adapter.on("error", lambda event: failed.set())
        adapter.on("claude_turn_ended", ended.append)
        stream = adapter.chat(chat_ctx=conversation())
        await failed.wait()
        await stream.aclose()
        await stream.aclose()
        await adapter.aclose()

    assert [name for name, _ in lines.events] == ["claude.attempt_failed", "claude.turn_abandoned"]
    (one,) = ended
    assert (one.cancelled, one.abandoned, one.causes) == (True, True, "1 overloaded")


@pytest.mark.parametrize(("long_wait_s", "abandoned"), [(0.05, True), (60.0, False)])
async def test_a_turn_that_is_left_in_a_hang(
    long_wait_s: float,
    abandoned: bool,
    make_llm: MakeLLM,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a long silence the caller gave up; after a short one, he had something to add."""
    monkeypatch.setattr(record, "LONG_WAIT_S", long_wait_s)
    with SimulatedClaude(default=Break("stall", at="request")) as claude:
        adapter = make_llm(claude)
        ended: list[TurnEnded] = []
        adapter.on("claude_turn_ended", ended.append)
        stream = adapter.chat(chat_ctx=conversation())
        await asyncio.to_thread(claude.wait_for_requests, 1)
        await asyncio.sleep(0.06)
        await stream.aclose()
        await adapter.aclose()

    assert [name for name, _ in lines.events] == ["claude.turn_abandoned"] * abandoned
    assert [turn.abandoned for turn in ended] == [abandoned]


async def test_a_barge_in_into_an_answer_is_no_line(make_llm: MakeLLM, lines: Lines) -> None:
    """However long it took to begin: the caller heard it."""
    with SimulatedClaude(HttpError(529), Answer("One two three four.", piece_s=0.05)) as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=conversation())
        await anext(stream)
        await stream.aclose()
        await adapter.aclose()

    assert [name for name, _ in lines.events] == ["claude.attempt_failed"]


# --- an answer of nothing -------------------------------------------------------------------------


async def test_the_same_empty_answer_twice_is_an_answer(make_llm: MakeLLM, lines: Lines) -> None:
    """livekit takes a silent turn for what it is: Claude has nothing to say."""
    with SimulatedClaude(default=Answer("")) as claude:
        heard, ended = await turn(make_llm(claude))

        assert len(claude.requests) == 2
    assert (heard.text, heard.error, ended.outcome) == ("", None, Outcome.EMPTY)
    assert [name for name, _ in lines.events] == [
        "claude.attempt_failed",
        "claude.outcome",
        "claude.call_recovered",
    ]


async def test_an_empty_answer_after_another_fault_is_tried_once_more(make_llm: MakeLLM) -> None:
    """It is the first of its kind, whatever came before it."""
    with SimulatedClaude(HttpError(529), Answer(""), Answer("Hello.")) as claude:
        heard, _ = await turn(make_llm(claude))

    assert (heard.text, heard.error) == ("Hello.", None)


async def test_an_empty_answer_twice_after_another_fault_is_an_answer(make_llm: MakeLLM) -> None:
    """No error: what failed before it has passed."""
    with SimulatedClaude(HttpError(529), default=Answer("")) as claude:
        heard, ended = await turn(make_llm(claude))

        assert len(claude.requests) == 3
    assert (heard.error, ended.outcome) == (None, Outcome.EMPTY)


CALLED = [("user", "Book!"), ("call", "c1", "{}")]
ASKED = [("assistant", "For how many?"), ("user", "For two.")]
DONE = ("output", "c1", "booked")


@pytest.mark.parametrize(
    ("history", "requests"),
    [
        ([*CALLED, DONE], 1),
        # What the tool itself said and asked: livekit places it behind the result in the request.
        ([*CALLED, ASKED[0], DONE], 1),
        ([*CALLED, *ASKED, DONE], 1),
        ([*CALLED, *ASKED, DONE, ("system", "It is Tuesday.")], 1),
        # The caller speaks, and is owed an answer.
        ([*CALLED, DONE, ("user", "Thank you.")], 2),
        ([*CALLED, DONE, ("assistant", "Done."), ("user", "And?")], 2),
    ],
)
async def test_after_a_tool_claude_may_have_nothing_to_add(
    history: list[Any], requests: int, make_llm: MakeLLM, lines: Lines
) -> None:
    """At once: a second request would only make the silence longer."""
    with SimulatedClaude(default=Answer("")) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=chat(*history)))
        await adapter.aclose()

        assert len(claude.requests) == requests
    assert (heard.text, heard.error) == ("", None)
    assert [line["outcome"] for line in lines.named("claude.outcome")] == ["empty"]


# --- clocks -------------------------------------------------------------------------------------


async def test_a_healthy_thinking_phase_is_not_cut(make_llm: MakeLLM) -> None:
    """It outlives the silence budget and the clock for text, because it makes progress."""
    slow = Answer("Yes.", thinking="one two three four five six seven eight", piece_s=0.3)
    with SimulatedClaude(slow) as claude:
        adapter = make_llm(
            claude,
            retry=shrunk_policy(max_silence_s=SHORT_S),
            timeout=Timeouts(stall_s=SHORT_S),
        )
        heard, _ = await turn(adapter)

        assert (heard.text, len(claude.requests)) == ("Yes.", 1)


async def test_empty_deltas_are_no_progress(make_llm: MakeLLM) -> None:
    """A stream that only pretends to go on is cut like one that stops."""
    with SimulatedClaude(Break("empty_deltas", at="text", answer=BROKEN)) as claude:
        timeout = Timeouts(stall_s=SHORT_S)
        heard, ended = await turn(make_llm(claude, timeout=timeout, **raising()))

    assert heard.text == "One two "
    assert ended.failure is not None
    assert ended.failure.kind == "stall"


async def test_an_answer_without_end_is_ended(make_llm: MakeLLM) -> None:
    """Progress that never ends: every clock starts anew, but the one of the whole turn."""
    endless = Answer(pieces=["and so on "] * 2_000, piece_s=0.01)
    policy = shrunk_policy(max_silence_s=SHORT_S, max_turn_s=SHORT_S)
    with SimulatedClaude(default=endless) as claude:
        heard, ended = await turn(make_llm(claude, retry=policy))

        assert len(claude.requests) == 1  # there is no time left to resume it
    assert heard.text.startswith("and so on and so on ")
    assert isinstance(heard.error, APITimeoutError)
    assert ended.failure is not None
    assert ended.failure.root_message == f"max_turn_s expired after {SHORT_S:g} s"
    assert ended.elapsed_s < 3 * SHORT_S


THOUGHTFUL = Answer("Yes.", thinking="one two three")


@pytest.mark.parametrize(
    ("how", "at", "clock", "kind"),
    [
        ("pings", "thinking", "max_turn_s", "timeout"),
        ("pings", "after_thinking", "max_turn_s", "timeout"),
        ("comments", "thinking", "thinking_s", "stall"),
        ("empty_deltas", "thinking", "max_turn_s", "timeout"),
        ("stall", "thinking", "thinking_s", "stall"),
        ("pings", "text", "stall_s", "stall"),
    ],
)
async def test_pings_are_a_sign_of_life_while_claude_thinks(
    how: Any, at: Any, clock: str, kind: str, make_llm: MakeLLM
) -> None:
    """Minutes of thinking are healthy, and the API then pings; of speech, only words are."""
    limits = {"thinking_s": 0.5, "stall_s": 0.5, "max_turn_s": 2.0}
    policy = shrunk_policy(
        max_silence_s=2.0, max_turn_s=2.0, max_attempts=1, on_interruption="raise"
    )
    with SimulatedClaude(default=Break(how, at=at, answer=THOUGHTFUL, after_pieces=1)) as claude:
        timeout = Timeouts(thinking_s=0.5, stall_s=0.5, first_token_s=2.0)
        _, ended = await turn(make_llm(claude, retry=policy, timeout=timeout))

    assert ended.failure is not None
    assert (ended.failure.kind, ended.failure.root_message) == (
        kind,
        f"{clock} expired after {limits[clock]:g} s",
    )


async def test_pings_in_an_empty_block_of_a_new_type_are_no_sign_of_life(
    make_llm: MakeLLM,
) -> None:
    """Nothing says that Claude works: the caller would hear nothing until `max_turn_s` ends."""
    start, *_, stop = [piece.data for piece in wire.pieces(Answer("Yes."))]
    events: list[Any] = [start, block_start(0, {"type": "hologram", "id": "holo_1"}), stop]
    pinging = Break("pings", at="block_start", answer=Answer(events=events))
    with SimulatedClaude(pinging, Answer("Yes.")) as claude:
        timeout = Timeouts(first_token_s=SHORT_S, thinking_s=SHORT_S)
        heard, ended = await turn(make_llm(claude, timeout=timeout))

    assert (heard.text, ended.causes) == ("Yes.", "1 timeout")


async def test_a_slow_first_byte_succeeds_on_a_later_attempt(make_llm: MakeLLM) -> None:
    """The clock doubles, so a slow service is not cut for ever."""
    with SimulatedClaude(default=Answer("Hi.", first_byte_s=1.2 * SHORT_S)) as claude:
        heard, _ = await turn(make_llm(claude, timeout=Timeouts(first_token_s=SHORT_S)))

        assert (heard.text, len(claude.requests)) == ("Hi.", 2)


async def test_a_body_that_stays_open_after_message_stop_is_given_up(make_llm: MakeLLM) -> None:
    """The answer is whole and no failure; only the connection cannot serve the next turn."""
    step = Break("stall", at="after_stop", answer=Answer("Hi."))
    with SimulatedClaude(step, Answer("Bye.")) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        again = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert (heard.text, heard.error, again.text) == ("Hi.", None, "Bye.")
        assert claude.connections == 2


# --- white space ---------------------------------------------------------------------------------


async def test_white_space_is_no_output_that_forbids_a_retry(make_llm: MakeLLM) -> None:
    """Nobody has heard a line end, so nothing would be said twice."""
    pieces = ["\n\n", "Hello ", "you."]
    broken = Break("reset", at="text", answer=Answer(pieces=pieces), after_pieces=1)
    with SimulatedClaude(broken, Answer(pieces=pieces)) as claude:
        heard, ended = await turn(make_llm(claude))

    assert (heard.text, heard.error) == ("\n\nHello you.", None)
    assert ended.attempts == 2


async def test_white_space_alone_is_an_answer_of_nothing(make_llm: MakeLLM) -> None:
    """A turn that says nothing must not be taken for one that said something."""
    with SimulatedClaude(default=Answer(pieces=["\n\n"])) as claude:
        heard, ended = await turn(make_llm(claude))

        assert len(claude.requests) == 2
    assert (heard.text, heard.error, ended.outcome) == ("", None, Outcome.EMPTY)


@pytest.mark.parametrize(("text", "event"), [("No.", "claude.outcome"), ("", "claude.call_failed")])
async def test_what_the_api_says_of_a_refusal_is_told(
    text: str, event: str, make_llm: MakeLLM, lines: Lines
) -> None:
    """The application reads why; the log has the category, and not a word of the explanation."""
    details = {"type": "refusal", "category": "cyber", "explanation": "It asks for malware."}
    told = list[TurnEnded]()
    with SimulatedClaude(Answer(text, stop_reason="refusal", stop_details=details)) as claude:
        adapter = make_llm(claude)
        adapter.on("claude_turn_ended", told.append)
        with suppress(APIError):
            await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert told[0].stop_details == StopDetails("cyber", "It asks for malware.")
    assert "malware" not in f"{told[0]} {lines.events} {lines.sentences}"
    assert lines.named(event)[0]["refusal_category"] == "cyber"


async def test_white_space_before_a_refusal_is_no_answer(make_llm: MakeLLM) -> None:
    """Nor is it one that was heard, and cut short."""
    with SimulatedClaude(default=Answer(pieces=["\n\n"], stop_reason="refusal")) as claude:
        heard, ended = await turn(make_llm(claude))

    assert heard.text == ""
    assert ended.failure is not None
    assert ended.failure.kind == "refusal"


async def test_white_space_does_not_end_the_silence(make_llm: MakeLLM) -> None:
    """Promise 5 counts to the first speakable chunk."""
    drip = Answer(pieces=[*["\n"] * 30, "Hello"], piece_s=0.1)
    policy = shrunk_policy(max_silence_s=1.0, max_attempts=1)
    with SimulatedClaude(default=drip) as claude:
        heard, _ = await turn(make_llm(claude, retry=policy))

    assert heard.text == ""
    assert isinstance(heard.error, APITimeoutError)


PROSE = (
    "Good evening, this is Mario's. We have a table at eight, or at nine. Dr. Okafor says hello."
)


async def test_words_that_come_together_are_spoken_like_words_that_come_alone(
    make_llm: MakeLLM,
) -> None:
    """They are one chunk; speech synthesis, which is fed sentences, must not hear that."""
    together = b"".join(piece.data for piece in wire.pieces(Answer(PROSE)))
    with SimulatedClaude(Answer(events=[together]), Answer(PROSE, piece_s=0.002)) as claude:
        adapter = make_llm(claude)
        chunks = [await texts_of(adapter.chat(chat_ctx=conversation())) for _ in range(2)]
        await adapter.aclose()

    assert chunks[0] == [PROSE]
    assert len(chunks[1]) > 10
    for tokenizer in (tokenize.basic.SentenceTokenizer(), tokenize.blingfire.SentenceTokenizer()):
        whole, by_word = [await sentences(tokenizer, texts) for texts in chunks]
        assert whole == by_word


async def texts_of(stream: llm.LLMStream) -> list[str]:
    async with stream:
        return [
            chunk.delta.content async for chunk in stream if chunk.delta and chunk.delta.content
        ]


async def sentences(tokenizer: tokenize.SentenceTokenizer, texts: list[str]) -> list[str]:
    """What livekit gives to a speech synthesis that takes sentences."""
    stream = tokenizer.stream()
    for text in texts:
        stream.push_text(text)
    stream.end_input()
    return [event.token async for event in stream]
