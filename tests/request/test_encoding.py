"""A body as JSON: what Claude reads, byte for byte."""

from __future__ import annotations

import json
from datetime import date
from types import MappingProxyType

import pytest
from pydantic import BaseModel, Field

from resilient_claude.request.encoding import encode
from tests.support.builders import (
    build,
    chat,
    user,
)


def test_content_is_plain_utf8_without_spaces() -> None:
    """Every byte of a 100 message history is paid for on the way to the first token."""
    request = build(chat(("user", "Grüße 👋")))

    assert (
        request.content()
        == (
            '{"max_tokens":1024,"messages":[{"role":"user","content":'
            '[{"text":"Grüße 👋","type":"text"}]}],"model":"claude-sonnet-4-6","stream":true}'
        ).encode()
    )


def test_half_a_surrogate_pair_is_sent_as_a_question_mark() -> None:
    """It cannot be encoded, and would fail this turn and every later one of the call."""
    request = build(chat(("user", "a\ud83dz")))

    assert json.loads(request.content())["messages"] == [user("a?z")]


class Place(BaseModel):
    """An object of pydantic's, with a name in the API that Python does not allow."""

    kind: str = Field(serialization_alias="class")
    floor: int = 0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 1, 2), b'"2026-01-02"'),
        (Place(kind="hotel"), b'{"class":"hotel"}'),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        ((1, "two"), b'[1,"two"]'),
        (iter([1, 2]), b"[1,2]"),
        ({3}, b"[3]"),
    ],
)
def test_what_the_sdk_takes_besides_json_is_taken(value: object, written: bytes) -> None:
    """`extra_kwargs` are the SDK's arguments, so they may hold what the SDK's may."""
    assert encode({"x": value}) == b'{"x":%b}' % written


@pytest.mark.parametrize("value", [object(), b"bytes", float("nan"), float("inf"), {"a": object()}])
def test_what_is_not_json_is_named(value: object) -> None:
    """The message names the field, and says nothing of what is in it."""
    with pytest.raises(TypeError, match=r"^b cannot be sent as JSON$"):
        encode({"a": 1, "b": value})


def test_a_value_that_holds_itself_is_no_endless_loop() -> None:
    """Cycles are not looked for, since that costs every turn time."""
    cycle: list[object] = []
    cycle.append(cycle)

    with pytest.raises(TypeError, match="messages cannot be sent as JSON"):
        encode({"messages": cycle})
