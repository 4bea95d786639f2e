"""Turns in which tools run at Anthropic's, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool, llm

from resilient_claude import (
    Citation,
    Outcome,
    ResilientClaudeLLM,
    RetryPolicy,
    ServerToolCall,
    Source,
    Timeouts,
    TurnEnded,
)
from resilient_claude.testing import (
    Answer,
    Break,
    Cited,
    HttpError,
    ServerToolUse,
    SimulatedClaude,
    ToolUse,
)
from tests.support.adapters import MakeLLM
from tests.support.lines import Lines
from tests.support.listening import Heard, conversation, read_stream
from tests.support.server_tools import (
    MENU,
    SHOP,
    TOKEN,
    CodeExecution,
    McpServer,
    ToolSearch,
    WebSearch,
    search,
)

RISOTTO = Cited("Risotto.", *MENU, "today: risotto")
ORDER = ServerToolUse("order", {"dish": "risotto"}, result=[], server_name="shop")
READS = McpServer("shop", "https://shop.example/mcp", repeatable=True)


async def turns(
    adapter: ResilientClaudeLLM, *tools: llm.Tool, count: int = 1
) -> tuple[list[Heard], list[TurnEnded]]:
    """What was heard, and what was told, of turns with *tools*."""
    ended: list[TurnEnded] = []
    adapter.on("claude_turn_ended", ended.append)
    heard = [
        await read_stream(adapter.chat(chat_ctx=conversation(), tools=[*tools]))
        for _ in range(count)
    ]
    await adapter.aclose()
    return heard, ended


async def test_a_search_is_told_with_the_answer(make_llm: MakeLLM) -> None:
    """To whoever reads the stream, and to whoever listens to the adapter."""
    answer = Answer(content=["I look.", search(id="srv_1"), RISOTTO], container="cont_1")
    with SimulatedClaude(default=answer) as claude:
        adapter = make_llm(claude)
        stream = adapter.chat(chat_ctx=conversation(), tools=[WebSearch()])
        chunks = [chunk async for chunk in stream]
        (heard,), (ended,) = await turns(adapter, WebSearch())

    assert heard.text == "I look. Risotto."
    assert ended.server_tools == (
        ServerToolCall("srv_1", "web_search", {"query": "menu"}, sources=(Source(*MENU),)),
    )
    assert ended.citations == (Citation("today: risotto", *MENU),)
    assert ended.container == "cont_1"
    assert chunks[-1].delta is not None
    assert chunks[-1].delta.extra == {
        "claude": {
            "outcome": "complete",
            "stop_reason": "end_turn",
            "server_tools": [
                {
                    "id": "srv_1",
                    "name": "web_search",
                    "input": {"query": "menu"},
                    "sources": [{"url": MENU[0], "title": MENU[1]}],
                }
            ],
            "citations": [{"cited_text": "today: risotto", "url": MENU[0], "title": MENU[1]}],
            "container": "cont_1",
        }
    }


async def test_a_search_that_fails_is_no_failure_of_the_turn(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """Claude sees the error and says what it can."""
    answer = Answer(content=[search(error="unavailable"), "I can't look that up now."])
    with SimulatedClaude(answer) as claude:
        (heard,), (ended,) = await turns(make_llm(claude), WebSearch())

    assert (heard.text, heard.error) == ("I can't look that up now.", None)
    assert [call.error for call in ended.server_tools] == ["unavailable"]
    assert ended.outcome is Outcome.COMPLETE
    assert lines.events == []


async def test_a_tool_that_takes_its_time_is_waited_for(make_llm: MakeLLM) -> None:
    """While it runs there are pings alone, for longer than a caller may wait for a first word."""
    answer = Answer(content=[search(lasts_s=0.9), "Risotto."])
    clocks = Timeouts(first_token_s=0.4, stall_s=0.4, thinking_s=0.4)
    patience = RetryPolicy(max_silence_s=0.6)
    with SimulatedClaude(answer) as claude:
        adapter = make_llm(claude, timeout=clocks, retry=patience)
        (heard,), (ended,) = await turns(adapter, WebSearch())

    assert (heard.text, ended.attempts) == ("Risotto.", 1)


async def test_a_pause_is_continued_with_the_same_tools(make_llm: MakeLLM) -> None:
    """ "The API returns a validation error if that tool is missing from the continuation." """
    paused = ServerToolUse("web_search", {"query": "menu"}, id="srv_1")
    with SimulatedClaude(
        Answer(content=["I look.", paused], container="cont_1"),
        Answer(content=[search(id="srv_1", was_called_before=True), RISOTTO]),
    ) as claude:
        (heard,), (ended,) = await turns(make_llm(claude), WebSearch())
        first, second = [request.body or {} for request in claude.requests]

    assert heard.text == "I look. Risotto."
    assert second["tools"] == first["tools"]
    assert second["container"] == "cont_1"
    (call,) = ended.server_tools
    assert (call.input, call.sources, call.finished) == ({"query": "menu"}, (Source(*MENU),), True)


async def test_a_search_is_made_again_when_the_answer_breaks_before_a_word(
    make_llm: MakeLLM,
) -> None:
    """It changes nothing in the world."""
    answer = Answer(content=[search(), "Risotto."])
    with SimulatedClaude(Break("reset", at="tool_json", answer=answer), answer) as claude:
        (heard,), (ended,) = await turns(make_llm(claude), WebSearch())

    assert (heard.text, ended.attempts) == ("Risotto.", 2)


@pytest.mark.parametrize(("server", "attempts"), [(SHOP, 1), (READS, 2)], ids=["acts", "reads"])
@pytest.mark.parametrize("words", [[], ["I order."]], ids=["mute", "after words"])
async def test_what_a_server_was_asked_to_do_is_not_asked_for_twice(
    server: McpServer, attempts: int, words: list[str], make_llm: MakeLLM
) -> None:
    """The API calls it as soon as the call is written; a second dinner would be paid for."""
    answer = Answer(content=[*words, ORDER, "It is ordered."])
    broken = Break("reset", at="after_tool", answer=answer)
    with SimulatedClaude(broken, Answer("It is ordered.")) as claude:
        (heard,), (ended,) = await turns(make_llm(claude), server)

    assert ended.attempts == attempts
    assert (heard.error is None) == (attempts == 2)


async def test_a_call_of_a_server_that_is_not_written_yet_is_tried_again(
    make_llm: MakeLLM,
) -> None:
    """Nothing was done by then."""
    answer = Answer(content=[ORDER, "It is ordered."])
    with SimulatedClaude(Break("reset", at="tool_json", answer=answer), answer) as claude:
        (heard,), (ended,) = await turns(make_llm(claude), SHOP)

    assert (heard.text, ended.attempts) == ("It is ordered.", 2)


class LookupDesk(Agent):
    """Looks things up, and books tables."""

    def __init__(self) -> None:
        super().__init__(instructions="x", tools=[WebSearch(), CodeExecution(), ToolSearch()])
        self.booked = 0

    @function_tool
    async def book(self, guests: int) -> str:
        """Book a table."""
        self.booked += 1
        return "Booked."


async def session_of(
    claude: SimulatedClaude, adapter: ResilientClaudeLLM, count: int
) -> LookupDesk:
    """A session in which the caller asks *count* times."""
    session: AgentSession[None] = AgentSession(llm=adapter, vad=None)
    desk = LookupDesk()
    async with adapter, session:
        await session.start(desk)
        for _ in range(count):
            await session.run(user_input="A table for two?")
    return desk


def kinds(request: Any, at: int) -> list[str]:
    return [block["type"] for block in request.body["messages"][at]["content"]]


async def test_a_session_searches_calls_a_tool_and_goes_on(make_llm: MakeLLM) -> None:
    """What was found is there while the loop is open, and the container for the whole call."""
    call = ToolUse("book", {"guests": 2})
    with SimulatedClaude(
        Answer(content=["I look.", search(), "They are open.", call], container="cont_1"),
        Answer(content=["Booked."]),
        Answer("Gladly."),
    ) as claude:
        desk = await session_of(claude, make_llm(claude), 2)
        first, second, third = claude.requests

    assert desk.booked == 1
    assert kinds(second, 1) == [
        *("text", "server_tool_use", "web_search_tool_result", "text", "tool_use")
    ]
    assert kinds(third, 1) == ["text", "tool_use"]
    containers = [(request.body or {}).get("container") for request in (first, second, third)]
    assert containers == [None, "cont_1", "cont_1"]


async def test_a_search_beside_a_call_is_run_with_its_result(make_llm: MakeLLM) -> None:
    """The API leaves it to the next request, and that one must still have it."""
    late = ServerToolUse("web_search", {"query": "parking"}, id="srv_1")
    with SimulatedClaude(
        Answer(content=["I look.", late, ToolUse("book", {"guests": 2})]),
        Answer(content=[search(id="srv_1", was_called_before=True), "Booked, and you can park."]),
        Answer("Gladly."),
    ) as claude:
        await session_of(claude, make_llm(claude), 2)
        _, second, third = claude.requests

    assert kinds(second, 1) == ["text", "server_tool_use", "tool_use"]
    assert kinds(second, 2) == ["tool_result"]
    assert kinds(third, 1) == ["text", "tool_use"]


async def test_what_cannot_be_sent_is_one_line_and_the_turn_goes_on(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """An error of `chat()` is heard of by nobody in a session."""
    with SimulatedClaude(default=Answer("Hello.")) as claude:
        adapter = make_llm(claude, model="claude-sonnet-4-20250514")
        heard, _ = await turns(adapter, ToolSearch(), WebSearch(), count=2)

    assert [each.text for each in heard] == ["Hello.", "Hello."]
    (line,) = lines.named("claude.request_adjusted")
    assert "'tool_search_tool_bm25': model claude-sonnet-4-20250514 does not" in line["reason"]


async def test_nothing_secret_of_a_server_is_in_a_line_or_an_error(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """The API quotes what it refuses."""
    url = f"https://shop.example/{TOKEN}"
    server = McpServer("shop", url, authorization_token=TOKEN)
    refusal = HttpError(400, message=f"mcp_servers.0: cannot connect to {url} with {TOKEN}")
    with SimulatedClaude(refusal) as claude:
        (heard,), (ended,) = await turns(make_llm(claude), server)

    assert heard.error is not None
    assert TOKEN not in f"{heard.error!s} {ended} {lines.events} {lines.sentences}"
