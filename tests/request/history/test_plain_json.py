"""Messages that know their JSON, and what a request may take of it."""

from __future__ import annotations

import json

import pytest

from resilient_claude.request.encoding import encode
from resilient_claude.request.history.plain_json import (
    MESSAGES_OF_PIECE,
    JsonPieces,
    KnownJson,
    PlainJson,
)


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


@pytest.mark.parametrize("known", [0, 1, 31, 32, 33, 70, 100])
@pytest.mark.parametrize("cut", [0, 1, 31, 32, 33, 64, 70])
def test_pieces_are_the_json_of_all_messages_also_when_they_are_cut(known: int, cut: int) -> None:
    """A history is shortened and grows, and its JSON with it."""
    messages, pieces = [said(str(n)) for n in range(100)], JsonPieces()
    pieces.add(messages[:known])
    end = pieces.end_of_piece(cut)
    front = [said("a"), *messages[cut:end]]

    pieces.begin_with(front, max(end, cut))
    messages = [front[0], *messages[cut:]]
    pieces.add(messages[pieces.length :])

    assert json.loads(b"[%b]" % b",".join(pieces.texts)) == messages
    assert sum(pieces.sizes) == pieces.length == len(messages)
    assert len(pieces.texts) < 3 * MESSAGES_OF_PIECE
    at = 0
    for text, size in zip(pieces.texts, pieces.sizes, strict=True):
        assert json.loads(b"[%b]" % text) == messages[at : at + size]
        at += size
