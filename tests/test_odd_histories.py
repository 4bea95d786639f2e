"""Histories that would end a call: in a real session over a socket, the turn is heard all the same.

What has entered a history stays there. So each is asked about twice, with a Claude that refuses
what the API refuses.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, llm

from resilient_claude.testing import Answer, SimulatedClaude
from tests.support.adapters import MakeLLM
from tests.support.builders import chat
from tests.support.lines import Lines
from tests.support.pictures import base64_source, data_url, jpeg, padded, png, segment


def message(message_id: str, role: Any, *content: Any) -> llm.ChatMessage:
    return llm.ChatMessage(id=message_id, role=role, content=[*content])


def call(call_id: str, name: str = "weather", arguments: str = "{}", **more: Any) -> Any:
    return llm.FunctionCall(call_id=call_id, name=name, arguments=arguments, **more)


def output(call_id: str, text: str, *, is_error: bool = False) -> Any:
    return llm.FunctionCallOutput(call_id=call_id, output=text, is_error=is_error)


def shown(image: str) -> llm.ChatContext:
    return chat(("user", "Look:", llm.ImageContent(image=image)), ("assistant", "I see."))


def called(name: str = "weather", arguments: str = "{}", result: str = "Sunny") -> llm.ChatContext:
    return chat(("user", "Well?"), call("a", name, arguments), output("a", result))


TWICE = message("x", "user", "Hello.")
REPAIRED: dict[str, llm.ChatContext] = {
    "two answers of one id": chat(message("x", "assistant", "A"), message("x", "assistant", "B")),
    "ids that look like parts of one": chat(
        message("x/2", "assistant", "A"), message("x/4", "assistant", "B")
    ),
    "two questions of one id": chat(TWICE, ("assistant", "Hi."), message("x", "user", "Bye.")),
    "a message listed twice": chat(TWICE, ("assistant", "Hi."), TWICE, message("", "assistant")),
    "an answer listed twice": chat(*[message("y", "assistant", "Hi.")] * 2),
    "an image/jpg": shown(data_url(jpeg(), "image/jpg")),
    "an IMAGE/PNG": shown(data_url(png(), "IMAGE/PNG")),
    "an output of brackets": called(result="[" * 1_000),
    "an output of digits": called(result=f"[{'1' * 5_000}]"),
    "a name without letters": called(name=""),
    "a dotted name": called(name="functions.book"),
    "a long name": called(name="x" * 201),
    "a name in another script": called(name="погода"),
    "ids that recur": chat(
        ("user", "Monday?"),
        call("f:0", arguments='{"day":"Monday"}'),
        output("f:0", "Rain"),
        ("user", "Tuesday?"),
        call("f:0", arguments='{"day":"Tuesday"}'),
        output("f:0", "Sun"),
        call("f.0", arguments='{"day":"Friday"}'),
        output("f.0", "Snow"),
    ),
    "calls that recur at once": chat(
        call("", arguments='{"day":"Monday"}', group_id="g"),
        call("", arguments='{"day":"Tuesday"}', group_id="g"),
        output("", "Rain"),
        output("", "Sun"),
    ),
    "an error with an image": chat(
        ("user", "Well?"),
        call("a"),
        output(
            "a",
            '[{"type":"image","source":{"type":"url","url":"https://x.invalid"}}]',
            is_error=True,
        ),
    ),
    "an output of an image/JPG": called(
        result=json.dumps([{"type": "image", "source": base64_source(jpeg(), "image/JPG")}])
    ),
}
LEFT_OUT: dict[str, llm.ChatContext] = {
    **{
        f"an image of type {kind}": shown(f"data:image/{kind};base64,b2Rk")
        for kind in ("heic", "bmp", "svg+xml", "tiff")
    },
    "an image nowhere": shown(""),
    "an image that is said to be one": shown(data_url(b"odd")),
    "an image that was cut off": shown(data_url(png()[:20])),
    "an image of 8001 pixels, damaged": shown(data_url(png(8001, 2)[:60])),
    "a bomb": shown(data_url(png(60_000, 60_000, content=b"odd"))),
    "an image of 11 MB, damaged": shown(data_url(padded(png()[:40], 8_500_000))),
    "a metadata loop": shown(data_url(b"\xff\xd8" + segment(2) * 2000, "image/jpeg")),
    "an encrypted PDF": called(
        result=json.dumps(
            [
                {
                    "type": "document",
                    "source": base64_source(b"%PDF-1.7 /Encrypt 1 0 R", "application/pdf"),
                }
            ]
        )
    ),
    "audio that nobody wrote down": chat(
        ("user", "Well?", llm.AudioContent(frame=[])), ("assistant", "I see.")
    ),
    "an image on a disk": shown("file:///cat.png"),
    "a data URL without data": shown("data:image/png;base64"),
    "arguments without an end": called(arguments='{"a":' * 1_000),
    "arguments 1,000 deep": called(arguments='{"a":' * 1_000 + "1" + "}" * 1_000),
    "a document that is none": called(
        result='[{"type": "document", "source": {"type": "url", "url": "s3://bucket/a.pdf"}}]'
    ),
    "an output of an image/heic": called(
        result='[{"type":"image","source":'
        '{"type":"base64","media_type":"image/heic","data":"b2Rk"}}]'
    ),
}


async def two_turns(make_llm: MakeLLM, history: llm.ChatContext) -> tuple[int, Any]:
    """How many of two turns were heard, and the last request's body."""
    with SimulatedClaude(strict=True) as claude:
        claude.script(Answer("First."), Answer("Second."))
        adapter = make_llm(claude)
        session: AgentSession[None] = AgentSession(llm=adapter)
        agent = Agent(instructions="Be kind.")
        await session.start(agent)
        whole = llm.ChatContext([*agent.chat_ctx.items, *history.items])
        await agent.update_chat_ctx(whole, exclude_invalid_function_calls=False)
        try:
            for question in ("One?", "Two?"):
                await session.run(user_input=question)
        finally:
            await session.aclose()
            await adapter.aclose()
        said = [
            item.text_content
            for item in session.history.items
            if item.type == "message" and item.role == "assistant"
        ]
        return sum(word in said for word in ("First.", "Second.")), claude.requests[-1].body


@pytest.mark.parametrize("history", REPAIRED.values(), ids=list(REPAIRED))
async def test_what_can_be_repaired_is(
    make_llm: MakeLLM, lines: Lines, history: llm.ChatContext
) -> None:
    """The caller hears both answers, and nobody is told of anything."""
    heard, body = await two_turns(make_llm, history)

    assert heard == 2
    assert not lines.named("claude.request_adjusted")
    blocks = [block for one in body["messages"] for block in one["content"]]
    kinds = Counter(block["type"] for block in blocks)
    items = Counter(item.type for item in history.items)
    assert kinds["tool_use"] == kinds["tool_result"] == items["function_call"]


@pytest.mark.parametrize("history", LEFT_OUT.values(), ids=list(LEFT_OUT))
async def test_what_cannot_be_sent_is_left_out_and_told_once(
    make_llm: MakeLLM, lines: Lines, history: llm.ChatContext
) -> None:
    """The caller hears both answers, and the operator reads one line."""
    heard, body = await two_turns(make_llm, history)

    assert heard == 2
    told = lines.named("claude.request_adjusted")
    assert len(told) == 1
    assert "chat_ctx" in str(told)
    if all(item.type == "message" for item in history.items):
        assert "[Left out: a" in json.dumps(body["messages"])


async def test_no_result_stands_under_another_calls_arguments(make_llm: MakeLLM) -> None:
    """Tuesday answered with Monday's weather is worse than no answer."""
    _, body = await two_turns(make_llm, REPAIRED["ids that recur"])

    blocks = [block for one in body["messages"] for block in one["content"]]
    asked = {b["id"]: b["input"]["day"] for b in blocks if b["type"] == "tool_use"}
    came = {b["tool_use_id"]: b["content"] for b in blocks if b["type"] == "tool_result"}
    assert {asked[call_id]: result for call_id, result in came.items()} == {
        "Monday": "Rain",
        "Tuesday": "Sun",
        "Friday": "Snow",
    }


async def test_a_real_session_is_recognised_from_turn_to_turn(make_llm: MakeLLM) -> None:
    """livekit makes the instructions anew in every turn, and ends them with a mark for others."""
    with SimulatedClaude(strict=True) as claude:
        adapter = make_llm(claude)
        session: AgentSession[None] = AgentSession(llm=adapter)
        await session.start(Agent(instructions="Be kind.", chat_ctx=chat(("user", "Hello."))))
        kept = []
        for number in range(8):
            await session.run(user_input=f"And {number}?")
            (conversation,) = adapter._requests._histories._conversations
            kept.append(conversation._settled)
        await session.aclose()
        await adapter.aclose()
        await asyncio.sleep(0)

    assert len({id(settled) for settled in kept}) == 1
    assert kept[-1].count > 8
