"""Every model that is served, with its default request, in calls: when its voice is heard.

Times are seconds of the call, in which everybody's waits are skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from livekit.agents import function_tool
from livekit.agents.llm import ChatMessage

from resilient_claude import ResilientClaudeLLM
from resilient_claude.request.model_facts import MODELS
from resilient_claude.testing import Answer, Note, SimulatedClaude, Step, Thought, ToolUse
from resilient_claude.testing.serving.showing import as_shown
from resilient_claude.testing.voice import PlayedCall, Says, VoiceCall
from resilient_claude.voice import keep_caller_informed
from resilient_claude.voice.attending import STALLED_S

from ..support.adapters import KEY
from ..support.attended_calls import COMMIT_S, as_said

SERVED = [facts.name for facts in MODELS if facts.status != "deprecated"]
NEWEST = [facts.name for facts in MODELS if facts.status == "latest"]
ALWAYS_THINKS = [f.name for f in MODELS if (f.status, f.thinks) == ("latest", "always")]
QUESTION = Says("A table for two, please.")
BOOK, TABLES = "I look into the book.", "Now I count the tables."
DONE = "You have a table."
FIRST_TOKEN_S = 0.6
THINKS_S = 1.5
HEARD_AFTER_S = 0.2


@function_tool
async def find(what: str) -> str:
    """Find something.

    Args:
        what: what to find.
    """
    await asyncio.sleep(0.8)
    return f"found {what}"


def looks(what: str) -> ToolUse:
    return ToolUse("find", {"what": what})


def steps(*, thinks_s: float = THINKS_S, done: str = DONE) -> list[Answer]:
    """A turn of two tools, each behind a note, with thoughts before everything."""
    thought = Thought("They want a table.", lasts_s=thinks_s)
    contents: list[Sequence[Any]] = [
        [thought, Note(BOOK), looks("book")],
        [thought, Note(TABLES), looks("tables")],
        [thought, done],
    ]
    return [Answer(content=each, first_token_s=FIRST_TOKEN_S) for each in contents]


def played(
    model: str, script: Sequence[Step], *, caller: Sequence[Says] = (QUESTION,), **options: Any
) -> PlayedCall:
    """The call; the simulated Claude refuses what the real one would."""
    with SimulatedClaude(*script) as claude:

        def make() -> ResilientClaudeLLM:
            return ResilientClaudeLLM(model=model, api_key=KEY, base_url=claude.base_url)

        return VoiceCall(
            make,
            caller,
            claude=claude,
            tools=[find],
            first_byte_s=0.05,
            **{"prepare": keep_caller_informed, **options},
        ).play()


def first_tokens_s(call: PlayedCall, script: Sequence[Answer]) -> list[float]:
    """When the first speakable token of each answer was sent."""
    times = []
    for post, answer in zip(call.posts(), script, strict=True):
        shown = as_shown(answer, post.body).content or ()
        thought_s = sum(part.lasts_s for part in shown if isinstance(part, Thought))
        times.append(post.at_s + FIRST_TOKEN_S + thought_s)
    return times


def heard(call: PlayedCall) -> list[str]:
    return [as_said(each.text) for each in call.heard()]


@pytest.mark.parametrize("model", SERVED)
def test_a_word_is_heard_as_soon_as_it_can_be(model: str) -> None:
    """Of every step, its note too: nothing waits for the end of a block, or for the call."""
    script = steps()
    call = played(model, script)

    assert heard(call) == [BOOK, TABLES, DONE]
    began = [each.start_s for each in call.heard()]
    late = [at - token for at, token in zip(began, first_tokens_s(call, script), strict=True)]
    assert max(late) < HEARD_AFTER_S


@pytest.mark.parametrize("model", SERVED)
def test_a_note_is_written_down_and_sent_once(model: str) -> None:
    """It was heard, so the history has it; the next request has it in its block, or as text."""
    call = played(model, steps())

    messages = [i for i in call.history.items if isinstance(i, ChatMessage)]
    assert [m.text_content for m in messages if m.role == "assistant"] == [BOOK, TABLES, DONE]
    assert len(call.posts()) == 3
    assert not call.errors
    for post in call.posts():
        sent = str(post.body["messages"])
        assert sent.count(BOOK) <= 1
        assert sent.count(TABLES) <= 1


@pytest.mark.parametrize("model", NEWEST)
def test_what_thinking_hides_is_no_longer_than_any_other_wait(model: str) -> None:
    """Thinking for eight seconds is a slow answer to a caller: he hears a line, and a note."""
    call = played(model, steps(thinks_s=8.0))

    assert [text for text in heard(call) if text in (BOOK, TABLES, DONE)] == [BOOK, TABLES, DONE]
    assert max(each.lasted_s for each in call.silences() if each.ended) < 7.0
    first = call.heard()[0].start_s - call.said()[0].end_s
    assert first < COMMIT_S + 2.5 + HEARD_AFTER_S


@pytest.mark.parametrize("model", ALWAYS_THINKS)
def test_endless_thinking_is_not_waited_for(model: str) -> None:
    """It is asked to be brief, and the caller is told before he leaves."""
    endless = Answer(content=[Thought(lasts_s=200.0), "Never."], first_token_s=FIRST_TOKEN_S)
    call = played(model, [endless, Answer(DONE)], lasts_s=30.0)

    last = call.heard()[-1]
    assert as_said(last.text).startswith((DONE, "I'm sorry"))
    assert last.start_s - call.said()[0].end_s < COMMIT_S + 12.0 + 1.0


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-5-5"])
def test_a_caller_may_interrupt_a_note(model: str) -> None:
    """Claude is told as much of it as he heard, as text and once; its block stays away."""
    note = "I look into the very big book where all of our tables are written down."
    script = [
        Answer(content=[Note(note), looks("book")], first_token_s=FIRST_TOKEN_S),
        Answer("Then I will not."),
    ]
    over = Says("No wait, please stop that now.", into_speech_s=1.5)
    call = played(model, script, caller=[QUESTION, over])

    cut, answer = call.heard()
    assert not cut.whole
    assert as_said(answer.text) == "Then I will not."
    assert not call.errors
    blocks = [b for m in call.posts()[-1].body["messages"] for b in m["content"]]
    assert not [b for b in blocks if b["type"] == "thinking"]
    (told,) = [b["text"] for b in blocks if "very big" in b.get("text", "")]
    assert note.startswith(told.strip())
    assert told.strip() != note


def test_a_note_is_heard_before_what_is_thought_behind_it() -> None:
    """In the same message: livekit would keep the sentence until the next one begins."""
    content: list[Any] = [Note(BOOK), Thought("They want a table.", lasts_s=4.0), DONE]
    script = [Answer(content=content, first_token_s=FIRST_TOKEN_S)]
    call = played("claude-opus-5-5", script)

    assert heard(call) == [BOOK, DONE]
    token_s = call.posts()[0].at_s + FIRST_TOKEN_S
    assert call.heard()[0].start_s - token_s < STALLED_S + HEARD_AFTER_S
