"""Messages that are rejected: their end, signed thinking, calls and results that do not match."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_claude.failures.api_errors import ApiError
from resilient_claude.request.continuation import continued, resumed
from resilient_claude.request.repairs.message_repairs import paired
from resilient_claude.request.repairs.rejections import cause_of
from resilient_claude.request.request import Request
from tests.request.repairs.test_rejections import SAID
from tests.support.builders import (
    NEWEST,
    PREFILL,
    assistant,
    build,
    call,
    chat,
    rejected,
    result,
    text,
    user,
)
from tests.support.server_tools import WebSearch

MANUAL = {"type": "enabled", "budget_tokens": 1024}


def asked(*messages: dict[str, Any], model: str = PREFILL, **options: Any) -> Request:
    """A request with these messages."""
    return build(model=model, extra={"messages": [*messages]}, **options)


def mended(request: Request, message: str) -> Request:
    """What *request* becomes after *message*."""
    cause = cause_of(request, ApiError("invalid_request_error", message))
    assert cause is not None
    made = cause.mend(request)
    assert made is not None
    assert cause.mend(made[0]) is None
    return made[0]


# --- prefill --------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [assistant("So"), {"role": "assistant", "content": "So"}])
def test_a_word_stands_behind_the_assistant_s_last_one(last: dict[str, Any]) -> None:
    """As it does where the model is known not to go on with an assistant's message."""
    made = mended(asked(user("Hi."), last), SAID["PREFILL"][0])

    assert made.body["messages"] == [user("Hi."), last, user(".")]


def test_an_answer_that_broke_off_is_asked_for_in_words() -> None:
    """Behind "." Claude would begin anew, and the caller would hear it all again."""
    broken = resumed(build(model=PREFILL), "One two", instruction="Go on from: {said}")

    made = mended(broken, SAID["PREFILL"][0])

    assert made.body["messages"] == [
        user("Hello"),
        assistant("One two"),
        user("Go on from: One two"),
    ]


@pytest.mark.parametrize(
    "request_", [asked(user("Hi.")), asked(user("Hi."), assistant(call("a"))), asked()]
)
def test_what_does_not_end_with_the_assistant_s_words_is_no_prefill(request_: Request) -> None:
    """It was rejected for something else."""
    assert cause_of(request_, ApiError(message=SAID["PREFILL"][0])) is None


# --- signed thinking ------------------------------------------------------------------------------


def thought(signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": "Hm.", "signature": signature}


REDACTED = {"type": "redacted_thinking", "data": "c2VhbA"}
LOOP = (
    user("Weather?"),
    assistant(thought("a"), call("1")),
    user(result("1", "Sunny")),
    assistant(REDACTED, call("2")),
    user(result("2", "Rainy")),
)
BOUND = SAID["THINKING_BLOCKS"][3]


def test_thinking_that_is_not_taken_goes_from_all_messages() -> None:
    """Removing only the one that is named is not enough."""
    made = mended(asked(*LOOP, model=NEWEST), BOUND)

    assert made.body["messages"] == [
        LOOP[0],
        assistant(call("1")),
        LOOP[2],
        assistant(call("2")),
        LOOP[4],
    ]
    assert made.body["thinking"]["type"] == "adaptive"


def test_thinking_that_came_later_goes_back() -> None:
    """It was made without what was taken out."""
    cause = cause_of(asked(*LOOP, model=NEWEST), ApiError(message=BOUND))
    assert cause is not None
    later = assistant(thought("c"), call("3"))

    made = cause.mend(asked(*LOOP, later, user(result("3", "Fog")), model=NEWEST))

    assert made is not None
    assert made[0].body["messages"][1] == assistant(call("1"))
    assert made[0].body["messages"][5] == later
    assert (made[1].argument, made[1].reason) == (
        "thinking",
        f"of earlier steps not sent back: the API rejects it for model {NEWEST}",
    )


def test_another_conversation_s_thinking_is_left_alone() -> None:
    """What is remembered is one block, and not a whole model."""
    cause = cause_of(asked(*LOOP, model=NEWEST), ApiError(message=BOUND))
    assert cause is not None

    other = asked(user("Hi."), assistant(thought("z"), call("1")), LOOP[2], model=NEWEST)
    assert cause.mend(other) is None


@pytest.mark.parametrize("said", [BOUND, SAID["THINKING_BLOCKS"][5]])
def test_a_loop_without_thinking_is_gone_on_with_without_it(said: str) -> None:
    """With manual thinking, a loop that does not begin with its thinking is a 400 as well."""
    made = mended(asked(*LOOP[:3], thinking=MANUAL, max_tokens=2048), said)

    assert made.body["messages"][1] == assistant(call("1"))
    assert "thinking" not in made.body


def test_a_loop_that_never_had_any_too() -> None:
    """Such as one that another provider began."""
    messages = (user("Weather?"), assistant(call("1")), user(result("1", "Sunny")))

    made = mended(asked(*messages, thinking=MANUAL, max_tokens=2048), SAID["THINKING_BLOCKS"][5])

    assert made.body["messages"] == [*messages]
    assert "thinking" not in made.body


def test_a_message_of_nothing_but_thinking_is_left_out() -> None:
    """None may be empty."""
    request = asked(user("Hi."), assistant(thought("a")), user("Well?"), model=NEWEST)

    assert mended(request, BOUND).body["messages"] == [user("Hi."), user("Well?")]


def test_who_wants_to_hear_of_it_does() -> None:
    """The application has asked the API for an error."""
    binding = {"prefix_mismatch_behavior": "error"}
    request = asked(*LOOP, model=NEWEST, thinking={"type": "adaptive", "block_binding": binding})

    assert cause_of(request, ApiError(message=BOUND)) is None


def test_a_request_without_thinking_is_as_good_as_it_is() -> None:
    """The same would be rejected again."""
    assert cause_of(asked(user("Hi.")), ApiError(message=BOUND)) is None


def test_a_paused_answer_that_began_without_thinking_goes_on_without() -> None:
    """As one of another model behind a gateway, which does not think first."""
    call_of_search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    begun = [text("I look."), call_of_search]
    request = continued(build(thinking=MANUAL, max_tokens=4096, tools=[WebSearch()]), begun)

    made = mended(request, SAID["THINKING_BLOCKS"][5])

    assert rejected(request) is not None
    assert rejected(made) is None
    assert made.body["messages"] == request.body["messages"]


# --- calls and their results ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        ([user("Hi."), assistant("So", call("1")), user("Well?")], [None, assistant("So"), None]),
        ([user("Hi."), assistant(call("1")), user("Well?")], [None, None]),
        (
            [user("Hi."), assistant("So"), user(result("1", "x"), "Well?")],
            [None, None, user("Well?")],
        ),
        (
            [user(result("1", "x")), assistant("So"), user("Well?")],
            [user("[Left out: the result of a tool]"), None, None],
        ),
        (
            [
                user("Hi."),
                assistant(call("1"), call("2")),
                user(result("2", "x"), result("2", "y")),
            ],
            [None, assistant(call("2")), user(result("2", "x"))],
        ),
        (
            [user("Hi."), assistant("So"), assistant(call("1")), user(result("1", "x")), user("?")],
            [None] * 5,
        ),
        ([user("Hi."), assistant(thought("a"), call("1")), user("?")], [None, None]),
    ],
    ids=["call", "only a call", "result", "only a result", "two results", "neighbours", "thought"],
)
def test_what_has_no_partner_goes(messages: list[Any], left: list[Any]) -> None:
    """And everything else stays, the very objects."""
    made = paired(messages)

    assert len(made) == len(left)
    kept = [message for message, other in zip(made, left, strict=True) if other is None]
    assert all(any(message is given for given in messages) for message in kept)
    assert [m for m, other in zip(made, left, strict=True) if other is not None] == [
        other for other in left if other is not None
    ]
    tools = [{"name": "weather", "input_schema": {"type": "object"}}]
    assert rejected(build(model=NEWEST, extra={"messages": made, "tools": tools})) is None


@pytest.mark.parametrize("messages", [["odd", 7, None, {}, {"role": "user"}], [{"content": [[]]}]])
def test_messages_of_any_shape_are_passed_over(messages: list[Any]) -> None:
    """What is wrong with them is the API's to say."""
    assert paired(messages) == messages


def test_a_conversation_that_was_cut_is_mended() -> None:
    """Applications keep the last hundred items, and cut between a call and its result."""
    request = asked(user(result("1", "Sunny")), assistant("Sunny."), user("And now?"))

    made = mended(request, SAID["TOOL_PAIRS"][2])

    assert made.body["messages"][0] == user("[Left out: the result of a tool]")


def test_pairs_that_match_were_not_the_reason() -> None:
    """The same would be rejected again."""
    request = build(chat(("user", "Hi."), ("call", "1", "{}"), ("output", "1", "x")))

    assert cause_of(request, ApiError(message=SAID["TOOL_PAIRS"][0])) is None
