"""Messages that know their JSON, and what a request may take of it."""

from __future__ import annotations

import json

import pytest

from resilient_claude.request.encoding import encode
from resilient_claude.request.history.plain_json import KnownJson, PlainJson


def said(text: str) -> PlainJson:
    return PlainJson(role="user", content=[{"type": "text", "text": text}])


@pytest.mark.parametrize("value", ["x", "\ud83d", "\x7f\0", 1e16, 1.5, None, [True, 2**70]])
@pytest.mark.parametrize("exact", [True, False])
def test_a_message_is_written_as_every_encoder_writes_it(value: object, exact: bool) -> None:
    """A number that the one writes in its own way is for the other."""
    if exact and isinstance(value, float):
        return
    message = PlainJson(role="user", content=value, exact=exact)

    assert message.json is None
    assert message.encoded().json == encode({**message})


def test_what_is_known_is_used_for_what_it_is_of_alone() -> None:
    """A step may have exchanged a message since, put others before it, or marked a late one."""
    messages = [said("a"), said("b")]
    whole = [*messages, said("c")]
    known = KnownJson(whole, messages, 2, [json.dumps(m).encode() for m in messages], [1, 1])
    messages.append(said("appended since"))

    for changed in ([*whole], [said("z"), *whole], [said("a"), said("z"), said("c")], whole[:1]):
        assert json.loads(encode({"messages": changed}, known)) == {"messages": changed}
    assert [known.of(each)[1] for each in (whole, [*whole, said("d")])] == [2, 2]
    assert [known.of(each)[1] for each in (whole[1:], [whole[0], said("z")])] == [0, 1]
    assert b'"a"' in encode({"tools": [1], "messages": whole}, known)
