"""Heads of responses: bounds, a length told twice, and whatever cuts the network makes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_claude.transport.head import HEAD_BYTES, MOST_HEADERS, Head, HeadRefused


def fed(*pieces: bytes) -> tuple[bytes, bytes, bool]:
    """What the parser is told of *pieces*, what comes after the head, and whether it is over."""
    head, told, rest = Head(), b"", b""
    for piece in pieces:
        if head.over:
            rest += piece
            continue
        more, rest = head.feed(piece)
        told += more
    return told, rest, head.over


PLAIN = b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n"


def test_a_head_goes_through_and_its_body_is_left() -> None:
    """The parser is told of both, one after the other."""
    assert fed(PLAIN + b"body\r\n\r\n") == (PLAIN, b"body\r\n\r\n", True)


def test_an_interim_response_is_followed_by_another_head() -> None:
    """The answer may come after any number of them."""
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"

    assert fed(interim * 3 + PLAIN + b"body") == (interim * 3 + PLAIN, b"body", True)
    assert fed(interim) == (interim, b"", False)


def test_a_switch_of_protocols_ends_the_head() -> None:
    """What follows a 101 is no HTTP."""
    assert fed(b"HTTP/1.1 101 Switch\r\n\r\nxyz")[1:] == (b"xyz", True)


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 5\r\ncontent-length:5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 5\r\nx: y\r\ncontent-length: 5,5\r\n",
        b"Content-Length: 5\r\ncontent-length: 05\r\n",
    ],
)
def test_equal_lengths_are_one(lengths: bytes) -> None:
    """RFC 9110 lets a recipient take them so, and other clients do."""
    told, rest, over = fed(b"HTTP/1.1 429 No\r\n" + lengths + b"\r\nhello")

    assert told.lower().count(b"content-length") == 1
    assert b"content-length: 5\r\n" in told
    assert (rest, over) == (b"hello", True)


@pytest.mark.parametrize(
    "lengths", [b"content-length: 5\r\ncontent-length: 6\r\n", b"content-length: 5, 6\r\n"]
)
def test_lengths_that_differ_are_refused(lengths: bytes) -> None:
    """Where the answer ends would be a guess."""
    with pytest.raises(HeadRefused, match="lengths that differ"):
        fed(b"HTTP/1.1 200 OK\r\n" + lengths + b"\r\n")


def test_what_is_no_length_is_the_parser_s_to_refuse() -> None:
    """It says better what is wrong."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: many\r\ncontent-length-x: 1\r\n\r\n"

    assert fed(head)[0] == head


@pytest.mark.parametrize("garbage", [b"SSH-2.0", b"\x15\x03\x03", b"H\x00"])
def test_garbage_is_told_at_once(garbage: bytes) -> None:
    """It would otherwise wait for an end of line, for as long as the clock runs."""
    assert fed(garbage) == (garbage, b"", False)


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        (b"x: y\r\n" * (MOST_HEADERS + 1), "more than 5000 headers"),
        (b"x: " + b"y" * HEAD_BYTES, "longer than 1048576 bytes"),
    ],
)
def test_bounds_are_kept(head: bytes, rule: str) -> None:
    """Far beyond what anybody sends: memory is the caller's, too."""
    with pytest.raises(HeadRefused, match=rule):
        fed(b"HTTP/1.1 200 OK\r\n" + head)


def test_interim_responses_count_as_well() -> None:
    """They would otherwise come for ever."""
    head = Head()
    flood = b"HTTP/1.1 100\r\n\r\n" * (HEAD_BYTES // 16)
    head.feed(flood)

    with pytest.raises(HeadRefused, match="longer than"):
        head.feed(flood)


@given(st.lists(st.integers(0, 150), max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    """A network cuts where it likes."""
    whole = (
        b"\r\nHTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n"
        b"Content-Lengths: no\r\nContent-Length: 4\r\nvia: z\r\n\r\nbody"
    )
    at = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(at)]

    assert fed(*pieces) == fed(whole)
