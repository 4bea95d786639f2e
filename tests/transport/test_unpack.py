"""Packed bodies: a step makes little, however much is packed in little."""

from __future__ import annotations

import gzip
import zlib

import pytest

from resilient_claude.failures.faults import Fault
from resilient_claude.transport import unpack
from resilient_claude.transport.httpx2_internals import decoder_for
from resilient_claude.transport.unpack import MOST_LAYERS, PACKED_BYTES, Unpacker
from tests.support.packing import BOMBS, EMPTY_FRAMES, STORED, gzip_bomb

STEP = 2**20
BOMB_BYTES = 2**26


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
    steps = Unpacker("gzip, gzip").steps(gzip_bomb(BOMB_BYTES))
    sizes = [len(next(steps)) for _ in range(20)]

    assert max(sizes) <= STEP


def test_what_is_unpacked_in_all_is_bounded() -> None:
    """Over all layers: the inner one of a bomb may make nothing for long."""
    with pytest.raises(Fault, match="more than an error needs"):
        [*Unpacker("gzip, gzip", most=2**22).steps(gzip_bomb(BOMB_BYTES))]


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


# --- encodings whose decoders may be there --------------------------------------------------------


def decode_or_refuse(encoding: str, data: bytes, *, most: int | None = None) -> bytes | str:
    """What *data* holds, or why it cannot be told, which is right if there is no decoder here."""
    try:
        return b"".join(Unpacker(encoding, most=most).steps(data))
    except Fault as exc:
        return str(exc)


@pytest.mark.parametrize("encoding", STORED)
def test_what_some_installations_unpack_is_unpacked_or_refused(encoding: str) -> None:
    """Another package may bring a decoder along; without one, no byte of it is read as text."""
    there = decoder_for(encoding) is not None
    refused = f"the body is packed ({encoding}), and identity was asked for"

    read = decode_or_refuse(encoding.upper(), STORED[encoding](b"hello"))

    assert read == (b"hello" if there else refused)


@pytest.mark.parametrize("encoding", BOMBS)
def test_bombs_of_any_kind_are_bounded(encoding: str) -> None:
    """Where there is a decoder, its steps are as small as those of gzip."""
    if decoder_for(encoding) is not None:
        assert max(map(len, Unpacker(encoding).steps(BOMBS[encoding]))) <= STEP
    read = decode_or_refuse(encoding, BOMBS[encoding], most=2**22)

    assert read in ("the body unpacks to more than an error needs", decode_or_refuse(encoding, b""))


@pytest.mark.parametrize("encoding", STORED)
@pytest.mark.parametrize("outer", ["", "gzip"])
def test_no_step_takes_much_of_what_makes_nothing(
    encoding: str, outer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 KB of empty zstd frames stopped the loop for half a second: each needs a decoder."""
    given: list[int] = []

    class Nothing:
        def decode(self, data: bytes) -> list[bytes]:
            given.append(len(data))
            return []

    monkeypatch.setattr(
        unpack, "decoder_for", lambda name: Nothing() if name == encoding else decoder_for(name)
    )
    data = gzip.compress(EMPTY_FRAMES) if outer else EMPTY_FRAMES
    steps = [*Unpacker(f"{encoding}, {outer}").steps(data)]

    assert max(given) <= PACKED_BYTES
    assert len(steps) >= len(given)
