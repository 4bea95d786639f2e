"""A long call, asked by livekit-plugins-anthropic and by this adapter: the same is asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from livekit.agents import llm

from resilient_claude import ResilientClaudeLLM
from resilient_claude.testing import SimulatedClaude
from tests.benchmarks import conversation
from tests.support.pictures import data_url, png

TURNS = 50
MODEL = "claude-sonnet-4-6"
TOOL = "find_patient_0"


def turn(context: llm.ChatContext, number: int) -> None:
    """The caller says something; what came before it depends on the *number*."""
    if number % 7 == 3:
        context.add_message(role="system", content=f"It is {number} o'clock now.")
    if number % 10 == 4:
        image = llm.ImageContent(image=data_url(png()))
        context.add_message(role="user", content=["Do you see this?", image])
    else:
        context.add_message(role="user", content=f"And on the {number}th?")


def answer(context: llm.ChatContext, number: int) -> None:
    """What Claude has said and called in that turn, as a session writes it down."""
    said = context.add_message(
        role="assistant", content=f"On the {number}th,", interrupted=number % 9 == 5
    )
    call_ids = [f"toolu_{number:04}_{tool}" for tool in range(number % 3)]
    for call_id in call_ids:
        arguments = f'{{"name": "p{number}"}}'
        call = llm.FunctionCall(call_id=call_id, name=TOOL, arguments=arguments)
        context.items.append(call.model_copy(update={"id": f"{said.id}/{call_id}"}))
    for call_id in call_ids:
        failed = number % 4 == 0
        output = "no such patient" if failed else '{"id": 7}'
        context.items.append(
            llm.FunctionCallOutput(call_id=call_id, name=TOOL, output=output, is_error=failed)
        )
    if call_ids:
        context.add_message(role="assistant", content="at ten.")


async def asked_by(make: Callable[..., Any]) -> list[dict[str, Any]]:
    """What an adapter, which *make* gives a client, asks in every turn of the call."""
    context, tools = llm.ChatContext.empty(), conversation.tools(5)
    context.add_message(role="system", content="You answer the telephone of a clinic.")
    with SimulatedClaude() as claude:
        async with AsyncAnthropic(api_key="k", base_url=claude.base_url) as client:
            adapter = make(model=MODEL, client=client)
            for number in range(TURNS):
                turn(context, number)
                await adapter.chat(chat_ctx=context, tools=tools).collect()
                answer(context, number)
            await adapter.aclose()
    return [request.body for request in claude.requests]


async def test_the_same_is_asked_in_every_turn() -> None:
    """Who swaps the adapter in a deployment that runs gets the same answers as before."""
    plugin = pytest.importorskip(
        "livekit.plugins.anthropic", reason="livekit-plugins-anthropic is not installed here"
    )

    ours = await asked_by(ResilientClaudeLLM)
    theirs = await asked_by(partial(plugin.LLM, api_key="k"))

    assert len(ours) == len(theirs) == TURNS
    for one, other in zip(ours, theirs, strict=True):
        assert one == other
