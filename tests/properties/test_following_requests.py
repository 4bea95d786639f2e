"""Requests that follow from others: what Claude said goes back, and the API takes it.

`tests/request/test_build.py` searches histories of messages and calls; here are those that a turn
leaves behind, those of other kinds of items, and the requests that go on with one (`continued`,
`resumed`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from livekit.agents import llm

from resilient_claude.failures.faults import Fault
from resilient_claude.request.build import build_request
from resilient_claude.request.continuation import continued, resumed
from resilient_claude.request.fixed_fields import FixedFields
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.request import Request
from resilient_claude.request.thinking import ThinkingRecord
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.response.sse import EventDecoder
from resilient_claude.response.translator import Translator
from resilient_claude.testing.rules.abilities import rejected_thinking
from resilient_claude.testing.rules.validation import validate
from tests.support.pictures import data_url, png

from .profiles import searched
from .stream_strategies import Stream, streams

MODELS = st.sampled_from(
    ["claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-5-5", "gateway/x"]
)
WORDS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["", " ", "\n", "Hello.", "Hello. ", "{said}", "\u00a0", "</heard>"]
)
IMAGES = st.sampled_from(["https://example.com/a.png", data_url(png())]).map(
    lambda image: llm.ImageContent(image=image)
)
EXTRAS = st.sampled_from(
    [
        {},
        {"google": {"thought_signature": "x"}},
        {"claude": None},
        {"claude": {"model": "claude-opus-5-5", "thinking": [{"type": "thinking"}]}},
    ]
)
ITEMS = st.lists(
    st.builds(
        llm.ChatMessage,
        role=st.sampled_from(["system", "developer", "user", "user", "assistant"]),
        content=st.lists(WORDS | IMAGES, max_size=3),
        interrupted=st.booleans(),
    )
    | st.builds(
        llm.FunctionCall,
        call_id=st.sampled_from(["a", "b", "c.1"]),
        name=st.sampled_from(["book", "gone"]),
        arguments=st.sampled_from(["{}", '{"a": NaN}', '{"a', "[]", "null", ""]),
        extra=EXTRAS,
        created_at=st.integers(0, 9),
    )
    | st.builds(
        llm.FunctionCallOutput,
        call_id=st.sampled_from(["a", "b", "c.1"]),
        name=st.just("book"),
        output=WORDS | st.sampled_from(['[{"type": "image"}]', "[]", '{"type": "text"}']),
        is_error=st.booleans(),
    )
    | st.builds(llm.AgentHandoff, new_agent_id=st.just("next"))
    | st.builds(llm.AgentConfigUpdate, instructions=st.none() | WORDS),
    max_size=8,
)


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Livekit warns of every call without an output; thousands are meant to be like that."""
    logger = logging.getLogger("livekit.agents")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)


@llm.function_tool
async def book(city: str) -> None:
    """Book a table."""


def build(context: llm.ChatContext, model: str, **options: Any) -> Request:
    return build_request(
        FixedFields.of(RequestOptions(model=model, **options)),
        context,
        tools=[book],
        schemas=ToolSchemas(),
    )


def rejected(request: Request) -> str | None:
    """Why the API does not take it."""
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01", **request.headers}
    error = validate({name.lower(): value for name, value in headers.items()}, request.content())
    return None if error is None else error.message


@searched(200)
@given(ITEMS, MODELS, st.sampled_from([None, "ephemeral"]), WORDS)
def test_any_history_can_be_resumed(items: list[Any], model: str, caching: Any, said: str) -> None:
    """Pictures, handoffs and other providers' leftovers; then a broken answer of any text."""
    request = build(llm.ChatContext(items), model, caching=caching)
    before = json.loads(request.content())
    again = resumed(request, said, instruction="Go on after: {said} ({last_words})")

    assert rejected(request) is None
    assert rejected(again) is None
    assert json.loads(request.content()) == before, "the request itself was changed"
    last = again.body["messages"][-1]["content"][-1]
    if said.strip():
        assert said.rstrip() in last["text"]


@searched(200)
@given(
    ITEMS,
    MODELS,
    st.lists(
        streams(kinds=("text", "thinking", "redacted", "server", "result"), last="server"),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([None, "ephemeral"]),
)
def test_any_history_can_be_continued_after_pauses(
    items: list[Any], model: str, pauses: list[Stream], caching: Any
) -> None:
    """Whatever Claude has said and searched so far, several times over."""
    request = build(llm.ChatContext(items), model, caching=caching)

    for pause in pauses:
        try:
            content = translated(pause).content()
        except Fault as fault:  # what we do not know cannot be sent back in part
            assert "newer than this adapter" in str(fault)  # noqa: PT017
            return
        request = continued(request, content, container="cont_1")

        assert rejected(request) is None
        assert request.body["container"] == "cont_1"
        sent = request.body["messages"][-1]
        assert sent["role"] == "assistant"
        # A result that nobody asked for is left out; all else goes back as it came.
        blocks = _but_results(content)
        assert _but_results(sent["content"])[-len(blocks) :] == blocks


def _but_results(blocks: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [
        (block["type"], block.get("text"))
        for block in blocks
        if not block["type"].endswith("_tool_result")
    ]


@searched(150)
@given(
    streams(last="tool"),
    MODELS,
    MODELS,
    st.sampled_from([None, "adaptive", "enabled", "disabled"]),
    st.sampled_from(["speak", "event"]),
)
def test_what_a_turn_leaves_behind_can_be_sent(
    stream: Stream, model: str, next_model: str, thinking: str | None, notes: Any
) -> None:
    """Its words, its calls with their thinking, and their results; to another model as well."""
    assume(thinking not in rejected_thinking(next_model))
    translator = Translator(notes=notes)
    said = translator.feed(EventDecoder().feed(bytes(stream)))
    _, chunks = translator.finish(may_be_empty=False)
    heard = "".join((chunk.delta and chunk.delta.content) or "" for chunk in said)
    calls = [call for chunk in chunks if chunk.delta is not None for call in chunk.delta.tool_calls]
    if content := translator.signed_content:
        record = ThinkingRecord.of(model, content, said=heard, prefix="")
        calls[0].extra = replace(record, prefix=None).to_extra()
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="A table, please.")
    if heard:
        context.add_message(role="assistant", content=heard)
    for call in calls:
        made: dict[str, Any] = {
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        }
        context.insert(llm.FunctionCall(**made, extra=call.extra or {}))
        output: dict[str, Any] = {"call_id": call.call_id, "name": call.name, "output": "done"}
        context.insert(llm.FunctionCallOutput(**output, is_error=False))
    kinds: dict[str | None, dict[str, Any]] = {
        None: {},
        "enabled": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }
    extra = kinds.get(thinking, {"thinking": {"type": thinking}})
    options = FixedFields.of(RequestOptions(model=next_model, max_tokens=2048))
    request = build_request(
        options, context, tools=[book], extra_kwargs=extra, schemas=ToolSchemas()
    )

    assert rejected(request) is None
    blocks = [b for m in request.body["messages"] for b in m["content"]]
    sent = [(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"]
    assert sent == [(i, n, json.loads(arguments)) for i, n, arguments in stream.calls]


def translated(stream: Stream) -> Translator:
    """The translator that has read all of *stream*."""
    translator = Translator()
    translator.feed(EventDecoder().feed(bytes(stream)))
    return translator
