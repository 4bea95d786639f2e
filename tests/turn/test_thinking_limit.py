"""A Claude who thinks and says nothing: how long, what follows, and who is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from resilient_claude import FailureKind, RetryPolicy, Thinking, Timeouts, failure_of
from resilient_claude.testing import Answer, SimulatedClaude, ToolUse
from resilient_claude.testing.script import wire
from resilient_claude.turn import clocks
from tests.support.adapters import MakeLLM
from tests.support.lines import Lines
from tests.support.listening import GREETING, conversation, read_stream

MODEL = "claude-opus-5-5"
THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": "c2ln"}
ALL_USED_UP = Answer(
    events=[
        {
            "type": "message_start",
            "message": {"id": "msg_1", "usage": {"input_tokens": 9, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": THOUGHT},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens"},
            "usage": {"output_tokens": 8192},
        },
        {"type": "message_stop"},
    ]
)
SAID = {"type": "text_delta", "text": "Well: "}
LONG_THOUGHT = "well " * 4000
THINKS_ON = Answer("Yes.", thinking=LONG_THOUGHT, piece_s=0.01)
"""Shows signs of life all the time; not notes, which would be spoken: hence `progress="off"`."""


def settings(request: Any) -> tuple[int, str]:
    """How much room a request gives, and what effort it asks for."""
    return request.body["max_tokens"], request.body["output_config"]["effort"]


async def test_thinking_that_used_up_all_there_was_is_followed_by_one_attempt_with_room(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Until now the turn was lost, and billed."""
    with SimulatedClaude(ALL_USED_UP, default=GREETING) as claude:
        adapter = make_llm(claude, model=MODEL, progress="off", effort="high")
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        asked = [settings(request) for request in claude.requests]
    assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    assert asked == [(8192, "high"), (16_384, "low")]
    (line,) = lines.named("claude.request_adjusted")
    assert (line["argument"], line["model"]) == ("max_tokens", MODEL)
    assert line["reason"].startswith("raised to 16384 and sent with effort low, once")


async def test_it_is_followed_by_no_other(make_llm: MakeLLM) -> None:
    """What takes more than that takes more than a caller waits."""
    with SimulatedClaude(default=ALL_USED_UP) as claude:
        adapter = make_llm(claude, model=MODEL, progress="off")
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 2
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind is FailureKind.TRUNCATED


@pytest.mark.parametrize(
    ("answer", "model"),
    [
        (Answer("", stop_reason="max_tokens"), MODEL),
        (Answer("Yes, it", thinking="Hm.", stop_reason="max_tokens"), MODEL),
        (Answer(thinking="Hm.", tools=[ToolUse("find")], stop_reason="max_tokens"), MODEL),
        (Answer("", stop_reason="max_tokens"), "claude-sonnet-4-6"),
    ],
    ids=["nothing", "words", "a tool", "no thinking"],
)
async def test_what_else_reached_the_limit_is_not_asked_for_again(
    make_llm: MakeLLM, answer: Answer, model: str
) -> None:
    """Words were heard, or something else than thinking took the room."""
    with SimulatedClaude(answer, default=GREETING) as claude:
        adapter = make_llm(claude, model=model)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1


async def test_a_policy_of_one_attempt_is_kept(make_llm: MakeLLM) -> None:
    """Where another LLM stands by, that one is asked next."""
    with SimulatedClaude(ALL_USED_UP, default=GREETING) as claude:
        adapter = make_llm(claude, model=MODEL, progress="off", retry=RetryPolicy(max_attempts=1))
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    assert heard.error is not None


# --- for too long ---------------------------------------------------------------------------------


async def test_thinking_that_goes_on_and_on_is_asked_to_be_brief(make_llm: MakeLLM) -> None:
    """Every ping is a sign of life, so it could go on for minutes."""
    with SimulatedClaude(THINKS_ON, default=GREETING) as claude:
        adapter = make_llm(
            claude, model=MODEL, progress="off", timeout=Timeouts(max_thinking_s=0.1)
        )
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        asked = [settings(request) for request in claude.requests]
    assert (heard.text, heard.error) == ("Hello, this is Claude.", None)
    assert asked == [(8192, "low"), (16_384, "low")]


async def test_a_second_attempt_may_think_as_long_as_it_has_to(make_llm: MakeLLM) -> None:
    """A slow but living answer must be heard at last."""
    slow = Answer("Yes.", thinking="one two three four five six", piece_s=0.05)
    with SimulatedClaude(THINKS_ON, slow) as claude:
        adapter = make_llm(
            claude, model=MODEL, progress="off", timeout=Timeouts(max_thinking_s=0.1)
        )
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 2
    assert (heard.text, heard.error) == ("Yes.", None)


@pytest.mark.parametrize(
    "retry", [RetryPolicy(max_attempts=1), RetryPolicy(max_silence_s=0.2, wait_cap_s=0.5)]
)
async def test_no_thinking_is_cut_that_nothing_could_follow(
    make_llm: MakeLLM, retry: RetryPolicy
) -> None:
    """The caller would have waited for nothing."""
    slow = Answer("Yes.", thinking="one two three four five six", piece_s=0.05)
    timeouts = Timeouts(max_thinking_s=0.19 if retry.max_attempts > 1 else 0.1)
    with SimulatedClaude(slow) as claude:
        adapter = make_llm(claude, model=MODEL, progress="off", retry=retry, timeout=timeouts)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    assert (heard.text, heard.error) == ("Yes.", None)


async def test_thinking_after_words_has_no_limit_of_its_own(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller has heard something, and to cut an answer is worse than to wait for the rest."""
    monkeypatch.setattr(clocks, "THINKING_S", 0.03)
    told: list[Thinking] = []
    thinks = Answer("Yes.", thinking="one two three four", piece_s=0.05)
    events: list[Any] = [*wire.events(thinks, model=MODEL, serial=1)]
    said = [
        {"type": "content_block_start", "index": 9, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 9, "delta": SAID},
        {"type": "content_block_stop", "index": 9},
    ]
    begins = [event["type"] for event in events].index("content_block_start")
    answer = Answer(events=[*events[:begins], *said, *events[begins:]], piece_s=0.05)
    with SimulatedClaude(answer) as claude:
        adapter = make_llm(
            claude, model=MODEL, progress="off", timeout=Timeouts(max_thinking_s=0.06)
        )
        adapter.on("claude_thinking", told.append)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    assert (heard.text, heard.error) == ("Well: Yes.", None)
    assert told == []


# --- the event ------------------------------------------------------------------------------------


async def test_the_application_is_told_once_that_it_will_take_a_while(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may say or play something meanwhile."""
    monkeypatch.setattr(clocks, "THINKING_S", 0.05)
    told: list[Thinking] = []
    with SimulatedClaude(
        THINKS_ON, default=Answer("Yes.", thinking="a b c d", piece_s=0.05)
    ) as claude:
        adapter = make_llm(
            claude, model=MODEL, progress="off", timeout=Timeouts(max_thinking_s=0.1)
        )
        adapter.on("claude_thinking", told.append)
        ended: list[Any] = []
        adapter.on("claude_turn_ended", ended.append)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    (event,) = told
    assert event.turn_id == ended[0].turn_id
    assert 0.05 <= event.elapsed_s <= ended[0].elapsed_s


@pytest.mark.parametrize(
    "answer",
    [
        Answer("one two three four", piece_s=0.05),
        Answer("one two three four", thinking="Hm.", piece_s=0.05),
        Answer("Yes.", first_token_s=0.2),
    ],
    ids=["speaks", "has thought", "waits"],
)
async def test_of_a_claude_who_does_not_think_for_long_nothing_is_told(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """A sound over an answer would be worse than none."""
    monkeypatch.setattr(clocks, "THINKING_S", 0.1)
    told: list[Thinking] = []
    with SimulatedClaude(answer) as claude:
        adapter = make_llm(claude, model=MODEL, progress="off")
        adapter.on("claude_thinking", told.append)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    assert told == []


async def test_a_turn_that_is_left_while_it_thinks_leaves_nothing_behind(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer of it would tell of a turn that is over."""
    monkeypatch.setattr(clocks, "THINKING_S", 0.1)
    told: list[Thinking] = []
    with SimulatedClaude(default=THINKS_ON) as claude:
        adapter = make_llm(claude, model=MODEL, progress="off")
        adapter.on("claude_thinking", told.append)
        stream = adapter.chat(chat_ctx=conversation())
        await asyncio.to_thread(claude.wait_for_requests, 1)
        await asyncio.sleep(0.05)
        await stream.aclose()
        await asyncio.sleep(0.1)
        await adapter.aclose()

    assert told == []
