"""Going on with an answer that was paused or broke off."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.continuation import continued, resumed
from resilient_claude.request.request import Request
from tests.request.tools.test_definitions import weather
from tests.support.builders import (
    EPHEMERAL,
    HELLO,
    NEWEST,
    PREFILL,
    SAMPLING,
    assistant,
    breakpoints,
    build,
    call,
    chat,
    rejected,
    result,
    text,
    user,
)
from tests.support.server_tools import WebSearch

from .test_thinking import MANUAL, THOUGHT

SEARCH = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}}


FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []}


INSTRUCTION = 'You said: "{said}". Repeat {last_words}, {and} go on.'


TALK = chat(("system", "s"), ("user", "1"), ("assistant", "2"), ("user", "3"))


TOOL_TURN = chat(("user", "Weather?"), ("call", "a", "{}"), ("output", "a", "Sunny"))


def frozen(request: Request) -> Any:
    return copy.deepcopy(request.body), request.content()


def full(chat_ctx: llm.ChatContext = TALK, *, model: str = SAMPLING, **extra: Any) -> Request:
    """A request with all that must survive: headers, query, timeout and four breakpoints."""
    extra = {"betas": ["b-1"], "extra_query": {"q": 1}, "timeout": 4, **extra}
    return build(chat_ctx, model=model, tools=[weather], caching="ephemeral", extra=extra)


@pytest.mark.parametrize(
    "go_on",
    [
        lambda request: continued(request, [text("Look. "), SEARCH]),
        lambda request: resumed(request, "It is sunny", instruction=INSTRUCTION),
    ],
    ids=["continued", "resumed"],
)
@pytest.mark.parametrize("model", [PREFILL, SAMPLING])
def test_going_on_keeps_everything_but_the_messages(model: str, go_on: Any) -> None:
    """A part of a turn is the same turn: the same limits, the same cache, the same tools."""
    request = full(model=model)
    before = frozen(request)

    further = go_on(request)

    assert further == replace(request, body=further.body)
    assert {**further.body, "messages": 0} == {**request.body, "messages": 0}
    assert list(further.body) == list(request.body)
    assert json.loads(further.content()) == further.body
    assert breakpoints(further.body) == breakpoints(request.body) == 4
    assert frozen(request) == before
    assert rejected(further) is None


def test_a_paused_answer_is_sent_back_as_it_came() -> None:
    """Server tools go on from their own last block; a changed one is a 400."""
    cited = text("It is sunny.", citations=[{"type": "web_search_result_location", "url": "u"}])

    request = continued(full(), [THOUGHT, cited, SEARCH, FOUND])

    assert request.body["messages"][-1] == assistant(THOUGHT, cited, SEARCH, FOUND)


def test_a_second_pause_extends_the_same_answer() -> None:
    """Two assistant messages in a row would be one answer cut in two."""
    request = continued(full(), [SEARCH])

    further = continued(request, [FOUND, text("Hm."), SEARCH])

    assert further.body["messages"][-1] == assistant(SEARCH, FOUND, "Hm.", SEARCH)
    assert request.body["messages"][-1] == assistant(SEARCH)


def test_what_the_api_would_not_take_back_is_left_out() -> None:
    """It sends blank text blocks itself; a fifth breakpoint and NaN are a 400 as well."""
    odd = {**SEARCH, "input": {"x": float("nan")}, "cache_control": EPHEMERAL}

    request = continued(full(), [text(" "), odd])

    assert request.body["messages"][-1] == assistant({**SEARCH, "input": {"x": None}})
    assert continued(full(), [text("")]) == full()


def test_a_result_that_nobody_asked_for_is_left_out_in_each_part() -> None:
    """What translates another model's answers may send one; the API would refuse the request."""
    request = continued(full(), [FOUND, SEARCH])

    further = continued(request, [FOUND, FOUND, SEARCH])

    assert request.body["messages"][-1] == assistant(SEARCH)
    assert further.body["messages"][-1] == assistant(SEARCH, FOUND, SEARCH)
    assert rejected(further) is None


@pytest.mark.parametrize(
    ("own", "sent"), [({}, "c1"), ({"container": None}, "c1"), ({"container": "own"}, "own")]
)
def test_the_container_of_the_paused_answer_goes_along(own: dict[str, Any], sent: str) -> None:
    """Its files are there; a container that the caller chose stays."""
    request = continued(full(**own), [SEARCH], container="c1")

    assert request.body["container"] == sent
    assert "container" not in continued(full(), [SEARCH]).body


def test_an_older_model_goes_on_by_itself() -> None:
    """It continues the assistant's message, which may not end with white space."""
    request = resumed(full(model=PREFILL), "It is {said}, \n", instruction=INSTRUCTION)

    assert request.body["messages"][-1] == assistant("It is {said},")
    assert rejected(request) is None


def test_an_older_model_goes_on_in_the_message_that_it_was_continuing() -> None:
    """A context may end with words put into Claude's mouth."""
    request = build(chat(("user", "Hello"), ("assistant", "Hi,")), model=PREFILL)

    further = resumed(request, " there", instruction=INSTRUCTION)

    assert further.body["messages"] == [user("Hello"), assistant("Hi,", " there")]


@pytest.mark.parametrize(
    ("model", "extra"), [(PREFILL, {"thinking": MANUAL}), (SAMPLING, {}), (NEWEST, {})]
)
def test_other_models_are_asked_to_go_on(model: str, extra: dict[str, Any]) -> None:
    """From 4.6 on, and with thinking, an assistant message at the end is a 400."""
    request = build(HELLO, model=model, max_tokens=2048, extra=extra)

    further = resumed(request, "It is sunny in Paris ", instruction=INSTRUCTION)

    assert further.body["messages"] == [
        user(
            "Hello",
            'You said: "It is sunny in Paris ". Repeat sunny in Paris, {and} go on.',
        )
    ]
    assert rejected(further) is None


def test_the_request_to_go_on_stands_behind_tool_results() -> None:
    """Results must come first in their message, and must follow their calls at once."""
    request = resumed(build(TOOL_TURN, tools=[weather]), "Sunny", instruction="Go on: {said}")

    assert request.body["messages"][-1] == user(result("a", "Sunny"), "Go on: Sunny")
    assert rejected(request) is None


@pytest.mark.parametrize("said", ["{last_words} {said}", "{0} {} {said!r}", "\\1 \\g<0> $1"])
def test_nothing_in_what_was_said_is_a_placeholder(said: str) -> None:
    """Claude may talk about templates; the caller's words must not fill them in."""
    request = resumed(build(), said, instruction="<{said}|{last_words}>")

    assert request.body["messages"][-1] == user("Hello", f"<{said}|{said}>")


def test_messages_of_the_callers_own_can_be_gone_on_with() -> None:
    """`extra_kwargs` may hold plain strings, and may end with an assistant's turn."""
    mine = build(extra={"messages": [{"role": "user", "content": "Own"}]})
    open_end = [user("Own"), {"role": "assistant", "content": "Yes"}]
    theirs = build(extra={"messages": open_end})

    assert resumed(mine, "a", instruction="{said}").body["messages"] == [user("Own", "a")]
    assert resumed(theirs, "a", instruction="{said}").body["messages"] == [*open_end, user("a")]


def test_nothing_said_is_nothing_to_go_on_with() -> None:
    """The request as it was asks for the whole answer, which is what is missing."""
    request = full()

    assert resumed(request, " \n", instruction=INSTRUCTION) is request


def test_what_came_of_a_call_of_the_message_before_goes_back_after_a_pause() -> None:
    """A tool that was called together with ours runs when the results of ours have come."""
    waits = [
        user("Weather?"),
        assistant(call("a"), SEARCH),
        user(result("a", "Sunny")),
    ]
    request = build(tools=[weather, WebSearch()], extra={"messages": waits})
    again = {**SEARCH, "id": "srv_2"}

    further = continued(request, [FOUND, again])

    assert further.body["messages"] == [*waits, assistant(FOUND, again)]
    assert rejected(further) is None
