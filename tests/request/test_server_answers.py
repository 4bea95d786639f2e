"""What tools did at Anthropic's, put back while the tool loop is open."""

from __future__ import annotations

import math
from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.build import build_request
from resilient_claude.request.continuation import continued, resumed
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.server_answers import MOST_ANSWERS, ServerAnswers
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.response.whole_content import whole_content
from resilient_claude.testing import ServerToolUse, Thought, ToolUse, found
from tests.request.tools.test_definitions import book, weather
from tests.response.test_server_work import message
from tests.support.builders import NEWEST, SAMPLING, build, chat, rejected
from tests.support.server_tools import SHOP, CodeExecution, ToolSearch, WebSearch, search

ASKS = ("user", "Weather in Paris?")
SAYS = ("assistant", "I look. Found.")
CALLS = ("call", "toolu_1", "{}")
SUNNY = ("output", "toolu_1", "Sunny")
LOOP = (ASKS, SAYS, CALLS, SUNNY)
WEATHER_CALL = ToolUse("weather", id="toolu_1")
FOUND = ("I look. ", search(id="srv_1"), "Found.", WEATHER_CALL)
WAITING = ("I look. ", ServerToolUse("web_search", {"query": "q"}, id="srv_1"), "Found.")


def kept(*content: Any, model: str = SAMPLING, **options: Any) -> ServerAnswers:
    """What is kept of an answer with this *content*."""
    answers = ServerAnswers()
    request = build(chat(ASKS), model=model, tools=[weather, WebSearch()], **options)
    blocks = whole_content(message(*content).blocks.values(), longest=100_000)
    said = [part for part in content if isinstance(part, str)]
    answers.keep("toolu_1", request, blocks, said, request.prefix())
    return answers


def ask(
    answers: ServerAnswers,
    chat_ctx: llm.ChatContext | None = None,
    *,
    tools: Any = None,
    model: str = SAMPLING,
    **options: Any,
) -> Request:
    request = build_request(
        FixedFields.of(RequestOptions(model=model, **options)),
        chat(*LOOP) if chat_ctx is None else chat_ctx,
        tools=[weather, WebSearch()] if tools is None else tools,
        schemas=ToolSchemas(),
        answers=answers,
    )
    assert rejected(request) is None
    return request


def kinds(request: Request, at: int = 1) -> list[str]:
    return [block["type"] for block in request.body["messages"][at]["content"]]


WHOLE = ["text", "server_tool_use", "web_search_tool_result", "text", "tool_use"]


def test_what_was_found_goes_back_with_the_result_of_our_tool() -> None:
    """Claude goes on from it; without it, it would search once more."""
    request = ask(kept(*FOUND))

    assert kinds(request) == WHOLE
    assert request.body["messages"][1]["content"][1]["input"] == {"query": "menu"}


def test_another_caller_s_call_with_the_same_id_gets_nothing_of_it() -> None:
    """Gateways number the calls of each answer anew, and calls share an adapter."""
    other = chat(("user", "Weather in Rome?"), CALLS, SUNNY)

    assert kinds(ask(kept(search(id="srv_1"), WEATHER_CALL), chat(ASKS, CALLS, SUNNY))) == [
        "server_tool_use",
        "web_search_tool_result",
        "tool_use",
    ]
    assert kinds(ask(kept(search(id="srv_1"), WEATHER_CALL), other)) == ["tool_use"]


MANUAL: dict[str, Any] = {
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "max_tokens": 4096,
}


def test_manual_thinking_around_a_search_goes_back_with_it() -> None:
    """The loop begins with it, so that it can be asked for again."""
    content = (Thought("a"), search(id="srv_1"), Thought("b"), WEATHER_CALL)

    request = ask(kept(*content, **MANUAL), chat(ASKS, CALLS, SUNNY), **MANUAL)

    assert kinds(request) == [
        *("thinking", "server_tool_use", "web_search_tool_result", "thinking", "tool_use")
    ]
    assert request.body["thinking"] == MANUAL["thinking"]


def test_where_manual_thinking_cannot_be_asked_for_none_goes_back() -> None:
    """A loop that begins without it; and without thinking, the API takes none of it."""
    content = ("I look. ", search(id="srv_1"), Thought("b"), WEATHER_CALL)

    request = ask(
        kept(*content, **MANUAL), chat(ASKS, ("assistant", "I look."), CALLS, SUNNY), **MANUAL
    )

    assert kinds(request) == ["text", "server_tool_use", "web_search_tool_result", "tool_use"]
    assert "thinking" not in request.body


@pytest.mark.parametrize("mode", [MANUAL, {"model": NEWEST}], ids=["manual", "adaptive"])
def test_thinking_behind_what_is_left_out_goes_with_it(mode: dict[str, Any]) -> None:
    """It is bound to that, and the other thinking of the answer to it."""
    content = (Thought("a"), search(id="srv_1"), Thought("b"), WEATHER_CALL)

    request = ask(kept(*content, **mode), chat(ASKS, CALLS, SUNNY), tools=[weather], **mode)

    assert kinds(request) == ["tool_use"]


def test_once_the_loop_is_closed_the_words_stand_for_it() -> None:
    """Results are paid for in every turn that has them."""
    request = ask(kept(*FOUND), chat(*LOOP, ("assistant", "Sunny."), ("user", "Thanks.")))

    assert kinds(request) == ["text", "tool_use"]


def test_a_tool_that_waits_for_ours_is_run_by_the_next_request() -> None:
    """The API runs it then, and only if nothing but the results of ours follows."""
    answers = kept(*WAITING, WEATHER_CALL)

    assert kinds(ask(answers)) == ["text", "server_tool_use", "text", "tool_use"]
    assert kinds(ask(answers, chat(*LOOP, ("user", "Quick!")))) == ["text", "text", "tool_use"]


def test_the_result_of_a_tool_that_waited_belongs_to_the_message_before() -> None:
    """They pair up by id, over two messages."""
    answers = kept(*WAITING, WEATHER_CALL)
    later = message(search(id="srv_1", was_called_before=True), ToolUse("weather", id="toolu_2"))
    blocks = whole_content(later.blocks.values(), longest=100_000)
    answers.keep("toolu_2", ask(answers), blocks, [], "")
    history = chat(*LOOP, ("call", "toolu_2", "{}"), ("output", "toolu_2", "Rain"))

    request = ask(answers, history)

    assert kinds(request) == ["text", "server_tool_use", "text", "tool_use"]
    assert kinds(request, 3) == ["web_search_tool_result", "tool_use"]


def test_without_the_message_before_a_result_is_left_out() -> None:
    """A result without a call is a 400 in every later turn of the loop."""
    answers = ServerAnswers()
    later = message(search(id="srv_1", was_called_before=True), "I look. Found.", WEATHER_CALL)
    blocks = whole_content(later.blocks.values(), longest=100_000)
    answers.keep("toolu_1", build(chat(ASKS)), blocks, ["I look. Found."], "")

    assert kinds(ask(answers)) == ["text", "tool_use"]


def test_a_tool_that_is_not_offered_any_more_is_left_out() -> None:
    """As after a handoff: "but no `web_search` tool was provided"."""
    assert kinds(ask(kept(*FOUND), tools=[weather])) == ["text", "text", "tool_use"]


def test_a_call_of_a_server_goes_back_while_the_server_is_there() -> None:
    """It is offered by its name, not by its tools'."""
    called = ServerToolUse("order", result=[], server_name="shop", id="mcp_1")
    answers = kept("I look. Found.", called, WEATHER_CALL)

    with_shop, without = ask(answers, tools=[weather, SHOP]), ask(answers, tools=[weather])

    assert kinds(with_shop) == ["text", "mcp_tool_use", "mcp_tool_result", "tool_use"]
    assert kinds(without) == ["text", "tool_use"]


def test_tools_that_were_found_and_are_gone_are_not_referred_to() -> None:
    """ "Tool reference 'book' not found in available tools": a 400."""
    result = {
        "type": "tool_search_tool_search_result",
        "tool_references": [{"type": "tool_reference", "tool_name": "book"}],
    }
    looked = ServerToolUse("tool_search_tool_bm25", result=result, id="srv_1")
    answers = kept("I look. Found.", looked, WEATHER_CALL)

    there = ask(answers, tools=[weather, book, ToolSearch()])
    gone = ask(answers, tools=[weather, ToolSearch()])

    assert kinds(there) == ["text", "server_tool_use", "tool_search_tool_result", "tool_use"]
    assert kinds(gone) == ["text", "tool_use"]


def test_code_that_ran_goes_back_under_the_name_of_its_tool() -> None:
    """One tool, and a name for each thing that it does."""
    ran = ServerToolUse("bash_code_execution", result={"type": "r", "stdout": "3"}, id="srv_1")
    answers = kept("I look. Found.", ran, WEATHER_CALL)

    assert "server_tool_use" in kinds(ask(answers, tools=[weather, CodeExecution()]))


def test_an_answer_that_the_history_tells_otherwise_is_not_put_back() -> None:
    """The caller interrupted: what he heard counts."""
    history = chat(ASKS, ("assistant", "I look."), CALLS, SUNNY)

    assert kinds(ask(kept(*FOUND), history)) == ["text", "tool_use"]


def test_thinking_between_goes_back_only_where_it_may() -> None:
    """To the model that signed it, behind what it is bound to, if thinking is asked for."""
    content = ("I look. ", search(id="srv_1"), Thought("Hm."), "Found.", WEATHER_CALL)
    thinks: dict[str, Any] = {"thinking": {"type": "adaptive"}}
    answers = kept(*content, **thinks)

    assert "thinking" in kinds(ask(answers, **thinks))
    assert "thinking" not in kinds(ask(answers))
    assert "thinking" not in kinds(ask(answers, model=NEWEST))
    changed = chat(("user", "Something else."), SAYS, CALLS, SUNNY)
    assert "thinking" not in kinds(ask(answers, changed, **thinks))


def test_an_answer_that_was_paused_goes_back_with_what_came_before_the_pause() -> None:
    """To the history it is one answer."""
    answers = ServerAnswers()
    request = build(chat(ASKS), tools=[weather, WebSearch()])
    before: list[dict[str, Any]] = [
        {"type": "text", "text": "I look. "},
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
    ]
    request = continued(request, before)
    later = message(search(id="srv_1", was_called_before=True), "Found.", WEATHER_CALL)
    blocks = whole_content(later.blocks.values(), longest=100_000)
    answers.keep("toolu_1", request, blocks, ["I look. ", "Found."], "")

    assert kinds(ask(answers)) == WHOLE


def test_the_oldest_answers_are_forgotten() -> None:
    """An adapter lives for as long as its worker."""
    answers = ServerAnswers()
    request = build(chat(ASKS), tools=[weather, WebSearch()])
    newest = f"toolu_{3 * MOST_ANSWERS - 1}"
    for at in range(3 * MOST_ANSWERS):
        blocks = [*search(id="srv_1").blocks(""), {"type": "tool_use", "id": f"toolu_{at}"}]
        answers.keep(f"toolu_{at}", request, blocks, [], "")

    assert len(answers) == MOST_ANSWERS
    for call_id, has_found in ((newest, True), ("toolu_0", False)):
        asked = ask(answers, chat(ASKS, ("call", call_id, "{}"), ("output", call_id, "Sunny")))
        assert ("server_tool_use" in kinds(asked)) is has_found


def test_what_may_be_another_caller_s_goes_back_to_nobody() -> None:
    """Two who say the same, and calls that a gateway numbers anew: what was found may differ."""
    answers, request = ServerAnswers(), build(chat(ASKS), tools=[weather, WebSearch()])
    for url in ("https://a.example", "https://a.example", "https://b.example"):
        found_there = ServerToolUse("web_search", {}, found((url, "t")), id="srv_1")
        blocks = [*found_there.blocks(""), {"type": "tool_use", "id": "toolu_1"}]
        before = kinds(ask(answers, chat(ASKS, CALLS, SUNNY)))
        answers.keep("toolu_1", request, blocks, [], "")

    assert "server_tool_use" in before
    assert kinds(ask(answers, chat(ASKS, CALLS, SUNNY))) == ["tool_use"]


def test_what_another_caller_says_takes_nothing_from_this_one() -> None:
    """The calls of both have one id, where a gateway numbers those of each answer anew."""
    answers = kept(search(id="srv_1"), WEATHER_CALL)
    rome = build(chat(("user", "Rome?")), tools=[weather, WebSearch()])
    blocks = [*search(id="srv_2").blocks(""), {"type": "tool_use", "id": "toolu_1"}]

    answers.keep("toolu_1", rome, blocks, [], "")

    request = ask(answers, chat(ASKS, CALLS, SUNNY))
    assert request.body["messages"][1]["content"][0]["id"] == "srv_1"


SEARCH: dict[str, Any] = {
    "type": "server_tool_use",
    "id": "srv_1",
    "name": "web_search",
    "input": {},
}
RESULT: dict[str, Any] = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1"}


def asked(*items: Any, model: str = SAMPLING) -> Request:
    return build(chat(*items), model=model, tools=[weather, WebSearch()])


@pytest.mark.parametrize(
    "odd",
    [
        {**RESULT, "tool_use_id": ["srv_1"]},
        {"type": "web_search_tool_result", "content": []},
        {**SEARCH, "id": {}},
        {"type": "mcp_tool_use", "name": "order", "input": {}},
    ],
    ids=["result of a list", "result of nothing", "use of an object", "use without id"],
)
def test_an_answer_with_calls_that_have_no_id_is_not_kept(odd: dict[str, Any]) -> None:
    """It comes from the network, and would fail every turn until the loop is closed."""
    answers, request = ServerAnswers(), asked(ASKS)
    answers.keep("toolu_1", request, [odd, CALL], [], request.prefix())

    assert kinds(ask(answers)) == ["text", "tool_use"]


def test_what_goes_back_is_json_and_has_no_breakpoints_of_its_own() -> None:
    """A NaN is no JSON, and more than four breakpoints are a 400."""
    marked = [{**SEARCH, "id": f"srv_{n}", "cache_control": {"type": "ephemeral"}} for n in (1, 2)]
    results = [
        {**RESULT, "tool_use_id": f"srv_{n}", "cache_control": {"type": "ephemeral"}, "x": math.nan}
        for n in (1, 2)
    ]
    answers, request = ServerAnswers(), asked(ASKS)
    said = {"type": "text", "text": SAYS[1]}
    answers.keep("toolu_1", request, [said, *marked, *results, CALL], [SAYS[1]], request.prefix())

    made = ask(answers, caching="ephemeral").body["messages"][1]["content"]

    assert [block.get("cache_control") for block in made] == [None] * 6
    assert made[3]["x"] is None


@pytest.mark.parametrize("model", [SAMPLING, "claude-haiku-4-5"], ids=["asked", "prefilled"])
def test_an_answer_that_was_resumed_goes_back_with_its_first_words(model: str) -> None:
    """They were heard; some models go on behind them, others are asked to."""
    request = resumed(asked(ASKS, model=model), "I look.", instruction="Go on.")
    answers = ServerAnswers()
    blocks = [SEARCH, RESULT, {"type": "text", "text": "Found."}, CALL]
    said = ["I look.", " Found."]
    answers.keep("toolu_1", request, blocks, said, request.prefix(), before="I look.")

    made = ask(answers, model=model).body["messages"][1]["content"]

    assert [block["type"] for block in made] == WHOLE
    assert [made[0]["text"], made[3]["text"]] == ["I look.", "Found."]


def test_the_message_that_an_answer_was_put_behind_is_not_part_of_it() -> None:
    """As after a greeting, with a model that goes on with an assistant's message."""
    model, greeting = "claude-haiku-4-5", ("assistant", "Hello.")
    request, answers = asked(ASKS, greeting, model=model), ServerAnswers()
    blocks = [{"type": "text", "text": "I look."}, SEARCH, RESULT, CALL]
    answers.keep("toolu_1", request, blocks, ["I look."], request.prefix())

    history = chat(ASKS, greeting, ("assistant", "I look."), CALLS, SUNNY)
    made = ask(answers, history, model=model).body["messages"][1]["content"]

    assert [block["text"] for block in made if block["type"] == "text"] == ["Hello.", "I look."]
