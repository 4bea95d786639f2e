"""Fingerprints of a history's items: what they see, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from resilient_claude.request.history.item_fingerprint import fingerprints_of, snapshot


def message() -> Any:
    return llm.ChatMessage(id="m", role="user", content=["Hello."])


def call() -> Any:
    return llm.FunctionCall(id="m/0", call_id="a", name="weather", arguments="{}")


def output() -> Any:
    return llm.FunctionCallOutput(call_id="a", name="weather", output="Sunny", is_error=False)


@pytest.mark.parametrize(
    ("item", "name", "value"),
    [
        (message(), "role", "assistant"),
        (message(), "id", "other"),
        (message(), "content", ["Bye."]),
        (call(), "id", "other"),
        (call(), "group_id", "other"),
        (call(), "call_id", "other"),
        (call(), "name", "other"),
        (call(), "arguments", '{"a":1}'),
        (output(), "call_id", "other"),
        (output(), "output", "Rainy"),
        (output(), "is_error", True),
    ],
)
def test_what_is_in_a_message_is_seen(item: Any, name: str, value: object) -> None:
    """What is not seen would be sent as it was before an application redacted it."""
    before = [*map(snapshot, fingerprints_of([item]))]
    assert fingerprints_of([item]) == before

    setattr(item, name, value)

    assert fingerprints_of([item]) != before


def test_a_snapshot_stays_as_it_is() -> None:
    """A message's content is changed in place: what shares the list would change along."""
    item = message()
    (shared,) = fingerprints_of([item])
    kept = snapshot(shared)

    item.content.append("And more.")

    assert fingerprints_of([item]) == [shared]
    assert fingerprints_of([item]) != [kept]


def test_what_is_in_no_message_is_not_compared() -> None:
    """livekit completes an item's times and metrics later; no message has to be made anew."""
    item = call()
    before = fingerprints_of([item])

    item.extra = {"claude": {"model": "m"}}
    item.created_at = 0.0

    assert fingerprints_of([item]) == before
