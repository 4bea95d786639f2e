"""Notes between calls of tools in a real session, in text mode: heard once, and read once.

The simulated Claude refuses thinking that was changed or does not stand where it stood.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool, llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import Answer, Break, Note, SimulatedClaude, Thought, ToolUse
from tests.support.adapters import MakeLLM
from tests.support.text_sessions import said, text_session

SONNET, OPUS = "claude-sonnet-5-5", "claude-opus-5-5"
BOOK = "I look into the book."
TABLES = "Now I count the tables."
DONE = Answer("You have a table.")


class Searcher(Agent):
    """Has a tool that takes as long as it is told to."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a receptionist.")

    @function_tool
    async def find(self, what: str, seconds: float = 0.0) -> str:
        """Find something.

        Args:
            what: what to find.
            seconds: how long it takes.
        """
        await asyncio.sleep(seconds)
        return f"found {what}"


def looks(what: str = "book", seconds: float = 0.0) -> ToolUse:
    return ToolUse("find", {"what": what, "seconds": seconds})


def call(adapter: ResilientClaudeLLM) -> AbstractAsyncContextManager[AgentSession[None]]:
    """A session in text mode whose agent searches."""
    return text_session(adapter, Searcher(), vad=None, turn_handling={"turn_detection": None})


def answers(claude: SimulatedClaude, request: int) -> list[list[Any]]:
    """What Claude said and did, as a request tells it."""
    body: Any = claude.requests[request].body
    own = [m["content"] for m in body["messages"] if m["role"] == "assistant"]
    return [[_short(block) for block in content] for content in own]


def _short(block: Any) -> Any:
    if block["type"] == "text":
        return block["text"]
    return (block["type"], block.get("thinking", block.get("name")))


def note(text: str) -> tuple[str, str]:
    return ("thinking", text)


FIND = ("tool_use", "find")


@pytest.mark.parametrize("model", [SONNET, OPUS])
async def test_a_note_is_read_once_by_the_next_request(model: str, make_llm: MakeLLM) -> None:
    """As a block while the tools are at work, as text in later turns; never as both."""
    steps = (
        Answer(content=[Thought("Hm."), "Of course.", Note(BOOK), looks()]),
        Answer(content=[Note(TABLES), looks("tables")]),
    )
    with SimulatedClaude(*steps, DONE, Answer("Bye.")) as claude:
        async with call(make_llm(claude, model=model)) as session:
            await session.run(user_input="A table, please.")
            await session.run(user_input="Thanks.")
            texts = said(session)

        thought = [note("")] if model == OPUS else []
        first = [*thought, "Of course.", note(BOOK), FIND]
        assert answers(claude, 1) == [first]
        assert answers(claude, 2) == [first, [note(TABLES), FIND]]
        assert answers(claude, 3) == [
            [f"Of course. {BOOK}", FIND],
            [TABLES, FIND],
            ["You have a table."],
        ]
        assert len(claude.requests) == 4
    assert texts == [f"Of course. {BOOK}", TABLES, "You have a table.", "Bye."]


@pytest.mark.parametrize("progress", ["event", "off"])
@pytest.mark.parametrize("model", [SONNET, OPUS])
async def test_a_note_that_is_not_spoken_goes_back_all_the_same(
    model: str, progress: str, make_llm: MakeLLM
) -> None:
    """It is Claude's own; only the caller is spared it."""
    display = {"off": ""}.get(progress, BOOK) if model == OPUS else BOOK
    with SimulatedClaude(Answer(content=["Well.", Note(BOOK), looks()]), DONE) as claude:
        async with call(make_llm(claude, model=model, progress=progress)) as session:
            await session.run(user_input="A table, please.")
            texts = said(session)

        assert answers(claude, 1) == [["Well.", note(display), FIND]]
    assert texts == ["Well.", "You have a table."]


@pytest.mark.parametrize("slow", [0.0, 0.05])
async def test_notes_among_parallel_calls_keep_their_places(slow: float, make_llm: MakeLLM) -> None:
    """The history has the calls in the order in which their tools were done."""
    step = Answer(content=[Note(BOOK), looks("book", slow), Note(TABLES), looks("tables")])
    with SimulatedClaude(step, DONE) as claude:
        async with call(make_llm(claude, model=SONNET)) as session:
            await session.run(user_input="A table, please.")

        assert len(claude.requests) == 2
        assert answers(claude, 1) == [[note(BOOK), FIND, note(TABLES), FIND]]
        body: Any = claude.requests[1].body
        calls = [b["input"]["what"] for b in body["messages"][1]["content"] if "input" in b]
        assert calls == ["book", "tables"]


async def test_thinking_that_comes_first_is_found_whichever_tool_was_faster(
    make_llm: MakeLLM,
) -> None:
    """It is left with the first call, which is not the first in the history."""
    step = Answer(content=[Thought("Hm."), looks("book", 0.05), looks("tables")])
    with SimulatedClaude(step, DONE) as claude:
        async with call(make_llm(claude, model=OPUS)) as session:
            await session.run(user_input="A table, please.")

        assert answers(claude, 1) == [[note(""), FIND, FIND]]


async def test_a_note_that_was_gone_on_with_is_read_once(make_llm: MakeLLM) -> None:
    """It came in two answers, and in neither whole: what was heard of it stays text."""
    step = Answer(content=[Note(BOOK), looks()], piece_s=0.02)
    broken = Break("reset", at="thinking", answer=step, after_pieces=2)
    with SimulatedClaude(broken, step, DONE) as claude:
        async with call(make_llm(claude, model=SONNET)) as session:
            await session.run(user_input="A table, please.")
            texts = said(session)

        assert len(claude.requests) == 3
        assert answers(claude, 2) == [[BOOK, FIND]]
    assert texts == [BOOK, "You have a table."]


async def _instructed(session: AgentSession[None], adapter: ResilientClaudeLLM) -> None:
    await session.current_agent.update_instructions("You are a waiter.")


async def _another_model(session: AgentSession[None], adapter: ResilientClaudeLLM) -> None:
    adapter.update_options(model=OPUS)


async def _edited(session: AgentSession[None], adapter: ResilientClaudeLLM) -> None:
    for item in session.current_agent._chat_ctx.items:
        if isinstance(item, llm.ChatMessage) and item.role == "assistant":
            item.content = ["I look."]


@pytest.mark.parametrize(
    ("change", "text"),
    [(_instructed, BOOK), (_another_model, BOOK), (_edited, "I look.")],
    ids=["other instructions", "another model", "other words"],
)
async def test_where_thinking_may_not_go_back_the_words_are_there(
    change: Callable[[AgentSession[None], ResilientClaudeLLM], Awaitable[None]],
    text: str,
    make_llm: MakeLLM,
) -> None:
    """Claude must know what the caller has heard, and would refuse what does not belong there."""
    step = Answer(content=[Note(BOOK), looks(seconds=0.05)])
    with SimulatedClaude(step, DONE) as claude:
        adapter = make_llm(claude, model=SONNET)
        async with call(adapter) as session:
            heard = asyncio.Event()
            session.on("conversation_item_added", lambda _: heard.set() if said(session) else None)
            handle = session.generate_reply(user_input="A table, please.")
            await heard.wait()
            await change(session, adapter)
            await handle

        told = Counter(block for content in answers(claude, 1) for block in content)
        assert told[text] == 1
        assert note(BOOK) not in told
