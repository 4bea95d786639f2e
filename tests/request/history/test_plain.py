"""What of a history is plain, and that it becomes what livekit's formatter makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.request.encoding import encode
from resilient_claude.request.history.cache import HistoryCache
from resilient_claude.request.history.repair import _messages
from tests.benchmarks import conversation
from tests.support.builders import chat


def plain_messages(chat_ctx: llm.ChatContext) -> tuple[list[dict[str, Any]], list[str]] | None:
    """As of a conversation's first request."""
    return HistoryCache().messages(chat_ctx)


WORDS = st.sampled_from(["Hello.", "", " ", "\n", "é👋", "[1]", " [", '"\\', "\ud83d", "\x7f\x00"])
OBJECTS = st.sampled_from(["", "{}", '{"a":1}', '{"a":{"b":[null,true,"x"]}}', '{"a":1,"a":2}'])
ODD_ARGUMENTS = st.sampled_from(
    ['{"a":1.5}', '{"a":NaN}', '{"a":1e400}', "[]", "{", '"{}"', '{"a":"\\ud83d"}', "7", " {} "]
)
ODD_IDS = st.sampled_from(["/1", "1", "2", "1/fnc_0", "1/fnc_1", "2/fnc_0", "c.1", ""])


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    """Messages, and calls with their results right behind them; now and then something odd."""
    items: list[Any] = []

    def usually(usual: Any, odd: st.SearchStrategy[Any]) -> Any:
        return draw(odd) if draw(st.integers(0, 29)) == 17 else usual

    for number in range(draw(st.integers(0, 6))):
        group = usually(str(number), ODD_IDS)
        if draw(st.booleans()):
            role: Any = usually(draw(st.sampled_from(["user", "assistant"])), st.just("developer"))
            role = "system" if number == 0 and draw(st.booleans()) else role
            content: list[Any] = draw(st.lists(WORDS, max_size=2))
            items.append(llm.ChatMessage(id=group, role=role, content=content))
            continue
        ids = [usually(f"{group}-{n}", ODD_IDS) for n in range(draw(st.integers(1, 2)))]
        for n, call_id in enumerate(ids):
            call = llm.FunctionCall(
                id=f"{group}/fnc_{n}",
                call_id=call_id,
                name="weather",
                arguments=usually(draw(OBJECTS), ODD_ARGUMENTS),
                group_id=usually(None, st.just("g")),
            )
            items.append(call)
        for call_id in ids:
            output, failed = draw(WORDS), draw(st.booleans())
            items.append(
                llm.FunctionCallOutput(
                    call_id=usually(call_id, ODD_IDS),
                    name="weather",
                    output=output,
                    is_error=failed,
                )
            )
    return items


def unknown(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """*messages* as the encoder sees those of which nothing is known."""
    return [{**message} for message in messages]


@settings(max_examples=600, deadline=None)
@given(histories())
def test_what_is_plain_becomes_what_livekits_formatter_makes_of_it(items: list[Any]) -> None:
    """A caller's history must not depend on which of the two has read it."""
    plain = plain_messages(llm.ChatContext(items))

    event(f"plain: {plain is not None}")
    if plain is not None:
        assert plain == _messages(llm.ChatContext(items))
        assert encode({"messages": plain[0]}) == encode({"messages": unknown(plain[0])})


CALL = llm.FunctionCall(id="m1/fnc_0", call_id="a", name="weather", arguments='{"city":"Paris"}')
OTHER = llm.FunctionCall(id="m1/fnc_1", call_id="b", name="weather", arguments="{}")
USUAL: dict[str, llm.ChatContext] = {
    "nothing": chat(),
    "a hundred items": conversation.long(),
    "a system message first": chat(("system", "Be kind."), ("user", "Hello?")),
    "an assistant who opens": chat(("assistant", "Hello.")),
    "parallel calls of one answer": chat(
        llm.ChatMessage(id="m1", role="assistant", content=["Let me see."]),
        CALL,
        OTHER,
        ("output", "a", "Sunny"),
        ("output", "b", "Rainy"),
    ),
    "a tool that failed": chat(CALL, ("output", "a", "", "failed")),
}


@pytest.mark.parametrize("chat_ctx", USUAL.values(), ids=list(USUAL))
def test_the_usual_is_plain(chat_ctx: llm.ChatContext) -> None:
    """Otherwise every turn would take the long way, and no other test would tell."""
    assert plain_messages(chat_ctx) == _messages(chat_ctx)


PICTURE = llm.ChatMessage(role="user", content=[llm.ImageContent(image="https://x.invalid/a.png")])
UNUSUAL: dict[str, llm.ChatContext] = {
    "an image": chat(PICTURE),
    "instructions in the middle": chat(("user", "Hello?"), ("system", "Be brief.")),
    "a call without its result": chat(CALL),
    "a result without its call": chat(("output", "a", "Sunny")),
    "words between a call and its result": chat(CALL, ("user", "Well?"), ("output", "a", "Sunny")),
    "a result that may be content blocks": chat(CALL, ("output", "a", json.dumps([{"a": 1}]))),
    "a number that encoders write differently": chat(
        ("call", "a", '{"x":1e16}'), ("output", "a", "Sunny")
    ),
    "another provider's id": chat(("call", "a:1", "{}"), ("output", "a:1", "Sunny")),
}


@pytest.mark.parametrize("chat_ctx", UNUSUAL.values(), ids=list(UNUSUAL))
def test_the_unusual_is_left_to_livekit(chat_ctx: llm.ChatContext) -> None:
    """Its rules for these differ from release to release."""
    assert plain_messages(chat_ctx) is None
