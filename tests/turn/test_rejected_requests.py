"""Requests that are rejected for a known reason: mended once and sent again, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from livekit.agents import APIStatusError, llm

from resilient_claude import FailureKind, ResilientClaudeLLM, RetryPolicy, failure_of
from resilient_claude.request.build import build_request
from resilient_claude.request.options import RequestOptions
from resilient_claude.request.repairs import rejections
from resilient_claude.request.repairs.repair import Cause, Repair
from resilient_claude.request.tools.schemas import ToolSchemas
from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude, Thought, ToolUse
from resilient_claude.turn import requests as turn_requests
from resilient_claude.turn.parts import Parts
from resilient_claude.turn.remembered import OF_THIS_PROCESS, Remembered
from resilient_claude.turn.requests import TurnRequests
from tests.benchmarks import conversation as desk
from tests.request.repairs.test_rejections import SAID
from tests.request.tools.test_definitions import weather
from tests.support.adapters import MakeLLM, shrunk_policy
from tests.support.builders import NEWEST, PREFILL, chat
from tests.support.lines import Lines
from tests.support.listening import Heard, conversation, read_stream
from tests.support.pictures import data_url, png
from tests.support.server_tools import CodeExecution, WebSearch, search
from tests.support.text_sessions import said
from tests.test_session import BookingDesk, call
from tests.turn.test_thinking_limit import ALL_USED_UP

PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAAElFTkSuQmCC"
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def thoughtful() -> llm.ChatContext:
    """A history with an open loop of tools, whose step has signed thinking."""
    extra = {"claude": {"model": NEWEST, "thinking": [THOUGHT]}}
    step = llm.FunctionCall(call_id="a", name="weather", arguments="{}", extra=extra)
    return chat(("user", "Weather?"), step, ("output", "a", "Sunny"))


def shown() -> llm.ChatContext:
    return chat(
        ("user", "Look:", llm.ImageContent(image=PNG)), ("assistant", "I see."), ("user", "?")
    )


def searched() -> list[dict[str, Any]]:
    """Messages in which a tool of Anthropic's has run."""
    return [
        {"role": "user", "content": "Menu?"},
        {"role": "assistant", "content": [*search(id="srvtoolu_1").blocks("")]},
        {"role": "user", "content": "Well?"},
    ]


def with_code() -> dict[str, Any]:
    """A history whose code ran in a container, and the tool that runs more of it."""
    said = llm.ChatMessage(
        role="assistant", content=["So."], extra={"claude": {"container": "container_1"}}
    )
    history = chat(("user", "Sum?"), said, ("user", "And now?"))
    return {"chat_ctx": history, "tools": [CodeExecution()]}


def body_has(name: str) -> Callable[[Any], bool]:
    """Whether a request's body has a field of that name."""
    return lambda request: name in request.body


def says(words: str) -> Callable[[Any], bool]:
    """Whether *words* stand anywhere in a request's body."""
    return lambda request: words in json.dumps(request.body)


@dataclass(frozen=True)
class Reason:
    """One kind of reason.

    Attributes:
        rejects: what the simulated Claude rejects.
        argument: what the line of the log names.
        has: whether a request has the part that is rejected.
        options: of the adapter.
        arguments: of `chat()`.
        other: a model that is asked with the same.
    """

    rejects: Any
    argument: str
    has: Callable[[Any], bool]
    options: dict[str, Any] = field(default_factory=dict)
    arguments: Callable[[], dict[str, Any]] = dict
    other: str = "claude-sonnet-4-5"
    said: str = ""


def tooled(**more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"tools": desk.tools(3), **more}


CASES = {
    "prefill": Reason(
        "prefill",
        "chat_ctx",
        lambda request: request.body["messages"][-1]["role"] == "assistant",
        {"model": PREFILL},
        lambda: {"chat_ctx": chat(("user", "Hi."), ("assistant", "So, I would say"))},
        said=SAID["PREFILL"][0],
    ),
    "forced tool": Reason(
        "forced_tool",
        "tool_choice",
        says('"tool_choice": {"type": "any"}'),
        {},
        tooled(tool_choice="required"),
        said=SAID["FORCED_TOOL"][0],
    ),
    "sampling": Reason(
        "sampling",
        "temperature",
        body_has("temperature"),
        {"temperature": 0.5},
        said=SAID["SAMPLING"][0],
    ),
    "thinking": Reason(
        "thinking",
        "thinking",
        body_has("thinking"),
        {"model": "claude-opus-4-8", "thinking": {"type": "adaptive"}},
        other="claude-opus-4-7",
        said=SAID["THINKING"][2],
    ),
    "effort": Reason(
        "effort",
        "effort",
        body_has("output_config"),
        {"model": "claude-opus-4-6", "effort": "low"},
        other="claude-opus-4-7",
        said=SAID["EFFORT"][0],
    ),
    "strict tools": Reason(
        "strict_tools",
        "strict_tool_schema",
        says('"strict": true'),
        {},
        tooled(),
        said=SAID["STRICT_TOOLS"][0],
    ),
    "a beta": Reason(
        "betas",
        "betas",
        lambda request: "no-such-2026-01-01" in request.headers.get("anthropic-beta", ""),
        {"betas": ["no-such-2026-01-01"]},
        said=SAID["BETAS"][0],
    ),
    "thinking blocks": Reason(
        "thinking_blocks",
        "thinking",
        says('"signature"'),
        {"model": NEWEST},
        lambda: {"chat_ctx": thoughtful()},
        said=SAID["THINKING_BLOCKS"][3],
    ),
    "an image": Reason(
        "images",
        "chat_ctx",
        says('"type": "image"'),
        {},
        lambda: {"chat_ctx": shown()},
        said=SAID["IMAGES"][0],
    ),
    "calls without results": Reason(
        None,  # which Claude rejects by its own rules
        "chat_ctx",
        says("orphan"),
        {},
        tooled(
            extra_kwargs={
                "messages": [
                    {"role": "user", "content": "Hi."},
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "text", "text": "So"},
                            {"type": "tool_use", "id": "orphan", "name": "book", "input": {}},
                        ],
                    },
                    {"role": "user", "content": "Well?"},
                ]
            }
        ),
        said=SAID["TOOL_PAIRS"][0],
    ),
    "a container": Reason(
        "container", "container", body_has("container"), {}, with_code, said=SAID["CONTAINER"][0]
    ),
    "blocks of server tools": Reason(
        "server_blocks",
        "chat_ctx",
        says("srvtoolu_1"),
        {},
        lambda: {"extra_kwargs": {"messages": searched()}, "tools": [WebSearch()]},
        said=SAID["SERVER_BLOCKS"][1],
    ),
}


async def turn(adapter: ResilientClaudeLLM, case: Reason) -> Heard:
    return await read_stream(adapter.chat(**{"chat_ctx": conversation(), **case.arguments()}))


def rejecting(case: Reason, *steps: Any) -> SimulatedClaude:
    return SimulatedClaude(*steps, rejects=[case.rejects] if case.rejects else [])


def had_the_part(claude: SimulatedClaude, case: Reason) -> list[bool]:
    return [case.has(request) for request in claude.requests]


OTHERS: dict[Repair, Any] = {
    rejections.FORCED_TOOL: ("tool", "enabled"),
    rejections.SAMPLING: ((("temperature", 0.25),), frozenset({"temperature"}), "None"),
    rejections.EFFORT: ("max", "None"),
    rejections.THINKING: ("of another thinking", "", False),
    rejections.STRICT_TOOLS: "of other tools",
    rejections.BETAS: ("other-2026-01-01",),
    rejections.THINKING_BLOCKS: "of another block",
    rejections.IMAGES: ("of another image",),
    rejections.CONTAINER: "of another container",
    rejections.SERVER_BLOCKS: "of another block",
}
"""What is known of each of them, and has nothing to do with any case."""

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
async def test_it_is_sent_once_more_without_what_was_rejected_and_the_next_turn_at_once(
    make_llm: MakeLLM, lines: Lines, case: Reason
) -> None:
    """The caller hears the answer; until then, every turn of such a call was lost."""
    with rejecting(case) as claude:
        adapter = make_llm(claude, **case.options)
        first = await turn(adapter, case)
        asked = had_the_part(claude, case)
        second = await turn(adapter, case)
        await adapter.aclose()

        all_asked = had_the_part(claude, case)
    assert (first.text, first.error) == ("Hello.", None)
    assert (second.text, second.error) == ("Hello.", None)
    assert (asked, all_asked) == ([True, False], [True, False, False])
    (line,) = lines.named("claude.request_adjusted")
    assert (line["argument"], line["model"]) == (case.argument, adapter.model)
    assert [line["kind"] for line in lines.named("claude.attempt_failed")] == ["rejected"]
    assert [line["attempts"] for line in lines.named("claude.call_recovered")] == [2]


@every_case
async def test_another_adapter_of_the_process_does_not_ask_in_vain(
    make_llm: MakeLLM, lines: Lines, case: Reason
) -> None:
    """Jobs that follow each other ask the same API; the line is told to each."""
    with rejecting(case) as claude:
        for _ in range(2):
            adapter = make_llm(claude, **case.options)
            await turn(adapter, case)
            await adapter.aclose()

        assert had_the_part(claude, case) == [True, False, False]
    assert len(lines.named("claude.request_adjusted")) == 2


@every_case
async def test_another_model_and_another_host_are_asked_as_before(
    make_llm: MakeLLM, case: Reason
) -> None:
    """What one of them rejects, the other may take."""
    with rejecting(case) as claude, rejecting(case) as elsewhere:
        adapters = [
            make_llm(claude, **case.options),
            make_llm(claude, **{**case.options, "model": case.other}),
            make_llm(elsewhere, **case.options),
        ]
        for adapter in adapters:
            await turn(adapter, case)
            await adapter.aclose()

        asked, asked_elsewhere = had_the_part(claude, case), had_the_part(elsewhere, case)
    assert asked_elsewhere == [True, False]
    # Signed thinking of one model is not sent to another one at all.
    assert asked == [
        True,
        False,
        *([False] if case.rejects == "thinking_blocks" else [True, False]),
    ]


@every_case
async def test_a_second_rejection_ends_the_turn_with_its_own_cause(
    make_llm: MakeLLM, case: Reason
) -> None:
    """It was not that; and the next turn, which would be rejected too, asks but once."""
    with SimulatedClaude(default=HttpError(400, message=case.said), strict=False) as claude:
        adapter = make_llm(claude, **case.options)
        heard = await turn(adapter, case)
        asked = had_the_part(claude, case)
        await turn(adapter, case)
        await adapter.aclose()

        all_asked = had_the_part(claude, case)
    assert (asked, all_asked) == ([True, False], [True, False, True])
    assert isinstance(heard.error, APIStatusError)
    failure = failure_of(heard.error)
    assert failure is not None
    assert (failure.kind, failure.status, heard.text) == (FailureKind.REJECTED, 400, "")


@every_case
async def test_two_turns_at_the_same_time_are_both_mended(make_llm: MakeLLM, case: Reason) -> None:
    """Two calls of one process, or a turn that is asked for ahead of time."""
    with rejecting(case) as claude:
        adapter = make_llm(claude, **case.options)
        heard = await asyncio.gather(turn(adapter, case), turn(adapter, case))
        await adapter.aclose()

        assert sorted(had_the_part(claude, case)) == [False, False, True, True]
    assert [(each.text, each.error) for each in heard] == [("Hello.", None)] * 2


@every_case
async def test_a_healthy_request_is_sent_byte_for_byte_as_before(
    make_llm: MakeLLM, case: Reason
) -> None:
    """Also where something else is known to be rejected."""
    with SimulatedClaude(strict=False) as claude:
        adapter = make_llm(claude, **case.options)
        for repair in OTHERS:
            OF_THIS_PROCESS.keep(adapter.provider, adapter.model, Cause(repair, OTHERS[repair]))
        heard = await turn(adapter, case)
        arguments = {"chat_ctx": conversation(), **case.arguments()}
        built = build_request(adapter._requests._fixed, schemas=ToolSchemas(), **arguments)
        await adapter.aclose()

        sent = [request.raw_body for request in claude.requests]
    assert sent == [built.content()]
    assert heard.error is None


# --- what else holds for all of them --------------------------------------------------------------


async def test_several_reasons_are_mended_one_after_the_other(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """A gateway in front of an older model may not know any of it."""
    with SimulatedClaude(rejects=["effort", "forced_tool", "strict_tools"]) as claude:
        adapter = make_llm(claude, model="claude-opus-4-6", effort="low", tool_choice="required")
        tools = desk.tools(3)
        heard = await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        asked = len(claude.requests)
        await read_stream(adapter.chat(chat_ctx=conversation(), tools=tools))
        await adapter.aclose()

        assert (asked, len(claude.requests)) == (4, 5)
    assert (heard.text, heard.error) == ("Hello.", None)
    assert [line["argument"] for line in lines.named("claude.request_adjusted")] == [
        *("effort", "tool_choice", "strict_tool_schema")
    ]


async def test_the_second_of_a_kind_is_mended_as_well(make_llm: MakeLLM) -> None:
    """Each rejection names one: two arguments, or two pictures, cost the first turn."""
    with SimulatedClaude(rejects=["sampling"]) as claude:
        adapter = make_llm(claude, temperature=0.5, top_k=5)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        asked = [{"temperature", "top_k"} & request.body.keys() for request in claude.requests]
    assert (heard.text, heard.error) == ("Hello.", None)
    assert asked == [{"temperature", "top_k"}, {"top_k"}, set()]


async def test_from_the_third_on_all_of_the_kind_are_left_out(make_llm: MakeLLM) -> None:
    """The caller waits meanwhile: ten pictures, one by one, would be ten requests."""
    looks = [llm.ImageContent(image=data_url(png(width=1 + at))) for at in range(10)]
    with SimulatedClaude(rejects=["images"]) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(chat_ctx=chat(("user", "Look:", *looks))))
        await adapter.aclose()

        left = [json.dumps(request.body).count('"type": "image"') for request in claude.requests]
    assert (heard.text, heard.error) == ("Hello.", None)
    assert left == [10, 9, 8, 0]


async def test_a_container_that_is_answered_by_500_twice_is_not_asked_for_again(
    make_llm: MakeLLM, lines: Lines
) -> None:
    """So are those that are days old; every turn of a call that goes on with one would be lost."""
    with SimulatedClaude(HttpError(500), HttpError(500), HttpError(500), Answer("Four.")) as claude:
        adapter = make_llm(claude)
        heard = await read_stream(adapter.chat(**with_code()))
        await adapter.aclose()

        asked = ["container" in request.body for request in claude.requests]
    assert (heard.text, heard.error) == ("Four.", None)
    assert asked == [True, True, False, False]
    assert [line["argument"] for line in lines.named("claude.request_adjusted")] == ["container"]


async def test_what_did_not_help_takes_nothing_from_what_did(make_llm: MakeLLM) -> None:
    """The turn is lost to the second one, and the next one begins where it ended."""
    effort, forced = (HttpError(400, message=SAID[name][0]) for name in ("EFFORT", "FORCED_TOOL"))
    with SimulatedClaude(effort, forced, forced, forced, strict=False) as claude:
        adapter = make_llm(claude, model="claude-opus-4-6", effort="low", tool_choice="required")
        for _ in range(2):
            await read_stream(adapter.chat(chat_ctx=conversation(), tools=desk.tools(3)))
        await adapter.aclose()

        asked = [
            ("output_config" in request.body, request.body["tool_choice"]["type"])
            for request in claude.requests
        ]
    assert asked == [(True, "any"), (False, "any"), (False, "auto"), (False, "any")]


async def test_there_is_an_end_to_it(make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller waits meanwhile."""
    monkeypatch.setattr(turn_requests, "MOST_REPAIRS", 2)
    with SimulatedClaude(rejects=["effort", "forced_tool", "strict_tools"]) as claude:
        adapter = make_llm(claude, model="claude-opus-4-6", effort="low", tool_choice="required")
        heard = await read_stream(adapter.chat(chat_ctx=conversation(), tools=desk.tools(3)))
        await adapter.aclose()

        assert len(claude.requests) == 3
    failure = failure_of(heard.error)
    assert failure is not None
    assert "compiled grammar is too large" in failure.root_message


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("max_tokens: too large", FailureKind.REJECTED),
        ("Your credit balance is too low. invalid beta flag", FailureKind.BILLING),
    ],
)
async def test_any_other_rejection_is_the_end(
    make_llm: MakeLLM, message: str, kind: FailureKind
) -> None:
    """What nobody knows how to mend is told, not tried; and no repair pays a bill."""
    with SimulatedClaude(default=HttpError(400, message=message)) as claude:
        adapter = make_llm(claude, betas=["a-2026-01-01"])
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind is kind


async def test_it_costs_none_of_the_policy_s_attempts(make_llm: MakeLLM) -> None:
    """Behind a fallback there is but one; and an overload after it is still asked again."""
    once, twice = RetryPolicy(max_attempts=1), shrunk_policy(max_attempts=2)
    overloaded = SimulatedClaude(Answer(), HttpError(529), rejects=["sampling"])
    with SimulatedClaude(rejects=["sampling"]) as healthy, overloaded as claude:
        adapter = make_llm(healthy, temperature=0.5, retry=once)
        alone = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()
        adapter = make_llm(claude, temperature=0.5, retry=twice)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 3
    assert [(each.text, each.error) for each in (alone, heard)] == [("Hello.", None)] * 2


async def test_nothing_is_sent_again_that_could_not_be_heard_in_time(
    make_llm: MakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cause would be hidden behind a clock that ran out."""
    monkeypatch.setattr(Parts, "_latest", 0.0)
    with SimulatedClaude(rejects=["sampling"]) as claude:
        adapter = make_llm(claude, temperature=0.5)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 1
    failure = failure_of(heard.error)
    assert failure is not None
    assert failure.kind is FailureKind.REJECTED


async def test_what_is_asked_for_later_is_asked_for(make_llm: MakeLLM) -> None:
    """Another level may be taken: one that was rejected overrules no `update_options`."""
    said = "output_config.effort: Input should be 'low'"
    with SimulatedClaude(HttpError(400, message=said)) as claude:
        adapter = make_llm(claude, model="claude-opus-4-6", effort="max")
        await read_stream(adapter.chat(chat_ctx=conversation()))
        adapter.update_options(effort="low")
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        efforts = [(r.body.get("output_config") or {}).get("effort") for r in claude.requests]
    assert efforts == ["max", None, "low"]


async def test_a_tool_that_ran_does_not_run_again(make_llm: MakeLLM) -> None:
    """The request that is rejected is the one with its result."""
    agent = BookingDesk()
    booking = Answer("One moment.", tools=[ToolUse("book", {"guests": 4})])
    steps = (booking, HttpError(400, message=SAID["STRICT_TOOLS"][0]), Answer("Done."))
    with SimulatedClaude(*steps) as claude:
        async with call(make_llm(claude), agent) as session:
            await session.run(user_input="A table for four, please.")

            assert said(session) == ["One moment.", "Done."]
        assert len(claude.requests) == 3
    assert agent.booked == [4]


async def test_an_answer_that_broke_off_is_gone_on_with_and_nothing_is_said_twice(
    make_llm: MakeLLM,
) -> None:
    """The attempt that was to go on is rejected, since this host takes no prefill."""
    broken = Break("reset", at="text", answer=Answer("One two three four."))
    with SimulatedClaude(
        broken, Answer(), Answer("One two three four."), rejects=["prefill"]
    ) as claude:
        adapter = make_llm(claude, model=PREFILL)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        last = [request.body["messages"][-1] for request in claude.requests]
    assert (heard.text, heard.error) == ("One two three four.", None)
    assert [message["role"] for message in last] == ["user", "assistant", "user"]
    assert "<heard>One two </heard>" in last[2]["content"][0]["text"]


async def test_an_answer_that_goes_on_is_mended_for_what_is_known(make_llm: MakeLLM) -> None:
    """It is made of the request that the turn began with, which was rejected."""
    broken = Break("reset", at="text", answer=Answer("One two three four."))
    with SimulatedClaude(
        Answer(), broken, Answer("One two three four."), rejects=["sampling"]
    ) as claude:
        adapter = make_llm(claude, temperature=0.5)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        asked = ["temperature" in request.body for request in claude.requests]
    assert (heard.text, heard.error) == ("One two three four.", None)
    assert asked == [True, False, False]


async def test_more_room_for_an_answer_does_not_bring_back_what_was_rejected(
    make_llm: MakeLLM,
) -> None:
    """Thinking that has used up its room is asked to be brief, where that can be asked."""
    with SimulatedClaude(Answer(), ALL_USED_UP, rejects=["effort"]) as claude:
        adapter = make_llm(
            claude, model="claude-opus-4-6", effort="low", thinking={"type": "adaptive"}
        )
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        rooms = [request.body["max_tokens"] for request in claude.requests]
    assert (heard.text, heard.error) == ("Hello.", None)
    assert rooms == [8192, 8192, 16_384]


async def test_thinking_behind_what_was_mended_goes_back(make_llm: MakeLLM) -> None:
    """It is bound to what was sent, which is what is sent the next time."""
    step = Answer(
        content=[Thought("Hm.", lasts_s=0.0), ToolUse("weather", {"city": "Rome"}, id="a")]
    )
    with SimulatedClaude(Answer(), step, Answer("Sunny."), rejects=["images"]) as claude:
        adapter = make_llm(claude, model="claude-opus-5-5")
        first = await adapter.chat(chat_ctx=shown(), tools=[weather]).collect()
        (asked,) = first.tool_calls
        step_done = llm.FunctionCall(
            call_id="a", name="weather", arguments=asked.arguments, extra=asked.extra or {}
        )
        history = shown()
        history.items += [step_done, *chat(("output", "a", "Sunny")).items]
        await adapter.chat(chat_ctx=history, tools=[weather]).collect()
        await adapter.aclose()

        *_, last = claude.requests
    (calling,) = [m for m in last.body["messages"] if m["content"][-1]["type"] == "tool_use"]
    assert [block["type"] for block in calling["content"]] == ["thinking", "tool_use"]


async def test_a_rejection_that_comes_as_an_event_is_mended_too(make_llm: MakeLLM) -> None:
    """A gateway has sent its 200 by the time that it hears of it."""
    error = {"type": "invalid_request_error", "message": SAID["SAMPLING"][0]}
    with SimulatedClaude(Answer(events=[{"type": "error", "error": error}])) as claude:
        adapter = make_llm(claude, temperature=0.5)
        heard = await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

        assert len(claude.requests) == 2
    assert (heard.text, heard.error) == ("Hello.", None)


async def test_the_line_tells_nothing_of_the_conversation(make_llm: MakeLLM, lines: Lines) -> None:
    """What the API says may quote it."""
    said = f"{SAID['BETAS'][0]} My card number is 4711."
    with SimulatedClaude(HttpError(400, message=said)) as claude:
        adapter = make_llm(claude, betas=["a-2026-01-05"])
        await read_stream(adapter.chat(chat_ctx=conversation("My card number is 4711.")))
        await adapter.aclose()

    (line,) = lines.named("claude.request_adjusted")
    assert line["reason"] == "sent without a-2026-01-05: the API does not know it"
    assert "4711" not in f"{lines.events} {lines.sentences}"


def test_making_a_request_costs_one_look_when_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nearly every turn's case, and it is on the event loop of a call."""
    looks: list[tuple[str, str]] = []

    class Counting(Remembered):
        def mends(self, host: str, model: str) -> Any:
            looks.append((host, model))
            return super().mends(host, model)

    options = RequestOptions(model=NEWEST)
    requests = TurnRequests(options, ToolSchemas(), None, host="h", remembered=Counting())
    first = requests.make(conversation())
    second = requests.make(conversation())

    assert first == second
    assert looks == [("h", NEWEST)] * 2
