"""Packed bodies: a step makes little, however much is packed in little."""

from __future__ import annotations

import gzip
import zlib

import pytest

from resilient_claude.failures.faults import Fault
from resilient_claude.transport.unpack import MOST_LAYERS, Unpacker

STEP = 2**20
BOMB = gzip.compress(gzip.compress(bytes(2**26)))


def packed(encoding: str, data: bytes) -> bytes:
    """*data* in *encoding*."""
    for name in encoding.split(", "):
        data = zlib.compress(data) if name == "deflate" else gzip.compress(data)
    return data


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip", "gzip, gzip", "deflate, gzip"])
def test_what_is_packed_is_unpacked(encoding: str) -> None:
    """A gateway may not care what was asked for."""
    unpacker = Unpacker(encoding.upper())

    assert unpacker.packed
    assert b"".join(unpacker.steps(packed(encoding, b"hello"))) == b"hello"


@pytest.mark.parametrize("encoding", ["", "identity", "utf-8", "identity, utf-8"])
def test_what_names_no_packing_is_none(encoding: str) -> None:
    """Servers write odd things there."""
    unpacker = Unpacker(encoding)

    assert not unpacker.packed
    assert [*unpacker.steps(b"hello")] == [b"hello"]


def test_a_step_of_a_bomb_is_small() -> None:
    """Who reads it can stop, and let others run, before memory is gone."""
    steps = Unpacker("gzip, gzip").steps(BOMB)
    sizes = [len(next(steps)) for _ in range(20)]

    assert max(sizes) <= STEP


def test_what_is_unpacked_in_all_is_bounded() -> None:
    """Over all layers: the inner one of a bomb may make nothing for long."""
    with pytest.raises(Fault, match="more than an error needs"):
        [*Unpacker("gzip, gzip", most=2**22).steps(BOMB)]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("gzip, " * MOST_LAYERS + "gzip", "more than 5 layers"),
        ("compress", r"packed \(compress\)"),
    ],
)
def test_what_cannot_be_unpacked_says_so(encoding: str, message: str) -> None:
    """Nothing of it could be read."""
    with pytest.raises(Fault, match=message):
        Unpacker(encoding)


def test_what_is_not_packed_as_it_says_is_malformed() -> None:
    """The cause is the decoder's."""
    with pytest.raises(Fault, match="not packed as its headers say"):
        [*Unpacker("gzip").steps(b"hello")]
