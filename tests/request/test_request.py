"""One request: encoded once, never changed, silent about what is in it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from resilient_claude.request.continuation import continued, resumed
from tests.request.tools.test_definitions import BOOK, WEATHER, book, weather
from tests.support.builders import (
    NEWEST,
    assistant,
    build,
    call,
    chat,
    text,
    user,
)

from .test_thinking import ASK, THOUGHT, thoughtful


def test_a_request_hides_speech_and_headers_from_its_repr() -> None:
    """A request ends up in tracebacks and debug logs."""
    request = build(chat(("user", "my card is 4242")), extra={"extra_headers": {"x-key": "sk-1"}})

    assert repr(request) == "Request(adjustments=(), timeout_s=None)"


def test_a_changed_request_is_encoded_anew() -> None:
    """A resume replaces the body; the old bytes would ask the old question again."""
    request = build()

    changed = replace(request, body={"model": "m"})

    assert changed.content() == b'{"model":"m"}'
    assert request.content() is request.content()
    with pytest.raises(FrozenInstanceError):
        request.body = {}  # type: ignore[misc]


def test_the_prefix_of_a_request_tells_whether_its_thinking_still_holds() -> None:
    """After a handoff, the tool's results are answered by an agent with other instructions."""
    order = ("system", "Take the order."), ASK
    asked = build(chat(*order), model=NEWEST, tools=[weather, book], caching="ephemeral")
    steps = thoughtful("a", THOUGHT, prefix=asked.prefix()), ("output", "a", "Sunny")

    same = build(chat(*order, *steps), model=NEWEST, tools=[weather, book])
    bill = build(chat(("system", "Bill."), ASK, *steps), model=NEWEST, tools=[weather, book])
    fewer = build(chat(*order, *steps), model=NEWEST, tools=[weather])

    assert same.body["messages"][1] == assistant(THOUGHT, call("a"))
    assert bill.body["messages"][1] == fewer.body["messages"][1] == assistant(call("a"))


def test_a_request_without_strict_tools_is_another_one() -> None:
    """For an API that could not compile their schemas; the one that failed stays as it was."""
    request = build(tools=[weather, book])

    loose = request.without_strict()

    assert loose is not None
    assert [tool.get("strict") for tool in request.body["tools"]] == [True, None]
    assert loose.body["tools"] == [{k: v for k, v in WEATHER.items() if k != "strict"}, BOOK]
    assert {**loose.body, "tools": []} == {**request.body, "tools": []}
    assert b"strict" not in loose.content()
    assert loose.without_strict() is None
    assert build().without_strict() is None


def test_thinking_is_bound_to_what_the_next_request_is_made_of() -> None:
    """What was mended is mended again then, behind the comparison; what was gone on with is not."""
    request = build(chat(("user", "Which day?")))
    mended = replace(request, body=request.body | {"messages": [user("Left out.")]})

    assert mended.prefix() == request.prefix()
    assert continued(mended, [text("So")]).prefix() != request.prefix()
    assert resumed(request, "So", instruction="Go on.").prefix() != request.prefix()
