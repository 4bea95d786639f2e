"""Where chunks go: the application gets all of them, livekit's metrics the first and the sum."""

from __future__ import annotations

from livekit.agents import llm
from livekit.agents.utils import aio

from resilient_claude.turn.output import Output


def chunk(message_id: str, text: str) -> llm.ChatChunk:
    return llm.ChatChunk(id=message_id, delta=llm.ChoiceDelta(role="assistant", content=text))


def drained(channel: aio.Chan[llm.ChatChunk]) -> list[llm.ChatChunk]:
    return [channel.recv_nowait() for _ in range(channel.qsize())]


async def test_the_metrics_see_the_first_chunk_of_each_message_and_the_sum_of_the_rest() -> None:
    """They time the first, collect the ids, and, where content is captured, want all of it."""
    measured = aio.Chan[llm.ChatChunk]()
    output = Output(measured)
    sent = [chunk("m1", "One"), chunk("m1", " two"), chunk("m2", " three"), chunk("m2", " four.")]
    call = llm.FunctionToolCall(name="find", arguments="{}", call_id="c1")
    sent.append(llm.ChatChunk(id="m2", delta=llm.ChoiceDelta(tool_calls=[call])))
    usage = llm.CompletionUsage(completion_tokens=4, prompt_tokens=1, total_tokens=5)
    last = llm.ChatChunk(id="m2", delta=llm.ChoiceDelta(extra={"claude": {}}), usage=usage)

    for each in sent:
        output.send(each)
    output.end(last)

    assert drained(output.chunks) == [*sent, last]
    middle = llm.ChoiceDelta(role="assistant", content=" two")
    rest = llm.ChoiceDelta(role="assistant", content=" four.", tool_calls=[call])
    assert drained(measured) == [
        sent[0],
        llm.ChatChunk(id="m1", delta=middle),
        sent[2],
        llm.ChatChunk(id="m2", delta=rest, usage=usage),
    ]


async def test_a_turn_without_output_ends_all_the_same() -> None:
    """An answer may be nothing after a tool's result; its tokens are counted."""
    measured = aio.Chan[llm.ChatChunk]()
    output = Output(measured)
    usage = llm.CompletionUsage(completion_tokens=1, prompt_tokens=1, total_tokens=2)
    last = llm.ChatChunk(id="m1", usage=usage)

    output.end(last)

    assert drained(output.chunks) == [last]
    assert [one.usage for one in drained(measured)] == [usage]


async def test_what_was_not_read_is_forgotten() -> None:
    """After a barge-in, a reader that was busy must not go on with the old answer."""
    output = Output(aio.Chan[llm.ChatChunk]())
    output.send(chunk("m1", "One"))

    output.clear()

    assert drained(output.chunks) == []
